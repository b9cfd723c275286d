//! What keeps sessions from running although no task is to blame.

use crate::base::measure::{Millis, Usd};
use crate::base::name::{PlanName, TaskRef};
use crate::engine::limits::Window;
use crate::spec::outcome::OutcomeClass;

/// Why no new session starts in this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A window of the account's plan is used up, and nobody waits for its reset.
    Limit(UsedUp, Unawaited),
    /// The session's program is nowhere: where it was looked for, and how to name it.
    NoCli(String),
    /// A session ended so that others would, too: how, as the journal has it.
    Ended { class: OutcomeClass, message: String },
    /// The service was away for longer than anybody wants to wait; the last failure was of this class.
    Outage(OutcomeClass, Outage),
}

impl Hold {
    /// The failure that holds sessions back.
    pub fn class(&self) -> OutcomeClass {
        match self {
            Self::Limit(..) => OutcomeClass::PlanLimit,
            Self::NoCli(_) => OutcomeClass::LaunchFailure,
            Self::Ended { class, .. } | Self::Outage(class, _) => *class,
        }
    }
}

/// What keeps sessions from starting until somebody finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barrier {
    UsedUp(UsedUp),
    Outage(Outage),
}

/// A window of the account's plan that is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedUp {
    pub window: Window,
    /// Seconds since 1970; absent where nothing says it.
    pub resets_at: Option<u64>,
    /// Its reset was over when this was found.
    pub is_over: bool,
}

/// The service failed so many times in a row, the last time with these words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub n_failures: u32,
    pub said: String,
}

/// Why nobody waits for a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unawaited {
    /// The settings say so.
    Never,
    /// The build waited so many times before.
    TooOften(u32),
    /// It is further away than this.
    TooFar(Millis),
}

/// Why there is no money for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// What is left of a bound, if anything, is less than the likely need.
    Overdrawn { scope: Scope, limit: Usd, spent: Usd, need: Usd },
    /// What is left is set aside for what runs.
    SetAside,
}

/// What a bound of money holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Run,
    Day,
    Plan(PlanName),
    /// A backlog item with all that is made of it, by its stem.
    Item(String),
    Task(TaskRef),
}
