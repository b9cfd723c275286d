//! The classifier: from evidence to a closed set of outcomes. Structure decides; text is read for a
//! limit only inside a synthetic API-error message. `Unknown` is loud.

use serde::{Deserialize, Serialize};

/// How an attempt ended, as one of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeClass {
    Done,
    /// The status file says failed.
    FailedByStatus,
    /// The session ended well but left no usable status file.
    NoStatus,
    /// The status file names another task.
    WrongTask,
    /// Nothing changed where the task must change something.
    NoChange,
    /// A declared output is missing, or something outside the allowed outputs was written.
    OutputMismatch,
    /// A validator said FAIL.
    Rejected,
    /// A validator reached no verdict within its attempts.
    NoVerdict,
    /// The patch does not merge onto what landed meanwhile.
    Conflict,
    PlanLimit,
    Throttled,
    Overloaded,
    ServerError,
    Network,
    Auth,
    Billing,
    ContextOverflow,
    Refused,
    TurnCap,
    BudgetCap,
    SchemaMiss,
    PermissionDenied,
    Aborted,
    Killed,
    LaunchFailure,
    Stalled,
    TimedOut,
    /// A command exited with something else than 0.
    CommandFailed,
    Unknown,
}

/// What a validator said. No verdict is never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}
