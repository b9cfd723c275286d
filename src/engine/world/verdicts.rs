//! What a verdict is about: the files that its key is made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::file::{FileChange, FileState};
use crate::base::name::{RelPath, TaskRef, ValidatorName, VerdictKey};
use crate::engine::past::Past;
use crate::engine::past::view::view;
use crate::spec::plan::{TaskSpec, Validator};
use crate::spec::rule::Tests;

use super::action::VerdictSubject;
use super::action::earlier::EarlierVerdict;
use super::beside::{behind, scripts_of_validator};
use super::db::upstream_of;
use super::{Slot, World, item_read_by};

/// What a verdict is about, beside files.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    pub slot: Slot,
    pub spec: &'a TaskSpec,
    pub validator: &'a Validator,
    /// What is not landed yet of it.
    pub changes: &'a [FileChange],
}

/// Whose work is seen in a file, beside that of upstream tasks and people.
#[derive(Clone, Copy)]
enum Eyes {
    /// The task's own.
    Task,
    /// Nobody's: the file as it was before the task.
    Before,
    /// That of all tasks of its plan.
    Plan,
}

/// The key of a validator's verdict, and the one it had in the form before.
pub struct VerdictKeys {
    pub validator: ValidatorName,
    pub key: VerdictKey,
    pub earlier: VerdictKey,
}

impl World {
    /// Files the task owns, as a verdict on it sees them: its own and upstream work, and hand edits.
    pub fn owned_now(&self, slot: Slot, past: &Past) -> BTreeMap<RelPath, Option<FileState>> {
        let owned = past.history.task(self.task(slot)).map(|it| &it.owned);
        owned
            .into_iter()
            .flatten()
            .map(|(path, _)| (path.clone(), self.verdict_view(slot, path, past)))
            .collect()
    }

    /// True where a file that the task owns is gone, as a verdict on it would see it; false of one that
    /// nobody has looked at.
    pub fn has_lost(&self, slot: Slot, path: &RelPath, past: &Past) -> bool {
        self.is_known(path) && self.verdict_view(slot, path, past).is_none()
    }

    /// Files that the task's result left where its plan declares them, sorted.
    pub fn declared_of(&self, slot: Slot, past: &Past) -> Vec<RelPath> {
        let outputs = self.spec(slot).map(|it| &it.outputs);
        let Some(outputs) = outputs.filter(|it| !it.patterns.is_empty()) else { return Vec::new() };
        let Some(past) = past.history.task(self.task(slot)) else { return Vec::new() };
        let literal = outputs.literal_paths();
        let is_plain = literal.len() == outputs.patterns.len();
        // Compiling patterns costs more than comparing names.
        let others = if is_plain { None } else { outputs.compile().ok() };
        let is_declared = |path: &&RelPath| {
            literal.iter().any(|it| path.is_within(it.as_str()))
                || others.as_ref().is_some_and(|it| it.is_match(path))
        };
        let left = past.owned.iter().filter(|(_, state)| state.is_some()).map(|(path, _)| path);
        left.filter(is_declared).cloned().collect()
    }

    fn verdict_view(&self, slot: Slot, path: &RelPath, past: &Past) -> Option<FileState> {
        self.seen_by(slot, path, past, Eyes::Task)
    }

    /// A file as it was before the task wrote it.
    pub(super) fn view_before(&self, slot: Slot, path: &RelPath, past: &Past) -> Option<FileState> {
        self.seen_by(slot, path, past, Eyes::Before)
    }

    /// Files the task owns, as [`World::owned_now`]; of those that landed in this build and that nobody
    /// has looked at since, what landed.
    pub fn owned_left(&self, slot: Slot, past: &Past) -> BTreeMap<RelPath, Option<FileState>> {
        let mut owned = self.owned_now(slot, past);
        for (path, state) in owned.iter_mut().filter(|(path, _)| !self.is_known(path)) {
            *state = self.left_by(slot, path, past, Eyes::Task);
        }
        owned
    }

    fn left_by(&self, slot: Slot, path: &RelPath, past: &Past, eyes: Eyes) -> Option<FileState> {
        let landed = past.history.touches(path).last().and_then(|it| it.after);
        let now = if self.is_known(path) { self.state_of(path) } else { landed };
        self.seen_in(slot, path, past, (now, eyes))
    }

    fn seen_by(&self, slot: Slot, path: &RelPath, past: &Past, eyes: Eyes) -> Option<FileState> {
        self.seen_in(slot, path, past, (self.state_of(path), eyes))
    }

    fn seen_in(
        &self,
        slot: Slot,
        path: &RelPath,
        past: &Past,
        (now, eyes): (Option<FileState>, Eyes),
    ) -> Option<FileState> {
        let library = self.library();
        let graph = self.graph();
        let upstream = upstream_of(&self.db, library, slot);
        let task = self.task(slot);
        view(now, past.history.touches(path), |by| {
            match eyes {
                Eyes::Task if by == task => return true,
                Eyes::Before if by == task => return false,
                Eyes::Plan if by.plan == task.plan => return true,
                _ => {}
            }
            graph.id_of(by).is_some_and(|by| upstream.contains(by))
        })
    }

    /// The keys of what its validators would say of a task's files as they are.
    pub fn verdict_keys(&self, slot: Slot, past: &Past) -> Vec<VerdictKeys> {
        let Some(recipe) = self.recipe(slot) else { return Vec::new() };
        let owned = self.owned_now(slot, past);
        let keys_of = |validator: &Validator| {
            let spec = &recipe.spec;
            let checked = Checked { slot, spec, validator, changes: &[] };
            let files = self.files_of(checked, &owned, past);
            let (judging, tests) = self.judging_before(checked, &owned, past);
            let (agent, config) = (self.validating_agent(validator), self.config());
            let agent = agent.as_deref();
            VerdictKeys {
                validator: validator.name.clone(),
                key: VerdictSubject { validator, spec, files: &files, judging: &judging, tests }
                    .key(),
                earlier: EarlierVerdict { validator, agent, spec, config, files: &files }.key(),
            }
        };
        self.validators(slot, recipe).iter().map(keys_of).collect()
    }

    pub fn verdict_key(
        &self,
        checked: Checked<'_>,
        owned: &BTreeMap<RelPath, Option<FileState>>,
        past: &Past,
    ) -> VerdictKey {
        let Checked { spec, validator, .. } = checked;
        let files = self.files_of(checked, owned, past);
        let (judging, tests) = self.judging_before(checked, owned, past);
        VerdictSubject { validator, spec, files: &files, judging: &judging, tests }.key()
    }

    /// The key of what a validator would say of a task's files as its plan left them, and who changed them
    /// since; `None` where nobody of the plan did.
    pub fn closing_of(
        &self,
        checked: Checked<'_>,
        past: &Past,
    ) -> Option<(VerdictKey, Vec<TaskRef>)> {
        let Checked { slot, spec, validator, .. } = checked;
        let task = self.task(slot);
        let seen = self.files_of(checked, &self.owned_left(slot, past), past);
        let (mut files, mut by) = (Vec::new(), BTreeSet::new());
        for (path, state) in seen {
            let left = self.left_by(slot, &path, past, Eyes::Plan);
            if left != state {
                let touches = past.history.touches(&path).iter().rev();
                let since = touches.map(|it| &it.by).take_while(|it| *it != task);
                by.extend(since.filter(|it| it.plan == task.plan).cloned());
            }
            files.push((path, left));
        }
        let (judging, tests) = (&[][..], Tests::Open);
        let key = VerdictSubject { validator, spec, files: &files, judging, tests }.key();
        (!by.is_empty()).then(|| (key, by.into_iter().collect()))
    }

    /// What the validator looks at: the task's files, and its own inputs.
    fn files_of(
        &self,
        checked: Checked<'_>,
        owned: &BTreeMap<RelPath, Option<FileState>>,
        past: &Past,
    ) -> Vec<(RelPath, Option<FileState>)> {
        let Checked { slot, validator, .. } = checked;
        let mut files = owned.clone();
        let declared = [validator.inputs.clone(), scripts_of_validator(validator)];
        let behind = declared.each_ref().map(|it| behind(it, self.links()));
        for path in declared.iter().chain(&behind).flat_map(|set| self.listed(set)) {
            files.entry(path.clone()).or_insert_with(|| self.verdict_view(slot, path, past));
        }
        let meta = self.meta(slot);
        if let Some(item) = item_read_by(std::slice::from_ref(validator), meta) {
            let state = self.verdict_view(slot, &item, past);
            files.entry(item).or_insert(state);
        }
        files.into_iter().collect()
    }
}
