//! Commands beside the tasks: in the user's checkout, as confined as any other.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch as channel};

use super::{Environment, Runner, SCRATCH, Stop, TRANSCRIPT, Update, command_argv, millis_since};
use crate::base::measure::Millis;
use crate::engine::outcome::evidence::Ending;
use crate::host::error::{Doing, Result};
use crate::host::process::Spawn;
use crate::spec::plan::CommandLine;

use super::watch::Watched;

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
            argv: command_argv(&aside.line),
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
        told: mpsc::Sender<Update>,
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
        let seen = watched.run(&spawn, told, stop).await?;
        Ok(AsideEnded {
            ending: seen.ending,
            stdout_tail: seen.stdout_tail,
            stderr_tail: seen.stderr_tail,
            transcript,
            duration: millis_since(begun),
        })
    }
}
