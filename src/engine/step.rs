//! The engine: events in, effects out. It owns what there is, what has happened and the build under
//! way, is synchronous and deterministic, and is the only thing of the pure floors that changes.

mod ask;
mod intent;
mod round;
mod take_in;

use crate::base::measure::Moment;
use crate::base::name::AccountId;

use super::decide::Mode;
use super::effect::{BuildRequest, Effect, Step};
use super::event::Event;
use super::ground::Ground;
use super::jobs::{Build, Shop};
use super::limits::Clock;
use super::past::Past;
use super::world::{QueryLog, World};

pub use super::decide::TaskRun;
pub use super::jobs::attempt::Attempt;
pub use super::world::validators_of;

/// The engine. See the module's text; `step` is the whole of its life.
pub struct Engine {
    world: World,
    past: Past,
    build: Option<Build>,
    step: Step,
}

impl Default for Engine {
    fn default() -> Self {
        Self::of(World::default())
    }
}

impl Engine {
    /// An engine that notes which queries it executes.
    pub fn observed() -> (Self, QueryLog) {
        let (world, log) = World::observed();
        (Self::of(world), log)
    }

    fn of(world: World) -> Self {
        let step = Step::in_zone(Clock::default().zone);
        Self { world, past: Past::default(), build: None, step }
    }

    /// The same engine on a machine in this zone, by its IANA name. UTC is assumed without.
    #[must_use]
    pub fn in_zone(self, zone: String) -> Self {
        Self { step: Step::in_zone(zone), ..self }
    }

    /// The same engine whose sessions sign in with this account.
    #[must_use]
    pub fn of_account(mut self, account: Option<AccountId>) -> Self {
        self.past.account = account;
        self
    }

    /// Takes in what happened and answers with what is to be done, in order.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        self.step.now = now;
        self.take_in(event);
        self.pump();
        self.step.take()
    }

    /// Surveys instead of building: decides, runs nothing.
    pub fn survey(&mut self, now: Moment, request: BuildRequest) -> Vec<Effect> {
        self.step.now = now;
        self.begin(request, Mode::Survey);
        self.pump();
        self.step.take()
    }

    fn ground(&mut self) -> Ground<'_> {
        Ground { world: &mut self.world, past: &mut self.past, step: &mut self.step }
    }

    /// The build at work; `None` where there is none.
    fn shop(&mut self) -> Option<Shop<'_>> {
        let Self { world, past, step, build } = self;
        let build = build.as_mut()?;
        Some(Shop { ground: Ground { world, past, step }, build })
    }
}

#[cfg(test)]
mod tests;
