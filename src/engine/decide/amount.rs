//! Running less than everything: one task, one batch, or from a task on.

use crate::base::digest::Digest;
use crate::base::name::OutputDigest;
use crate::engine::effect::Amount;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::world::World;

use super::Board;

impl Board {
    /// Picks what is to run of what is queued, once, and leaves out the rest; `slots` may run at once.
    pub fn pick_amount(&mut self, slots: u32) {
        if self.chosen.is_empty() {
            let n = match self.request.amount {
                Amount::All => return,
                Amount::OneTask => 1,
                Amount::OneBatch => slots as usize,
            };
            self.chosen = self.schedule.queued().take(n).collect();
        }
        let rest = self.schedule.queued().filter(|id| !self.chosen.contains(id));
        for id in rest.collect::<Vec<NodeId>>() {
            self.settle(id, Settled::Unwanted);
        }
    }

    /// A cached result counts as the one task; false where another was picked.
    pub(super) fn choose_replayed(&mut self, id: NodeId) -> bool {
        match self.request.amount {
            Amount::All => true,
            Amount::OneTask if self.chosen.is_empty() => self.chosen.insert(id),
            Amount::OneBatch if self.chosen.is_empty() => true,
            Amount::OneTask | Amount::OneBatch => self.chosen.contains(&id),
        }
    }

    /// It needs what was left out in this build, because only one task or batch was to run.
    pub(super) fn is_behind_left_out(&self, id: NodeId, world: &World) -> bool {
        let is_left_out = |need: &NodeId| {
            self.schedule.state(*need) == State::Settled(Settled::Unwanted)
                && world.output(self.slot(*need)).is_none()
        };
        self.request.amount != Amount::All && self.graph.node(id).needs.iter().any(is_left_out)
    }

    /// Tasks before the one that is resumed from do not run. Those that their plan says are done are
    /// built upon as if they were adopted; nothing is written down for them.
    pub fn adopt_left_out(&self, world: &mut World) {
        let from = self.request.resume_from.as_ref().and_then(|it| self.graph.id_of(it));
        let Some(from) = from else { return };
        let start = self.graph.plan_range(self.graph.node(from).plan).start;
        for slot in &self.nodes[start as usize..from.index()] {
            if world.output(*slot).is_none() && world.record(*slot).status.is_done() {
                world.set_output(*slot, OutputDigest(Digest::of(b"orch adopted")));
            }
        }
    }
}
