//! The private folders of attempts, `.orch/run/<pid>-<n>`. One that nothing is left in is kept and
//! renamed for the next attempt: making and removing folders costs more than a short command.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::name::AttemptId;
use crate::host::removal::remove_folder;
use crate::host::session::SCRATCH;

/// Those of one run of orch. What is kept of them goes with the value.
pub struct Folders {
    run: PathBuf,
    spare: Mutex<Vec<PathBuf>>,
}

impl Folders {
    pub fn below(root: &Path) -> Self {
        Self { run: root.join(".orch/run"), spare: Mutex::default() }
    }

    /// The attempt's own folder; whoever needs it makes it where it is missing.
    pub fn of(&self, attempt: AttemptId) -> PathBuf {
        let folder = self.run.join(format!("{}-{}", std::process::id(), attempt.0));
        let spare = self.spare().pop();
        if let Some(spare) = spare
            && fs::rename(&spare, &folder).is_err()
        {
            let _ = fs::remove_dir_all(&spare);
        }
        folder
    }

    /// Its attempt is over, and what is in it is scratch.
    pub fn give_back(&self, folder: PathBuf) {
        if is_as_new(&folder).unwrap_or(false) {
            self.spare().push(folder);
        } else {
            let _ = remove_folder(&folder);
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in self.spare().drain(..) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// True where it holds an empty folder for scratch files and nothing else, both open to their owner.
fn is_as_new(folder: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(folder)?;
    let Some(first) = entries.next().transpose()? else { return Ok(false) };
    if first.file_name() != SCRATCH || entries.next().is_some() {
        return Ok(false);
    }
    let scratch = first.path();
    let is_usual =
        is_usual(&fs::symlink_metadata(folder)?) && is_usual(&fs::symlink_metadata(&scratch)?);
    Ok(is_usual && fs::read_dir(&scratch)?.next().is_none())
}

fn is_usual(meta: &Metadata) -> bool {
    meta.is_dir() && meta.permissions().mode() & 0o7700 == 0o700
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_with_nothing_in_it_serves_again() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::below(root.path());
        let make = |n| {
            let folder = folders.of(AttemptId(n));
            fs::create_dir_all(folder.join(SCRATCH)).unwrap();
            folder
        };
        let first = make(1);
        folders.give_back(first.clone());
        let second = folders.of(AttemptId(2));
        assert!(!first.exists() && second.join(SCRATCH).is_dir());
        fs::write(second.join(SCRATCH).join("left"), "").unwrap();
        folders.give_back(second.clone());
        assert!(!second.exists());
        let third = make(3);
        fs::set_permissions(third.join(SCRATCH), PermissionsExt::from_mode(0o500)).unwrap();
        folders.give_back(third.clone());
        assert!(!third.exists());
        folders.give_back(make(4));
        drop(folders);
        assert_eq!(fs::read_dir(root.path().join(".orch/run")).unwrap().count(), 0);
    }
}
