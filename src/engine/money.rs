//! Money of one build: what bounds hold for a task, what is set aside before it starts, and what is
//! booked when it has ended.

pub mod budget;
mod likely;

pub use likely::Likely;

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::effect::{Notice, Warning};
use crate::engine::ground::Ground;
use crate::engine::past::Past;
use crate::engine::record::Spend;
use crate::engine::stream::StreamFacts;
use crate::engine::why::{Scope, Shortage};
use crate::engine::world::{Recipe, Slot, World};
use crate::spec::plan::Validator;
use crate::spec::quota::Quota;
use crate::spec::rule::ActionKind;

use budget::{Answer, Bound, Grant, Purse, Wish};

/// The money of one build.
#[derive(Debug, Default)]
pub struct Money {
    /// What the build may spend, as far as flags say.
    flags: Quota,
    purse: Purse,
    /// Granted to what is about to start.
    granted: Option<Grant>,
    /// Why something did not start, the first time.
    reached: Option<Shortage>,
    /// A session ran on a subscription.
    is_api_equivalent: bool,
    /// Spent by this build, every attempt counted.
    pub cost: Usd,
    pub n_sessions: u32,
}

/// Whether there is money for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Afford {
    Yes,
    /// Running sessions may leave enough.
    Later,
    /// There is none and will be none: why.
    No(Shortage),
}

impl Money {
    pub fn new(flags: Quota) -> Self {
        Self { flags, ..Self::default() }
    }

    /// What kept something from starting, the first time; `None` where there was room for all.
    pub fn reached(&self) -> Option<&Shortage> {
        self.reached.as_ref()
    }

    /// True where some of the cost is what the API would have asked for, and nobody is billed for it.
    pub fn is_api_equivalent(&self) -> bool {
        self.is_api_equivalent
    }

    /// Whether the task may start; what it needs is set aside by [`Money::reserve`]. `n_free` more may
    /// start beside it.
    pub fn may_start(
        &mut self,
        slot: Slot,
        recipe: &Recipe,
        n_free: u32,
        ground: &mut Ground<'_>,
    ) -> Afford {
        self.granted = None;
        if recipe.rule.action != ActionKind::Session {
            return Afford::Yes;
        }
        let wish = Likely::of(ground.world, ground.past).wish(slot, recipe);
        match self.purse.ask(&self.bounds_of(slot, ground), Wish { n_free, ..wish }) {
            Answer::Unbounded => Afford::Yes,
            Answer::Granted(grant) => {
                self.granted = Some(grant);
                Afford::Yes
            }
            Answer::Later => Afford::Later,
            Answer::Refused(why) => {
                self.note_reached(&why, ground);
                Afford::No(why)
            }
        }
    }

    /// Sets aside what was found to be there for an attempt that starts now.
    pub fn reserve(&mut self, attempt: AttemptId) {
        if let Some(grant) = self.granted.take() {
            self.purse.hold(attempt, grant);
        }
    }

    /// What was set aside for attempts that are over is free again.
    pub fn keep(&mut self, is_live: impl Fn(AttemptId) -> bool) {
        self.purse.keep(is_live);
    }

    /// What the attempt's session may spend at most.
    pub fn cap_of(&self, attempt: AttemptId) -> Option<Usd> {
        self.purse.cap_of(attempt)
    }

    /// True where the budget, not the rule's own limit, is what the attempt may spend at most.
    pub fn is_bound(&self, attempt: AttemptId, own_limit: Option<Usd>) -> bool {
        let cap = self.cap_of(attempt);
        cap.is_some_and(|cap| own_limit.is_none_or(|own| cap < own))
    }

    /// Whether a validator of a result that stands may run: it must find room like any other session.
    pub fn may_review(
        &mut self,
        owner: AttemptId,
        slot: Slot,
        validator: &Validator,
        ground: &mut Ground<'_>,
    ) -> Afford {
        let task = ground.world.task(slot).clone();
        let likely = Likely::of(ground.world, ground.past);
        let (work, is_guess) = likely.validation(&task, validator, None);
        let wish = Wish { task, work, validation: Usd::ZERO, is_guess, n_free: 1 };
        let why = match self.purse.ask(&self.bounds_of(slot, ground), wish) {
            Answer::Unbounded => return Afford::Yes,
            Answer::Granted(grant) => {
                self.purse.hold(owner, grant);
                return Afford::Yes;
            }
            Answer::Later => Shortage::SetAside,
            Answer::Refused(why) => why,
        };
        self.note_reached(&why, ground);
        Afford::No(why)
    }

    /// What is left of an attempt's share for a validator that is likely to cost so much.
    pub fn rest_for(&self, owner: AttemptId, likely: Usd) -> Option<Usd> {
        self.purse.rest_for(owner, likely)
    }

    /// Books a session that has ended, for budgets and for the journal.
    pub fn book(&mut self, payer: AttemptId, facts: Option<&StreamFacts>) -> Spend {
        let Some(facts) = facts else { return Spend::default() };
        self.cost += facts.cost;
        self.purse.book(payer, facts.cost);
        let spend = Spend::of(facts);
        self.is_api_equivalent |= spend.is_subscription;
        spend
    }

    /// A session of the task ended at the cap that the budget set.
    pub fn note_capped(&mut self, task: &TaskRef, cost: Usd) {
        self.purse.note_capped(task, cost);
    }

    /// What is left of the bounds that hold for every task.
    pub fn left(
        &self,
        world: &World,
        past: &Past,
        now: crate::base::measure::Moment,
    ) -> Option<Usd> {
        let bounds = self.bounds_of_all(world, past, now);
        bounds.iter().map(|it| (it.limit - it.spent).max(Usd::ZERO)).min()
    }

    /// The bounds that hold for a task now.
    fn bounds_of(&self, slot: Slot, ground: &Ground<'_>) -> Vec<Bound> {
        let Ground { world, past, step } = ground;
        let task = world.task(slot);
        let config = &world.config().budget;
        let own = world.meta(slot).budget;
        let plan = if own.limit().is_some() { own } else { own.or(Quota::of(config.plan)) };
        // A flag changes a plan's bound and makes none: it is typed for one build, and a plan's spending
        // is that of all.
        let plan = plan.limit().and_then(|_| self.flags.or(plan).limit());
        let spent = past.history.totals.of_plan(&task.plan);
        let since = past.history.task(task).map(|it| it.cost_since).unwrap_or_default();
        let mut bounds = self.bounds_of_all(world, past, step.now);
        bounds.extend(bound(Scope::Plan(task.plan.clone()), plan, spent));
        bounds.extend(bound_of_item(task, world, past));
        bounds.extend(bound(Scope::Task(task.clone()), config.task, since));
        bounds
    }

    fn bounds_of_all(
        &self,
        world: &World,
        past: &Past,
        now: crate::base::measure::Moment,
    ) -> Vec<Bound> {
        let config = &world.config().budget;
        let run = self.flags.or(Quota::of(config.run)).limit();
        let today = past.history.totals.of_day(now);
        let bounds = [bound(Scope::Run, run, self.cost), bound(Scope::Day, config.day, today)];
        bounds.into_iter().flatten().collect()
    }

    fn note_reached(&mut self, why: &Shortage, ground: &mut Ground<'_>) {
        if self.reached.is_none() {
            self.reached = Some(why.clone());
            ground.publish(Notice::Warning(Warning::BudgetReached(why.clone())));
        }
    }
}

/// What all work on a task's backlog item may cost, where the item says.
fn bound_of_item(task: &TaskRef, world: &World, past: &Past) -> Option<Bound> {
    let item = world.item_of_plan(&task.plan)?;
    let limit = world.item_budget(item)?;
    let plans = world.plans_of_item(item);
    let spent = plans.map(|plan| past.history.totals.of_plan(plan)).sum();
    bound(Scope::Item(item.to_owned()), Some(limit), spent)
}

fn bound(scope: Scope, limit: Option<Usd>, spent: Usd) -> Option<Bound> {
    limit.map(|limit| Bound { scope, limit, spent })
}
