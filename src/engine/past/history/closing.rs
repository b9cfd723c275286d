//! Which plans are to be judged once more when all of their tasks are accepted.

use super::{History, KnownVerdict, TaskHistory};
use crate::base::digest::Digest;
use crate::base::name::{CommitId, PlanName, TaskRef, VerdictKey};
use crate::engine::outcome::Verdict;

impl TaskHistory {
    /// True where git has this commit as a landing of the task.
    pub(super) fn has_landed_as(&self, commit: &CommitId) -> bool {
        self.commits.iter().any(|(_, it)| it == commit)
    }
}

impl History {
    /// What other tasks of its plan landed since a task did, oldest first; `None` where it landed nothing itself.
    pub fn landed_since(&self, task: &TaskRef) -> Option<Vec<(TaskRef, CommitId)>> {
        let (own, _) = self.tasks.get(task)?.commits.last()?;
        let others = self.tasks.iter().filter(|(it, _)| it.plan == task.plan && *it != task);
        let landings = others.flat_map(|(by, past)| past.commits.iter().map(move |it| (by, it)));
        let mut since: Vec<_> = landings.filter(|(_, (at, _))| at > own).collect();
        since.sort_by_key(|(_, (at, _))| *at);
        Some(since.into_iter().map(|(by, (_, commit))| (by.clone(), commit.clone())).collect())
    }

    /// True where a plan's tasks are to be judged once more when all of them are accepted.
    pub fn is_to_close(&self, plan: &PlanName) -> bool {
        self.verdicts.get(&closing_of(plan)).is_some_and(|it| it.verdict == Verdict::Warn)
    }

    pub(super) fn note_to_close(&mut self, plan: &PlanName, is_open: bool) {
        let verdict = if is_open { Verdict::Warn } else { Verdict::Pass };
        let known = KnownVerdict { verdict, findings: Vec::new() };
        self.verdicts.insert(closing_of(plan), known);
    }
}

/// What is known of a plan's closing stands among the verdicts: it is one on all of the plan.
fn closing_of(plan: &PlanName) -> VerdictKey {
    VerdictKey(Digest::of(format!("orch closing v1 {}", plan.as_str()).as_bytes()))
}
