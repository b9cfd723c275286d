//! What sessions are likely to cost, by what was paid before.

use crate::base::measure::Usd;
use crate::base::name::TaskRef;
use crate::engine::past::Past;
use crate::engine::past::ledger::Labour;
use crate::engine::world::{Recipe, Slot, World};
use crate::spec::plan::{Validator, ValidatorKind};
use crate::spec::rule::ActionKind;

use super::budget::{GUESS, Wish};

/// Estimates from the world and the past.
pub struct Likely<'a> {
    world: &'a World,
    past: &'a Past,
}

impl<'a> Likely<'a> {
    pub fn of(world: &'a World, past: &'a Past) -> Self {
        Self { world, past }
    }

    /// What the task's next session and its validators are likely to cost; `None` for what is no session,
    /// and where nobody knows.
    pub fn cost(&self, slot: Slot, recipe: &Recipe) -> Option<Usd> {
        self.estimate(slot, recipe)
            .filter(|it| !it.is_guess)
            .map(|wish| wish.work + wish.validation)
    }

    /// As [`Likely::cost`], where nobody knows: what it is taken to cost.
    pub fn guessed_cost(&self, slot: Slot, recipe: &Recipe) -> Option<Usd> {
        self.estimate(slot, recipe).filter(|it| it.is_guess).map(|wish| wish.work + wish.validation)
    }

    fn estimate(&self, slot: Slot, recipe: &Recipe) -> Option<Wish> {
        (recipe.rule.action == ActionKind::Session).then(|| self.wish(slot, recipe))
    }

    /// What is to be set aside for the task's next session.
    pub fn wish(&self, slot: Slot, recipe: &Recipe) -> Wish {
        let task = self.world.task(slot).clone();
        let history = &self.past.history;
        let own = history.task(&task).and_then(|it| it.work.mean());
        let agent = recipe.agent.as_ref().map(|it| &it.name);
        let known = own.or_else(|| history.totals.typical_of(agent, Labour::Work));
        let one = known.unwrap_or(self.guess());
        // Each proposal of a competition is a session, and so is its judge.
        let n_sessions = recipe.judge.as_ref().map_or(1, |(count, _)| count.saturating_add(1));
        let work = (0..n_sessions).map(|_| one).sum();
        let validators = self.world.validators(slot, recipe);
        let likely = |validator: &Validator| self.validation(&task, validator, known).0;
        let validation = validators.iter().map(likely).sum();
        Wish { task, work, validation, is_guess: known.is_none(), n_free: 1 }
    }

    /// What one validator is likely to cost, and whether that is a guess; not more than the work that
    /// it looks at, where that is known.
    pub fn validation(&self, task: &TaskRef, of: &Validator, work: Option<Usd>) -> (Usd, bool) {
        let ValidatorKind::Agent(agent) = &of.kind else { return (Usd::ZERO, false) };
        let history = &self.past.history;
        let own = history.task(task).and_then(|it| it.validation.mean());
        match own.or_else(|| history.totals.typical_of(Some(agent), Labour::Validation)) {
            Some(known) => (known, false),
            None => (work.map_or(self.guess(), |work| work.min(self.guess())), true),
        }
    }

    fn guess(&self) -> Usd {
        self.world.config().budget.guess.unwrap_or(GUESS)
    }
}
