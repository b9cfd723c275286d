//! What threads do for a build, each with what it needs and nothing of the loop's: they tell it what
//! came of it.

pub mod archive;
mod aside;
pub mod attempt;
mod bench;
mod claims;
mod collect;
mod exhibits;
pub mod folders;
mod guarded;
mod needs;
mod output;
mod plan;
pub mod server;
pub mod smoke;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::name::{AttemptId, RelPath, SessionId};
use crate::engine::event::SmokeReport;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::stream::Progress;
use crate::host::error::{Doing, Result};
use crate::host::git::Repository;
use crate::host::inbox;
use crate::host::land::kept::Kept;
use crate::host::process::Starting;
use crate::host::session::Runner;
use crate::host::state::State;
use crate::host::store::Store;
use crate::host::worktree::Pool;
use crate::spec::config::Config;

use archive::Reply;
use folders::Folders;

/// What attempts and smoke tests share, across threads.
#[derive(Clone)]
pub struct Workshop {
    pub root: Arc<Path>,
    pub repo: Repository,
    pub pool: Arc<Pool>,
    pub runner: Arc<Runner>,
    pub folders: Arc<Folders>,
    pub config: Arc<Config>,
    /// Plan files that are read beside the active ones.
    pub extra_plans: Arc<[RelPath]>,
    pub store: Store,
}

impl Workshop {
    /// Worktrees that dead runs left are swept, but for those whose sessions may go on.
    pub fn open(state: &State, runner: Runner) -> Result<Self> {
        let config = Arc::new(state.config().clone());
        let refusals = inbox::refusals_of(state.root());
        fs::create_dir_all(&refusals).doing("making a folder for refusals", &refusals)?;
        let pool = Pool::open(&state.checkout.repo, &config.worktree)?;
        pool.sweep()?;
        pool.unpark_all_but(&parked_sessions(state))?;
        Ok(Self {
            root: Arc::from(state.root()),
            repo: state.checkout.repo.clone(),
            pool: Arc::new(pool),
            runner: Arc::new(runner),
            folders: Arc::new(Folders::below(state.root())),
            config,
            extra_plans: state.loaded.extra.as_slice().into(),
            store: state.store.clone(),
        })
    }

    /// The config was edited: what starts from now on goes by the new one.
    pub fn take_config(&mut self, config: &Config) -> Result<()> {
        if config.worktree != self.config.worktree {
            self.pool = Arc::new(Pool::open(&self.repo, &config.worktree)?);
        }
        self.config = Arc::new(config.clone());
        Ok(())
    }
}

/// Sessions that wait for an answer in their worktrees, or that may go on where they were ended.
fn parked_sessions(state: &State) -> BTreeSet<SessionId> {
    let tasks = state.engine.history().tasks();
    let sessions = tasks.flat_map(|(_, past)| {
        let ended = past.left_off.as_ref().map(|it| &it.session);
        past.dialogue.parked_session().into_iter().chain(ended)
    });
    sessions.cloned().collect()
}

/// Removes what an earlier session left at a place below `.orch` of a worktree, and links that it may
/// have put in the way.
fn clear_way(root: &Path, place: &Path) -> Result<()> {
    for at in [&root.join(".orch"), place.parent().unwrap_or(root), place] {
        let removed = match fs::symlink_metadata(at) {
            Ok(meta) if meta.is_dir() && at == place => fs::remove_dir_all(at),
            Ok(meta) if !meta.is_dir() => fs::remove_file(at),
            _ => Ok(()),
        };
        removed.doing("clearing the way in a worktree", at)?;
    }
    Ok(())
}

/// What the loop hears.
pub enum Message {
    /// A family of it waits until it is on record.
    Started {
        attempt: AttemptId,
        family: Starting,
    },
    /// It failed, and a guard may have kept it from writing: what it said of that.
    Hindered {
        attempt: AttemptId,
        line: String,
    },
    /// The first that runs without the guard it has by default: why.
    Unguarded(String),
    Progress {
        attempt: AttemptId,
        progress: Progress,
    },
    Ended {
        attempt: AttemptId,
        evidence: Box<Evidence>,
        kept: Option<Box<Kept>>,
        /// Its own folder: once its end is journaled nobody needs it any more.
        scratch: PathBuf,
    },
    /// The command of a smoke test runs.
    SmokeStarted {
        attempt: AttemptId,
    },
    SmokeEnded {
        attempt: AttemptId,
        report: Box<SmokeReport>,
    },
    /// The store's thread has done what it was asked first of what it has not answered yet.
    Archived(Result<Reply>),
    /// It is over since the machine failed around it, on orch's own side.
    MachineFailed {
        attempt: AttemptId,
        evidence: Box<Evidence>,
        scratch: PathBuf,
    },
}
