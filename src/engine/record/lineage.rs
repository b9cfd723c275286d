//! Which landings touched which path, in order: read from git's trailers by the host, told as values.

use serde::{Deserialize, Serialize};

use crate::base::file::FileChange;
use crate::base::measure::Usd;
use crate::base::name::{
    ActionKey, CommitId, ModelName, OutputDigest, RecipeDigest, SessionId, TaskRef, ValidatorName,
    VerdictKey,
};
use crate::engine::report::ReportMark;

/// One accepted patch on the integration branch, as its commit's trailers and trees tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// Position among all landings and receipts, oldest 0; those of one commit share it.
    pub order: u32,
    pub commit: CommitId,
    pub task: TaskRef,
    pub action: ActionKey,
    /// `None` where the key is of an earlier form.
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    /// Its report, whose text the commit's message has.
    pub report: Option<ReportMark>,
    pub session: Option<SessionId>,
    pub model: Option<ModelName>,
    pub cost: Usd,
    pub verdicts: Vec<VerdictMark>,
    /// The task's own files, sorted by path; the plan's status line that rode along is not among them.
    pub changes: Vec<FileChange>,
}

/// An accepted result that changed no file, as a receipt commit tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub order: u32,
    pub commit: CommitId,
    pub task: TaskRef,
    pub action: ActionKey,
    /// `None` where the key is of an earlier form.
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    /// Its report, whose text the commit's message has.
    pub report: Option<ReportMark>,
    pub verdicts: Vec<VerdictMark>,
}

/// A verdict that let a landing pass, from an `Orch-Verdict` trailer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VerdictMark {
    pub validator: ValidatorName,
    /// WARN rather than PASS.
    pub warned: bool,
    pub key: VerdictKey,
}

/// A place in what has landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// This landing with all before it.
    With(CommitId),
    /// All before it.
    Before(CommitId),
}

/// All that git knows, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The integration tip it was read at.
    pub tip: Option<CommitId>,
    pub landings: Vec<Landing>,
    pub receipts: Vec<Receipt>,
}
