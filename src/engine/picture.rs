//! The plain snapshot that every surface reads.

mod paint;

pub use paint::{Painter, counts_of, is_at_rest};

pub use crate::engine::admission::{Activity, Phase};
pub use crate::engine::jobs::smoke::SmokePicture;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::base::measure::{Billing, Moment, Usd};
use crate::base::name::{ActionKey, CommitId, ModelName, PlanName, RuleName, TaskRef};
use crate::engine::why::Parked;
use crate::spec::plan::Status;

use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Provenance;
use crate::engine::why::{Clash, Hold, ItemHold, Waiting, Why};

/// Where everything stands at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub plans: Vec<PlanPicture>,
    /// In plan and file order.
    pub tasks: Vec<TaskPicture>,
    pub counts: Counts,
    /// Spent by this run of orch, every attempt counted.
    pub cost: Usd,
    /// What its amounts are.
    pub billing: Billing,
    /// What is left of the bounds that hold for all that runs: the build's and the day's.
    pub budget: Option<Usd>,
    pub started: Moment,
    /// Why new work does not start, where something holds all of it.
    pub holding: Option<Hold>,
    /// What sessions wait for, where they start again by themselves.
    pub waiting: Option<Waiting>,
    /// Landings that wait under a ref.
    pub parked: Option<Parked>,
    pub is_finished: bool,
}

impl Picture {
    /// For who asks where things stand, and not what a build would do: what failed last has failed.
    #[must_use]
    pub fn with_failures(mut self) -> Self {
        for task in self.tasks.iter_mut().filter(|task| task.state == TaskState::Ready) {
            let Some((class, message)) = task.last_failure.take() else { continue };
            task.state = TaskState::Failed(class);
            task.reason = Why::Ended { class, message };
            self.counts.failed += u32::from(task.is_wanted);
        }
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanPicture {
    pub name: PlanName,
    pub title: Option<String>,
    pub path: String,
    /// Its last smoke test; `None` where none was looked at.
    pub smoke: Option<SmokePicture>,
    /// Why it is built only where it is named; `None` for one that is active.
    #[serde(skip)]
    pub rests: Option<ItemHold>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPicture {
    pub task: TaskRef,
    pub name: String,
    pub section: String,
    pub rule: RuleName,
    pub agent: Option<String>,
    /// As the plan file has it.
    pub status: Status,
    pub state: TaskState,
    /// Why it is in that state.
    pub reason: Why,
    /// Key of the present inputs; `None` while something upstream is undecided.
    pub key: Option<ActionKey>,
    pub attempts: u32,
    pub cost: Usd,
    /// What a run of it with its validators is likely to cost, by what was paid before.
    pub likely_cost: Option<Usd>,
    /// The same, where nothing like it was ever paid: a guess.
    pub guessed_cost: Option<Usd>,
    pub model: Option<ModelName>,
    pub commit: Option<CommitId>,
    /// What stands was made by another recipe than the present one.
    pub has_other_recipe: bool,
    /// Real dependencies, then order-only ones that are not all tasks before it.
    pub depends_on: Vec<TaskRef>,
    pub is_wanted: bool,
    pub running: Option<RunningPicture>,
    /// Why its rule takes it, in words.
    pub chosen: String,
    /// Tasks that it does not run at once with, and over which files.
    pub apart: Vec<Clash>,
    /// WARN findings of accepted results.
    pub warnings: Vec<String>,
    /// How its last attempt failed under the present key, where nothing has come of that since: a build
    /// tries it anew.
    pub last_failure: Option<(OutcomeClass, String)>,
    /// What its session asks; `orch answer` goes on with it.
    pub question: Option<QuestionPicture>,
}

/// A question that waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuestionPicture {
    pub text: String,
    /// Proposed answers; any other is as good.
    pub options: Vec<String>,
    pub asked: Moment,
}

/// What a running attempt is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPicture {
    pub number: u32,
    pub since: Moment,
    pub phase: Phase,
    pub doing: Activity,
    pub cost: Usd,
    pub session: Option<String>,
}

/// Where a task stands. In JSON two keys: `state`, and `detail`, a text or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Waits for tasks before it.
    Waiting,
    /// Could start; no slot, a pool is full, or nobody asked for it. In a picture without a build:
    /// it would run.
    Ready,
    /// Waits for the next try.
    BackingOff,
    Running,
    UpToDate,
    /// Accepted in this run; how is in the provenance of its reason.
    Done(Provenance),
    Skipped,
    Failed(OutcomeClass),
    /// A limit, a missing login, a missing program or a stop keeps it from running.
    Held,
    /// Something it needs failed, is blocked or suspended.
    Blocked,
    /// Parked until a person decides.
    Suspended,
}

impl TaskState {
    /// The word for the state alone.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::BackingOff => "backing-off",
            Self::Running => "running",
            Self::UpToDate => "up-to-date",
            Self::Done(_) => "done",
            Self::Skipped => "skipped",
            Self::Failed(_) => "failed",
            Self::Held => "held",
            Self::Blocked => "blocked",
            Self::Suspended => "suspended",
        }
    }

    /// Of `done` how the result was obtained, of `failed` how the last attempt ended.
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Self::Done(provenance) => Some(provenance.as_str()),
            Self::Failed(class) => Some(class.as_str()),
            _ => None,
        }
    }
}

impl Serialize for TaskState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_struct("TaskState", 2)?;
        keys.serialize_field("state", self.as_str())?;
        keys.serialize_field("detail", &self.detail())?;
        keys.end()
    }
}

/// Tasks as a list of `plan//task`.
pub fn all_as_text<S: Serializer>(tasks: &[TaskRef], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tasks.iter().map(ToString::to_string))
}

/// How much of a picture is wanted. Plans and counts are always whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Without the tasks that need nothing: up to date, or skipped.
    Busy,
    /// Every task.
    Whole,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub wanted: u32,
    pub accepted: u32,
    /// Left out by their plan: no result, and none wanted.
    pub skipped: u32,
    pub up_to_date: u32,
    pub replayed: u32,
    pub ran: u32,
    pub failed: u32,
    pub blocked: u32,
    /// Kept from running by a limit, the login, the program or a stop.
    pub held: u32,
    pub running: u32,
    pub sessions: u32,
}
