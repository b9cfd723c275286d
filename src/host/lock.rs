//! One orch at a time: an advisory lock on `.orch/lock`, held as long as the value lives and let go
//! by the system when the process dies. The file says who holds it.

use std::fs::{self, File, TryLockError};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::base::measure::Moment;

use super::error::{Doing, Error, Result};
use super::mask::Mask;
use super::store::folder::{self, Access, NO_LINK, OrchFolder};

const FILE: &str = "lock";
/// A process that only asks who holds the lock has it for an instant; that is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// Who holds the exclusive lock, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub command: String,
    pub since: Moment,
}

impl Holder {
    /// The calling process, as of now.
    pub fn this_process() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let words: Vec<String> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        Self {
            pid: std::process::id(),
            command: Mask::of_process().text(&words.join(" ")),
            since: Moment(since.as_millis() as u64),
        }
    }
}

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing would not do: a child that another thread is just starting has the open file too,
    /// until it becomes another program. Letting go counts for both.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// For a process that runs or removes: nobody else holds it. Fails at once, with the holder's
    /// name, where somebody does.
    pub fn exclusive(root: &Path, holder: &Holder) -> Result<Self> {
        let mut file = open(root)?;
        take(&file, File::try_lock, root)?;
        let written = serde_json::to_string(holder)
            .map_err(Into::into)
            .and_then(|json| rewrite(&mut file, &json));
        written.doing("writing who holds the lock", path_of(root))?;
        Ok(Self { file })
    }

    /// For a process that must not see a garbage collection or build begin: others may read, too.
    pub fn shared(root: &Path) -> Result<Self> {
        let file = open(root)?;
        take(&file, File::try_lock_shared, root)?;
        Ok(Self { file })
    }

    /// Who holds the exclusive lock now, if anybody. Touches nothing on the disk.
    pub fn holder_of(root: &Path) -> Option<Holder> {
        let file = File::open(path_of(root)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => named_in(root),
            Ok(()) => {
                let _ = file.unlock();
                None
            }
            Err(TryLockError::Error(_)) => None,
        }
    }
}

fn path_of(root: &Path) -> std::path::PathBuf {
    root.join(folder::NAME).join(FILE)
}

fn open(root: &Path) -> Result<File> {
    let folder = OrchFolder::below(root, Access::ReadWrite);
    folder.create()?;
    let options = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(NO_LINK)
        .to_owned();
    options.open(path_of(root)).doing("opening the lock", path_of(root))
}

fn take(
    file: &File,
    attempt: impl Fn(&File) -> std::result::Result<(), TryLockError>,
    root: &Path,
) -> Result<()> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match attempt(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => {
                return Err(error).doing("locking", path_of(root));
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= give_up => return Err(busy(root)),
            // Another process's lock tells nobody when it is let go.
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn busy(root: &Path) -> Error {
    let doing = match Lock::holder_of(root) {
        Some(Holder { pid, command, .. }) => {
            format!("another orch is at work here: process {pid}, `{command}`")
        }
        None => "another orch is at work here".to_owned(),
    };
    let error = Error::new(doing)
        .at(path_of(root))
        .help("`orch status` works all the same; `orch stop` asks the other one to finish");
    Error { is_busy: true, ..error }
}

fn rewrite(file: &mut File, json: &str) -> std::io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(format!("{json}\n").as_bytes())
}

fn named_in(root: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(path_of(root)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder { pid: 7, command: "orch build".into(), since: Moment(1) }
    }

    #[test]
    fn a_second_process_learns_who_is_first() {
        let root = tempfile::tempdir().unwrap();
        let lock = Lock::exclusive(root.path(), &holder()).unwrap();
        let error = Lock::exclusive(root.path(), &Holder::this_process()).unwrap_err();
        assert_eq!(error.doing, "another orch is at work here: process 7, `orch build`");
        assert!(error.help.is_some());
        assert!(Lock::shared(root.path()).is_err());
        assert_eq!(Lock::holder_of(root.path()), Some(holder()));
        drop(lock);
        assert_eq!(Lock::holder_of(root.path()), None);
        Lock::exclusive(root.path(), &Holder::this_process()).unwrap();
    }

    #[test]
    fn readers_share_and_keep_writers_out() {
        let root = tempfile::tempdir().unwrap();
        let readers = [Lock::shared(root.path()).unwrap(), Lock::shared(root.path()).unwrap()];
        assert_eq!(Lock::holder_of(root.path()), None, "readers are not named");
        assert!(Lock::exclusive(root.path(), &holder()).is_err());
        drop(readers);
        Lock::exclusive(root.path(), &holder()).unwrap();
    }

    #[test]
    fn asking_makes_no_file() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder_of(root.path()), None);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
