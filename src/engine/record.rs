//! What is written down: journal records and accepted results. State is a fold over the records.

mod accepted;
pub mod lineage;
pub mod question;
mod score;
mod spend;
mod texts;

use crate::engine::report::Report;

pub use accepted::{Accepted, Provenance, Rekeyed};
pub use score::Score;
pub use spend::{Basis, Spend, is_subscription};

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Recorded};
use crate::base::file::{FileState, Patch};
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{
    AccountId, ActionKey, AttemptId, CommitId, ModelName, OutputDigest, PlanName, RecipeDigest,
    RelPath, SessionId, TaskRef, ValidatorName, VerdictKey,
};
use crate::spec::plan::Status;

use crate::engine::limits::Window;
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::plan_change::PlanChange;

use question::Question;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    RunStarted {
        at: Moment,
        pid: u32,
        version: String,
        args: Vec<String>,
    },
    AttemptStarted {
        at: Moment,
        attempt: AttemptId,
        task: TaskRef,
        key: ActionKey,
        /// How its result is to be made; records of earlier versions have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<RecipeDigest>,
        number: u32,
        /// Set where the attempt validates another's result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validator: Option<ValidatorName>,
        /// It costs nothing: no session.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_command: bool,
    },
    /// A process that orch started: what the next start may reap if it still lives.
    ProcessStarted {
        attempt: AttemptId,
        pid: u32,
        start_ticks: u64,
    },
    AttemptEnded(Box<AttemptEnded>),
    Accepted(Box<Accepted>),
    /// A result of an earlier form of keys has its present key.
    Rekeyed(Box<Rekeyed>),
    VerdictReached(Box<VerdictReached>),
    /// A proposal of a competition is done and kept.
    Proposed(Box<Proposed>),
    /// A competition has a winner.
    Judged(Box<Judged>),
    /// A status that orch wrote into the plan file.
    StatusWritten {
        at: Moment,
        task: TaskRef,
        status: Status,
        /// An uncommitted edit of a tracked file: where the file is as committed again, a stash or a
        /// checkout took it away.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_loose: bool,
    },
    /// A person's decision.
    Decided {
        at: Moment,
        task: TaskRef,
        decision: Decision,
    },
    /// A session ended with a question; its worktree is kept.
    Asked(Box<Question>),
    /// A person answered a task's open question.
    Answered {
        at: Moment,
        task: TaskRef,
        text: String,
    },
    /// A window of the account's plan was used up.
    LimitHit {
        at: Moment,
        window: Window,
        /// Seconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resets_at: Option<u64>,
        /// Whose it is; absent where nobody knows: then it is everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
    },
    /// A session came through in it again, or a person said that it is over. Without an account
    /// it is so for all.
    LimitLifted {
        at: Moment,
        window: Window,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
    },
    SmokeEnded(Box<SmokeEnded>),
    /// A landing changed what another task of the plan has made: that is judged once more when all of the
    /// plan is accepted. Not `is_open`: it was.
    PlanToClose {
        at: Moment,
        plan: PlanName,
        is_open: bool,
    },
    /// No more attempts are made at a task under this key for now. Its last attempt may have ended well,
    /// as before a conflict.
    GaveUp {
        at: Moment,
        task: TaskRef,
        key: ActionKey,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<RecipeDigest>,
        class: OutcomeClass,
        message: String,
    },
    RunEnded {
        at: Moment,
        exit: u8,
    },
}

/// One attempt is over, however it went. Costs are counted from these, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnded {
    pub at: Moment,
    pub attempt: AttemptId,
    pub task: TaskRef,
    pub key: ActionKey,
    /// How its result was to be made; records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeDigest>,
    pub number: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<ValidatorName>,
    pub outcome: OutcomeClass,
    /// Its rule does not hold such an end against the task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_uncounted: bool,
    /// One line for people.
    pub message: String,
    /// Of this attempt alone, whatever its session had cost before.
    pub cost: Usd,
    /// Sessions only; records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Spend::is_nothing")]
    pub spend: Spend,
    pub model: Option<ModelName>,
    pub session: Option<SessionId>,
    pub transcript: Option<Digest>,
    /// What its session was told, in the store; records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Digest>,
    pub duration: Millis,
    /// What the session asked to be told on Slack, as it wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slack_messages: Vec<serde_json::Value>,
}

impl AttemptEnded {
    /// The build's budget cut it short, nothing of its own.
    pub fn is_at_budget(&self) -> bool {
        self.outcome == OutcomeClass::BudgetCap && self.spend.is_budget_bound
    }
}

/// A plan's smoke test was run, or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeEnded {
    pub at: Moment,
    pub plan: PlanName,
    /// Of the tree it looked at and of what was run.
    pub key: Digest,
    pub outcome: SmokeOutcome,
    /// One line for people.
    pub message: String,
    /// All that it said, in the store. It is kept in the state, too: always written.
    #[serde(default)]
    pub transcript: Option<Digest>,
    pub duration: Millis,
}

/// What came of a smoke test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmokeOutcome {
    Passed,
    Failed,
    /// It could not be run here and now, for a reason that is no fault: that is no pass.
    Skipped,
    /// It passed before on this very tree.
    Unchanged,
    /// The build was stopped.
    Stopped,
    /// The project has none.
    Absent,
}

impl SmokeOutcome {
    /// True where something was started.
    pub fn has_run(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Stopped)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Stopped => "stopped",
            Self::Absent => "absent",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReached {
    pub at: Moment,
    pub task: TaskRef,
    pub validator: ValidatorName,
    pub key: VerdictKey,
    pub verdict: Verdict,
    pub findings: Vec<String>,
}

/// A result that waits for its judge. It is kept in the state, too: no field may be left out. It is not made again while its task's key is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    pub at: Moment,
    pub task: TaskRef,
    pub key: ActionKey,
    pub attempt: AttemptId,
    /// Counts the proposals of one competition from 1.
    pub number: u32,
    pub label: String,
    /// The ref of its commit; `None` where it changed no file.
    pub kept_as: Option<String>,
    pub commit: Option<CommitId>,
    pub patch: Patch,
    pub model: Option<ModelName>,
    pub cost: Usd,
    pub session: Option<SessionId>,
    pub transcript: Option<Digest>,
    pub duration: Millis,
    pub message: Option<String>,
    /// Its last text, where that is all it gave.
    pub answer: Option<String>,
    /// As in [`AcceptedResult`].
    pub read_set: Vec<(RelPath, Option<FileState>)>,
}

/// Who won a competition, by whose word, and who took part: what the labels hid from the judge. Kept in
/// the state, too: no field may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub at: Moment,
    pub task: TaskRef,
    pub key: ActionKey,
    pub winner: String,
    /// The judging attempt; `None` where only one proposal was left.
    pub judge: Option<AttemptId>,
    pub judge_model: Option<ModelName>,
    pub judge_cost: Usd,
    pub reasons: String,
    pub entrants: Vec<Entrant>,
}

/// One that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrant {
    pub label: String,
    /// `None` where it had failed before the judge came.
    pub score: Option<Score>,
    pub attempt: Option<AttemptId>,
    pub model: Option<ModelName>,
    pub cost: Usd,
    pub session: Option<SessionId>,
    pub kept_as: Option<String>,
    /// Why it was out.
    pub out: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Run again, whatever the cache has.
    Retry,
    Skip,
    /// Take the present files as the task's result.
    Accept,
    /// Forget what is recorded for the task.
    Reset,
}

impl Decision {
    /// The command that says it.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Accept => "accept",
            Self::Reset => "reset",
        }
    }
}

/// An accepted result in the action cache: one of possibly several candidates for its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedResult {
    pub key: ActionKey,
    /// How it was made; `None` in results of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeDigest>,
    pub task: TaskRef,
    /// Contents are blobs in the store.
    pub patch: Patch,
    pub output: OutputDigest,
    /// What the session read or wrote, as it was before it started.
    pub read_set: Vec<(RelPath, Option<FileState>)>,
    pub verdicts: Vec<VerdictReached>,
    pub manifest: Recorded,
    pub at: Moment,
    pub duration: Millis,
    pub cost: Usd,
    pub model: Option<ModelName>,
    pub session: Option<SessionId>,
    pub transcript: Option<Digest>,
    pub message: Option<String>,
    /// Its answer, where that is an output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// What the session changed in its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_change: Option<PlanChange>,
    /// A validator said FAIL of it: it is kept to be judged anew, and counts for nothing until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_refused: bool,
}

/// Which results the action cache is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    None,
    /// Only those that a validator refused: it is to be asked again.
    Refused,
    /// Only those that were made so.
    Made(RecipeDigest),
    All,
}

impl Lookup {
    pub fn takes(self, result: &AcceptedResult) -> bool {
        match self {
            Self::None => false,
            Self::Refused => result.is_refused,
            Self::Made(recipe) => !result.is_refused && result.recipe == Some(recipe),
            Self::All => true,
        }
    }
}
