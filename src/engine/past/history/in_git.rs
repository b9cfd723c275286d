//! The fold over git's lineage: landings, receipts, and the verdicts that they tell.

use crate::base::name::CommitId;
use crate::engine::outcome::Verdict;
use crate::engine::past::view::Touch;
use crate::engine::record::lineage::{Landing, Lineage, Receipt, VerdictMark};
use crate::engine::record::{Accepted, Provenance};
use crate::engine::report::{ReportMark, Reported};

use super::{AcceptedFact, History, KnownVerdict, TaskHistory};

fn told_in(report: Option<ReportMark>, commit: &CommitId) -> Option<Reported> {
    report.map(|mark| Reported { mark, told_in: Some(commit.clone()) })
}

impl TaskHistory {
    /// The journal's record is of what git has as the task's newest.
    pub(super) fn is_newest_in_git(&self, accepted: &Accepted) -> bool {
        self.in_git.as_ref().is_some_and(|newest| {
            (newest.key, newest.output, &newest.commit)
                == (accepted.key, accepted.output, &accepted.commit)
        })
    }

    /// Git has a newer result of the task than this record, one that the journal does not tell of:
    /// somebody else landed it, or orch was killed before it could write that down.
    pub(super) fn is_outdated(&self, accepted: &Accepted) -> bool {
        if self.in_git.is_none() || self.has_met_newest {
            return false;
        }
        match (&accepted.commit, accepted.provenance) {
            (Some(_), _) => true,
            // Only what has no record anywhere is adopted.
            (None, Provenance::Adopted) => true,
            (None, Provenance::AcceptedByHand) => false,
            // One without a receipt is newer than git.
            (None, _) => self.receipts.contains(&(accepted.key, accepted.output)),
        }
    }
}

impl History {
    pub(super) fn fold_lineage(&mut self, lineage: &Lineage) {
        let mut receipts = lineage.receipts.iter().peekable();
        for landing in &lineage.landings {
            while let Some(receipt) = receipts.next_if(|it| it.order < landing.order) {
                self.fold_receipt(receipt);
            }
            self.fold_landing(landing);
        }
        receipts.for_each(|receipt| self.fold_receipt(receipt));
    }

    pub(super) fn fold_landing(&mut self, landing: &Landing) {
        for change in &landing.changes {
            self.touches.entry(change.path.clone()).or_default().push(Touch {
                by: landing.task.clone(),
                before: change.before,
                after: change.after,
            });
        }
        self.fold_marks(&landing.verdicts);
        self.has_earlier_keys |= landing.recipe.is_none();
        let at = self.n_landings;
        self.n_landings += 1;
        let task = self.task_mut(landing.task.clone());
        for change in &landing.changes {
            task.owned.insert(change.path.clone(), change.after);
        }
        task.model.clone_from(&landing.model);
        task.commits.push((at, landing.commit.clone()));
        task.in_git = Some(AcceptedFact {
            key: landing.action,
            recipe: landing.recipe,
            output: landing.output,
            report: told_in(landing.report, &landing.commit),
            provenance: Provenance::Ran,
            commit: Some(landing.commit.clone()),
            at: None,
            changes_plan: false,
        });
    }

    fn fold_receipt(&mut self, receipt: &Receipt) {
        self.fold_marks(&receipt.verdicts);
        self.has_earlier_keys |= receipt.recipe.is_none();
        let task = self.task_mut(receipt.task.clone());
        task.receipts.push((receipt.action, receipt.output));
        task.in_git = Some(AcceptedFact {
            key: receipt.action,
            recipe: receipt.recipe,
            output: receipt.output,
            report: told_in(receipt.report, &receipt.commit),
            provenance: Provenance::Ran,
            commit: None,
            at: None,
            changes_plan: false,
        });
    }

    pub(super) fn fold_marks(&mut self, marks: &[VerdictMark]) {
        for mark in marks {
            let verdict = if mark.warned { Verdict::Warn } else { Verdict::Pass };
            let known = KnownVerdict { verdict, findings: Vec::new() };
            self.verdicts.entry(mark.key).or_insert(known);
        }
    }
}
