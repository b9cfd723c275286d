//! How an attempt can end: the closed set of outcome classes, with their names, and what each says
//! about the work.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

/// How an attempt ended, as one of a closed set.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
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
    /// It cannot go on without a person's answer.
    Asked,
    /// A validator said FAIL.
    Rejected,
    /// A validator reached no verdict within its attempts.
    NoVerdict,
    /// The patch does not merge onto what landed meanwhile.
    Conflict,
    /// It changed its plan in a way that is not a session's, or that does not hold.
    PlanRefused,
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
    /// The CLI or the service refuses what this very task asks for: its model, `bypass` as root.
    LaunchRefused,
    Stalled,
    TimedOut,
    /// A command exited with something else than 0.
    CommandFailed,
    Unknown,
}

impl OutcomeClass {
    /// Its name in documents, the journal and messages.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// All but `Done`: what a rule can say something of.
    pub fn failures() -> impl Iterator<Item = Self> {
        Self::iter().filter(|it| *it != Self::Done)
    }

    /// The service or the network, not the work: the same attempt may well succeed later.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::PlanLimit
                | Self::Throttled
                | Self::Overloaded
                | Self::ServerError
                | Self::Network
        )
    }

    /// False for failures that another key would meet, too: limits, and what orch itself ended.
    pub fn is_about_the_task(self) -> bool {
        !matches!(
            self,
            Self::PlanLimit
                | Self::Auth
                | Self::Billing
                | Self::LaunchFailure
                | Self::Aborted
                | Self::Asked
        )
    }

    /// False where the task is not to blame, so that the attempt is not held against it.
    pub fn counts_as_attempt(self) -> bool {
        !self.is_transient()
            && !matches!(
                self,
                Self::Aborted | Self::Asked | Self::Auth | Self::Billing | Self::LaunchFailure
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_one_name_in_documents_and_journal() {
        for class in OutcomeClass::iter() {
            let journaled = serde_json::to_value(class).unwrap();
            assert_eq!(journaled, class.as_str());
            assert_eq!(OutcomeClass::named(class.as_str()), Some(class));
        }
    }
}
