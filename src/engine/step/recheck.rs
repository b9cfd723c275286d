//! Inputs once more, right before they count: a build lasts hours, and people edit meanwhile.

use crate::base::file::FileState;
use crate::base::measure::Millis;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::world::db::{Slot, meta_of};
use crate::spec::glob::GlobSet;

use super::load::recipe;
use super::review::{item_read_by, validators_of};
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
        let (globs, paths) = self.inputs_named(slot);
        if globs.is_empty() && paths.is_empty() {
            return false;
        }
        let task = slot.task(&self.db).clone();
        if let Some(build) = &mut self.build {
            build.queue.remove(&id);
            build.schedule.set(id, State::Looking);
        }
        self.step.push(Effect::Recheck { task, globs, paths });
        true
    }

    /// What a task's key and verdicts read: patterns, and single paths.
    fn inputs_named(&self, slot: Slot) -> (Vec<GlobSet>, Vec<RelPath>) {
        let Some(recipe) = recipe(self, slot) else { return (Vec::new(), Vec::new()) };
        let meta = meta_of(&self.db, slot.plan(&self.db));
        let mut globs = vec![recipe.spec.inputs.clone(), recipe.rule.inputs.declared.clone()];
        let mut paths: Vec<RelPath> =
            meta.plan_doc.as_deref().and_then(RelPath::normalize).into_iter().collect();
        let validators = validators_of(recipe, meta);
        if !validators.is_empty() {
            let owned =
                self.past.history.task(slot.task(&self.db)).map(|it| it.owned.keys().cloned());
            paths.extend(owned.into_iter().flatten());
            paths.extend(item_read_by(&validators, meta));
            globs.extend(validators.into_iter().map(|it| it.inputs));
        }
        globs.retain(|it| !it.patterns.is_empty());
        (globs, paths)
    }

    pub(super) fn take_rechecked(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
    ) {
        let now = self.step.now;
        let new: Vec<RelPath> = found
            .iter()
            .filter(|(path, _)| !self.entries.contains_key(path))
            .map(|(path, _)| path.clone())
            .collect();
        for (path, state) in found {
            self.set_entry(path, *state);
        }
        self.drop_vanished(task, found);
        self.list(&new);
        let Some(build) = &mut self.build else { return };
        let Some(id) = build.graph.id_of(task) else { return };
        if build.schedule.state(id) != State::Looking {
            return;
        }
        build.runs.entry(id).or_default().seen_at = Some(now);
        build.schedule.set(id, State::Waiting);
        self.decide(id);
    }

    /// Files that the task's patterns took and that are gone now.
    fn drop_vanished(&mut self, task: &TaskRef, found: &[(RelPath, Option<FileState>)]) {
        let Some(&slot) = self.slots.get(task) else { return };
        let seen: std::collections::BTreeSet<&RelPath> =
            found.iter().map(|(path, _)| path).collect();
        let (globs, _) = self.inputs_named(slot);
        let listings = self.world.files(&self.db).listings(&self.db);
        let listed = globs.iter().filter_map(|it| listings.get(it));
        let gone: Vec<RelPath> = listed
            .flat_map(|it| it.files(&self.db).iter())
            .map(|file| file.path(&self.db).clone())
            .filter(|path| !seen.contains(path))
            .collect();
        for path in gone {
            self.set_entry(&path, None);
        }
    }
}
