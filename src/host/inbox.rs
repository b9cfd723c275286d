//! Words of people to the orch that holds the lock: a file each in `.orch/inbox/`, taken in by it
//! within a tick, or by the next build.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::name::TaskRef;
use crate::engine::record::Decision;

use super::clock;
use super::error::{Doing, Error, Result};
use super::store::folder::{self, Access, OrchFolder};

const FOLDER: &str = "inbox";

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub enum Word {
    Answer { task: TaskRef, text: String },
    Decide { task: TaskRef, decision: Decision },
}

/// Leaves a word for whoever builds.
///
/// # Errors
/// It cannot be written.
pub fn post(root: &Path, word: &Word) -> Result<()> {
    let orch = OrchFolder::below(root, Access::ReadWrite);
    orch.create()?;
    let folder = orch.join(FOLDER);
    fs::create_dir_all(&folder).doing("leaving a word", &folder)?;
    let text = serde_json::to_vec(word)
        .map_err(|error| Error::because("leaving a word", error).at(&folder))?;
    // Names order words as they were said; two of one process differ by their number.
    let number = (0..).find(|n| !folder.join(name_of(*n)).exists()).unwrap_or(0);
    orch.write_whole(&folder.join(name_of(number)), &[&text])
}

/// Takes all words, oldest first. One that cannot be understood is dropped with a warning.
///
/// # Errors
/// The folder cannot be read.
pub fn take(root: &Path) -> Result<Vec<Word>> {
    let folder = root.join(folder::NAME).join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if folder::is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("looking for words of people", &folder),
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files.iter().filter_map(|file| taken(file)).collect())
}

/// True where somebody said something that nobody took in yet.
pub fn has_words(root: &Path) -> bool {
    let entries = fs::read_dir(root.join(folder::NAME).join(FOLDER));
    entries.is_ok_and(|mut entries| entries.next().is_some())
}

fn taken(file: &Path) -> Option<Word> {
    if file.extension().is_none_or(|it| it != "json") {
        return None;
    }
    let text = fs::read(file).ok()?;
    // Removed first: a word that is heard twice is worse than one that has to be said again.
    fs::remove_file(file).ok()?;
    match serde_json::from_slice(&text) {
        Ok(word) => Some(word),
        Err(why) => {
            tracing::warn!("{} is not understood: {why}", file.display());
            None
        }
    }
}

fn name_of(number: u32) -> String {
    format!("{:015}-{}-{number}.json", clock::now().0, std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(take(folder.path()).unwrap(), []);
        let task = TaskRef::new("p", "1");
        let answer = |text: &str| Word::Answer { task: task.clone(), text: text.to_owned() };
        let decided = Word::Decide { task: task.clone(), decision: Decision::Retry };
        let words = [answer("first"), decided, answer("last")];
        assert!(!has_words(folder.path()));
        words.iter().for_each(|word| post(folder.path(), word).unwrap());
        assert!(has_words(folder.path()));
        fs::write(folder.path().join(".orch/inbox/0.json"), "{}").unwrap();
        assert_eq!(take(folder.path()).unwrap(), words);
        assert_eq!(take(folder.path()).unwrap(), []);
    }
}
