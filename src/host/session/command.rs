//! Commands beside the tasks: in the user's checkout, as confined as any other.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch as channel};

use super::{Environment, Runner, SCRATCH, Stop, TRANSCRIPT, Update, millis_since};
use crate::base::measure::Millis;
use crate::engine::outcome::evidence::Ending;
use crate::host::error::{Doing, Result};
use crate::host::process::{Keeping, Spawn};
use crate::spec::plan::CommandLine;

use super::watch::Watched;

/// Longest word of a command that systems take: Linux has 128 KiB, with a byte for its end.
const WORD: usize = 128 * 1024 - 1;

/// The words that start a command. A line that is too long to be one is read from a file in `scratch`; of a list
/// with such a word the shell says that nothing can be started so.
pub(super) fn argv_of(line: &CommandLine, scratch: &Path) -> Result<Vec<OsString>> {
    let script = match line {
        CommandLine::Argv(words) if words.iter().all(|word| word.len() < WORD) => {
            return Ok(words.iter().map(OsString::from).collect());
        }
        CommandLine::Shell(line) if line.len() < WORD => {
            return Ok(["sh", "-c", line].map(OsString::from).into());
        }
        CommandLine::Argv(words) => {
            let quoted = words.iter().map(|word| format!(" '{}'", word.replace('\'', "'\\''")));
            format!("exec{}\n", quoted.collect::<String>())
        }
        CommandLine::Shell(line) => line.clone(),
    };
    let file = scratch.join("command.sh");
    fs::write(&file, script).doing("writing a long command", &file)?;
    Ok(vec!["sh".into(), file.into()])
}

/// What to run.
pub struct Aside {
    pub line: CommandLine,
    pub dir: PathBuf,
    /// A folder of its own, made where it is missing.
    pub private: PathBuf,
    pub env: Environment,
    /// Names it in the environment of its processes.
    pub marker: String,
    /// The checkout whose build this is.
    pub checkout: PathBuf,
}

/// How it ended; its processes are gone.
#[derive(Clone, Debug)]
pub struct AsideEnded {
    pub ending: Ending,
    pub stdout_tail: String,
    pub stderr_tail: String,
    /// All that it said, secrets masked; there is no such file where it said nothing.
    pub transcript: PathBuf,
    pub duration: Millis,
}

impl Runner {
    /// What starts it.
    pub fn spawn_of(&self, aside: &Aside) -> Result<Spawn> {
        let scratch = aside.private.join(SCRATCH);
        fs::create_dir_all(&scratch).doing("making a folder for a command", &scratch)?;
        Ok(Spawn {
            shim: self.shim.clone(),
            argv: argv_of(&aside.line, &scratch)?,
            guard: None,
            keeping: Keeping::Descent,
            dir: aside.dir.clone(),
            env: aside.env.to_vec(),
            stdin: None,
            private: aside.private.clone(),
            marker: aside.marker.clone(),
            checkout: aside.checkout.clone(),
            mask: aside.env.mask(),
        })
    }

    /// Runs it to its end, however it ends.
    pub async fn run_aside(
        &self,
        aside: &Aside,
        timeout: Duration,
        updates: mpsc::Sender<Update>,
        stop: channel::Receiver<Stop>,
    ) -> Result<AsideEnded> {
        let begun = Instant::now();
        let spawn = self.spawn_of(aside)?;
        let transcript = aside.private.join(TRANSCRIPT);
        let watched = Watched {
            is_session: false,
            base_cost: crate::base::measure::Usd::ZERO,
            wall: Some(timeout),
            stall: None,
            patience: self.patience,
            config_folder: None,
            mask: aside.env.mask(),
            transcript: transcript.clone(),
        };
        let seen = watched.run(&spawn, updates, stop).await?;
        Ok(AsideEnded {
            ending: seen.ending,
            stdout_tail: seen.stdout_tail,
            stderr_tail: seen.stderr_tail,
            transcript,
            duration: millis_since(begun),
        })
    }
}
