//! Status lines on their way into plans: what each plan is to say of a task and does not say yet.

use std::collections::BTreeMap;

use crate::base::name::TaskRef;
use crate::spec::plan::Status;

/// The status that each plan is to say of a task and does not say yet.
#[derive(Debug, Default)]
pub struct StatusLines(BTreeMap<TaskRef, Line>);

/// A status on its way into a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    status: Status,
    /// The plan could not be edited: to be tried again when the documents have changed.
    is_refused: bool,
}

impl StatusLines {
    /// A line is to be written; false where that same one already is.
    pub fn expect(&mut self, task: TaskRef, status: Status) -> bool {
        let line = Line { status, is_refused: false };
        self.0.insert(task, line) != Some(line)
    }

    /// Nothing is to be written for the task any more.
    pub fn forget(&mut self, task: &TaskRef) {
        self.0.remove(task);
    }

    /// What is not to be written any more is left out.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&TaskRef, Status) -> bool) {
        self.0.retain(|task, line| is_wanted(task, line.status));
    }

    pub fn is_expected(&self, task: &TaskRef) -> bool {
        self.0.contains_key(task)
    }

    /// The line was written; by now another one may be wanted.
    pub fn written(&mut self, task: &TaskRef, status: Status) {
        self.0.retain(|it, line| it != task || line.status != status);
    }

    /// The line could not be written; by now another one may be wanted.
    pub fn refused(&mut self, task: &TaskRef, status: Status) {
        let line = self.0.get_mut(task).filter(|line| line.status == status);
        line.into_iter().for_each(|line| line.is_refused = true);
    }
}
