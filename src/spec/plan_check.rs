//! What is wrong with a whole plan: ids, dependencies, cycles, agents, rules. Linear in its size.

mod actors;
mod models;
mod order;
mod places;
mod shape;
mod work;

use std::collections::BTreeMap;

use super::agent::{Agent, Permission};
use super::config::Models;
use super::glob::GlobSet;
use super::plan::{Dependency, Plan, Status, Task, ValidatorKind};
use super::rule::{ActionKind, Match, Rule};
use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::digest::Digest;
use crate::base::name::{AgentName, ModelName, RuleName};
use crate::base::source::Source;

/// The agents and rules a plan may name. Where one of the lists is empty, nothing is known of that
/// kind and nothing is said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    pub agents: BTreeMap<AgentName, KnownAgent>,
    pub rules: BTreeMap<RuleName, KnownRule>,
    /// The ladder of models, and the settings' cap.
    pub models: Models,
}

/// What a check needs of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KnownAgent {
    /// What is left to it; empty means that nothing is known of its tools.
    pub tools: Vec<String>,
    pub can_write: bool,
    /// It is not held to its tools.
    pub is_unbound: bool,
    pub model: Option<ModelName>,
    /// Why no session may be started with it.
    pub doubt: Option<String>,
}

/// What a check needs of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KnownRule {
    pub matches: Option<Match>,
    pub agent: Option<AgentName>,
    /// Agents that validate or judge for it.
    pub reviewers: Vec<AgentName>,
    pub needs_tools: Vec<String>,
    /// Its sessions have to change files.
    pub writes: bool,
    /// Its action is a command.
    pub is_command: bool,
    /// Its action is a command, and the rule itself does not say which.
    pub needs_run: bool,
    /// The only files that its sessions may write, where not all.
    pub allowed: Option<GlobSet>,
    /// Why its prompt cannot be made for any task.
    pub flaw: Option<String>,
}

impl Known {
    pub fn of<'a>(
        agents: impl IntoIterator<Item = &'a Agent>,
        rules: impl IntoIterator<Item = &'a Rule>,
    ) -> Self {
        let agents = agents.into_iter().map(|agent| {
            let known = KnownAgent {
                tools: agent.own_tools(),
                can_write: agent.can_write(),
                is_unbound: agent.permission == Permission::Bypass,
                model: agent.model.clone(),
                doubt: agent.doubt.clone(),
            };
            (agent.name.clone(), known)
        });
        let rules = rules.into_iter().map(|rule| {
            let is_command = rule.action == ActionKind::Command;
            let known = KnownRule {
                matches: rule.matches.clone(),
                agent: rule.agent.clone(),
                reviewers: reviewers_of(rule),
                needs_tools: rule.needs_tools.clone(),
                writes: rule.outputs.must_change && !is_command,
                is_command,
                needs_run: is_command && rule.run.is_none(),
                allowed: rule.outputs.allowed.clone(),
                flaw: None,
            };
            (rule.name.clone(), known)
        });
        let models = Models::default();
        Self { agents: agents.collect(), rules: rules.collect(), models }
    }

    /// Tells one from another, within one build of orch.
    pub fn digest(&self) -> Digest {
        Digest::of(format!("{self:?}").as_bytes())
    }
}

fn reviewers_of(rule: &Rule) -> Vec<AgentName> {
    let validators = rule.validators.iter().filter_map(|it| match &it.kind {
        ValidatorKind::Agent(agent) => Some(agent),
        ValidatorKind::Command(_) => None,
    });
    let judge = rule.proposals.as_ref().map(|it| &it.judge);
    validators.chain(judge).cloned().collect()
}

/// Everything that is wrong with `plan`, which was read from `source`, beyond what reading it told;
/// in the order of the text.
pub fn check(source: &Source, plan: &Plan, known: &Known) -> Vec<Diagnostic> {
    let index = Index::of(plan);
    let mut found = Vec::new();
    shape::check(source, &index, &mut found);
    order::check(&index, &mut found);
    actors::check(source, &index, known, &mut found);
    work::check(&index, known, &mut found);
    models::check(source, &index, known, &mut found);
    for diagnostic in &mut found {
        diagnostic.file = Some(source.path.clone());
    }
    found.sort_by_key(|it| it.labels.first().map_or(0, |label| label.span.start));
    found
}

/// The plan's tasks by number and id.
struct Index<'p> {
    plan: &'p Plan,
    tasks: Vec<&'p Task>,
    /// The first task of each id.
    by_id: BTreeMap<&'p str, usize>,
}

impl<'p> Index<'p> {
    fn of(plan: &'p Plan) -> Self {
        let tasks: Vec<&Task> = plan.tasks().collect();
        let mut by_id = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            by_id.entry(task.id.as_str()).or_insert(at);
        }
        Self { plan, tasks, by_id }
    }

    /// The id that a dependency has in this very plan, however it is written; `None` for one in
    /// another, or on all.
    fn own_id<'d>(&self, dependency: &'d Dependency) -> Option<&'d str> {
        match dependency {
            Dependency::Own(task) => Some(task.as_str()),
            Dependency::Other(task) if task.plan == self.plan.name => Some(task.task.as_str()),
            Dependency::Other(_) | Dependency::All(_) => None,
        }
    }

    /// True for a dependency on all tasks of this plan.
    fn is_on_all(&self, dependency: &Dependency) -> bool {
        matches!(dependency, Dependency::All(plan) if *plan == self.plan.name)
    }
}

/// True where nothing is left to do for the task, so that what it lacks does no harm.
pub fn is_over(task: &Task) -> bool {
    task.record.status.is_done() || task.record.status == Status::Skipped
}

/// What does no harm any more is only worth a warning.
pub fn softened(diagnostic: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..diagnostic }
}

/// `did you mean` for a help text.
pub fn did_you_mean(nearest: Option<&str>, otherwise: &str) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests;
