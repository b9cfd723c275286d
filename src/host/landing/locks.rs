//! The locks that following takes in the user's repository, and how those of a dead run are told
//! from a living git command's.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gix::lock::acquire::Fail;

use crate::engine::why::Obstacle;
use crate::host::error::{Doing, Result};
use crate::host::git::Repository;
use crate::host::store::aside;

/// How long a git command of the user is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The age at which a lock on one of orch's own refs cannot be in use.
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// How long taking the locks may last once it is noted.
const TAKING: Duration = Duration::from_secs(1);

/// In front of the moment at which a lock was about to be taken, in nanoseconds since 1970.
const SOON: &str = "soon:";

/// Names the lock files that are held at present, below `.orch`.
const TAKEN: &str = "follow.taken";

/// Only one process follows at a time; what this guards is released by the system on any death.
pub(super) struct Turn {
    root: PathBuf,
    /// Lists the lock files taken, so that the next turn can tell them from others'.
    list: PathBuf,
    _lock: File,
}

impl Turn {
    /// Waits for the turn a little, then clears the lock files that a killed run left behind.
    /// `None` where another orch keeps the turn.
    pub fn take(repo: &Repository) -> Result<Option<Self>> {
        let folder = repo.orch_folder()?;
        let file = folder.join("follow.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&file);
        let lock = lock.doing("taking the turn to follow", &file)?;
        if !waited_for(&lock).doing("taking the turn to follow", &file)? {
            return Ok(None);
        }
        let root = repo.root().to_owned();
        let turn = Self { root, list: folder.join(TAKEN), _lock: lock };
        turn.clear_dead_locks()?;
        Ok(Some(turn))
    }

    /// Notes lock files as ours, before anything is written under them; those that are not there
    /// yet as about to be taken.
    pub fn note(&self, locks: &[PathBuf]) -> Result<()> {
        let soon = format!("{SOON}{}", since_1970(SystemTime::now()).as_nanos());
        let lines = locks.iter().map(|lock| {
            let known = mark(lock).unwrap_or_else(|| soon.clone());
            format!("{known}\t{}\n", lock.display())
        });
        let list = lines.collect::<String>();
        aside::replace(&self.root, &self.list, list.as_bytes()).doing("noting locks", &self.list)
    }

    fn clear_dead_locks(&self) -> Result<()> {
        let Ok(list) = std::fs::read_to_string(&self.list) else { return Ok(()) };
        for (known, lock) in list.lines().filter_map(|line| line.split_once('\t')) {
            let lock = Path::new(lock);
            let is_ours = match known.strip_prefix(SOON) {
                Some(at) => is_taken_at(lock, at) && is_forsaken(lock),
                None => mark(lock).as_deref() == Some(known),
            };
            if is_ours {
                std::fs::remove_file(lock).doing("removing a lock of a dead run", lock)?;
            }
        }
        self.forget();
        Ok(())
    }

    fn forget(&self) {
        // A list that stays names locks that are gone: harmless.
        let _ = std::fs::remove_file(&self.list);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Repository {
    /// Clears the lock files that a killed run of orch left in the user's repository, those of
    /// orch's own refs too. Locks of anybody else stay.
    pub fn clear_dead_locks(&self) -> Result<()> {
        if self.root().join(".orch").join(TAKEN).exists() {
            drop(Turn::take(self)?);
        }
        let common = self.local().common_dir().to_owned();
        clear_packed_refs(&common.join("packed-refs.lock"))?;
        clear_old_locks(&common.join("refs/orch"))
    }
}

/// A killed run may have held the lock of all packed refs, for an instant and without a word in it; a
/// git command that packs refs writes into it at once.
fn clear_packed_refs(lock: &Path) -> Result<()> {
    let is_empty = std::fs::symlink_metadata(lock).is_ok_and(|it| it.is_file() && it.len() == 0);
    if is_empty && is_forsaken(lock) {
        std::fs::remove_file(lock).doing("removing a lock of a dead run", lock)?;
    }
    Ok(())
}

/// Only orch writes its refs, and holds their locks for an instant: an old one is a dead run's.
fn clear_old_locks(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            clear_old_locks(&path)?;
        } else if path.extension().is_some_and(|it| it == "lock") && is_forsaken(&path) {
            std::fs::remove_file(&path).doing("removing a lock of a dead run", &path)?;
        }
    }
    Ok(())
}

/// Waits until the lock is gone or has its age; true where it is still the same one then.
fn is_forsaken(lock: &Path) -> bool {
    let (found, since) = (mark(lock), Instant::now());
    while found.is_some() && mark(lock) == found {
        // Where the clock was set back its own moment lies in the future.
        if age_of(lock).max(Some(since.elapsed())) > Some(DEAD_AFTER) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn age_of(lock: &Path) -> Option<Duration> {
    std::fs::symlink_metadata(lock).ok()?.modified().ok()?.elapsed().ok()
}

/// Whether a lock came into being when a run that is dead now was about to take it.
fn is_taken_at(lock: &Path, nanos: &str) -> bool {
    let Ok(meta) = std::fs::symlink_metadata(lock) else { return false };
    let (Ok(born), Ok(at)) = (meta.created().or(meta.modified()), nanos.parse()) else {
        return false;
    };
    // The file system's clock may be a tick behind.
    let earliest = Duration::from_nanos(at).saturating_sub(Duration::from_millis(20));
    (earliest..earliest + TAKING).contains(&since_1970(born))
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Takes a file lock within ten times the patience.
fn waited_for(lock: &File) -> std::io::Result<bool> {
    let deadline = Instant::now() + PATIENCE * 10;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(why)) => return Err(why),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Locks the index of the user's checkout.
///
/// # Errors
/// Why not, for the user.
pub(super) fn lock_index(index: &Path) -> std::result::Result<gix::lock::File, Obstacle> {
    let mode = Fail::AfterDurationWithBackoff(PATIENCE);
    gix::lock::File::acquire_to_update_resource(index, mode, None, 0).map_err(|error| {
        match index.with_extension("lock").exists() {
            true => Obstacle::IndexInUse,
            false => Obstacle::IndexLock(error.to_string()),
        }
    })
}

/// Tells one lock file from a later one at the same place.
fn mark(lock: &Path) -> Option<String> {
    let meta = std::fs::symlink_metadata(lock).ok()?;
    let born = meta.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Some(format!("{}:{}:{}", meta.dev(), meta.ino(), born.unwrap_or_default().as_nanos()))
}
