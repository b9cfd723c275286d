//! Removing folders with all that is in them, also what a program has write-protected: module caches are.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a folder that is orch's to remove. Where permissions stand against that, its folders are opened to
/// their owner first; links are removed and never followed.
///
/// # Errors
/// Something cannot be removed all the same.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
            open_folders(folder)?;
            fs::remove_dir_all(folder)
        }
        removed => removed,
    }
}

fn open_folders(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(folder, Permissions::from_mode(mode | 0o700))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_write_protected_goes_and_what_a_link_names_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let (folder, other) = (scratch.path().join("cache"), scratch.path().join("other"));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("kept"), "").unwrap();
        fs::write(folder.join("a/b/f"), "").unwrap();
        std::os::unix::fs::symlink(&other, folder.join("a/link")).unwrap();
        let close = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o555)).unwrap();
        for closed in ["a/b", "a", ""] {
            close(&folder.join(closed));
        }
        close(&other);
        // Root may do everything: the walk is what is looked at then.
        open_folders(&folder).unwrap();
        assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o555);
        close(&folder.join("a/b"));
        remove_folder(&folder).unwrap();
        assert!(!folder.exists() && other.join("kept").exists());
        fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
    }
}
