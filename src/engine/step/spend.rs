//! Money in the engine: what bounds hold for a task, what is set aside before it starts, and what is
//! booked when it has ended.

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::money::budget::{Answer, Bound, GUESS, Grant, Purse, Scope, Wish};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::record::Spend;
use crate::engine::world::{Recipe, Slot};
use crate::spec::plan::{Validator, ValidatorKind};
use crate::spec::quota::Quota;
use crate::spec::rule::ActionKind;

use super::attempt::Origin;
use super::pace::Wait;
use super::{Build, Engine};

/// The money of one build.
#[derive(Debug, Default)]
pub(super) struct Money {
    purse: Purse,
    /// Granted to what is about to start.
    granted: Option<Grant>,
    /// Why something did not start, the first time.
    reached: Option<String>,
    /// A session ran on a subscription.
    is_api_equivalent: bool,
}

impl Engine {
    /// The bound that kept something from starting, one line; `None` where there was room for all.
    pub fn budget_reached(&self) -> Option<&str> {
        self.build.as_ref()?.money.reached.as_deref()
    }

    /// True where some of the cost is what the API would have asked for, and nobody is billed for it.
    pub fn is_api_equivalent(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.money.is_api_equivalent)
    }

    /// True where the task may start; what it needs is set aside by [`Engine::reserve`]. Where there is
    /// no room and will be none it is held.
    pub(super) fn can_afford(&mut self, id: NodeId, recipe: &Recipe) -> bool {
        let Some(build) = &mut self.build else { return false };
        build.money.granted = None;
        if recipe.rule.action != ActionKind::Session {
            return true;
        }
        let live = &build.attempts;
        build.money.purse.keep(|attempt| live.contains_key(&attempt));
        let Some(build) = &self.build else { return false };
        let slot = build.nodes[id.index()];
        let n_free = build.request.jobs.saturating_sub(build.attempts.len() as u32);
        let wish = Wish { n_free, ..self.wish(slot, recipe) };
        let answer = build.money.purse.ask(&self.bounds_of(slot), wish);
        match answer {
            Answer::Unbounded => true,
            Answer::Granted(grant) => {
                self.money(|money| money.granted = Some(grant));
                true
            }
            Answer::Later => {
                self.note_wait(id, Wait::Budget);
                false
            }
            Answer::Refused(why) => {
                self.note_reached(&why);
                self.hold_task(id, why);
                false
            }
        }
    }

    /// Sets aside what was found to be there for an attempt that starts now.
    pub(super) fn reserve(&mut self, attempt: AttemptId) {
        self.money(|money| {
            if let Some(grant) = money.granted.take() {
                money.purse.hold(attempt, grant);
            }
        });
    }

    /// What the attempt's session may spend at most.
    pub(super) fn cap_of(&self, attempt: AttemptId) -> Option<Usd> {
        self.build.as_ref()?.money.purse.cap_of(attempt)
    }

    /// True where the validator may run. One of work that was just paid always may; one of a result
    /// that stands must find room like any other session.
    pub(super) fn can_afford_review(&mut self, owner: AttemptId, validator: &Validator) -> bool {
        let Some(build) = &self.build else { return false };
        let Some(attempt) = build.attempts.get(&owner) else { return false };
        let is_free = !matches!(validator.kind, ValidatorKind::Agent(_));
        if is_free || attempt.origin == Origin::Ran || self.cap_of(owner).is_some() {
            return true;
        }
        let Some(node) = attempt.node else { return true };
        let (likely, is_guess) = self.likely_validation(&attempt.task, validator, None);
        let task = attempt.task.clone();
        let wish = Wish { task, work: likely, validation: Usd::ZERO, is_guess, n_free: 1 };
        let why = match build.money.purse.ask(&self.bounds_of(attempt.slot), wish) {
            Answer::Unbounded => return true,
            Answer::Granted(grant) => {
                self.money(|money| money.purse.hold(owner, grant));
                return true;
            }
            Answer::Later => {
                "budget: what is left is set aside for what runs; `orch build` goes on".to_owned()
            }
            Answer::Refused(why) => why,
        };
        self.note_reached(&why);
        if let Some(build) = &mut self.build {
            build.attempts.remove(&owner);
        }
        self.step.push(Effect::Drop { attempt: owner });
        self.hold_task(node, why);
        false
    }

    /// What a validator's session may spend at most.
    pub(super) fn review_cap(&self, owner: AttemptId, validator: &Validator) -> Option<Usd> {
        let build = self.build.as_ref()?;
        let task = &build.attempts.get(&owner)?.task;
        build.money.purse.rest_for(owner, self.likely_validation(task, validator, None).0)
    }

    /// Books a session that has ended, for budgets and for the journal.
    pub(super) fn book(
        &mut self,
        id: AttemptId,
        owner: Option<AttemptId>,
        evidence: &Evidence,
    ) -> Spend {
        let Some(facts) = &evidence.stream else { return Spend::default() };
        self.money(|money| money.purse.book(owner.unwrap_or(id), facts.cost));
        let mut spend = Spend::of(facts);
        self.money(|money| money.is_api_equivalent |= spend.is_subscription);
        let attempt = self.build.as_ref().and_then(|it| it.attempts.get(&owner.unwrap_or(id)));
        let Some(attempt) = attempt else { return spend };
        let validator = attempt.validators.get(attempt.validating).map(|it| &it.kind);
        spend.agent = match (owner, validator) {
            (Some(_), Some(ValidatorKind::Agent(name))) => Some(name.clone()),
            (Some(_), _) => None,
            (None, _) => attempt.recipe.agent.as_ref().map(|it| it.name.clone()),
        };
        let own_limit = attempt.recipe.rule.limits.usd;
        let cap = self.cap_of(id);
        spend.is_budget_bound = cap.is_some_and(|cap| own_limit.is_none_or(|own| cap < own));
        spend
    }

    /// Takes an attempt that ended at the cap the budget set: it does not count, and runs again where
    /// there is room for what it needs. False where it ended otherwise.
    pub(super) fn meet_budget_cap(&mut self, id: AttemptId, judgement: &Judgement) -> bool {
        let Some(build) = &mut self.build else { return false };
        let Some(attempt) = build.attempts.get(&id) else { return false };
        let own_limit = attempt.recipe.rule.limits.usd;
        let cap = build.money.purse.cap_of(id);
        let is_ours = cap.is_some_and(|cap| own_limit.is_none_or(|own| cap < own));
        let Some(node) = attempt.node.filter(|_| is_ours) else { return false };
        if judgement.class != OutcomeClass::BudgetCap {
            return false;
        }
        let (task, cost) = (attempt.task.clone(), attempt.cost);
        build.money.purse.note_capped(&task, cost);
        build.attempts.remove(&id);
        build.schedule.set(node, State::Queued);
        build.queue.insert(node);
        self.step.push(Effect::Drop { attempt: id });
        let why = format!("it had spent {cost}, all that was set aside for it");
        self.note_reason(node, why.clone());
        self.step.publish(Notice::TaskRetried { task, why, wait_ms: 0 });
        true
    }

    /// What is left of the bounds that hold for every task.
    pub(super) fn budget_left(&self) -> Option<Usd> {
        let bounds = self.bounds_of_all();
        bounds.iter().map(|it| (it.limit - it.spent).max(Usd::ZERO)).min()
    }

    /// What the task's next session and its validators are likely to cost; `None` for what is no session.
    pub(super) fn likely_cost(&self, slot: Slot, recipe: &Recipe) -> Option<Usd> {
        let is_session = recipe.rule.action == ActionKind::Session;
        let wish = is_session.then(|| self.wish(slot, recipe)).filter(|it| !it.is_guess);
        wish.map(|wish| wish.work + wish.validation)
    }

    fn wish(&self, slot: Slot, recipe: &Recipe) -> Wish {
        let task = self.world.task(slot).clone();
        let own = self.past.history.task(&task).and_then(|it| it.work.mean());
        let agent = recipe.agent.as_ref().map(|it| &it.name);
        let known = own.or_else(|| self.past.history.totals.typical_of(agent, false));
        let one = known.unwrap_or(self.guess());
        // Each proposal of a competition is a session, and so is its judge.
        let n_sessions = recipe.judge.as_ref().map_or(1, |(count, _)| count.saturating_add(1));
        let work = (0..n_sessions).map(|_| one).sum();
        let validators = self.world.validators(slot, recipe);
        let likely = |validator: &Validator| self.likely_validation(&task, validator, known).0;
        let validation = validators.iter().map(likely).sum();
        Wish { task, work, validation, is_guess: known.is_none(), n_free: 1 }
    }

    /// What one validator is likely to cost, and whether that is a guess; not more than the work that
    /// it looks at, where that is known.
    fn likely_validation(&self, task: &TaskRef, of: &Validator, work: Option<Usd>) -> (Usd, bool) {
        let ValidatorKind::Agent(agent) = &of.kind else { return (Usd::ZERO, false) };
        let own = self.past.history.task(task).and_then(|it| it.validation.mean());
        match own.or_else(|| self.past.history.totals.typical_of(Some(agent), true)) {
            Some(known) => (known, false),
            None => (work.map_or(self.guess(), |work| work.min(self.guess())), true),
        }
    }

    fn guess(&self) -> Usd {
        self.world.config().budget.guess.unwrap_or(GUESS)
    }

    /// The bounds that hold for a task now.
    fn bounds_of(&self, slot: Slot) -> Vec<Bound> {
        let Some(build) = &self.build else { return Vec::new() };
        let task = self.world.task(slot);
        let config = &self.world.config().budget;
        let own = self.world.meta(slot).budget;
        let plan = if own.limit().is_some() { own } else { own.or(Quota::of(config.plan)) };
        // A flag changes a plan's bound and makes none: it is typed for one build, and a plan's spending
        // is that of all.
        let plan = plan.limit().and_then(|_| build.request.budget.or(plan).limit());
        let spent = self.past.history.totals.of_plan(&task.plan);
        let since = self.past.history.task(task).map(|it| it.cost_since).unwrap_or_default();
        let mut bounds = self.bounds_of_all();
        bounds.extend(bound(Scope::Plan(task.plan.clone()), plan, spent));
        bounds.extend(bound(Scope::Task(task.clone()), config.task, since));
        bounds
    }

    fn bounds_of_all(&self) -> Vec<Bound> {
        let Some(build) = &self.build else { return Vec::new() };
        let config = &self.world.config().budget;
        let run = build.request.budget.or(Quota::of(config.run)).limit();
        let today = self.past.history.totals.of_day(self.step.now);
        let bounds = [bound(Scope::Run, run, build.cost), bound(Scope::Day, config.day, today)];
        bounds.into_iter().flatten().collect()
    }

    fn note_reached(&mut self, why: &str) {
        let is_first = self.budget_reached().is_none();
        self.money(|money| money.reached = money.reached.take().or(Some(why.to_owned())));
        if is_first {
            self.step.publish(Notice::Warning(why.to_owned()));
        }
    }

    fn money(&mut self, change: impl FnOnce(&mut Money)) {
        if let Some(Build { money, .. }) = &mut self.build {
            change(money);
        }
    }
}

fn bound(scope: Scope, limit: Option<Usd>, spent: Usd) -> Option<Bound> {
    limit.map(|limit| Bound { scope, limit, spent })
}
