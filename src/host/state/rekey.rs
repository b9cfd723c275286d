//! Results whose keys are of an earlier form get their present ones, so that what was paid for stays
//! done: by what lies here, where that is what they were made of, else by the tree of their own landing.

use crate::base::digest::Recorded;
use crate::base::name::{ActionKey, CommitId, RecipeDigest, RelPath, TaskRef};
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::Event;
use crate::engine::outcome::Verdict;
use crate::engine::past::history::History;
use crate::engine::record::lineage::{Lineage, VerdictMark};
use crate::engine::record::{Accepted, Record, Rekeyed};
use crate::engine::step::Engine;
use crate::engine::world::VerdictKeys;
use crate::host::clock;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::scan::Found;
use crate::spec::glob::{GlobIndex, GlobSet};

use super::State;

/// More results than this are not looked at in trees of their own: the oldest of them are made again.
const KNOWN_BY_TREES: usize = 1000;

/// Where git tells of a result.
struct Landed {
    order: u32,
    commit: CommitId,
    marks: Vec<VerdictMark>,
}

/// What a task has now.
struct Present {
    to: ActionKey,
    recipe: RecipeDigest,
    manifest: Option<Recorded>,
    verdicts: Vec<VerdictKeys>,
}

/// A key of the form before, and whose.
#[derive(Clone, Copy)]
struct OldKey<'a> {
    task: &'a TaskRef,
    key: ActionKey,
}

/// What is known of the past: from git, and what git does not tell.
#[derive(Clone, Copy)]
struct Sources<'a> {
    lineage: &'a Lineage,
    untold: &'a [Record],
}

impl State {
    /// The records that give every result and failure of this history its present key. What is made of
    /// something else than what lies here, and has no landing, keeps its own: it is stale.
    pub(super) fn rekeyed(&self, history: &History) -> Result<Vec<Record>> {
        if self.part.is_some() || !history.has_earlier_keys {
            return Ok(Vec::new());
        }
        let earlier = history.tasks().flat_map(|(task, past)| {
            let keys: Vec<ActionKey> = past.earlier_keys().collect();
            keys.into_iter().map(|key| (task.clone(), key))
        });
        let mut earlier: Vec<(TaskRef, ActionKey)> =
            earlier.filter(|(task, _)| self.engine.plan_path_of(task).is_some()).collect();
        if earlier.is_empty() {
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        let now = Seen::now(self, history)?;
        earlier.retain(|(task, from)| {
            let found =
                now.present(task).filter(|_| now.engine.earlier_key_of(task) == Some(*from));
            records.extend(found.map(|it| {
                self.rekey(OldKey { task, key: *from }, it, |keys| known(history, keys))
            }));
            records.last().is_none_or(|it| !is_of(it, task, *from))
        });
        records.extend(self.rekeyed_by_trees(history, earlier)?);
        Ok(records)
    }

    fn rekeyed_by_trees(
        &self,
        history: &History,
        earlier: Vec<(TaskRef, ActionKey)>,
    ) -> Result<Vec<Record>> {
        if earlier.is_empty() {
            return Ok(Vec::new());
        }
        let lineage = self.checkout.lineage()?;
        let result_of = |(task, from): (TaskRef, ActionKey)| {
            Some((landed_of(&task, from, &lineage)?, task, from))
        };
        let mut results: Vec<(Landed, TaskRef, ActionKey)> =
            earlier.into_iter().filter_map(result_of).collect();
        results.sort_by_key(|(landed, ..)| std::cmp::Reverse(landed.order));
        results.truncate(KNOWN_BY_TREES);
        let untold = untold(history);
        let sources = Sources { lineage: &lineage, untold: &untold };
        let mut records = Vec::new();
        for (landed, task, from) in results {
            let seen = Seen::then(self, &landed, &task, sources)?;
            let mark = |keys: &VerdictKeys| {
                landed.marks.iter().find(|it| it.validator == keys.validator).map(|it| it.warned)
            };
            records.extend(
                seen.present(&task)
                    .map(|it| self.rekey(OldKey { task: &task, key: from }, it, mark)),
            );
        }
        Ok(records)
    }

    /// `verdict` says of a validator that it let the result pass, and whether with a warning.
    fn rekey(
        &self,
        old: OldKey<'_>,
        present: Present,
        verdict: impl Fn(&VerdictKeys) -> Option<bool>,
    ) -> Record {
        let Present { to, recipe, manifest, verdicts } = present;
        let marks = verdicts.into_iter().filter_map(|keys| {
            let warned = verdict(&keys)?;
            Some(VerdictMark { validator: keys.validator, warned, key: keys.key })
        });
        let kept = manifest.filter(|_| self.may_write());
        // Without it nobody is told what differs, and nothing else is lost.
        let manifest = kept.and_then(|manifest| self.store.put_manifest(&manifest).ok());
        Record::Rekeyed(Box::new(Rekeyed {
            at: clock::now(),
            task: old.task.clone(),
            from: old.key,
            to,
            recipe,
            manifest,
            verdicts: marks.collect(),
        }))
    }
}

fn is_of(record: &Record, task: &TaskRef, from: ActionKey) -> bool {
    matches!(record, Record::Rekeyed(it) if it.task == *task && it.from == from)
}

/// What is known of a verdict by the key it had.
fn known(history: &History, keys: &VerdictKeys) -> Option<bool> {
    match history.verdict(&keys.earlier)?.verdict {
        Verdict::Pass => Some(false),
        Verdict::Warn => Some(true),
        Verdict::Fail => None,
    }
}

fn landed_of(task: &TaskRef, key: ActionKey, lineage: &Lineage) -> Option<Landed> {
    let landing = lineage.landings.iter().rfind(|it| it.task == *task && it.action == key);
    let receipt = lineage.receipts.iter().rfind(|it| it.task == *task && it.action == key);
    let landed = landing.map(|it| (it.order, &it.commit, &it.verdicts));
    let (order, commit, marks) =
        landed.or(receipt.map(|it| (it.order, &it.commit, &it.verdicts)))?;
    Some(Landed { order, commit: commit.clone(), marks: marks.clone() })
}

/// Results that git tells nothing of: they count at every landing.
fn untold(history: &History) -> Vec<Record> {
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
            report: fact.report.as_ref().map(|it| it.mark),
            commit: None,
            changes_plan: fact.changes_plan,
        })))
    });
    untold.collect()
}

/// The repository as an engine of its own sees it.
struct Seen {
    engine: Engine,
}

impl Seen {
    /// As everything lies here now.
    fn now(state: &State, history: &History) -> Result<Self> {
        let mut engine = Engine::default();
        let documents = Box::new(state.loaded.documents.clone());
        engine.step(clock::now(), Event::DocumentsRead(documents));
        engine.step(clock::now(), Event::HistoryRestored(Box::new(history.clone())));
        Self::of(state, engine, None, |globs, paths| state.checkout.scan(globs, paths))
    }

    /// As git has it behind a landing: what the user has changed since is left out.
    fn then(state: &State, landed: &Landed, task: &TaskRef, sources: Sources<'_>) -> Result<Self> {
        let repo = &state.checkout.repo;
        let tree = repo.tree_of(&landed.commit)?;
        let loaded = documents::read_committed(repo, &tree, &state.loaded.extra)?;
        let mut engine = Engine::default();
        engine.step(clock::now(), Event::DocumentsRead(Box::new(loaded.documents)));
        let lineage = Box::new(until(sources.lineage, landed.order));
        engine.step(clock::now(), Event::HistoryRead { records: sources.untold.to_vec(), lineage });
        Self::of(state, engine, Some(task), |globs, paths| {
            let index = GlobIndex::new(globs);
            let takes =
                |path: &RelPath| paths.contains(path) || !index.sets_taking(path).is_empty();
            let mut found = repo.files_of(&tree, &takes)?;
            let head = repo.tree_of(&repo.state()?.head)?;
            for (path, state) in state.checkout.scan(globs, paths)? {
                let place = found.binary_search_by(|(it, _)| it.cmp(&path));
                if let Err(at) = place {
                    let state = state.filter(|_| !repo.has_path(&head, &path).unwrap_or(true));
                    found.insert(at, (path, state));
                }
            }
            Ok(found)
        })
    }

    fn of(
        state: &State,
        mut engine: Engine,
        task: Option<&TaskRef>,
        scan: impl Fn(&[GlobSet], &[RelPath]) -> Result<Found>,
    ) -> Result<Self> {
        engine.trust_plans();
        let (targets, only) = (task.map(|task| vec![task.clone()]), task.is_some());
        let request = BuildRequest { targets, only, ..BuildRequest::default() };
        let mut effects = engine.survey(clock::now(), request);
        while let Some(effect) = effects.pop() {
            if let Effect::Scan { globs, paths } = effect {
                let found = scan(&globs, &paths)?;
                let links = state.checkout.scanner.links(&globs, &found);
                effects.extend(engine.step(clock::now(), Event::FilesScanned { found, links }));
            }
        }
        Ok(Self { engine })
    }

    fn present(&self, task: &TaskRef) -> Option<Present> {
        Some(Present {
            to: self.engine.key_of(task)?,
            recipe: self.engine.recipe_digest_of(task)?,
            manifest: self.engine.manifest_of(task),
            verdicts: self.engine.verdict_keys_of(task),
        })
    }
}

fn until(lineage: &Lineage, order: u32) -> Lineage {
    let Lineage { tip, landings, receipts } = lineage;
    Lineage {
        tip: tip.clone(),
        landings: landings.iter().filter(|it| it.order <= order).cloned().collect(),
        receipts: receipts.iter().filter(|it| it.order <= order).cloned().collect(),
    }
}
