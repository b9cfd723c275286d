//! A plan: sections of tasks, as its author wrote it and as orch keeps its record in it.

mod dependency;
mod escalation;
mod judging;
pub mod keys;
mod pin;
pub(crate) mod read;
mod scripts;
mod shared;
mod task;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumMessage, EnumString, IntoStaticStr};

use crate::base::digest::Digest;
use crate::base::measure::Millis;
use crate::base::name::{
    AgentName, EnvName, ModelName, PlanName, RuleName, SectionId, TaskId, ValidatorName,
};
use crate::base::source::Span;

use super::glob::GlobSet;
use super::quota::Quota;
use super::smoke::Smoke;

pub use dependency::Dependency;
pub use escalation::Escalation;
pub use judging::{Judging, judging_of, run_in};
pub use pin::Pin;
pub use read::parse;
pub use scripts::{programs_of, scripts_of};
pub use shared::{command_line, proposals, validators};

/// A whole plan file. Values are in file order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The file's stem; the name in `meta` is only a title.
    pub name: PlanName,
    pub meta: Meta,
    pub sections: Vec<Section>,
}

impl Plan {
    /// All tasks in file order, which is also the order of order-only dependencies.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.sections.iter().flat_map(|section| &section.tasks)
    }
}

/// A plan that was read from some text without any finding: kept, so that a large text need not be
/// read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    pub plan: Arc<Plan>,
    /// Digest of the agents, rules and models under which nothing was wrong with it as a whole.
    pub clean_for: Digest,
}

/// What holds for the whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meta {
    pub title: Option<String>,
    pub description: Option<String>,
    /// The design document, a path below the root as written.
    pub plan_doc: Option<String>,
    pub created: Option<String>,
    /// The backlog item the plan was made from.
    pub source_item: Option<String>,
    pub max_attempts: Option<u32>,
    pub order: Order,
    pub validation: Option<Validation>,
    pub backoff_base: Option<Millis>,
    pub backoff_max: Option<Millis>,
    /// What may be spent on the plan, over all builds.
    pub budget: Quota,
    /// The circuit breaker's threshold and reset for failures of this plan's tasks.
    pub breaker_threshold: Option<u32>,
    pub breaker_reset: Option<Millis>,
    pub escalation: Option<Escalation>,
    /// Whole-plan status as written (`paused_quota`, `failed`); orch shows it, nothing depends on it.
    pub status: Option<String>,
    /// What is run when all of it is done, over the settings.
    pub smoke: Smoke,
    /// Other keys with their normalized text.
    pub extra: BTreeMap<String, String>,
}

/// Whether tasks without dependencies wait for the tasks before them in the file.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, EnumMessage,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Order {
    /// A task without `depends_on` waits for every task before it, except its own `parallel_group`.
    #[default]
    File,
    /// Only `depends_on` orders.
    Free,
}

/// `meta.validation`: which agents' tasks are validated by which agents.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Validation {
    pub enabled: bool,
    pub run_after: Vec<AgentName>,
    pub validators: Vec<AgentName>,
    pub max_attempts: u32,
}

/// A section. Its status is a roll-up that orch writes; only `completed` ever had a meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub id: SectionId,
    pub name: String,
    pub status: Status,
    pub tasks: Vec<Task>,
    pub span: Span,
}

/// A task: what is asked (`spec`), what is on record in the file (`record`), where it stands in the
/// text (`spans`). Three types, so that an edit of one leaves readers of the others alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub spec: Arc<TaskSpec>,
    pub record: TaskRecord,
    pub spans: TaskSpans,
}

/// Everything about a task that may decide how it runs; no status, no position in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskSpec {
    pub name: String,
    /// Empty where the author wrote none.
    pub description: String,
    pub section: Option<SectionId>,
    pub section_name: String,
    pub agent: Option<AgentName>,
    pub rule: Option<RuleName>,
    /// A command task: what to run instead of a session.
    pub run: Option<CommandLine>,
    pub depends_on: Vec<Dependency>,
    pub parallel_group: Option<String>,
    pub exclusive_resources: Vec<String>,
    pub inputs: GlobSet,
    pub outputs: GlobSet,
    /// `None`: the rule's validators and the plan's; `Some`: exactly these.
    pub validators: Option<Vec<Validator>>,
    pub model: Option<ModelName>,
    pub env: Vec<EnvName>,
    pub timeout: Option<Millis>,
    pub max_attempts: Option<u32>,
    /// Instead of the rule's.
    pub proposals: Option<Proposals>,
    pub no_change: NoChange,
    pub cache: CacheUse,
    /// The cached result to take; no other is made.
    pub pin: Option<Pin>,
    /// Unknown keys of the task with their normalized text: kept, shown, in no key.
    pub extra: BTreeMap<String, String>,
}

/// What runs as a command: words, or a line for `sh -c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommandLine {
    Argv(Vec<String>),
    Shell(String),
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argv(words) => f.write_str(&words.join(" ")),
            Self::Shell(line) => f.write_str(line),
        }
    }
}

/// Whether a session that changed nothing may be accepted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, EnumMessage,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoChange {
    /// The rule decides.
    #[default]
    #[strum(disabled)]
    ByRule,
    Allowed,
    Refused,
}

/// Whether an accepted result may be used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, EnumMessage,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CacheUse {
    #[default]
    Always,
    Never,
}

/// How many sessions propose a result independently, and which agent judges them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposals {
    /// 1 is no competition.
    pub count: u32,
    pub judge: AgentName,
}

/// One validator of a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Validator {
    pub name: ValidatorName,
    pub kind: ValidatorKind,
    /// Files it reads beside those the task owns.
    pub inputs: GlobSet,
    pub timeout: Option<Millis>,
    /// Whether a failure that was there before the task is excused; commands only. `None` leaves it
    /// to where the validator is written.
    pub baseline: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValidatorKind {
    /// Exit 0 is PASS, anything else FAIL with the end of its output as findings.
    Command(CommandLine),
    /// A session whose last text holds the verdict.
    Agent(AgentName),
}

/// What the plan file says happened to a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskRecord {
    pub status: Status,
    pub attempts: u32,
    pub result_message: Option<String>,
    pub last_error: Option<String>,
    pub validation_findings: Option<String>,
    pub validation_attempts: u32,
    /// When the last attempt began and the task was completed, as written: local time without zone.
    pub last_attempt: Option<String>,
    pub completed_at: Option<String>,
    pub model_used: Option<String>,
}

/// A task's or section's status as the file has it. Synonyms are read, one spelling is written.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    #[default]
    Pending,
    InProgress,
    #[strum(serialize = "completed", serialize = "complete")]
    Completed,
    Verified,
    Failed,
    Skipped,
    /// Parked until a person decides.
    Suspended,
}

impl Status {
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The file claims the work was done.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Completed | Self::Verified)
    }
}

/// Where a task's parts stand in the text. A part that is not written has no span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpans {
    /// The whole mapping.
    pub task: Span,
    pub id: Span,
    pub status: Option<Span>,
    pub agent: Option<Span>,
    pub rule: Option<Span>,
    /// One for each entry of `depends_on`, in order.
    pub depends_on: Vec<Span>,
    pub parallel_group: Option<Span>,
    pub outputs: Option<Span>,
    pub proposals: Option<Span>,
    /// One for each validator, in order.
    pub validators: Vec<Span>,
}
