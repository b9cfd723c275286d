//! What every part of a build stands on: what there is, what has happened, and the present step.

use crate::base::measure::Moment;
use crate::engine::effect::{Effect, Notice, Step};
use crate::engine::past::Past;
use crate::engine::record::Record;
use crate::engine::world::World;

/// The world, the past and the step, lent for as long as something happens.
pub struct Ground<'a> {
    pub world: &'a mut World,
    pub past: &'a mut Past,
    pub step: &'a mut Step,
}

impl Ground<'_> {
    pub fn now(&self) -> Moment {
        self.step.now
    }

    /// Writes something down.
    pub fn append(&mut self, record: Record) {
        self.past.append(record, self.step);
    }

    pub fn publish(&mut self, notice: Notice) {
        self.step.publish(notice);
    }

    pub fn push(&mut self, effect: Effect) {
        self.step.push(effect);
    }
}
