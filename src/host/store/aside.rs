//! Files on their way to their name, in `.orch/tmp`: a process that dies leaves its own there, and
//! nowhere in the user's folders; the next start takes them away.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::host::error::{Doing, Result};

use super::folder;

/// How the name of such a file begins: it tells whose it is.
fn prefix() -> String {
    format!("new-{}-", std::process::id())
}

/// A new file in `folder`, its owner's alone.
pub fn file_in(folder: &Path) -> io::Result<NamedTempFile> {
    file_with(folder, Permissions::from_mode(0o600))
}

/// As [`file_in`], with these permissions as far as the process's mask lets them be.
pub fn file_with(folder: &Path, permissions: Permissions) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(&prefix()).permissions(permissions).tempfile_in(folder)
}

/// As [`file_in`], for what is no plain file and gets its name by `rename`.
pub fn folder_in(folder: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(&prefix()).tempdir_in(folder)
}

/// Where a file that will be renamed to `file` is written: `.orch/tmp` of the checkout at `root`
/// where that is there and on the same disk, else beside it.
pub fn place_for(root: &Path, file: &Path) -> PathBuf {
    let beside = file.parent().unwrap_or(root);
    let aside = root.join(folder::NAME).join("tmp");
    let disk = |place: &Path| fs::metadata(place).map(|meta| meta.dev()).ok();
    match disk(&aside) {
        Some(one) if disk(beside) == Some(one) => aside,
        _ => beside.to_owned(),
    }
}

/// A file with these bytes that may take the name `file`, with the permissions of what has it now;
/// where nothing has, it is its owner's alone.
pub fn written(root: &Path, file: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut aside = file_in(&place_for(root, file))?;
    aside.write_all(bytes)?;
    if let Ok(meta) = fs::metadata(file) {
        aside.as_file().set_permissions(meta.permissions())?;
    }
    Ok(aside)
}

/// Replaces a whole file: whoever reads it sees the old content or the new, nothing between, also
/// where orch is killed.
pub fn replace(root: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    written(root, file, bytes)?.persist(file)?;
    Ok(())
}

/// Takes away what dead processes left in `.orch/tmp`.
pub fn sweep(root: &Path) -> Result<()> {
    let tmp = root.join(folder::NAME).join("tmp");
    for name in folder::names_in(&tmp)? {
        let pid = name.strip_prefix("new-").and_then(|it| it.split('-').next()?.parse().ok());
        if pid.is_some_and(is_dead) {
            remove(&tmp.join(&name))?;
        }
    }
    Ok(())
}

fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let asked = pid.map(rustix::process::test_kill_process);
    asked == Some(Err(rustix::io::Errno::SRCH))
}

fn remove(path: &Path) -> Result<()> {
    let removed = match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if !folder::is_absent(&error) => {
            Err(error).doing("removing what a dead run left", path)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_permissions() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        replace(root.path(), &file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        assert_eq!(folder::names_in(root.path()).unwrap(), ["file"]);
    }

    #[test]
    fn only_what_the_dead_left_is_taken_away() {
        let root = tempfile::tempdir().unwrap();
        let tmp = root.path().join(".orch/tmp");
        fs::create_dir_all(tmp.join("new-999999999-x")).unwrap();
        for name in ["new-999999998-a", "new-1-b", "other", &format!("{}c", prefix())] {
            fs::write(tmp.join(name), "x").unwrap();
        }
        sweep(root.path()).unwrap();
        let mut expected = [format!("{}c", prefix()), "new-1-b".into(), "other".into()];
        expected.sort();
        assert_eq!(folder::names_in(&tmp).unwrap(), expected);
    }
}
