//! Which plans are to be judged once more when all of their tasks are accepted.

use super::{History, KnownVerdict};
use crate::base::digest::Digest;
use crate::base::name::{PlanName, VerdictKey};
use crate::engine::outcome::Verdict;

impl History {
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
