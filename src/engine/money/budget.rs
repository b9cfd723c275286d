//! Reserve, then spend: nothing starts whose likely cost does not fit into what is left of every bound
//! it counts against, and what starts may spend what was set aside for it, and no more.

use std::collections::BTreeMap;

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::why::{Scope, Shortage};
use crate::spec::item::stages::item_behind;

/// What a session is taken to cost while nothing like it was ever paid.
pub const GUESS: Usd = Usd::from_nanos(500_000_000);

/// Where there is room, a session may cost so many times what is likely before it is cut.
const HEADROOM: i64 = 3;

fn covers(scope: &Scope, task: &TaskRef) -> bool {
    match scope {
        Scope::Run | Scope::Day => true,
        Scope::Plan(plan) => task.plan == *plan,
        Scope::Item(item) => item_behind(&task.plan) == item,
        Scope::Task(own) => task == own,
    }
}

/// A limit with what is spent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub scope: Scope,
    pub limit: Usd,
    pub spent: Usd,
}

/// What a task asks for before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub task: TaskRef,
    /// What its session is likely to cost, and what its validators are.
    pub work: Usd,
    pub validation: Usd,
    /// Nothing like it was ever paid: a guess too high must not keep the first one from running.
    pub is_guess: bool,
    /// How many could start now; what is left is for all of them.
    pub n_free: u32,
}

/// Whether it may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No bound holds for it.
    Unbounded,
    Granted(Grant),
    /// Once what runs has ended there may be room.
    Later,
    /// There is no room, and there will be none: why.
    Refused(Shortage),
}

/// What was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub task: TaskRef,
    pub amount: Usd,
    /// What the session itself may spend of it; the rest is for its validators.
    pub cap: Usd,
    booked: Usd,
}

impl Grant {
    fn rest(&self) -> Usd {
        (self.amount - self.booked).max(Usd::ZERO)
    }
}

/// What is set aside for what runs.
#[derive(Clone, Debug, Default)]
pub struct Purse {
    grants: BTreeMap<AttemptId, Grant>,
    /// What a task had cost when it met its cap: it needs more than that.
    capped: BTreeMap<TaskRef, Usd>,
}

impl Purse {
    /// Looks for room in all `bounds`, which are those that hold for the task.
    pub fn ask(&self, bounds: &[Bound], mut wish: Wish) -> Answer {
        if let Some(capped) = self.capped.get(&wish.task) {
            wish.work = wish.work.max(times(*capped, 2));
            wish.is_guess = false;
        }
        let need = wish.work + wish.validation;
        let mut tightest: Option<Usd> = None;
        let mut must_wait = false;
        for bound in bounds {
            let held = self.held(&bound.scope);
            let left = bound.limit - bound.spent;
            let room = left - held;
            if left <= Usd::ZERO || (left < need && !wish.is_guess) {
                return Answer::Refused(refusal(bound, need));
            }
            let is_alone = held == Usd::ZERO && wish.is_guess;
            must_wait |= room <= Usd::ZERO || (room < need && !is_alone);
            tightest = Some(tightest.map_or(room, |it| it.min(room)));
        }
        match tightest {
            None => Answer::Unbounded,
            Some(_) if must_wait => Answer::Later,
            Some(room) => Answer::Granted(grant(wish, room)),
        }
    }

    /// Sets a grant aside for an attempt.
    pub fn hold(&mut self, attempt: AttemptId, grant: Grant) {
        self.grants.insert(attempt, grant);
    }

    /// Forgets what was set aside for attempts that are over.
    pub fn keep(&mut self, is_live: impl Fn(AttemptId) -> bool) {
        self.grants.retain(|attempt, _| is_live(*attempt));
    }

    /// The attempt, or a validator of it, has spent this: it is in what bounds call spent from now on.
    pub fn book(&mut self, attempt: AttemptId, cost: Usd) {
        if let Some(grant) = self.grants.get_mut(&attempt) {
            grant.booked += cost;
        }
    }

    pub fn cap_of(&self, attempt: AttemptId) -> Option<Usd> {
        self.grants.get(&attempt).map(|grant| grant.cap)
    }

    /// What a validator of the attempt may spend: what is left of its grant, and in any case what it
    /// needs, since the work that it looks at is paid.
    pub fn rest_for(&self, attempt: AttemptId, likely: Usd) -> Option<Usd> {
        self.grants.get(&attempt).map(|grant| grant.rest().max(times(likely, HEADROOM)))
    }

    /// A session met its cap at this cost.
    pub fn note_capped(&mut self, task: &TaskRef, cost: Usd) {
        self.capped.insert(task.clone(), cost);
    }

    fn held(&self, scope: &Scope) -> Usd {
        self.grants.values().filter(|it| covers(scope, &it.task)).map(Grant::rest).sum()
    }
}

/// A fair share of the room, or what gives the session some headroom.
fn grant(wish: Wish, room: Usd) -> Grant {
    let share = Usd::from_nanos(room.nanos() / i64::from(wish.n_free.max(1)));
    let amount = share.max(times(wish.work + wish.validation, HEADROOM)).min(room);
    let half = Usd::from_nanos(amount.nanos() / 2);
    let cap = amount - wish.validation.min(half);
    Grant { task: wish.task, amount, cap, booked: Usd::ZERO }
}

fn times(cost: Usd, n: i64) -> Usd {
    Usd::from_nanos(cost.nanos().saturating_mul(n))
}

fn refusal(bound: &Bound, need: Usd) -> Shortage {
    let Bound { scope, limit, spent } = bound.clone();
    Shortage::Overdrawn { scope, limit, spent, need }
}

#[cfg(test)]
mod tests;
