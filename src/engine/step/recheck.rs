//! Inputs once more, right before they count: a build lasts hours, and people edit meanwhile.

use crate::base::file::FileState;
use crate::base::measure::Millis;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;

use super::{Engine, Mode};

/// How old the knowledge of a task's inputs may be when it is decided or started.
const FRESH: Millis = Millis(1000);

impl Engine {
    /// Asks for the task's inputs again where they were looked at too long ago; true where the
    /// answer has to be awaited.
    pub(super) fn recheck(&mut self, id: NodeId) -> bool {
        let Some(build) = &self.build else { return false };
        // A build that watches is told of every change.
        if build.mode == Mode::Survey || build.request.watch {
            return false;
        }
        let seen = build.runs.get(&id).and_then(|run| run.seen_at).unwrap_or(build.scanned_at);
        if self.step.now - seen.max(build.scanned_at) <= FRESH {
            return false;
        }
        let slot = build.nodes[id.index()];
        let (globs, paths) = self.world.inputs_named(slot, &self.past);
        if globs.is_empty() && paths.is_empty() {
            return false;
        }
        let task = self.world.task(slot).clone();
        if let Some(build) = &mut self.build {
            build.queue.remove(&id);
            build.schedule.set(id, State::Looking);
        }
        self.step.push(Effect::Recheck { task, globs, paths });
        true
    }

    pub(super) fn take_rechecked(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
    ) {
        let now = self.step.now;
        self.world.take_rechecked(task, found, &self.past);
        let Some(build) = &mut self.build else { return };
        let Some(id) = build.graph.id_of(task) else { return };
        if build.schedule.state(id) != State::Looking {
            return;
        }
        build.runs.entry(id).or_default().seen_at = Some(now);
        build.schedule.set(id, State::Waiting);
        self.decide(id);
    }
}
