//! Results whose keys are of an earlier form get their present ones, so that what was paid for stays
//! done: from the tree of their own landing, or, where that tells none, as everything is now.

use std::collections::BTreeMap;

use crate::base::file::Patch;
use crate::base::name::{
    ActionKey, CommitId, RecipeDigest, RelPath, TaskRef, ValidatorName, VerdictKey,
};
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::Event;
use crate::engine::past::history::{AcceptedFact, History};
use crate::engine::record::lineage::{Lineage, VerdictMark};
use crate::engine::record::{Accepted, Record, Rekeyed};
use crate::engine::step::Engine;
use crate::host::clock;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::scan::Found;
use crate::spec::glob::{GlobIndex, GlobSet};

use super::State;

/// More results than this are not looked at in trees of their own: they are taken as they are now.
const TOLD_BY_TREES: usize = 1000;

/// A result with a key of an earlier form.
struct Older {
    task: TaskRef,
    from: ActionKey,
    /// Where git tells of it.
    told: Option<Told>,
}

struct Told {
    order: u32,
    commit: CommitId,
    marks: Vec<VerdictMark>,
}

/// What a result has now instead.
struct Present {
    to: ActionKey,
    recipe: RecipeDigest,
    verdicts: Vec<(ValidatorName, VerdictKey)>,
}

impl State {
    /// The records that give every result of this history its present key.
    pub(super) fn rekeyed(&self, history: &History) -> Result<Vec<Record>> {
        if self.part.is_some() || history.tasks().all(|(_, past)| past.with_older_key().is_none()) {
            return Ok(Vec::new());
        }
        let lineage = self.checkout.lineage()?;
        let mut older: Vec<Older> = history
            .tasks()
            .filter(|(task, _)| self.engine.plan_path_of(task).is_some())
            .filter_map(|(task, past)| Some(Older::of(task, past.with_older_key()?, &lineage)))
            .collect();
        older.sort_by_key(|it| it.told.as_ref().map(|told| told.order));
        let mut then = Then::of(self, history, lineage);
        let skipped = older.len().saturating_sub(TOLD_BY_TREES);
        let mut records = Vec::new();
        for (at, it) in older.iter().enumerate() {
            let own = match &it.told {
                Some(told) if at >= skipped => then.present_at(told, &it.task)?,
                _ => None,
            };
            let is_adopted = own.is_none();
            let present = match own {
                Some(present) => Some(present),
                None => then.present_now(&it.task)?,
            };
            records.extend(present.map(|present| it.rekeyed(present, is_adopted)));
        }
        Ok(records)
    }
}

impl Older {
    fn of(task: &TaskRef, fact: &AcceptedFact, lineage: &Lineage) -> Self {
        let landing = lineage.landings.iter().rfind(|it| {
            it.task == *task && it.action == fact.key && fact.commit.as_ref() == Some(&it.commit)
        });
        let receipt = lineage
            .receipts
            .iter()
            .rfind(|it| it.task == *task && it.action == fact.key && fact.commit.is_none());
        let landed = landing.map(|it| (it.order, &it.commit, &it.verdicts));
        let told = landed.or(receipt.map(|it| (it.order, &it.commit, &it.verdicts)));
        let told = told.map(|(order, commit, marks)| Told {
            order,
            commit: commit.clone(),
            marks: marks.clone(),
        });
        Self { task: task.clone(), from: fact.key, told }
    }

    /// It was accepted: what validators said then, and no later word than that, goes with it.
    fn rekeyed(&self, present: Present, is_adopted: bool) -> Record {
        let marks = self.told.iter().flat_map(|told| &told.marks);
        let warned: Vec<&ValidatorName> =
            marks.filter(|it| it.warned).map(|it| &it.validator).collect();
        let verdicts = present.verdicts.into_iter();
        let verdicts = verdicts.map(|(validator, key)| VerdictMark {
            warned: warned.contains(&&validator),
            validator,
            key,
        });
        Record::Rekeyed(Box::new(Rekeyed {
            at: clock::now(),
            task: self.task.clone(),
            from: self.from,
            to: present.to,
            recipe: present.recipe,
            verdicts: verdicts.collect(),
            is_adopted,
        }))
    }
}

/// The repository as it was at some landing, seen by an engine of its own.
struct Then<'a> {
    state: &'a State,
    engine: Engine,
    lineage: Lineage,
    /// Results that git tells nothing of: they count at every landing.
    untold: Vec<Record>,
    /// What lies here now, by what was asked for.
    scans: BTreeMap<(Vec<GlobSet>, Vec<RelPath>), Found>,
    is_now: bool,
}

impl<'a> Then<'a> {
    fn of(state: &'a State, history: &History, lineage: Lineage) -> Self {
        let untold = history.tasks().filter_map(|(task, past)| {
            let fact = past.accepted.as_ref().filter(|it| it.commit.is_none())?;
            Some(Record::Accepted(Box::new(Accepted {
                at: fact.at.unwrap_or_default(),
                task: task.clone(),
                key: fact.key,
                recipe: fact.recipe,
                output: fact.output,
                provenance: fact.provenance,
                manifest: None,
                commit: None,
            })))
        });
        let untold = untold.collect();
        Self {
            state,
            engine: Engine::default(),
            lineage,
            untold,
            scans: BTreeMap::new(),
            is_now: false,
        }
    }

    fn present_at(&mut self, told: &Told, task: &TaskRef) -> Result<Option<Present>> {
        let repo = &self.state.checkout.repo;
        let tree = repo.tree_of(&told.commit)?;
        let loaded = documents::read_at(repo, &tree, &self.state.loaded.extra)?;
        self.is_now = false;
        self.engine.step(clock::now(), Event::DocumentsRead(Box::new(loaded.documents)));
        let lineage = Box::new(self.lineage_until(told.order));
        let records = self.untold.clone();
        self.engine.step(clock::now(), Event::HistoryRead { records, lineage });
        self.look(task, |globs, paths| {
            let index = GlobIndex::new(globs);
            let takes = |path: &_| paths.contains(path) || !index.sets_taking(path).is_empty();
            let head = repo.tree_of(&repo.state()?.head)?;
            repo.patch_between_where(&head, &tree, &takes)
        })
    }

    fn present_now(&mut self, task: &TaskRef) -> Result<Option<Present>> {
        if !self.is_now {
            let documents = self.state.loaded.documents.clone();
            self.engine.step(clock::now(), Event::DocumentsRead(Box::new(documents)));
            let (records, lineage) = (self.untold.clone(), Box::new(self.lineage.clone()));
            self.engine.step(clock::now(), Event::HistoryRead { records, lineage });
            self.is_now = true;
        }
        self.look(task, |_, _| Ok(Patch::default()))
    }

    /// The task's key among the files as they lie, with what was otherwise then.
    fn look(
        &mut self,
        task: &TaskRef,
        otherwise: impl Fn(&[GlobSet], &[RelPath]) -> Result<Patch>,
    ) -> Result<Option<Present>> {
        let request = BuildRequest {
            targets: Some(vec![task.clone()]),
            only: true,
            ..BuildRequest::default()
        };
        for effect in self.engine.survey(clock::now(), request) {
            let Effect::Scan { globs, paths } = effect else { continue };
            let mut found = self.lying(&globs, &paths)?;
            for change in otherwise(&globs, &paths)?.changes() {
                match found.binary_search_by(|(path, _)| path.cmp(&change.path)) {
                    Ok(at) => found[at].1 = change.after,
                    Err(at) => found.insert(at, (change.path.clone(), change.after)),
                }
            }
            self.engine.step(clock::now(), Event::FilesScanned(found));
        }
        let key = self.engine.key_of(task);
        let recipe = self.engine.recipe_digest_of(task);
        Ok(key.zip(recipe).map(|(to, recipe)| Present {
            to,
            recipe,
            verdicts: self.engine.verdict_keys_of(task),
        }))
    }

    fn lying(&mut self, globs: &[GlobSet], paths: &[RelPath]) -> Result<Found> {
        let asked = (globs.to_vec(), paths.to_vec());
        if let Some(found) = self.scans.get(&asked) {
            return Ok(found.clone());
        }
        let found = self.state.checkout.scan(globs, paths)?;
        self.scans.insert(asked, found.clone());
        Ok(found)
    }

    fn lineage_until(&self, order: u32) -> Lineage {
        let Lineage { tip, landings, receipts } = &self.lineage;
        Lineage {
            tip: tip.clone(),
            landings: landings.iter().filter(|it| it.order <= order).cloned().collect(),
            receipts: receipts.iter().filter(|it| it.order <= order).cloned().collect(),
        }
    }
}
