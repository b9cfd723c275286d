//! What a session wants below `.claude/`, where the CLI denies every write: it is written below a
//! folder of `.orch/task`, and put in place once the session has ended.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::engine::world::prompt::CLAUDE_COPY;
use crate::host::error::{Doing, Result};
use crate::host::git::place::has_link_above;

/// Where it belongs.
const GUARDED: &str = ".claude";

/// Copies what lies in that folder of a worktree to its place; a session that goes on finds its own files
/// where it wrote them. The inner `Err` is the session's own fault, one line.
pub fn place(root: &Path) -> Result<std::result::Result<(), String>> {
    let doing = "putting files below `.claude/`";
    let copy = root.join(CLAUDE_COPY);
    if is_link_or_behind_one(root, &copy) {
        return Ok(Err(format!("made `{CLAUDE_COPY}` a link")));
    }
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let from = copy.join(&path);
        let meta = match fs::symlink_metadata(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta.doing(doing, &from)?,
        };
        if meta.is_dir() {
            for entry in fs::read_dir(&from).doing(doing, &from)? {
                open.push(path.join(entry.doing(doing, &from)?.file_name()));
            }
        } else if !meta.is_file() {
            return Ok(Err(format!("left `{CLAUDE_COPY}/{}`, which is no file", path.display())));
        } else {
            let to = root.join(GUARDED).join(&path);
            if is_link_or_behind_one(root, &to) || to.is_dir() {
                return Ok(Err(format!(
                    "left `{CLAUDE_COPY}/{}`, and at its place below `{GUARDED}/` is a link or a folder",
                    path.display()
                )));
            }
            put(&from, &to).doing(doing, &to)?;
        }
    }
    Ok(Ok(()))
}

/// A new file in place of what lies there: that may share its content with another.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::copy(from, to).map(drop),
    }
}

/// Through a link, what is written goes where the link leads.
fn is_link_or_behind_one(root: &Path, path: &Path) -> bool {
    let below = path.strip_prefix(root).unwrap_or(path);
    path.is_symlink() || has_link_above(root, below.as_os_str().as_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn left(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    #[test]
    fn files_land_at_their_place_with_their_modes_and_others_stay() {
        let folder = left(&[
            (".orch/task/claude/agents/a.md", "new\n"),
            (".orch/task/claude/hooks/run.sh", "#!/bin/sh\n"),
            (".claude/agents/a.md", "old\n"),
            (".claude/agents/b.md", "stays\n"),
        ]);
        let root = folder.path();
        let script = root.join(".orch/task/claude/hooks/run.sh");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(place(root).unwrap(), Ok(()));
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(read(".claude/agents/a.md"), "new\n");
        assert_eq!(read(".claude/agents/b.md"), "stays\n");
        assert_eq!(read(".orch/task/claude/agents/a.md"), "new\n");
        let mode = fs::metadata(root.join(".claude/hooks/run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        assert_eq!(place(left(&[]).path()).unwrap(), Ok(()));
    }

    #[test]
    fn nothing_is_written_or_read_through_a_link() {
        let outside = left(&[("a.md", "outside\n")]);
        let check = |prepare: &dyn Fn(&Path), said: &str| {
            let folder = left(&[(".orch/task/claude/agents/a.md", "new\n")]);
            prepare(folder.path());
            let placed = place(folder.path()).unwrap();
            assert!(placed.as_ref().is_err_and(|it| it.contains(said)), "{placed:?}");
            assert_eq!(fs::read_to_string(outside.path().join("a.md")).unwrap(), "outside\n");
        };
        check(
            &|root| {
                fs::create_dir(root.join(".claude")).unwrap();
                symlink(outside.path(), root.join(".claude/agents")).unwrap();
            },
            "is a link or a folder",
        );
        check(
            &|root| {
                fs::create_dir_all(root.join(".claude/agents")).unwrap();
                symlink(outside.path().join("a.md"), root.join(".claude/agents/a.md")).unwrap();
            },
            "is a link or a folder",
        );
        check(&|root| fs::create_dir_all(root.join(".claude/agents/a.md")).unwrap(), "or a folder");
        check(
            &|root| symlink("/etc/hostname", root.join(".orch/task/claude/x")).unwrap(),
            "which is no file",
        );
        check(
            &|root| {
                fs::remove_dir_all(root.join(".orch/task/claude")).unwrap();
                symlink(outside.path(), root.join(".orch/task/claude")).unwrap();
            },
            "a link",
        );
    }
}
