//! What a build remembers of a task from attempt to attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::digest::Difference;
use crate::base::measure::{Moment, Usd};
use crate::base::name::{ActionKey, RecipeDigest, RelPath, SessionId, TaskRef, VerdictKey};
use crate::engine::event::Conflict;
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Provenance;
use crate::engine::why::Why;
use crate::spec::plan::Validator;

/// How far outputs that are gone were looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sought {
    #[default]
    Nothing,
    Looked,
    /// They were put back, as far as that could be done.
    Restored,
}

/// What a task broke of another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rework {
    /// Whose work it was.
    pub of: TaskRef,
    /// That it lets this pass, too, is asked of the next result.
    pub validator: Validator,
    /// Under it the journal has that the task was made again for this.
    pub key: VerdictKey,
    pub findings: Vec<String>,
}

/// What this build remembers of a task from attempt to attempt.
#[derive(Clone, Debug, Default)]
pub struct TaskRun {
    /// The key that all this is about; another one starts afresh.
    pub key: Option<ActionKey>,
    /// How it was to be made when it was given up.
    pub recipe: Option<RecipeDigest>,
    /// How the task was given up under this key: it is not tried again unless somebody asks.
    pub gave_up: Option<OutcomeClass>,
    /// The plan has said so: a `pending` there since is a person's word.
    pub has_shown_failure: bool,
    /// It does not run again before this moment.
    pub not_before: Option<Moment>,
    /// A person asked for it again: what its validators said before is asked anew.
    pub is_asked_for: bool,
    /// What was done about outputs of it that are gone.
    pub sought: Sought,
    /// What its blocking was last blamed on.
    pub blocked_by: Option<TaskRef>,
    /// How it was accepted under this key in this build.
    pub accepted: Option<Provenance>,
    /// Attempts that counted, and those that did not.
    pub n_tries: u32,
    pub n_transient: u32,
    /// Attempts that met what is for all of the tasks: limits, and as probes.
    pub n_unheld: u32,
    /// How often an attempt ended so, for the ladder's next step.
    pub n_of: BTreeMap<OutcomeClass, u32>,
    /// How often the ladder asked for the next model, and for more thought.
    pub n_escalations: u32,
    pub n_efforts: u32,
    /// When its inputs were last looked at, where that was for it alone.
    pub seen_at: Option<Moment>,
    /// What its landing broke: it is made again, once.
    pub rework: Option<Rework>,
    /// FAIL verdicts in this build.
    pub n_rejections: u32,
    /// Why it runs or does not.
    pub reason: Why,
    /// What differs from its last accepted result, whatever it runs for.
    pub changed: Arc<[Difference]>,
    /// What the last attempt that counted failed by.
    pub previous_error: Option<String>,
    /// How the last attempt ended, and why: what a session that goes on is told.
    pub last_end: Option<(OutcomeClass, String)>,
    pub findings: Vec<String>,
    pub conflict: Option<Conflict>,
    /// Proposals, by number, that need not be asked for again under this key: why.
    pub outs: BTreeMap<u32, String>,
    /// The session that goes on, in its parked worktree.
    pub resume: Option<SessionId>,
    /// What that session has seen, and was not let read, so far.
    pub has_looked: bool,
    pub unread: Vec<RelPath>,
    pub cost: Usd,
    pub warnings: Vec<String>,
}
