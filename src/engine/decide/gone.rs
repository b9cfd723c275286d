//! Declared outputs that a person deleted: a result without them is not up to date.

use crate::base::name::RelPath;
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::past::history::AcceptedFact;
use crate::engine::record::{Lookup, Provenance};
use crate::engine::why::Why;
use crate::spec::rule::ActionKind;

use super::run::Sought;
use super::{Board, Mode};

impl Board {
    /// Sees to outputs of a standing result that are gone; false where none is.
    pub(super) fn settle_if_gone(
        &mut self,
        id: NodeId,
        standing: &AcceptedFact,
        ground: &mut Ground<'_>,
    ) -> bool {
        let gone = self.gone_outputs(id, standing, ground);
        if gone.is_empty() {
            return false;
        }
        let action = ground.world.recipe(self.slot(id)).map(|it| it.rule.action);
        let action = action.unwrap_or(ActionKind::Session);
        let is_command = action == ActionKind::Command;
        self.note_reason(id, Why::OutputGone { paths: gone.clone(), action });
        let sought = std::mem::replace(&mut self.run(id).sought, Sought::Looked);
        match (sought, is_command, self.mode) {
            (Sought::Nothing, ..) => {
                self.schedule.set(id, State::Looking);
                ground.push(Effect::FindLost { task: self.task(id).clone(), paths: gone });
            }
            // What it is worth to its user nobody knows: a session may have been paid for it.
            (_, false, _) => self.settle(id, Settled::Held),
            (_, true, Mode::Survey) => self.settle(id, Settled::Stale),
            (Sought::Looked, true, Mode::Build) => {
                self.run(id).sought = Sought::Restored;
                self.schedule.set(id, State::Looking);
                ground.push(Effect::Restore { task: self.task(id).clone(), paths: gone });
            }
            (Sought::Restored, true, Mode::Build) => {
                self.ask_cache(id, standing.key, Lookup::All, ground);
            }
        }
        true
    }

    /// Declared files that the result left and that are not there; what a later task deleted is seen as
    /// it was before that.
    fn gone_outputs(
        &self,
        id: NodeId,
        standing: &AcceptedFact,
        ground: &Ground<'_>,
    ) -> Vec<RelPath> {
        if !matches!(standing.provenance, Provenance::Ran | Provenance::Replayed) {
            return Vec::new();
        }
        let (world, past) = (&*ground.world, &*ground.past);
        let slot = self.slot(id);
        let mut left = world.declared_of(slot, past);
        left.retain(|path| world.has_lost(slot, path, past));
        left
    }
}
