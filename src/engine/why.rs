//! Why a task stands where it does: causes with their data. Words are made of them where they are shown.

mod hold;
mod item;
mod obstacle;
mod wait;

pub use hold::{Barrier, Hold, Outage, Scope, Shortage, Unawaited, UsedUp};
pub use item::ItemHold;
pub use obstacle::{Obstacle, Parked, ParkedCount};
pub use wait::{Clash, How, Wait, Waiting};

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::digest::Difference;
use crate::base::measure::Usd;
use crate::base::name::{ActionKey, OutputDigest, RelPath, TaskRef, ValidatorName};
use crate::engine::graph::Breach;
use crate::spec::outcome::OutcomeClass;
use crate::spec::plan::{Dependency, Pin};
use crate::spec::rule::ActionKind;

/// Why a task runs or does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// Its state says all there is to say.
    #[default]
    Untold,
    /// What something outside said of it, in its own words.
    Said(String),

    /// No result of it was ever accepted.
    Unbuilt,
    /// What differs from its last accepted result, as far as that is known.
    InputsChanged(Arc<[Difference]>),
    /// It was paid for, and would be bought again with others: held until a person lets it go.
    BoughtAgain {
        changes: Arc<[Difference]>,
        amount: Rebuy,
    },
    /// A person answered what its session had asked.
    Answered(String),
    /// Its last attempt of an earlier build was kept from running: how, as the journal has it.
    HeldBefore(String),
    /// Its session of an earlier build was cut off: how, as the journal has it. What it left is gone on
    /// from.
    CutOff(String),
    /// It failed in an earlier build: how, as the journal or its plan has it.
    FailedBefore(String),
    /// Files that its result left are gone; a command makes them again.
    OutputGone {
        paths: Vec<RelPath>,
        action: ActionKind,
    },
    /// So many tasks of its plan failed in a row.
    PlanStopped {
        n_failed: u32,
    },
    /// Its status was set back to `pending`.
    SetBack,
    /// It was made by another recipe, and is to be made by the present one.
    RecipeChanged,
    /// By a flag.
    Forced,
    /// By `orch retry`.
    AskedFor,
    /// By `orch reset`.
    Forgotten,
    /// Its cache is `never` used.
    NeverCached,
    VerdictFails,
    /// Its landing broke what this validator of another task looks at.
    Broke(TaskRef, ValidatorName),
    VerdictStale(ValidatorName),
    VerdictRenewed,
    /// Its last result was refused, and is judged anew before another is made.
    AskedAgain,

    /// A build would replay its result, without a session.
    InCache,
    NotInCacheOffline,
    /// Its pin leads to no result.
    Pinned(Pin, Misfit),

    UpToDate,
    Skipped,
    /// The plan says that it was done, and nothing else tells of it.
    Adopted,
    /// It was done, and its agent or rule is there no more.
    DoneBefore,

    /// It waits for what is before it; for this task first, where one can be named.
    Behind(Option<TaskRef>),
    /// It is decided once that one has run.
    DecidedAfter(TaskRef),
    BlockedBy(TaskRef),
    /// It could start, and something keeps it in the queue.
    Waits(Wait),
    /// Its session asks this.
    Asks(String),
    /// Its plan says so.
    Suspended,

    NotStarted,
    Stopped,
    Held(Hold),
    /// There is no money for it.
    Budget(Shortage),
    /// Nothing starts for its backlog item.
    Item(ItemHold),
    /// Its plan file has errors.
    PlanWrong(RelPath),
    /// What it needs has no accepted result.
    Needs(TaskRef),
    /// A dependency of it on another plan leads nowhere.
    NeedBroken(Dependency, Breach),
    /// Its rule or agent is unknown.
    NoRecipe,
    /// Its prompt cannot be rendered: why.
    NoPrompt(String),
    /// Its rule runs a command, and there is none.
    NoCommand,

    /// How its last attempt ended; the message is that of the journal.
    Ended {
        class: OutcomeClass,
        message: String,
    },
    /// Its session had spent all that was set aside for it.
    ShareSpent(Usd),
    /// A fault of orch ended its attempt.
    BrokenOff,
    /// Its proposals were not judged.
    Unjudged,
    /// What it reads has changed since that.
    Outdated(Box<Why>),
}

/// Finished work that is made again: tasks, their sessions, and what these are likely to cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuy {
    pub tasks: u32,
    /// Validators' and judges' too.
    pub sessions: u32,
    /// By what was paid for such work before.
    pub usd: Usd,
    /// Beside that, of what nothing like it was ever paid for.
    pub guessed: Usd,
}

impl Rebuy {
    /// All that it may come to.
    pub fn about(self) -> Usd {
        self.usd + self.guessed
    }
}

impl std::ops::Add for Rebuy {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            tasks: self.tasks + other.tasks,
            sessions: self.sessions + other.sessions,
            usd: self.usd + other.usd,
            guessed: self.guessed + other.guessed,
        }
    }
}

/// Why a pin leads to no result that could be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Nothing is cached for the task's key.
    NothingCached(ActionKey),
    /// Only others are.
    OthersCached(ActionKey, BTreeSet<OutputDigest>),
    /// It fits all of these.
    Several(BTreeSet<OutputDigest>),
    /// The store has lost these files of the result.
    Lost(Vec<RelPath>),
    /// These files are not what its session read.
    ReadOther(Vec<RelPath>),
    /// A validator has refused it.
    Refused,
    /// It was tried, and that came of it.
    NotTaken(Box<Why>),
}

/// What a person can do about a task that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Help {
    /// Look at both sides of a conflict, by what git calls them.
    Compare { tip: String, kept_as: String },
    /// Ask for another model or permission: the session was refused for what it asks for.
    AskForLess,
    /// It is tried again where a person asks for it.
    AskAgain,
}
