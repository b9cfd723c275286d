//! Effects that are done at once, on the driver's own thread.

use crate::base::file::FileState;
use crate::base::measure::Usd;
use crate::base::name::{ActionKey, RelPath, TaskRef};
use crate::engine::effect::{Effect, Launch, LaunchAction};
use crate::engine::event::{Candidate, Event, Found};
use crate::engine::record::{AcceptedResult, Lookup, Record};
use crate::host::error::Result;

use crate::host::driver::Driver;
use crate::host::land::Kept;

impl Driver {
    /// The answer to a question that changes nothing; `None` for everything else.
    pub(in crate::host) fn answer(&self, effect: &Effect) -> Result<Option<Event>> {
        Ok(match effect {
            Effect::Scan { globs, paths } => {
                let found = self.scan(globs, paths)?;
                // A part is looked at within a moment of the end, which saves; it notes no rest.
                if self.part.is_none() {
                    self.scanner.save()?;
                    self.seen.scanned(&found);
                }
                Some(Event::FilesScanned(found))
            }
            Effect::Recheck { task, globs, paths } => {
                self.seen.looked_again();
                let found = self.scan(globs, paths)?;
                Some(Event::Rechecked { task: task.clone(), found })
            }
            Effect::Look { paths } => Some(Event::Looked(self.scan(&[], paths)?)),
            Effect::FindFiles { paths } => {
                let is_file = |path: &RelPath| self.root.join(path.as_str()).is_file();
                let found = paths.iter().map(|path| (path.clone(), is_file(path)));
                Some(Event::FilesFound(found.collect()))
            }
            Effect::FindCandidates { task, key, manifest, lookup } => {
                let previous = match manifest {
                    Some(digest) => self.store.manifest(digest)?,
                    None => None,
                };
                let candidates = self.candidates(key, *lookup)?;
                let found = Box::new(Found { candidates, previous });
                Some(found_event(task, *key, found))
            }
            _ => None,
        })
    }

    fn candidates(&self, key: &ActionKey, lookup: Lookup) -> Result<Vec<Candidate>> {
        if lookup == Lookup::None {
            return Ok(Vec::new());
        }
        let results = self.store.results_of(key)?.into_iter();
        results.filter(|it| lookup.takes(it)).map(|result| self.candidate(result)).collect()
    }

    /// Compares what the recorded session saw and made with what lies here.
    fn candidate(&self, result: AcceptedResult) -> Result<Candidate> {
        let paths: Vec<RelPath> = result.read_set.iter().map(|(path, _)| path.clone()).collect();
        let tree = self.repo.tree_of(&self.tip)?;
        let changed = self.changed_by_user(&paths)?;
        let mut mismatched = Vec::new();
        for (path, then) in &result.read_set {
            let now: Option<FileState> = if changed.contains(path) {
                self.scanner.digest_of(path)?
            } else {
                self.repo.state_at(&tree, path)?
            };
            let made = result.patch.changes().iter().find(|change| change.path == *path);
            // What the result would make of it may be there already.
            if now != *then && made.is_none_or(|change| change.after != now) {
                mismatched.push(path.clone());
            }
        }
        let lost = result
            .patch
            .changes()
            .iter()
            .filter(|change| change.after.is_some_and(|state| !self.store.contains(&state.digest)))
            .map(|change| change.path.clone())
            .collect();
        Ok(Candidate { result, mismatched, lost })
    }

    pub(in crate::host) fn append(&mut self, record: &Record) -> Result<()> {
        self.seen.journaled(record);
        self.attempts.take();
        match &mut self.journal {
            Some(journal) => journal.append(record),
            None => Ok(()),
        }
    }

    /// Puts an accepted result into the action cache, contents first, so that an entry never names
    /// what is not there.
    pub(in crate::host) fn remember(
        &self,
        result: &AcceptedResult,
        content: &Content<'_>,
    ) -> Result<()> {
        for change in result.patch.changes() {
            for (side, state) in [(Side::Before, change.before), (Side::After, change.after)] {
                let Some(state) = state else { continue };
                if self.store.contains(&state.digest) {
                    continue;
                }
                if let Some(bytes) = content(&change.path, side)? {
                    self.store.put(&bytes)?;
                }
            }
        }
        self.store.put_manifest(&result.manifest)?;
        self.store.remember(result)
    }

    pub(in crate::host) fn remember_attempt(&self, result: &AcceptedResult) -> Result<()> {
        let kept = self.kept.values().find(|kept| self.made(kept, result));
        let content = |path: &RelPath, side: Side| {
            let Some(kept) = kept else { return Ok(None) };
            let tree = match side {
                Side::Before => &kept.base,
                Side::After => &kept.tree,
            };
            self.repo.read_path_at(tree, path)
        };
        self.remember(result, &content)
    }

    /// True where the attempt's trees hold what the result says.
    fn made(&self, kept: &Kept, result: &AcceptedResult) -> bool {
        result.patch.changes().iter().all(|change| {
            self.repo.state_at(&kept.tree, &change.path).is_ok_and(|state| state == change.after)
        })
    }

    /// What the CLI counts for the session that goes on, in this run of orch or an earlier one.
    pub(in crate::host) fn base_cost_of(&self, launch: &Launch) -> Usd {
        let LaunchAction::Session(session) = &launch.action else { return Usd::ZERO };
        let past = self.engine.history().task(&launch.task).zip(session.resume.as_ref());
        past.map(|(task, session)| task.session_total(session)).unwrap_or_default()
    }

    /// Effects of a decision, outside of a build.
    pub(in crate::host) fn perform_now(&mut self, effect: Effect) -> Result<()> {
        match effect {
            Effect::Append(record) => self.append(&record),
            Effect::WriteStatus(edit) => {
                self.queue_status(edit);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Which side of a change a content is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Side {
    Before,
    After,
}

/// Reads the content of a path on one side of an attempt's patch.
pub(in crate::host) type Content<'a> = dyn Fn(&RelPath, Side) -> Result<Option<Vec<u8>>> + 'a;

fn found_event(task: &TaskRef, key: ActionKey, found: Box<Found>) -> Event {
    Event::CandidatesFound { task: task.clone(), key, found }
}
