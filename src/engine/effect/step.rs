//! One step of the engine: when it is, and what is to be done after it.

use crate::base::measure::Moment;
use crate::engine::limits::Clock;

use super::{Effect, Notice};

/// The present step.
#[derive(Debug, Default)]
pub struct Step {
    pub now: Moment,
    /// The machine's zone by its IANA name: the CLI tells resets in it.
    zone: String,
    wanted: Vec<Effect>,
}

impl Step {
    /// A step on a machine in this zone.
    pub fn in_zone(zone: String) -> Self {
        Self { zone, ..Self::default() }
    }

    /// What times of day in messages are relative to.
    pub fn clock(&self) -> Clock {
        Clock { now: self.now, zone: self.zone.clone() }
    }

    pub fn push(&mut self, effect: Effect) {
        self.wanted.push(effect);
    }

    pub fn extend(&mut self, effects: impl IntoIterator<Item = Effect>) {
        self.wanted.extend(effects);
    }

    pub fn publish(&mut self, notice: Notice) {
        self.push(Effect::Publish(notice));
    }

    /// Everything that is wanted so far, in order.
    pub fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.wanted)
    }
}
