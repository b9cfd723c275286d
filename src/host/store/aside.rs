//! Files on their way to their name, in `.orch/tmp`: a process that dies leaves its own there, and
//! nowhere in the user's folders; the next start takes them away.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::{NamedTempFile, TempDir};

use crate::base::digest::{Digest, Digesting};
use crate::host::error::{Doing, Result};
use crate::host::pieces;

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

/// What lies at a path, told apart by kind and content; `None` for nothing, and for a folder.
pub fn print_of(path: &Path) -> io::Result<Option<Digest>> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if folder::is_absent(&error) => return Ok(None),
        meta => meta?,
    };
    if meta.is_dir() {
        return Ok(None);
    }
    let mut digesting = Digesting::default();
    if meta.is_symlink() {
        digesting.take(b"link ");
        digesting.take(fs::read_link(path)?.as_os_str().as_bytes());
    } else if meta.is_file() {
        digesting.take(if meta.mode() & 0o100 == 0 { b"file " } else { b"program " });
        digesting.take(pieces::digest_of(&mut fs::File::open(path)?, meta.len())?.as_bytes());
    } else {
        digesting.take(b"neither");
    }
    Ok(Some(digesting.finish()))
}

/// A name for what changes places with a file of the user's: it tells which two contents orch knows, so
/// that whatever else is found there is kept.
pub fn swap_name(known: [Option<Digest>; 2]) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let known = known.map(|it| it.map_or_else(|| "none".to_owned(), |it| short(&it)));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("swap-{}-{}-{count}", std::process::id(), known.join("-"))
}

fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(32).collect()
}

/// Takes away what dead processes left in `.orch/tmp`. What changed places with a file of the user's and
/// is neither what was there nor what was to be was written by them at that moment: it stays.
pub fn sweep(root: &Path) -> Result<()> {
    let tmp = root.join(folder::NAME).join("tmp");
    for name in folder::names_in(&tmp)? {
        let swap = name.strip_prefix("swap-");
        let pid = swap.or_else(|| name.strip_prefix("new-"));
        let pid = pid.and_then(|it| it.split('-').next()?.parse().ok());
        let place = tmp.join(&name);
        if pid.is_some_and(is_dead) && (swap.is_none() || is_known(&name, &place)) {
            remove(&place)?;
        }
    }
    Ok(())
}

fn is_known(name: &str, place: &Path) -> bool {
    match print_of(place) {
        Ok(Some(print)) => name.contains(&short(&print)),
        _ => false,
    }
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
        let known = print_of(&tmp.join("other")).unwrap();
        let theirs =
            swap_name([known, None]).replacen(&std::process::id().to_string(), "999999997", 1);
        fs::write(tmp.join(theirs.replace("-none", "-")), "x").unwrap();
        fs::write(tmp.join(&theirs), "typed at that moment").unwrap();
        let mut expected = [theirs, format!("{}c", prefix()), "new-1-b".into(), "other".into()];
        sweep(root.path()).unwrap();
        expected.sort();
        assert_eq!(folder::names_in(&tmp).unwrap(), expected);
    }
}
