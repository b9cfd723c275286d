//! Whether a person let the commands run that a repository names for orch itself. The word of it lies outside
//! of every repository, in the user's own folder of states, and is for one place and for what is named there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::spec::config::SessionConfig;

use super::error::{Doing, Error, Result};

/// Below the user's folder of states.
const FOLDER: &str = "orch/trusted-v1";

/// What is known of the commands that a repository names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The repository names none.
    NotNeeded,
    Given,
    /// It was given to other commands, or the files that they name were others.
    Outdated,
    Missing,
}

/// What lies in the user's folder.
#[derive(Debug, Serialize, Deserialize)]
struct Word {
    /// For people: the file is called by its digest.
    root: String,
    /// What was named, as [`named`] has it.
    commands: Digest,
}

/// Who is trusted, by the user's folder of states.
#[derive(Clone, Debug)]
pub struct Trusted {
    folder: Option<PathBuf>,
}

impl Trusted {
    /// That of the calling user.
    pub fn here() -> Self {
        Self::by(|name| std::env::var_os(name))
    }

    fn by(value: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| value(name).map(PathBuf::from).filter(|it| it.is_absolute());
        let states = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
        Self { folder: states.map(|it| it.join(FOLDER)) }
    }

    /// Whether a person let the command of these settings run in this checkout.
    pub fn of(&self, root: &Path, session: &SessionConfig) -> Trust {
        let Some(commands) = named(root, session) else { return Trust::NotNeeded };
        match self.file_of(root).and_then(|file| word_in(&file)) {
            Some(word) if word.commands == commands => Trust::Given,
            Some(_) => Trust::Outdated,
            None => Trust::Missing,
        }
    }

    /// Writes down that a person lets it run; nothing where nothing is named.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn give(&self, root: &Path, session: &SessionConfig) -> Result<()> {
        let Some(commands) = named(root, session) else { return Ok(()) };
        let doing = "writing down what is trusted";
        let (Some(folder), Some(file)) = (&self.folder, self.file_of(root)) else {
            return Err(Error::new(doing).help("set HOME or XDG_STATE_HOME"));
        };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.doing(doing, folder)?;
        let word = Word { root: root.display().to_string(), commands };
        let text = serde_json::to_vec(&word).doing(doing, &file)?;
        let mut aside = tempfile::NamedTempFile::new_in(folder).doing(doing, folder)?;
        aside.write_all(&text).doing(doing, &file)?;
        aside.persist(&file).map(drop).map_err(|why| why.error).doing(doing, &file)
    }

    /// A person started a build here, which is such a word: kept as well as it goes. What to say of it: that
    /// another command is named than at the last one.
    pub fn note_build(&self, root: &Path, session: &SessionConfig) -> Option<String> {
        let trust = self.of(root, session);
        if matches!(trust, Trust::Outdated | Trust::Missing) {
            let _ = self.give(root, session);
        }
        let command = session.claude.join(" ");
        (trust == Trust::Outdated).then(|| {
            format!(
                "sessions run `{command}`, which `session.claude` names: it is another than when you built here last"
            )
        })
    }

    /// Takes the word back; true where there was one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn take_back(&self, root: &Path) -> Result<bool> {
        let Some(file) = self.file_of(root) else { return Ok(false) };
        match fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(why) => Err(why).doing("taking back what is trusted", &file),
        }
    }

    fn file_of(&self, root: &Path) -> Option<PathBuf> {
        let name = Digest::of(root.as_os_str().as_bytes());
        Some(self.folder.as_ref()?.join(format!("{name}.json")))
    }
}

fn word_in(file: &Path) -> Option<Word> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// The commands that a repository names for orch itself, with the files of its own that their words name;
/// `None` where there are none. What a plan runs is run by builds alone.
fn named(root: &Path, session: &SessionConfig) -> Option<Digest> {
    if session.claude.is_empty() || session.scripted.is_some() {
        return None;
    }
    let files: BTreeMap<&str, Digest> = session
        .claude
        .iter()
        .filter_map(|word| Some((word.as_str(), content_of(root, word)?)))
        .collect();
    let text = serde_json::to_vec(&(&session.claude, &files)).unwrap_or_default();
    Some(Digest::of(&text))
}

/// What a file of the repository holds, by the name that a command has for it.
fn content_of(root: &Path, word: &str) -> Option<Digest> {
    let file = root.join(word);
    let is_own = file.starts_with(root) && fs::metadata(&file).is_ok_and(|it| it.is_file());
    is_own.then(|| fs::read(&file).ok().map(|bytes| Digest::of(&bytes)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(words: &[&str]) -> SessionConfig {
        let claude = words.iter().map(ToString::to_string).collect();
        SessionConfig { claude, ..SessionConfig::default() }
    }

    #[test]
    fn it_is_for_one_place_and_for_what_is_named_there() {
        let home = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let value = |name: &str| (name == "HOME").then(|| home.path().into());
        let trusted = Trusted::by(value);
        let (root, session) = (one.path(), naming(&["node", "tools/cli.js"]));
        assert_eq!(trusted.of(root, &naming(&[])), Trust::NotNeeded);
        assert_eq!(trusted.of(root, &session), Trust::Missing);
        trusted.give(root, &session).unwrap();
        assert_eq!(trusted.of(root, &session), Trust::Given);
        assert_eq!(trusted.of(other.path(), &session), Trust::Missing);
        assert_eq!(trusted.of(root, &naming(&["node", "tools/other.js"])), Trust::Outdated);
        fs::create_dir(root.join("tools")).unwrap();
        fs::write(root.join("tools/cli.js"), "another()").unwrap();
        assert_eq!(trusted.of(root, &session), Trust::Outdated);
        assert!(trusted.take_back(root).unwrap() && !trusted.take_back(root).unwrap());
        assert_eq!(trusted.of(root, &session), Trust::Missing);
    }

    #[test]
    fn without_a_folder_of_the_users_nothing_is_trusted() {
        let root = tempfile::tempdir().unwrap();
        let trusted = Trusted::by(|name| (name == "XDG_STATE_HOME").then(|| "states".into()));
        let session = naming(&["./claude"]);
        assert!(trusted.give(root.path(), &session).is_err());
        assert_eq!(trusted.of(root.path(), &session), Trust::Missing);
    }
}
