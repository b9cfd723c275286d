//! Running less than everything: one task, one batch, or from a task on.

use crate::base::digest::Digest;
use crate::base::name::OutputDigest;
use crate::engine::effect::Amount;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::step::Engine;

impl Engine {
    /// Picks what is to run of what is queued, once, and leaves out the rest.
    pub(super) fn pick_amount(&mut self) {
        let slots = self.slots() as usize;
        let Some(build) = &mut self.build else { return };
        let amount = build.request.amount;
        if build.pacing.chosen.is_empty() {
            let n = match amount {
                Amount::All => return,
                Amount::OneTask => 1,
                Amount::OneBatch => slots,
            };
            build.pacing.chosen = build.queue.iter().take(n).copied().collect();
        }
        let rest: Vec<NodeId> = build.queue.difference(&build.pacing.chosen).copied().collect();
        rest.into_iter().for_each(|id| self.settle(id, Settled::Unwanted));
    }

    /// A cached result counts as the one task; false where another was picked.
    pub(in crate::engine::step) fn choose_replayed(&mut self, id: NodeId) -> bool {
        let Some(build) = &mut self.build else { return true };
        let chosen = &mut build.pacing.chosen;
        match build.request.amount {
            Amount::All => true,
            Amount::OneTask if chosen.is_empty() => chosen.insert(id),
            Amount::OneBatch if chosen.is_empty() => true,
            Amount::OneTask | Amount::OneBatch => chosen.contains(&id),
        }
    }

    /// It needs what was left out in this build, because only one task or batch was to run.
    pub(in crate::engine::step) fn is_behind_left_out(&self, id: NodeId) -> bool {
        let Some(build) = &self.build else { return false };
        let is_left_out = |need: &NodeId| {
            build.schedule.state(*need) == State::Settled(Settled::Unwanted)
                && self.world.output(build.nodes[need.index()]).is_none()
        };
        build.request.amount != Amount::All && build.graph.node(id).needs.iter().any(is_left_out)
    }

    /// Tasks before the one that is resumed from do not run. Those that their plan says are done are
    /// built upon as if they were adopted; nothing is written down for them.
    pub(in crate::engine::step) fn adopt_left_out(&mut self) {
        let Some(build) = &self.build else { return };
        let from = build.request.resume_from.as_ref().and_then(|it| build.graph.id_of(it));
        let Some(from) = from else { return };
        let start = build.graph.plan_range(build.graph.node(from).plan).start;
        let slots = build.nodes[start as usize..from.index()].to_vec();
        for slot in slots {
            if self.world.output(slot).is_none() && self.world.record(slot).status.is_done() {
                self.world.set_output(slot, OutputDigest(Digest::of(b"orch adopted")));
            }
        }
    }
}
