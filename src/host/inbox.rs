//! Words of people to the orch that holds the lock: a file each in `.orch/inbox/`, taken in by it
//! within a tick, or by the next build. Whoever says one stands behind it: holds a lock on its file, by
//! which the system tells which process that is, until it is heard.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, fcntl_getlk};
use serde::{Deserialize, Serialize};

use crate::base::name::TaskRef;
use crate::engine::record::Decision;

use super::clock;
use super::error::{Doing, Error, Result};
use super::store::aside;
use super::store::folder::{self, Access, OrchFolder};

const FOLDER: &str = "inbox";
/// What attempts were refused is told there, where they may write: nothing in it decides.
const REFUSALS: &str = "refusals";
const WORD: &str = "json";
/// Beside a word that was not honoured: why.
const REFUSAL: &str = "refused";
/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub enum Word {
    Answer {
        task: TaskRef,
        text: String,
    },
    Decide {
        task: TaskRef,
        decision: Decision,
    },
    /// A command refused to do what a process of an attempt asked.
    Refused {
        /// What was asked, such as `orch accept`.
        asked: String,
        /// Whose attempt, as the command saw it.
        by: Option<TaskRef>,
    },
}

/// A word as it lies there.
#[derive(Debug)]
pub struct Heard<'a> {
    pub word: &'a Word,
    pub file: &'a Path,
    /// The process that stands behind it.
    pub by: Option<u32>,
}

/// What becomes of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Honoured,
    /// Why not.
    Refused(String),
    /// It stays for another time.
    Left,
}

/// A word that was left, with this process behind it.
#[derive(Debug)]
pub struct Posted {
    file: PathBuf,
    _standing: File,
}

/// What came of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Taken,
    Refused(String),
    /// Nobody heard it: it is withdrawn.
    Unheard,
}

/// Leaves a word for whoever builds.
///
/// # Errors
/// It cannot be written.
pub fn post(root: &Path, word: &Word) -> Result<Posted> {
    let doing = "leaving a word";
    let orch = OrchFolder::below(root, Access::ReadWrite);
    orch.create()?;
    let is_refusal = matches!(word, Word::Refused { .. });
    let folder = orch.join(if is_refusal { REFUSALS } else { FOLDER });
    fs::create_dir_all(&folder).doing(doing, &folder)?;
    let text =
        serde_json::to_vec(word).map_err(|error| Error::because(doing, error).at(&folder))?;
    let file = folder.join(new_name());
    // From elsewhere it could not be moved into a folder that is mounted on its own.
    let aside = if is_refusal { aside::file_in(&folder).doing(doing, &file) } else { orch.aside() };
    let mut aside = aside?;
    fcntl_lock(aside.as_file(), FlockOperation::NonBlockingLockExclusive)
        .map_err(std::io::Error::from)
        .and_then(|()| std::io::Write::write_all(&mut aside, &text))
        .doing(doing, &file)?;
    let standing = aside.persist(&file).map_err(|error| error.error).doing(doing, &file)?;
    Ok(Posted { file, _standing: standing })
}

impl Posted {
    /// Waits until it is heard, as long as `goes_on` holds.
    pub fn reply(self, goes_on: impl Fn() -> bool) -> Reply {
        while self.file.exists() {
            if !goes_on() && fs::remove_file(&self.file).is_ok() {
                return Reply::Unheard;
            }
            thread::sleep(LOOK);
        }
        let refusal = self.file.with_extension(REFUSAL);
        let Ok(why) = fs::read_to_string(&refusal) else { return Reply::Taken };
        let _ = fs::remove_file(&refusal);
        Reply::Refused(why)
    }

    /// As [`Posted::reply`], for so long at most.
    pub fn reply_within(self, patience: Duration) -> Reply {
        let give_up = Instant::now() + patience;
        self.reply(|| Instant::now() < give_up)
    }
}

/// Takes the words that `fate_of` honours, oldest first. One that cannot be understood is dropped with a
/// warning.
///
/// # Errors
/// The folder cannot be read.
pub fn take(root: &Path, mut fate_of: impl FnMut(&Heard<'_>) -> Fate) -> Result<Vec<Word>> {
    let mut taken = Vec::new();
    for file in files(root)? {
        let Some((word, by)) = read(&file) else { continue };
        let fate = fate_of(&Heard { word: &word, file: &file, by });
        if fate == Fate::Left {
            continue;
        }
        if let (Fate::Refused(why), true) = (&fate, by.is_some()) {
            // Before it is gone: that is what is waited for.
            let _ = fs::write(file.with_extension(REFUSAL), why);
        }
        // Removed first: a word that is heard twice is worse than one that has to be said again.
        if fs::remove_file(&file).is_ok() && fate == Fate::Honoured {
            taken.push(word);
        }
    }
    Ok(taken)
}

/// The files of words that lie there, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in [root.join(folder::NAME).join(FOLDER), refusals_of(root)] {
        match fs::read_dir(&folder) {
            Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
            Err(error) if folder::is_absent(&error) => {}
            Err(error) => return Err(error).doing("looking for words of people", &folder),
        }
    }
    files.retain(|file| file.extension().is_some_and(|it| it == WORD));
    files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    Ok(files)
}

/// Where processes of attempts may leave word of what they were refused.
pub fn refusals_of(root: &Path) -> PathBuf {
    root.join(folder::NAME).join(REFUSALS)
}

/// True where somebody said something that nobody took in yet.
pub fn has_words(root: &Path) -> bool {
    files(root).is_ok_and(|files| !files.is_empty())
}

/// The word and who stands behind it.
fn read(file: &Path) -> Option<(Word, Option<u32>)> {
    // Whoever may write there could leave what leads elsewhere, or what cannot be read to its end.
    if !fs::symlink_metadata(file).is_ok_and(|it| it.is_file()) {
        let _ = fs::remove_file(file);
        return None;
    }
    let opened = File::open(file).ok()?;
    let by = holder_of(&opened);
    match serde_json::from_reader(&opened) {
        Ok(word) => Some((word, by)),
        Err(why) => {
            tracing::warn!("{} is not understood: {why}", file.display());
            let _ = fs::remove_file(file);
            None
        }
    }
}

/// The process that holds a lock on the file, as the system tells it; never this one.
fn holder_of(file: impl AsFd) -> Option<u32> {
    let held = fcntl_getlk(file, &Flock::from(FlockType::WriteLock)).ok()??;
    u32::try_from(held.pid?.as_raw_nonzero().get()).ok()
}

/// Names order words as they were said; those of one process by their number within a moment.
fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:015}-{}-{number:010}.{WORD}", clock::now().0, std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Word {
        Word::Answer { task: TaskRef::new("p", "1"), text: text.to_owned() }
    }

    #[test]
    fn words_are_heard_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let take = || take(folder.path(), |_| Fate::Honoured).unwrap();
        assert_eq!(take(), []);
        let decided = Word::Decide { task: TaskRef::new("p", "1"), decision: Decision::Retry };
        let words = [answer("first"), decided, answer("last")];
        assert!(!has_words(folder.path()));
        words.iter().for_each(|word| drop(post(folder.path(), word).unwrap()));
        assert!(has_words(folder.path()));
        fs::write(folder.path().join(".orch/inbox/0.json"), "{}").unwrap();
        assert_eq!(take(), words);
        assert_eq!(take(), []);
    }

    #[test]
    fn a_word_is_honoured_refused_left_or_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let check = |fate: Fate| {
            let posted = post(root, &answer("x")).unwrap();
            let taken = take(root, |heard| {
                assert_eq!(heard.by, None, "a process is not told its own locks");
                fate.clone()
            });
            (taken.unwrap().len(), posted.reply(|| false))
        };
        assert_eq!(check(Fate::Honoured), (1, Reply::Taken));
        assert_eq!(check(Fate::Refused("no".into())), (0, Reply::Taken), "nobody waits for it");
        assert_eq!(check(Fate::Left), (0, Reply::Unheard));
        let posted = post(root, &answer("x")).unwrap();
        fs::write(posted.file.with_extension(REFUSAL), "why").unwrap();
        fs::remove_file(&posted.file).unwrap();
        assert_eq!(posted.reply(|| true), Reply::Refused("why".into()));
        assert_eq!(fs::read_dir(root.join(".orch/inbox")).unwrap().count(), 0);
    }
}
