//! What a verdict is about: the files, the validator and the task that its key is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::file::FileState;
use crate::base::name::{AttemptId, RelPath, VerdictKey};
use crate::engine::past::view::view;
use crate::engine::step::Engine;
use crate::engine::step::attempt::{Attempt, Origin};
use crate::engine::step::load::recipe;
use crate::engine::world::action::VerdictSubject;
use crate::engine::world::db::{Slot, agent_of, agents_of, graph_of, meta_of, upstream_of};
use crate::spec::agent::Agent;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{Meta, Validator, ValidatorKind};

/// The agent that reads the backlog item which a plan was made from.
const ITEM_READER: &str = "issue-verifier";

/// The backlog item that one of these validators reads.
pub(in crate::engine::step) fn item_read_by(
    validators: &[Validator],
    meta: &Meta,
) -> Option<RelPath> {
    validators.iter().find(|it| reads_item(it))?;
    RelPath::normalize(meta.source_item.as_deref()?)
}

fn reads_item(validator: &Validator) -> bool {
    matches!(&validator.kind, ValidatorKind::Agent(name) if name.as_str() == ITEM_READER)
}

impl Engine {
    /// Why a validator that reads the backlog item has none to read for a new result: whatever it
    /// said of that would be no verdict. One that stands is not undone by an item that was archived.
    pub(super) fn lacks_item(&self, attempt: &Attempt, validator: &Validator) -> Option<String> {
        if attempt.origin == Origin::Standing || !reads_item(validator) {
            return None;
        }
        let meta = meta_of(&self.db, attempt.slot.plan(&self.db));
        let Some(item) = item_read_by(std::slice::from_ref(validator), meta) else {
            let name = &validator.name;
            return Some(format!("{name} has no item to read: `meta.source_item` names none here"));
        };
        let change = attempt.merged.changes().iter().find(|it| it.path == item);
        let state = change.map_or_else(|| self.state_of(&item), |it| it.after);
        let missing =
            || format!("`meta.source_item` names `{item}`, which is not there to be read");
        state.is_none().then(missing)
    }

    /// What is laid over the candidate where it is not committed and the task itself has not written
    /// it: all that the session was given, and what the validator reads.
    pub(super) fn papers_of(&self, attempt: &Attempt, validator: &Validator) -> Vec<RelPath> {
        let meta = meta_of(&self.db, attempt.slot.plan(&self.db));
        let mut papers: BTreeSet<RelPath> = self.paths_of(attempt.slot).into_iter().collect();
        papers.extend(item_read_by(std::slice::from_ref(validator), meta));
        let listing = self.world.files(&self.db).listings(&self.db).get(&validator.inputs);
        let inputs = listing.into_iter().flat_map(|it| it.files(&self.db).iter());
        papers.extend(inputs.map(|file| file.path(&self.db).clone()));
        for written in attempt.merged.paths() {
            papers.remove(written);
        }
        papers.into_iter().collect()
    }

    /// Patterns of what a validator reads. A candidate may have made anew what the user removed: it
    /// is judged with all that would land.
    pub(super) fn judged_inputs(&self, attempt: &Attempt, validator: &Validator) -> Vec<GlobSet> {
        match attempt.candidate {
            Some(_) => Vec::new(),
            None => vec![
                attempt.recipe.spec.inputs.clone(),
                attempt.recipe.rule.inputs.declared.clone(),
                validator.inputs.clone(),
            ],
        }
    }

    /// The files that the verdicts on an attempt's result are about beside what it changed: those the
    /// task owns. None where nothing validates it.
    pub fn judged_with(&self, attempt: AttemptId) -> BTreeSet<RelPath> {
        let attempt = self.build.as_ref().and_then(|it| it.attempts.get(&attempt));
        let Some(attempt) = attempt.filter(|it| !it.validators.is_empty()) else {
            return BTreeSet::new();
        };
        let past = self.past.history.task(&attempt.task);
        past.into_iter().flat_map(|it| it.owned.keys().cloned()).collect()
    }

    /// Files the task owns, as a verdict on it sees them: its own and upstream work, and hand edits.
    pub(in crate::engine::step) fn owned_now(
        &self,
        slot: Slot,
    ) -> BTreeMap<RelPath, Option<FileState>> {
        let owned = self.past.history.task(slot.task(&self.db)).map(|it| &it.owned);
        owned
            .into_iter()
            .flatten()
            .map(|(path, _)| (path.clone(), self.verdict_view(slot, path)))
            .collect()
    }

    fn verdict_view(&self, slot: Slot, path: &RelPath) -> Option<FileState> {
        let library = self.world.library(&self.db);
        let graph = graph_of(&self.db, library);
        let upstream = upstream_of(&self.db, library, slot);
        let task = slot.task(&self.db);
        view(self.state_of(path), self.past.history.touches(path), |by| {
            by == task || graph.id_of(by).is_some_and(|by| upstream.contains(by))
        })
    }

    pub(in crate::engine::step) fn verdict_key(
        &self,
        slot: Slot,
        validator: &Validator,
        owned: &BTreeMap<RelPath, Option<FileState>>,
    ) -> VerdictKey {
        let library = self.world.library(&self.db);
        let mut files = owned.clone();
        let listing = self.world.files(&self.db).listings(&self.db).get(&validator.inputs);
        for file in listing.into_iter().flat_map(|it| it.files(&self.db).iter()) {
            let path = file.path(&self.db);
            files.entry(path.clone()).or_insert_with(|| self.verdict_view(slot, path));
        }
        let meta = meta_of(&self.db, slot.plan(&self.db));
        if let Some(item) = item_read_by(std::slice::from_ref(validator), meta) {
            let state = self.verdict_view(slot, &item);
            files.entry(item).or_insert(state);
        }
        let files: Vec<(RelPath, Option<FileState>)> = files.into_iter().collect();
        let agent = self.validating_agent(validator);
        let Some(recipe) = recipe(self, slot) else {
            return VerdictKey(Digest::of(b"orch gone"));
        };
        VerdictSubject {
            validator,
            agent: agent.as_deref(),
            spec: &recipe.spec,
            config: library.config(&self.db),
            files: &files,
        }
        .key()
    }

    pub(in crate::engine::step) fn validating_agent(
        &self,
        validator: &Validator,
    ) -> Option<Arc<Agent>> {
        let ValidatorKind::Agent(name) = &validator.kind else { return None };
        let library = self.world.library(&self.db);
        let text = agents_of(&self.db, library).get(name)?;
        Some(Arc::clone(&agent_of(&self.db, *text).value))
    }

    pub(in crate::engine::step) fn candidate_key(
        &self,
        id: AttemptId,
        validator: &Validator,
    ) -> VerdictKey {
        let Some(attempt) = self.build.as_ref().and_then(|it| it.attempts.get(&id)) else {
            return VerdictKey(Digest::of(b"orch gone"));
        };
        let mut owned = self.owned_now(attempt.slot);
        for change in attempt.merged.changes() {
            owned.insert(change.path.clone(), change.after);
        }
        self.verdict_key(attempt.slot, validator, &owned)
    }
}
