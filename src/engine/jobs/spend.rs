//! The money of attempts: what they are booked as, and what a validator may spend.

use crate::base::measure::{Millis, Usd};
use crate::base::name::AttemptId;
use crate::engine::admission::Origin;
use crate::engine::effect::{Effect, Notice};
use crate::engine::money::{Afford, Likely};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::record::Spend;
use crate::engine::why::Why;
use crate::spec::plan::{Validator, ValidatorKind};

use super::Shop;

impl Shop<'_> {
    /// True where the validator may run. One of work that was just paid always may; one of a result
    /// that stands must find room like any other session.
    pub(super) fn can_afford_review(&mut self, owner: AttemptId, validator: &Validator) -> bool {
        let build = &mut *self.build;
        let Some(attempt) = build.jobs.attempt(owner) else { return false };
        let is_free = !matches!(validator.kind, ValidatorKind::Agent(_));
        let is_paid = attempt.origin == Origin::Ran || build.money.cap_of(owner).is_some();
        let Some(node) = attempt.node.filter(|_| !is_free && !is_paid) else { return true };
        let at = (attempt.slot, validator);
        let why = match build.money.may_review(owner, at, &mut self.ground) {
            Afford::Yes | Afford::Later => return true,
            Afford::No(why) => why,
        };
        build.jobs.close(owner);
        self.ground.push(Effect::Drop { attempt: owner });
        build.board.hold_task(node, Why::Budget(why), &mut self.ground);
        false
    }

    /// What a validator's session may spend at most.
    pub(super) fn review_cap(&self, owner: AttemptId, validator: &Validator) -> Option<Usd> {
        let task = &self.build.jobs.attempt(owner)?.task;
        let likely = Likely::of(self.ground.world, self.ground.past);
        self.build.money.rest_for(owner, likely.validation(task, validator, None).0)
    }

    /// Books a session that has ended, for budgets and for the journal; `owner` where it validated.
    pub(super) fn book(
        &mut self,
        id: AttemptId,
        owner: Option<AttemptId>,
        evidence: &Evidence,
    ) -> Spend {
        let payer = owner.unwrap_or(id);
        let mut spend = self.build.money.book(payer, evidence.stream.as_ref());
        let Some(attempt) = self.build.jobs.attempt(payer) else { return spend };
        if evidence.stream.is_none() {
            return spend;
        }
        let validator = attempt.review.validators.get(attempt.review.next).map(|it| &it.kind);
        spend.agent = match (owner, validator) {
            (Some(_), Some(ValidatorKind::Agent(name))) => Some(name.clone()),
            (Some(_), _) => None,
            (None, _) => attempt.recipe.agent.as_ref().map(|it| it.name.clone()),
        };
        spend.is_budget_bound = self.build.money.is_bound(id, attempt.recipe.rule.limits.usd);
        spend
    }

    /// Takes an attempt that ended at the cap the budget set: it does not count, and runs again where
    /// there is room for what it needs. False where it ended otherwise.
    pub(super) fn meet_budget_cap(&mut self, id: AttemptId, judgement: &Judgement) -> bool {
        let build = &mut *self.build;
        let Some(attempt) = build.jobs.attempt(id) else { return false };
        let is_ours = build.money.is_bound(id, attempt.recipe.rule.limits.usd);
        let Some(node) = attempt.node.filter(|_| is_ours) else { return false };
        if judgement.class != OutcomeClass::BudgetCap {
            return false;
        }
        let (task, cost) = (attempt.task.clone(), attempt.made.cost);
        build.money.note_capped(&task, cost);
        build.jobs.close(id);
        build.board.queue(node);
        self.ground.push(Effect::Drop { attempt: id });
        let why = Why::ShareSpent(cost);
        build.board.note_reason(node, why.clone());
        self.ground.publish(Notice::TaskRetried { task, why, wait: Millis(0) });
        true
    }
}
