//! A change that a session made to its own plan: the difference of meaning between the plan it was
//! given and the plan it left, and the same change made to the plan as it is by now.

mod apply;
mod compare;
mod report;

pub use compare::statuses_set;
pub use report::ChangeReport;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{SectionId, TaskId};
use crate::base::source::Source;
use crate::spec::edit::Meanings;
use crate::spec::plan_check::{self, Known};

/// What a session changed in its plan, by meaning, in an order that can be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChange {
    pub steps: Vec<PlanStep>,
}

/// One step of a change. Texts are put in as they were written, without the indentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanStep {
    Section(Box<NewSection>),
    Task(Box<NewTask>),
    /// A task that nobody began is taken out; what it was.
    Remove {
        task: TaskId,
        was: Meanings,
    },
    Edit {
        task: TaskId,
        entries: Vec<EntryChange>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSection {
    pub id: SectionId,
    pub after: Option<SectionId>,
    pub keys: Meanings,
    pub tasks: Vec<(TaskId, Meanings)>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    pub id: TaskId,
    pub section: SectionId,
    pub after: Option<TaskId>,
    pub keys: Meanings,
    pub text: String,
}

/// An entry of a task: what it meant and means; `None` where it is not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryChange {
    pub key: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// `key: value` as it is to be written.
    pub text: Option<String>,
}

/// What a session may not touch.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub own: TaskId,
    pub finished: BTreeSet<TaskId>,
    pub running: BTreeSet<TaskId>,
    /// They have validators or are commands: others judge by them.
    pub guarded: BTreeSet<TaskId>,
    /// It has a tool that runs commands, so it may plan some.
    pub may_run: bool,
}

/// Why a change is refused, one finding a line.
pub type Refusals = Vec<String>;

impl PlanChange {
    /// The difference of meaning; `None` where there is none.
    pub fn between(
        laid: &Source,
        left: &Source,
        bounds: &Bounds,
        known: &Known,
    ) -> Result<Option<Self>, Refusals> {
        compare::between(laid, left, bounds, known)
    }

    /// The present plan with this change made by minimal edits. What is there already is left.
    pub fn apply(
        &self,
        present: &Source,
        bounds: &Bounds,
        known: &Known,
    ) -> Result<String, Refusals> {
        apply::apply(self, present, bounds, known)
    }

    /// `adds 1.2, 1.3; skips 2.1; rewords 2.2`, for people.
    pub fn summary(&self) -> String {
        let (mut adds, mut removes, mut skips, mut edits) = (vec![], vec![], vec![], vec![]);
        for step in &self.steps {
            match step {
                PlanStep::Section(new) => adds.extend(new.tasks.iter().map(|(id, _)| id.as_str())),
                PlanStep::Task(new) => adds.push(new.id.as_str()),
                PlanStep::Remove { task, .. } => removes.push(task.as_str()),
                PlanStep::Edit { task, entries } => {
                    let is_skip = entries.iter().any(|it| it.key == "status");
                    if is_skip { &mut skips } else { &mut edits }.push(task.as_str());
                }
            }
        }
        let parts = [("adds", adds), ("removes", removes), ("sets aside", skips), ("edits", edits)];
        let parts = parts.iter().filter(|(_, tasks)| !tasks.is_empty());
        let parts: Vec<String> =
            parts.map(|(verb, tasks)| format!("{verb} {}", tasks.join(", "))).collect();
        parts.join("; ")
    }
}

/// Errors of a plan, one line each, with their place.
fn errors_in(source: &Source, known: &Known) -> Vec<String> {
    let parsed = crate::spec::plan::parse(source);
    let mut found = parsed.diagnostics;
    found.extend(plan_check::check(source, &parsed.value, known));
    found.iter().filter(|it| it.is_error()).map(|it| line_of(source, it)).collect()
}

/// One finding in one line, with its place and what helps.
pub(super) fn line_of(source: &Source, found: &Diagnostic) -> String {
    let help = found.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
    let place = found.labels.first().map_or(String::new(), |label| {
        format!("line {}: ", source.position_of(label.span.start).line)
    });
    format!("{place}{} ({}){help}", found.message, found.code)
}

/// Errors that `new` has and `old` has not, whatever their lines.
fn new_errors(old: &Source, new: &Source, known: &Known) -> Refusals {
    let strip = |line: &String| line.split_once(": ").map_or(line.clone(), |(_, it)| it.to_owned());
    let before: BTreeSet<String> = errors_in(old, known).iter().map(strip).collect();
    errors_in(new, known).into_iter().filter(|it| !before.contains(&strip(it))).collect()
}

#[cfg(test)]
mod tests;
