//! What a driver asks for.

use crate::base::name::TaskRef;
use crate::spec::item::kind::ARCHIVE;
use crate::spec::item::stages::item_of;
use crate::spec::quota::Quota;

/// What a driver asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Build(BuildRequest),
    /// Start nothing new, end nothing.
    Stop,
}

/// `orch build` and its flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildRequest {
    /// `None` is everything active.
    pub targets: Option<Vec<TaskRef>>,
    /// Open backlog items are among everything.
    pub items: bool,
    /// Items that are done are archived.
    pub archives: bool,
    /// Run these whatever the cache has.
    pub force: Vec<TaskRef>,
    /// Only the targets, not what they need.
    pub only: bool,
    /// Go on with unrelated work after a failure.
    pub keep_going: bool,
    /// Cache only: nothing may run.
    pub offline: bool,
    /// Buy finished work again, however much it is.
    pub allows_rebuying: bool,
    /// Make again what was made by another recipe.
    pub renews_recipes: bool,
    /// Do not look for cached results.
    pub no_cache: bool,
    pub jobs: u32,
    /// Stay alive and build again on changes.
    pub watch: bool,
    /// What the build may spend, as far as flags say.
    pub budget: Quota,
    /// Which models, where that is not as plans and settings say.
    pub models: crate::engine::escalate::ModelFlags,
    /// Leave out what stands before this task in its plan.
    pub resume_from: Option<TaskRef>,
    pub amount: Amount,
    /// Run no smoke test.
    pub skip_smoke: bool,
    /// Tasks beside those in the documents, known to be up to date: they are counted, and no more.
    pub n_resting: u32,
    /// How many of all tasks were skipped when they were last looked at.
    pub n_skipped: u32,
}

impl BuildRequest {
    /// Plans and items.
    pub fn of_all() -> Self {
        Self { items: true, archives: true, ..Self::default() }
    }

    /// True for a task that is built where nothing is named, if its plan is active.
    pub fn asks_for_all_of(&self, task: &TaskRef) -> bool {
        (item_of(&task.plan).is_none() || self.items) && !self.leaves(task)
    }

    /// True for the end of an item that is to stay where it is.
    pub fn leaves(&self, task: &TaskRef) -> bool {
        !self.archives && item_of(&task.plan).is_some() && task.task.as_str() == ARCHIVE
    }
}

/// How much of what could run is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    #[default]
    All,
    /// One task, the first in the file (`--single-task`).
    OneTask,
    /// What can start at once (`--single-task --parallel`).
    OneBatch,
}
