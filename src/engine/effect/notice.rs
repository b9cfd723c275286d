//! What a build tells people, as data: words are made of it where it is shown.

use crate::base::digest::Difference;
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{PlanName, TaskRef, ValidatorName};
use crate::engine::broken::Fault;
use crate::engine::limits::Window;
use crate::engine::outcome::Verdict;
use crate::engine::plan_change::ChangeReport;
use crate::engine::record::{Provenance, Score, SmokeOutcome};
use crate::engine::why::Obstacle;
use crate::engine::why::{Barrier, Help, Hold, Rebuy, Shortage, UsedUp, Why};

/// Something worth telling people once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    TaskStarted {
        task: TaskRef,
        name: String,
        number: u32,
        reason: Why,
    },
    TaskFinished {
        task: TaskRef,
        how: Finished,
    },
    TaskRetried {
        task: TaskRef,
        why: Why,
        wait: Millis,
    },
    TaskFailed {
        task: TaskRef,
        why: Why,
        help: Option<Help>,
    },
    /// It did not fail: a limit, a missing login or a missing program keeps it from running.
    TaskHeld {
        task: TaskRef,
        why: Why,
    },
    /// Its session asks a person something and waits for `orch answer`.
    TaskAsked {
        task: TaskRef,
        question: String,
        options: Vec<String>,
    },
    TaskBlocked {
        task: TaskRef,
        by: TaskRef,
    },
    Validated {
        task: TaskRef,
        validator: ValidatorName,
        verdict: Verdict,
        findings: Vec<String>,
    },
    /// A competition has a winner.
    Judged {
        task: TaskRef,
        winner: String,
        /// Every label that was scored.
        scores: Vec<(String, Score)>,
        reasons: String,
        /// Refs of those that lost.
        kept: Vec<String>,
    },
    Parked {
        task: TaskRef,
        obstacle: Obstacle,
    },
    /// A session changed its plan.
    PlanChanged(ChangeReport),
    SmokeStarted {
        plans: Vec<PlanName>,
    },
    SmokeEnded {
        plans: Vec<PlanName>,
        outcome: SmokeOutcome,
        message: String,
        /// The end of its output.
        tail: Vec<String>,
    },
    /// A build that stays has nothing to do at present.
    Rested {
        accepted: u32,
        wanted: u32,
    },
    /// No session starts for now; the first tries at this moment.
    Waiting {
        why: Barrier,
        until: Moment,
    },
    /// What was waited for is over.
    Resumed {
        why: Reopened,
    },
    Warning(Warning),
    /// Something went wrong inside of orch itself: the build ends as failed.
    Fault(Fault),
}

impl Notice {
    /// A warning in words of their own.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning(Warning::Said(text.into()))
    }
}

/// Something that people should know, and that stops nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// In words of the host, or of a record.
    Said(String),
    /// The same, of a task.
    OfTask(TaskRef, String),
    /// No further session starts in this build.
    SessionsHeld(Hold),
    /// No further session of a model starts, whose window of the account's plan is used up.
    ModelHeld(Hold),
    /// The reset of a window that is used up should be over: one session finds out.
    LimitDoubted(UsedUp),
    /// Of a window so many thousandths are used, or most: fewer sessions run at once.
    LimitNear { window: Window, permille: Option<u16>, at_once: u32 },
    /// Something does not start for lack of money, the first time.
    BudgetReached(Shortage),
    /// So many tasks of a plan failed in a row: no more of it starts.
    PlanStopped { plan: PlanName, n_failed: u32 },
    /// So much finished work would be bought again, for these causes: it is held.
    BoughtAgain { amount: Rebuy, causes: Vec<Difference> },
    /// Its session says that it changed the plan, and did not.
    PlanUntouched(TaskRef),
    /// Its cached result is taken without what it changed in the plan: why.
    PlanChangeLeftOut { task: TaskRef, why: String },
    /// Its status could not be written into its plan: why.
    StatusUnwritten { task: TaskRef, why: String },
    /// It has no key at present: that a person accepted it came to nothing.
    AcceptedUnkeyed(TaskRef),
    /// A person answered, and it asks nothing.
    AnswerUnasked { task: TaskRef, answer: String },
}

/// How a task came to its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub provenance: Provenance,
    pub duration: Millis,
    pub cost: Usd,
    pub n_files: usize,
}

/// What lets sessions start again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reopened {
    /// This window of the account's plan is open.
    Window(Window),
    /// The service answers.
    Service,
}
