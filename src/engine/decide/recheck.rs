//! Inputs once more, right before they count: a build lasts hours, and people edit meanwhile.

use crate::base::file::FileState;
use crate::base::measure::Millis;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::ground::Ground;

use super::{Board, Follow, Mode};

/// How old the knowledge of a task's inputs may be when it is decided or started.
const FRESH: Millis = Millis(1000);

impl Board {
    /// Asks for the task's inputs again where they were looked at too long ago; true where the
    /// answer has to be awaited.
    pub fn recheck(&mut self, id: NodeId, ground: &mut Ground<'_>) -> bool {
        // A build that watches is told of every change.
        if self.mode == Mode::Survey || self.request.watch {
            return false;
        }
        let scanned = self.freshness.scanned_at;
        let seen = self.known_run(id).and_then(|run| run.seen_at).unwrap_or(scanned);
        if ground.now() - seen.max(scanned) <= FRESH {
            return false;
        }
        let (globs, paths) = ground.world.inputs_named(self.slot(id), ground.past);
        if globs.is_empty() && paths.is_empty() {
            return false;
        }
        self.schedule.set(id, State::Looking);
        ground.push(Effect::Recheck { task: self.task(id).clone(), globs, paths });
        true
    }

    pub fn take_rechecked(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        ground.world.take_rechecked(task, found, ground.past);
        self.decide_anew(task, ground)
    }

    pub fn take_restored(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        ground.world.take_looked(found, ground.past);
        self.decide_anew(task, ground)
    }

    fn decide_anew(&mut self, task: &TaskRef, ground: &mut Ground<'_>) -> Option<Follow> {
        let id = self.graph.id_of(task)?;
        if self.schedule.state(id) != State::Looking {
            return None;
        }
        self.run(id).seen_at = Some(ground.now());
        self.schedule.set(id, State::Waiting);
        self.decide(id, ground)
    }
}
