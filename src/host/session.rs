//! Runs one attempt in a worktree: a command, a CLI session, or the scripted stand-in. Answers with
//! facts; the classifier judges them.

mod account;
mod allowance;
mod bounds;
pub mod bubble;
mod cli;
mod command;
mod environment;
pub mod guard;
pub mod keeping;
mod patience;
mod play;
mod pulse;
mod script;
pub mod servers;
mod setup;
mod status;
mod tab;
mod transcript;
mod trial;
mod user_settings;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch as channel};

pub use account::account_here;
pub use cli::{Cli, new_session_id, program_on_path};
pub use command::{Aside, AsideEnded};
pub use environment::{Environment, config_folder};
pub use patience::Patience;
pub use play::play;
pub use script::{ARGUMENT as SCRIPTED_ARGUMENT, Attempt as ScriptedAttempt, Script};
pub use setup::{SETUP_TRANSCRIPT, SetupPlace};
pub use status::STATUS_PATHS;
pub use transcript::Transcript;
pub use user_settings::UserSettings;

use super::error::{Doing, Result};
use super::mask::Mask;
use super::platform;
use super::process::{Spawn, Starting};
use crate::base::measure::{Millis, Usd};
use crate::base::name::SessionId;
use crate::engine::effect::{Launch, LaunchAction, SessionLaunch};
use crate::engine::outcome::evidence::{Ending, StatusFile};
use crate::engine::stream::{Progress, StreamFacts};
use crate::spec::config::{Link, SessionConfig};

use bounds::Whom;
use cli::Call;
use status::StatusPlaces;
use watch::Watched;

/// The folder for scratch files in an attempt's own folder.
pub const SCRATCH: &str = "tmp";

/// The file in an attempt's own folder that has all it says.
pub const TRANSCRIPT: &str = "transcript";

/// The file beside it that has what a session was told, secrets masked.
pub const PROMPT: &str = "prompt.md";

/// Whether an attempt is to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    #[default]
    No,
    /// SIGTERM, a grace period, then force.
    Politely,
    AtOnce,
}

/// Where an attempt runs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The working folder.
    pub worktree: PathBuf,
    /// A folder of the attempt's own, outside the worktree; made where it is missing.
    pub private: PathBuf,
    /// The repository's root, for paths in the configuration.
    pub root: PathBuf,
    /// What the worktree has links to, below the root.
    pub links: Vec<Link>,
    pub config: SessionConfig,
    /// What a resumed session has cost before, for CLIs that only know the total.
    pub base_cost: Usd,
    /// What a new session is called.
    pub session: SessionId,
}

/// What is told while an attempt runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// First of all: what a later orch may have to reap. Nothing of it runs before it is let begin.
    Started(Starting),
    /// The first that runs without the guard it has by default: why.
    Unguarded(String),
    Progress(Progress),
    /// It failed, and a guard may have kept it from writing: what it said of that.
    Hindered(String),
}

/// The facts of an attempt that is over; its processes are gone.
#[derive(Clone, Debug)]
pub struct Attempted {
    pub ending: Ending,
    /// Sessions only.
    pub stream: Option<StreamFacts>,
    pub status_file: StatusFile,
    pub stdout_tail: String,
    pub stderr_tail: String,
    pub session: Option<SessionId>,
    /// It was started, whatever came of it.
    pub has_run: bool,
    /// All that it said, secrets masked; a command that says nothing has no such file.
    pub transcript: PathBuf,
    /// What its session was told, secrets masked; a command, and what was not launched, has no such file.
    pub prompt: PathBuf,
    pub duration: Millis,
}

/// Runs attempts.
#[derive(Clone, Debug)]
pub struct Runner {
    shim: PathBuf,
    patience: Patience,
    /// Something ran without the guard it has by default, and that was said.
    is_unguarded: Arc<AtomicBool>,
}

impl Runner {
    /// With this very program as shim.
    pub fn new() -> Result<Self> {
        let shim = platform::own_program().doing("finding orch's own program", Path::new("."))?;
        Ok(Self::with_shim(shim))
    }

    /// With another `orch` as shim.
    pub fn with_shim(shim: PathBuf) -> Self {
        Self { shim, patience: Patience::default(), is_unguarded: Arc::default() }
    }

    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Runs `launch` to its end, however it ends. Only the machine failing is an error. Dropping
    /// the future ends the family by force.
    pub async fn run(
        &self,
        launch: &Launch,
        place: &Place,
        updates: mpsc::Sender<Update>,
        stop: channel::Receiver<Stop>,
    ) -> Result<Attempted> {
        let begun = Instant::now();
        let scratch = place.private.join(SCRATCH);
        fs::create_dir_all(&scratch).doing("making the attempt's folder", &scratch)?;
        let transcript = place.private.join(TRANSCRIPT);
        let prompt = place.private.join(PROMPT);
        let prepared = match self.prepare(launch, place)? {
            Ok(prepared) => prepared,
            Err(ending) => return Ok(not_launched(ending, [transcript, prompt], begun)),
        };
        if let Some(why) = prepared.unguarded {
            // Who does not listen is not told.
            let _ = updates.send(Update::Unguarded(why)).await;
        }
        let status_places = StatusPlaces::clear(&place.worktree)?;
        let watched = Watched {
            is_session: matches!(launch.action, LaunchAction::Session(_)),
            base_cost: place.base_cost,
            wall: launch.limits.wall.or(place.config.wall).map(duration_of),
            stall: launch.limits.stall.map(duration_of),
            patience: self.patience,
            config_folder: prepared.config_folder,
            mask: prepared.mask.clone(),
            transcript: transcript.clone(),
        };
        let mask = prepared.mask;
        let seen = watched.run(&prepared.spawn, updates.clone(), stop).await?;
        let guard = prepared.spawn.guard.as_ref().filter(|_| seen.ending != Ending::Exited(0));
        if let Some(line) = guard.and_then(|guard| guard.hindrance_in(&seen.stderr_tail)) {
            let _ = updates.send(Update::Hindered(line.to_owned())).await;
        }
        let streamed = seen.stream.as_ref().and_then(|stream| stream.session.clone());
        Ok(Attempted {
            ending: seen.ending,
            session: streamed.or(prepared.session),
            stream: seen.stream,
            status_file: status_places.collect(&mask)?,
            stdout_tail: seen.stdout_tail,
            stderr_tail: seen.stderr_tail,
            has_run: true,
            transcript,
            prompt,
            duration: millis_since(begun),
        })
    }

    fn prepare(
        &self,
        launch: &Launch,
        place: &Place,
    ) -> Result<std::result::Result<Prepared, Ending>> {
        let caller = |name: &str| std::env::var_os(name);
        let there = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let there: Vec<String> = there.collect();
        let extra = environment::named(&place.config.env, there.iter().cloned());
        let mut env = Environment::of(launch, &extra, &place.private, caller);
        let is_session = matches!(launch.action, LaunchAction::Session(_));
        let config_folder = env.config_folder().filter(|_| is_session);
        let settings = config_folder.as_deref().map(UserSettings::read).unwrap_or_default();
        env.hand_on(&settings.env);
        env.keep_git_in(&place.worktree);
        let mask = env.mask();
        let (argv, stdin, session) = match &launch.action {
            LaunchAction::Command(line) => {
                (command::argv_of(line, &place.private.join(SCRATCH))?, None, None)
            }
            LaunchAction::Session(session) => {
                let cli = match self.cli(place) {
                    Ok(cli) => cli,
                    Err(error) => {
                        let help = error.help.as_deref().unwrap_or_default();
                        return Ok(Err(Ending::NoCli(format!("{error}; {help}"))));
                    }
                };
                let id = session.resume.clone().unwrap_or_else(|| place.session.clone());
                let worktree = place.worktree.canonicalize();
                let worktree = worktree.doing("looking for the worktree", &place.worktree)?;
                let servers = servers::written(&session.servers, &worktree, &place.private)?;
                let servers = match servers {
                    Ok(file) => file,
                    Err(why) => return Ok(Err(Ending::Unequipped(why))),
                };
                let argv = cli.argv(&Call {
                    launch: session,
                    session: &id,
                    limits: &launch.limits,
                    worktree: &worktree,
                    settings: &settings,
                    servers: servers.as_deref(),
                });
                (argv, Some(write_prompt(session, place, &mask)?), Some(id))
            }
        };
        let whom = Whom {
            place,
            home: env.home(),
            config_folder: config_folder.clone(),
            is_session: session.is_some(),
        };
        let bound = match self.bound(argv, &launch.sandbox, &whom) {
            Ok(bound) => bound,
            Err(why) => return Ok(Err(Ending::LaunchFailed(why))),
        };
        let spawn = Spawn {
            shim: self.shim.clone(),
            argv: bound.argv,
            guard: bound.guard,
            keeping: keeping::of(&launch.sandbox, &self.shim),
            dir: place.worktree.clone(),
            env: env.to_vec(),
            stdin,
            private: place.private.clone(),
            marker: format!("{}-{}", std::process::id(), launch.attempt.0),
            checkout: place.root.clone(),
            mask: mask.clone(),
        };
        Ok(Ok(Prepared { spawn, session, config_folder, mask, unguarded: bound.unguarded }))
    }

    fn cli(&self, place: &Place) -> Result<Cli> {
        match &place.config.scripted {
            Some(script) => Ok(Cli::scripted(&self.shim, &place.root.join(script))),
            None => Cli::find(&place.config, &place.root),
        }
    }
}

struct Prepared {
    spawn: Spawn,
    session: Option<SessionId>,
    config_folder: Option<PathBuf>,
    mask: Mask,
    unguarded: Option<String>,
}

/// Writes what the session reads, and beside it what is kept of that.
fn write_prompt(session: &SessionLaunch, place: &Place, mask: &Mask) -> Result<PathBuf> {
    let (kept, stdin) = (place.private.join(PROMPT), place.private.join("stdin"));
    for (path, text) in [(&kept, &mask.text(&session.prompt)), (&stdin, &session.prompt)] {
        fs::write(path, text).doing("writing the prompt", path)?;
    }
    Ok(stdin)
}

fn not_launched(ending: Ending, [transcript, prompt]: [PathBuf; 2], begun: Instant) -> Attempted {
    Attempted {
        ending,
        stream: None,
        status_file: StatusFile::Absent,
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        session: None,
        has_run: false,
        transcript,
        prompt,
        duration: millis_since(begun),
    }
}

fn duration_of(span: Millis) -> Duration {
    Duration::from_millis(span.0)
}

fn millis_since(begun: Instant) -> Millis {
    Millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}
