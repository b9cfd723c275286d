//! The status file of a session: made room for before the start, read and taken away afterwards,
//! so that it is of this attempt and never lands.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::engine::outcome::evidence::StatusFile;
use crate::engine::outcome::status_from_json;
use crate::host::error::{Doing, Result};
use crate::host::mask::Mask;
use crate::host::removal::remove_folder;

/// Where a status file may lie in the worktree; the first that is there counts.
pub const STATUS_PATHS: [&str; 3] =
    [".orch/task/status.json", ".claude/plans/task-status.json", "tmp/task-status.json"];
const SIZE_LIMIT: u64 = 1 << 20;

/// What lay at the places of the status file before the attempt; put back afterwards, so that a
/// tracked one is not seen as a change.
#[derive(Debug)]
pub struct StatusPlaces {
    kept: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl StatusPlaces {
    /// Clears the places and makes the folder of the first.
    pub fn clear(worktree: &Path) -> Result<Self> {
        let mut kept = Vec::new();
        for place in STATUS_PATHS.map(|place| worktree.join(place)) {
            let content = if is_plain(&place) { fs::read(&place).ok() } else { None };
            remove(&place)?;
            kept.push((place, content));
        }
        if let Some(folder) = kept[0].0.parent() {
            fs::create_dir_all(folder).doing("making room for the status file", folder)?;
        }
        Ok(Self { kept })
    }

    /// Reads what the session left, takes it away, and puts back what was there before.
    pub fn collect(self, mask: &Mask) -> Result<StatusFile> {
        let mut found = StatusFile::Absent;
        for (place, before) in self.kept {
            if found == StatusFile::Absent {
                found = read(&place, mask);
            }
            remove(&place)?;
            if let Some(content) = before {
                match fs::write(&place, content) {
                    // Its folder is gone, and maybe the whole worktree: that shows elsewhere.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    written => written.doing("putting back", &place)?,
                }
            }
        }
        Ok(found)
    }
}

fn read(place: &Path, mask: &Mask) -> StatusFile {
    match fs::symlink_metadata(place) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return StatusFile::Absent;
        }
        Err(error) => return StatusFile::Unreadable(error.to_string()),
        Ok(metadata) if !metadata.is_file() => {
            return StatusFile::Unreadable("no plain file".to_owned());
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(place).and_then(|file| file.take(SIZE_LIMIT).read_to_end(&mut bytes));
    match read {
        Ok(_) => status_from_json(&mask.apply(&bytes)),
        Err(error) => StatusFile::Unreadable(error.to_string()),
    }
}

fn is_plain(place: &Path) -> bool {
    fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_file())
}

fn remove(place: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_dir() => remove_folder(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => return Ok(()),
    };
    removed.doing("taking the status file away", place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::evidence::StatusReport;

    #[test]
    fn only_a_file_of_this_attempt_counts_and_none_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let place = |n: usize| folder.path().join(STATUS_PATHS[n]);
        fs::create_dir_all(place(1).parent().unwrap()).unwrap();
        fs::write(place(1), b"{\"task_id\":\"old\",\"status\":\"completed\"}").unwrap();
        let places = StatusPlaces::clear(folder.path()).unwrap();
        assert!(!place(1).exists() && place(0).parent().unwrap().is_dir());
        assert_eq!(places.collect(&Mask::default()).unwrap(), StatusFile::Absent);
        assert!(place(1).exists(), "a tracked file is put back");

        let places = StatusPlaces::clear(folder.path()).unwrap();
        fs::write(place(0), b"{\"task_id\":\"1\",\"status\":\"failed\"}").unwrap();
        let report = StatusReport {
            task_id: Some("1".into()),
            status: "failed".into(),
            ..StatusReport::default()
        };
        assert_eq!(places.collect(&Mask::default()).unwrap(), StatusFile::Given(report));
        assert!(!place(0).exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let places = StatusPlaces::clear(folder.path()).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join(STATUS_PATHS[0])).unwrap();
        assert!(matches!(places.collect(&Mask::default()).unwrap(), StatusFile::Unreadable(_)));
        assert!(Path::new("/etc/hostname").exists());
    }
}
