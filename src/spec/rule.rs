//! A rule: how one kind of node is built. Built-ins and projects write the same keys.

mod choose;
mod draft;
mod judges;
pub mod keys;
mod occasion;
mod read;
mod resolve;
mod retry;
mod template;
mod tools;

use strum::{EnumIter, EnumMessage};

use crate::base::measure::{Millis, Usd};
use crate::base::name::{AgentName, EnvName, PoolName, RuleName};

use super::glob::GlobSet;
use super::plan::{CommandLine, Proposals, Validator};
use super::rebuild::RebuildOn;
use super::sandbox::Sandboxing;

pub use super::agent::DEFAULT_TOOLS;
pub use choose::{Chosen, Why, agent_of, choose, choose_among, proposals_of};
pub use draft::RuleDraft;
pub use judges::{Judges, JudgingPart, Tests};
pub use occasion::{NOTIFY, Notify, Occasion};
pub use read::parse;
pub use resolve::{DEFAULTS, resolve};
pub use retry::{Beginning, Retry, RetryStep};
pub use template::{ITEM_VARIABLES, VARIABLES};
pub use tools::tools_of;

/// A rule file with its `extends` already applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub name: RuleName,
    pub describe: String,
    /// Raised where the rule asks for something else than before: what was made under another one is
    /// stale.
    pub version: u32,
    /// What makes finished work stale beside what is asked for; `None`: as the settings say.
    pub rebuild_on: Option<RebuildOn>,
    /// Which tasks it takes by itself; `None` only on demand.
    pub matches: Option<Match>,
    pub action: ActionKind,
    pub agent: Option<AgentName>,
    /// A minijinja template: the text itself, already read.
    pub prompt: String,
    pub inputs: RuleInputs,
    pub outputs: RuleOutputs,
    /// The session's answer is an output, like a file.
    pub is_report: bool,
    pub validators: Vec<Validator>,
    /// What their verdicts rest on beside the result.
    pub judges: Judges,
    pub env: Vec<EnvName>,
    pub retry: Retry,
    pub limits: Limits,
    pub pool: PoolName,
    /// Tools the action cannot do without; an agent that lacks one is a diagnostic.
    pub needs_tools: Vec<String>,
    /// `None`: one session does the task.
    pub proposals: Option<Proposals>,
    /// What a command rule runs where the task has no `run`.
    pub run: Option<CommandLine>,
    /// What its attempts may reach; `None`: as the settings say.
    pub sandbox: Option<Sandboxing>,
    /// It does no task, and tells people of these events.
    pub notify: Option<Notify>,
}

impl Rule {
    /// What its attempts are bound by, where the settings say `default`.
    pub fn sandbox_over(&self, default: &Sandboxing) -> Sandboxing {
        self.sandbox.clone().unwrap_or_else(|| default.clone())
    }
}

/// Whole words and phrases, and agents, that choose the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Match {
    pub phrases: Vec<String>,
    pub agents: Vec<AgentName>,
    /// Higher is asked first.
    pub priority: i32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum ActionKind {
    #[default]
    Session,
    Command,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RuleInputs {
    pub declared: GlobSet,
    /// What the session read last time counts as input of a replay.
    pub discovered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleOutputs {
    /// `None`: anything may be written; `Some`: writing anything else fails the task.
    pub allowed: Option<GlobSet>,
    pub must_change: bool,
    /// Files that a task may only delete or empty where it names them.
    pub keep: GlobSet,
}

/// Bounds of one attempt; `None` is unbounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    pub wall: Option<Millis>,
    pub stall: Option<Millis>,
    pub turns: Option<u32>,
    pub usd: Option<Usd>,
}

#[cfg(test)]
mod tests;
