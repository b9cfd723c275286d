//! A change of a plan as it is told: which tasks, what became of each, and whose session did it.

use std::fmt;

use serde::Serialize;

use super::{PlanChange, PlanStep};
use crate::base::name::{TaskId, TaskRef};

/// What a session changed in its plan. Tasks are `plan//task`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeReport {
    /// Whose session it was.
    pub task: String,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub skipped: Vec<String>,
    pub suspended: Vec<String>,
    /// With the keys that are others now.
    pub edited: Vec<(String, Vec<String>)>,
}

impl ChangeReport {
    pub fn of(by: &TaskRef, change: &PlanChange) -> Self {
        let name = |id: &TaskId| TaskRef { plan: by.plan.clone(), task: id.clone() }.to_string();
        let mut report = Self { task: by.to_string(), ..Self::default() };
        for step in &change.steps {
            match step {
                PlanStep::Section(new) => {
                    report.added.extend(new.tasks.iter().map(|it| name(&it.0)))
                }
                PlanStep::Task(new) => report.added.push(name(&new.id)),
                PlanStep::Remove { task, .. } => report.removed.push(name(task)),
                PlanStep::Edit { task, entries } => {
                    let status = entries.iter().find(|it| it.key == "status");
                    let status = status.and_then(|it| it.after.as_deref()).unwrap_or_default();
                    let keys = entries.iter().map(|it| it.key.clone());
                    let keys: Vec<String> = keys
                        .filter(|it| !["status", "result_message"].contains(&it.as_str()))
                        .collect();
                    match status {
                        "" => {}
                        it if it.contains("suspended") => report.suspended.push(name(task)),
                        _ => report.skipped.push(name(task)),
                    }
                    if !keys.is_empty() {
                        report.edited.push((name(task), keys));
                    }
                }
            }
        }
        report
    }
}

impl fmt::Display for ChangeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edited: Vec<String> = self
            .edited
            .iter()
            .map(|(task, keys)| format!("{task} ({})", keys.join(", ")))
            .collect();
        let parts = [
            ("adds", &self.added),
            ("takes out", &self.removed),
            ("skips", &self.skipped),
            ("suspends", &self.suspended),
            ("changes", &edited),
        ];
        let parts = parts.iter().filter(|(_, tasks)| !tasks.is_empty());
        let parts: Vec<String> =
            parts.map(|(verb, tasks)| format!("{verb} {}", tasks.join(", "))).collect();
        f.write_str(&parts.join("; "))
    }
}
