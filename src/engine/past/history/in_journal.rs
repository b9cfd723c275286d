//! The fold over the journal's records.

use std::sync::Arc;

use crate::base::measure::Usd;
use crate::base::name::{AccountId, TaskRef};
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::record::question::Dialogue;
use crate::engine::record::{
    Accepted, AttemptEnded, Decision, Proposed, Provenance, Record, VerdictReached,
};
use crate::engine::report::Reported;
use crate::spec::plan::Status;

use super::{AcceptedFact, Failure, GivenUp, History, KnownLimit, KnownVerdict};

impl History {
    /// Takes in one journal record.
    pub fn fold(&mut self, record: &Record) {
        match record {
            Record::Accepted(accepted) => self.fold_accepted(accepted),
            Record::AttemptEnded(ended) => self.fold_ended(ended),
            Record::Rekeyed(rekeyed) => {
                self.fold_marks(&rekeyed.verdicts);
                self.task_mut(rekeyed.task.clone()).rekey(rekeyed);
            }
            Record::VerdictReached(reached) => {
                let known =
                    KnownVerdict { verdict: reached.verdict, findings: reached.findings.clone() };
                self.verdicts.insert(reached.key, known);
                self.fold_findings(reached);
            }
            Record::StatusWritten { task, status, is_loose, .. } => {
                let task = self.task_mut(task.clone());
                task.written = Some(*status);
                task.is_loose = *is_loose;
            }
            Record::SmokeEnded(ended) => {
                self.smokes.insert(ended.plan.clone(), ended.as_ref().clone());
            }
            Record::PlanToClose { plan, is_open, .. } => self.note_to_close(plan, *is_open),
            Record::Decided { at, task, decision } => {
                if matches!(decision, Decision::Retry | Decision::Reset) {
                    self.last_asked = Some(*at);
                }
                self.fold_decision(task, *decision);
            }
            Record::AttemptStarted { attempt, task, validator: None, .. } => {
                if let Some(task) = self.tasks.get_mut(task).map(Arc::make_mut) {
                    task.has_begun = true;
                    task.dialogue.begin(*attempt);
                }
            }
            Record::Proposed(it) => self.fold_proposed(it),
            Record::Judged(judged) => {
                let task = self.task_mut(judged.task.clone());
                task.judged = Some((**judged).clone());
            }
            Record::Asked(question) => {
                let task = self.task_mut(question.task.clone());
                task.dialogue.ask((**question).clone());
            }
            Record::Answered { task, text, .. } => {
                if let Some(task) = self.tasks.get_mut(task).map(Arc::make_mut) {
                    task.dialogue.answer(text);
                }
            }
            Record::LimitHit { at, window, resets_at, account } => {
                let known = KnownLimit { at: *at, resets_at: *resets_at };
                self.limits.insert((window.clone(), *account), known);
            }
            Record::LimitLifted { window, account, .. } => {
                let is_its = |owner: &Option<AccountId>| {
                    account.is_none() || owner.is_none() || owner == account
                };
                self.limits.retain(|(lifted, owner), _| lifted != window || !is_its(owner));
            }
            Record::GaveUp { task, key, recipe, class, message, .. } => {
                let task = self.task_mut(task.clone());
                let (key, recipe, class) = (*key, *recipe, *class);
                task.give_up(GivenUp {
                    key,
                    recipe,
                    class,
                    message: message.clone(),
                    cost: task.cost_since,
                });
                let (message, is_waived) = (message.clone(), false);
                task.last_failure = Some(Failure { key, recipe, class, message, is_waived });
            }
            Record::RunStarted { .. }
            | Record::AttemptStarted { .. }
            | Record::ProcessStarted { .. }
            | Record::RunEnded { .. } => {}
        }
    }

    /// The validator's attempt has just ended, and its record has the key.
    fn fold_findings(&mut self, reached: &VerdictReached) {
        let task = self.task_mut(reached.task.clone());
        let rejected = task.last_failure.as_ref().filter(|it| it.class == OutcomeClass::Rejected);
        if let (Verdict::Fail, Some(rejected)) = (reached.verdict, rejected) {
            task.findings = Some((rejected.key, reached.findings.clone()));
        }
    }

    /// A new proposal of the same label replaces the old one; what was judged is no more.
    fn fold_proposed(&mut self, proposed: &Proposed) {
        let task = self.task_mut(proposed.task.clone());
        let Proposed { key, label, .. } = proposed;
        task.proposals.retain(|it| it.key == *key && it.label != *label);
        task.proposals.push(proposed.clone());
        task.judged = None;
    }

    fn fold_accepted(&mut self, accepted: &Accepted) {
        self.has_earlier_keys |= accepted.recipe.is_none();
        let is_live = self.is_live;
        let task = self.task_mut(accepted.task.clone());
        task.decision = None;
        task.done = None;
        task.last_failure = None;
        task.given_up.retain(|it| it.key != accepted.key);
        task.left_off = None;
        task.dialogue = Dialogue::default();
        task.cost_since = Usd::ZERO;
        task.error = None;
        task.findings = None;
        task.proposals.clear();
        task.judged = None;
        task.manifest = accepted.manifest;
        if accepted.provenance == Provenance::Adopted {
            // The plan itself said so: a `pending` from now on is a person's word.
            task.written = Some(Status::Completed);
        }
        task.is_lost = accepted.commit.as_ref().is_some_and(|it| !task.has_landed_as(it));
        if task.is_lost {
            // The branch was moved back: git's word counts, and the cache may replay the rest.
            task.accepted = task.in_git.clone();
            return;
        }
        task.has_met_newest |= is_live || task.is_newest_in_git(accepted);
        if task.is_outdated(accepted) {
            task.accepted = task.in_git.clone();
            task.manifest = None;
            return;
        }
        let in_git = task.in_git.as_ref().and_then(|it| it.report.clone());
        let report = accepted.report.map(|mark| {
            let in_commit =
                in_git.filter(|it| it.mark.digest == mark.digest).and_then(|it| it.told_in);
            Reported { mark, told_in: in_commit.or(accepted.commit.clone()) }
        });
        task.accepted = Some(AcceptedFact {
            key: accepted.key,
            recipe: accepted.recipe,
            output: accepted.output,
            report,
            provenance: accepted.provenance,
            commit: accepted.commit.clone(),
            at: Some(accepted.at),
            changes_plan: accepted.changes_plan,
        });
    }

    fn fold_ended(&mut self, ended: &AttemptEnded) {
        let task = self.task_mut(ended.task.clone());
        task.book(ended);
        self.totals.fold(ended);
        let task = self.task_mut(ended.task.clone());
        // It was under way when a person had it forgotten.
        if task.decision == Some(Decision::Reset) && !task.has_begun {
            return;
        }
        if ended.validator.is_none() {
            task.leave_off(ended);
            task.done = (ended.outcome == OutcomeClass::Done).then_some(ended.key);
        }
        let is_held_against = ended.outcome.counts_as_attempt() && !ended.is_uncounted;
        let is_counted = is_held_against && !ended.is_at_budget();
        if ended.validator.is_none() && is_counted {
            task.n_attempts += 1;
        }
        if ended.outcome != OutcomeClass::Done && is_held_against {
            task.error = Some((ended.key, ended.message.clone()));
        }

        if ended.validator.is_none() && ended.outcome == OutcomeClass::Done {
            task.took = Some(ended.duration);
        }
        if ended.outcome != OutcomeClass::Done {
            // To judge it anew is no further attempt.
            if ended.validator.is_none() {
                task.given_up.retain(|it| (it.key, it.recipe) != (ended.key, ended.recipe));
            }
            task.last_failure = Some(Failure {
                key: ended.key,
                recipe: ended.recipe,
                class: ended.outcome,
                message: ended.message.clone(),
                is_waived: false,
            });
        }
    }

    fn fold_decision(&mut self, name: &TaskRef, decision: Decision) {
        let task = self.task_mut(name.clone());
        task.decision = Some(decision);
        task.dialogue.withdraw();
        if decision != Decision::Retry {
            task.left_off = None;
        }
        if matches!(decision, Decision::Retry | Decision::Reset) {
            task.given_up.clear();
        }
        if let (Decision::Retry, Some(failure)) = (decision, &mut task.last_failure) {
            failure.is_waived = true;
        }
        if decision == Decision::Reset {
            task.accepted = None;
            task.done = None;
            task.last_failure = None;
            task.has_begun = false;
            task.error = None;
            task.findings = None;
            task.written = None;
            task.proposals.clear();
            task.judged = None;
        }
    }
}
