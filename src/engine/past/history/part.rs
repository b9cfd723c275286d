//! What is known of some tasks, apart from the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::name::{PlanName, RelPath, TaskId, TaskRef};
use crate::engine::past::view::Touch;

use super::{History, TaskHistory};

impl History {
    /// The tasks of one plan, with what is known of each.
    pub fn tasks_of<'a>(
        &'a self,
        plan: &PlanName,
    ) -> impl Iterator<Item = (&'a TaskRef, &'a TaskHistory)> + use<'a> {
        let plan = plan.clone();
        let from = TaskRef { plan: plan.clone(), task: TaskId::new("") };
        let tasks = self.tasks.range(from..).take_while(move |(task, _)| task.plan == plan);
        tasks.map(|(task, past)| (task, past.as_ref()))
    }

    /// What is known of no single task and no verdict.
    #[must_use]
    pub fn common(&self) -> Self {
        Self {
            totals: self.totals.clone(),
            limits: self.limits.clone(),
            last_asked: self.last_asked,
            has_earlier_keys: self.has_earlier_keys,
            smokes: self.smokes.clone(),
            ..Self::default()
        }
    }

    /// The same with what is known of these tasks, and of landings on these paths, and no others.
    #[must_use]
    pub fn with(
        &self,
        tasks: BTreeMap<TaskRef, Arc<TaskHistory>>,
        touches: BTreeMap<RelPath, Vec<Touch>>,
    ) -> Self {
        Self { tasks, touches, ..self.common() }
    }
}
