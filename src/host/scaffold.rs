//! New files that people asked for: written whole, never over something that is there.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::host::error::{Doing, Error, Result};

/// What became of a file that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Created,
    /// Something of that name is there; it was not touched.
    Existed,
}

/// What would become of a file that was to be written.
pub fn look(path: &Path) -> Written {
    match fs::symlink_metadata(path) {
        Ok(_) => Written::Existed,
        Err(_) => Written::Created,
    }
}

/// True where the file holds this text and nothing else.
pub fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|found| found == text.as_bytes())
}

/// Writes a file that must not be there yet, and the folders above it. Whoever reads it sees the
/// whole text or no file.
pub fn write_new(path: &Path, text: &str) -> Result<Written> {
    let folder = path.parent().ok_or_else(|| Error::new("writing a file").at(path))?;
    fs::create_dir_all(folder).doing("making the folder", folder)?;
    let mut aside = tempfile::Builder::new()
        .prefix(".orch-new-")
        .permissions_if_unix()
        .tempfile_in(folder)
        .doing("writing a new file", path)?;
    aside.write_all(text.as_bytes()).doing("writing a new file", path)?;
    match aside.persist_noclobber(path) {
        Ok(_) => Ok(Written::Created),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(Written::Existed),
        Err(refused) => Err(refused.error).doing("writing a new file", path),
    }
}

/// A temporary file is private; a document is as readable as any other file of its owner.
trait Readable {
    fn permissions_if_unix(&mut self) -> &mut Self;
}

impl Readable for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_if_unix(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        // The umask still takes away from this.
        self.permissions(fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_if_unix(&mut self) -> &mut Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.yaml");
        assert_eq!(look(&path), Written::Created);
        assert_eq!(write_new(&path, "one").unwrap(), Written::Created);
        assert_eq!(look(&path), Written::Existed);
        assert_eq!(write_new(&path, "two").unwrap(), Written::Existed);
        assert!(holds(&path, "one") && !holds(&path, "two"));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
