//! The money of attempts: what a validator may spend, and what follows where a budget is used up.

use crate::base::measure::{Millis, Usd};
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::admission::Origin;
use crate::engine::broken::Sound;
use crate::engine::effect::{Effect, Notice};
use crate::engine::money::{Afford, Likely};
use crate::engine::outcome::OutcomeClass;
use crate::engine::why::Why;
use crate::spec::plan::{Validator, ValidatorKind};

use super::Shop;

impl Shop<'_> {
    /// True where the validator may run. One of work that was just paid always may; one of a result
    /// that stands must find room like any other session.
    pub(super) fn can_afford_review(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
    ) -> Sound<bool> {
        let build = &mut *self.build;
        let attempt = build.jobs.attempt(owner)?;
        let is_free = !matches!(validator.kind, ValidatorKind::Agent(_));
        let is_paid = attempt.origin == Origin::Ran || build.money.cap_of(owner).is_some();
        let Some(node) = attempt.node.filter(|_| !is_free && !is_paid) else { return Ok(true) };
        let slot = attempt.slot;
        let why = match build.money.may_review(owner, slot, validator, &mut self.ground) {
            Afford::Yes | Afford::Later => return Ok(true),
            Afford::No(why) => why,
        };
        build.jobs.close(owner)?;
        self.ground.push(Effect::Drop { attempt: owner });
        build.board.hold_task(node, Why::Budget(why), &mut self.ground);
        Ok(false)
    }

    /// What a validator's session may spend at most.
    pub(super) fn review_cap(
        &self,
        owner: AttemptId,
        task: &TaskRef,
        validator: &Validator,
    ) -> Option<Usd> {
        let likely = Likely::of(self.ground.world, self.ground.past);
        self.build.money.rest_for(owner, likely.validation(task, validator, None).0)
    }

    /// Takes an attempt that ended at the cap the budget set: it does not count, and runs again where
    /// there is room for what it needs. False where it ended at another.
    pub(super) fn meet_budget_cap(&mut self, id: AttemptId) -> Sound<bool> {
        let build = &mut *self.build;
        let attempt = build.jobs.attempt(id)?;
        let is_ours = build.money.is_bound(id, attempt.recipe.rule.limits.usd);
        let Some(node) = attempt.node.filter(|_| is_ours) else { return Ok(false) };
        let (task, cost) = (attempt.task.clone(), attempt.made.cost);
        build.money.note_capped(&task, cost);
        let attempt = build.jobs.close(id)?;
        build.board.queue(node);
        let run = build.board.run(node);
        run.last_end =
            Some((OutcomeClass::BudgetCap, "the share of the budget was spent".to_owned()));
        run.resume = attempt.made.session.clone().filter(|_| attempt.made.has_worked);
        let why = Why::ShareSpent(cost);
        build.board.note_reason(node, why.clone());
        self.hand_on(id, &attempt);
        self.ground.publish(Notice::TaskRetried { task, why, wait: Millis(0) });
        Ok(true)
    }
}
