//! What a verdict is about: the files that its key is made of.

use std::collections::BTreeMap;

use crate::base::file::FileState;
use crate::base::name::{RelPath, ValidatorName, VerdictKey};
use crate::engine::past::Past;
use crate::engine::past::view::view;
use crate::spec::plan::{TaskSpec, Validator};

use super::action::VerdictSubject;
use super::db::upstream_of;
use super::{Slot, World, item_read_by};

/// What a verdict is about, beside files.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    pub slot: Slot,
    pub spec: &'a TaskSpec,
    pub validator: &'a Validator,
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

    fn verdict_view(&self, slot: Slot, path: &RelPath, past: &Past) -> Option<FileState> {
        let library = self.library();
        let graph = self.graph();
        let upstream = upstream_of(&self.db, library, slot);
        let task = self.task(slot);
        view(self.state_of(path), past.history.touches(path), |by| {
            by == task || graph.id_of(by).is_some_and(|by| upstream.contains(by))
        })
    }

    /// The keys of what its validators would say of a task's files as they are.
    pub fn verdict_keys(&self, slot: Slot, past: &Past) -> Vec<(ValidatorName, VerdictKey)> {
        let Some(recipe) = self.recipe(slot) else { return Vec::new() };
        let owned = self.owned_now(slot, past);
        let validators = self.validators(slot, recipe).into_iter();
        let key_of = |validator: &Validator| {
            self.verdict_key(Checked { slot, spec: &recipe.spec, validator }, &owned, past)
        };
        validators.map(|it| (it.name.clone(), key_of(&it))).collect()
    }

    pub fn verdict_key(
        &self,
        checked: Checked<'_>,
        owned: &BTreeMap<RelPath, Option<FileState>>,
        past: &Past,
    ) -> VerdictKey {
        let Checked { slot, spec, validator } = checked;
        let mut files = owned.clone();
        let listing = self.roots.files(&self.db).listings(&self.db).get(&validator.inputs);
        for file in listing.into_iter().flat_map(|it| it.files(&self.db).iter()) {
            let path = file.path(&self.db);
            files.entry(path.clone()).or_insert_with(|| self.verdict_view(slot, path, past));
        }
        let meta = self.meta(slot);
        if let Some(item) = item_read_by(std::slice::from_ref(validator), meta) {
            let state = self.verdict_view(slot, &item, past);
            files.entry(item).or_insert(state);
        }
        let files: Vec<(RelPath, Option<FileState>)> = files.into_iter().collect();
        VerdictSubject { validator, spec, files: &files }.key()
    }
}
