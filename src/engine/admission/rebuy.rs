//! Finished work that would be bought again: held where it comes to more than may be spent without a
//! word, until a person lets it go.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::digest::Difference;
use crate::base::name::TaskRef;
use crate::engine::decide::Board;
use crate::engine::effect::{Notice, Warning};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::money::Likely;
use crate::engine::past::ledger::day_of;
use crate::engine::why::{Rebuy, Why};
use crate::spec::plan::ValidatorKind;
use crate::spec::rebuild::AskAbove;
use crate::spec::rule::ActionKind;

use super::Admission;

/// What this build bought again without asking, and what it may.
#[derive(Debug, Default)]
pub struct Rebuying {
    /// Let go, since a person said so or since it is little, with all that follows from it.
    allowed: BTreeSet<TaskRef>,
    spent: Rebuy,
    /// The day that was on; a build that stays begins anew with each.
    day: u64,
    /// Of what was held this much was told.
    announced: Rebuy,
}

/// A guess alone keeps nothing from running.
fn is_above(sum: Rebuy, bound: AskAbove) -> bool {
    sum.sessions > bound.sessions || sum.usd > bound.usd
}

impl Admission {
    /// Holds what is queued and was paid for before, where all that would be bought again comes to more
    /// than the settings let go. Asked before anything starts, while nothing is looked up any more.
    pub fn hold_what_is_bought_again(&mut self, board: &mut Board, ground: &mut Ground<'_>) {
        let Some(bound) = ground.world.config().rebuild.ask_above else { return };
        if board.request.allows_rebuying {
            return;
        }
        let queued: Vec<NodeId> = board.schedule.queued().collect();
        for id in &queued {
            if is_asked_for(*id, board, ground) {
                self.rebuying.allow_from(*id, board);
            }
        }
        let held: Vec<NodeId> = queued
            .into_iter()
            .filter(|id| was_paid(*id, board, ground) && !runs_always(*id, board))
            .filter(|id| !self.rebuying.allowed.contains(board.task(*id)))
            .collect();
        if held.is_empty() {
            return;
        }
        let today = day_of(ground.now());
        if std::mem::replace(&mut self.rebuying.day, today) != today {
            self.rebuying.spent = Rebuy::default();
        }
        let all = self.rebuying.all_that_follows(board, ground);
        let amount = amount_of(&all, board, ground);
        if !is_above(self.rebuying.spent + amount, bound) {
            self.rebuying.spent = self.rebuying.spent + amount;
            self.rebuying.allowed.extend(all.into_iter().map(|id| board.task(id).clone()));
            return;
        }
        self.rebuying.tell(amount, &held, board, ground);
        for id in held {
            let changes = Arc::clone(&board.run(id).changed);
            board.note_reason(id, Why::BoughtAgain { changes, amount });
            board.settle(id, Settled::Held);
        }
    }
}

impl Rebuying {
    /// What was let go has been made: the next time is another matter.
    pub fn forget(&mut self, task: &TaskRef) {
        self.allowed.remove(task);
    }

    /// Nothing runs any more.
    pub fn forget_all(&mut self) {
        self.allowed.clear();
    }

    /// A cause that was let go covers what follows from it.
    fn allow_from(&mut self, id: NodeId, board: &Board) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if self.allowed.insert(board.task(id).clone()) {
                open.extend(board.graph.dependents_of(id));
            }
        }
    }

    /// Everything paid for whose key is another by now, with all of that kind that depends on it: chains
    /// become stale one by one.
    fn all_that_follows(&self, board: &Board, ground: &Ground<'_>) -> BTreeSet<NodeId> {
        // What is held already is bought again once it is let go.
        let is_open = |id: &NodeId| {
            matches!(
                board.schedule.state(*id),
                State::Waiting
                    | State::Looking
                    | State::Queued
                    | State::Settled(Settled::Held | Settled::Blocked(_))
            )
        };
        let candidates = board.graph.ids().filter(is_open);
        let mut open: Vec<NodeId> = candidates.filter(|id| is_stale(*id, board, ground)).collect();
        let (mut all, mut seen) = (BTreeSet::new(), BTreeSet::new());
        while let Some(id) = open.pop() {
            if self.allowed.contains(board.task(id)) || !is_open(&id) || !seen.insert(id) {
                continue;
            }
            // A command costs nothing, and what follows from it does.
            open.extend(board.graph.dependents_of(id));
            if was_paid(id, board, ground) && !runs_always(id, board) {
                all.insert(id);
            }
        }
        all
    }

    fn tell(&mut self, amount: Rebuy, held: &[NodeId], board: &Board, ground: &mut Ground<'_>) {
        if std::mem::replace(&mut self.announced, amount) == amount {
            return;
        }
        let mut causes: Vec<Difference> = Vec::new();
        for cause in held.iter().filter_map(|id| board.known_run(*id)?.changed.first()) {
            if !causes.contains(cause) {
                causes.push(cause.clone());
            }
        }
        ground.publish(Notice::Warning(Warning::BoughtAgain { amount, causes }));
    }
}

/// A session's task of which a result was accepted.
fn was_paid(id: NodeId, board: &Board, ground: &Ground<'_>) -> bool {
    let past = ground.past.history.task(board.task(id));
    past.is_some_and(|past| past.accepted.is_some())
        && ground
            .world
            .recipe(board.slot(id))
            .is_some_and(|recipe| recipe.rule.action == ActionKind::Session)
}

/// Its key is another than that of its result; one that is not known yet is none.
fn is_stale(id: NodeId, board: &Board, ground: &Ground<'_>) -> bool {
    let slot = board.slot(id);
    let Some(past) = ground.past.history.task(board.task(id)) else { return false };
    let mut keys =
        ground.world.key(slot).into_iter().chain(ground.world.narrow_key(slot)).peekable();
    let is_known = keys.peek().is_some();
    is_known && past.accepted.is_some() && keys.all(|key| past.standing(key).is_none())
}

/// It does not run because something around it changed: a person asked for it, by a word or by an edit
/// of the task itself, or a validator did.
fn is_asked_for(id: NodeId, board: &Board, ground: &Ground<'_>) -> bool {
    const OWN: [&str; 4] = ["task", "command", "outputs", "proposals"];
    let Some(run) = board.known_run(id) else { return false };
    match &run.reason {
        Why::InputsChanged(changes) => changes.iter().any(|it| OWN.contains(&it.section())),
        Why::BoughtAgain { .. } | Why::NeverCached => false,
        Why::Forced | Why::AskedFor | Why::Forgotten | Why::SetBack => true,
        _ => was_paid(id, board, ground),
    }
}

/// Its plan has it run in every build.
fn runs_always(id: NodeId, board: &Board) -> bool {
    board.known_run(id).is_some_and(|run| matches!(run.reason, Why::NeverCached))
}

fn amount_of(all: &BTreeSet<NodeId>, board: &Board, ground: &Ground<'_>) -> Rebuy {
    let likely = Likely::of(ground.world, ground.past);
    let mut amount = Rebuy::default();
    for id in all {
        let slot = board.slot(*id);
        let Some(recipe) = ground.world.recipe(slot) else { continue };
        let wish = likely.wish(slot, recipe);
        amount.tasks += 1;
        let reviewers = ground.world.validators(slot, recipe).into_iter();
        let reviewers = reviewers.filter(|it| matches!(it.kind, ValidatorKind::Agent(_))).count();
        // Each proposal is a session, and so is its judge.
        let own = recipe.judge.as_ref().map_or(1, |(count, _)| count + 1);
        amount.sessions += own + u32::try_from(reviewers).unwrap_or(u32::MAX);
        let sum = if wish.is_guess { &mut amount.guessed } else { &mut amount.usd };
        *sum += wish.work + wish.validation;
    }
    amount
}
