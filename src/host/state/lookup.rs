//! Questions of the engine that change nothing: files, and results that the store has for a key.

use crate::base::digest::{Digest, Recorded};
use crate::base::file::FileState;
use crate::base::name::{ActionKey, RelPath, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::event::{Candidate, Event, Found};
use crate::engine::record::{AcceptedResult, Lookup};
use crate::host::error::Result;
use crate::host::store::Store;

use super::State;
use super::checkout::Checkout;

/// What is to be looked up in the store.
#[derive(Clone, Debug)]
pub struct Question {
    pub task: TaskRef,
    pub key: ActionKey,
    pub older: Option<ActionKey>,
    /// The manifest of the last accepted result.
    pub manifest: Option<Digest>,
    pub lookup: Lookup,
}

/// What the store has to say to a question.
#[derive(Debug)]
pub struct Answer {
    pub question: Question,
    /// Each with the paths whose contents the store has lost.
    pub results: Vec<(AcceptedResult, Vec<RelPath>)>,
    pub previous: Option<Recorded>,
}

impl Question {
    /// Asks the store alone: this needs no checkout, and may take its time.
    pub fn ask(self, store: &Store) -> Result<Answer> {
        let previous = match &self.manifest {
            Some(digest) => store.manifest(digest)?,
            None => None,
        };
        let mut results = Vec::new();
        if self.lookup != Lookup::None {
            let mut found = store.results_of(&self.key)?;
            if let Some(older) = &self.older {
                found.extend(store.results_of(older)?);
            }
            let taken = found.into_iter().filter(|it| self.lookup.takes(it));
            results.extend(taken.map(|it| (lost_of(&it, store), it)).map(|(lost, it)| (it, lost)));
        }
        Ok(Answer { question: self, results, previous })
    }
}

fn lost_of(result: &AcceptedResult, store: &Store) -> Vec<RelPath> {
    let changes = result.patch.changes().iter();
    let is_lost = |after: Option<FileState>| after.is_some_and(|it| !store.contains(&it.digest));
    changes.filter(|it| is_lost(it.after)).map(|it| it.path.clone()).collect()
}

impl Checkout {
    /// The event that answers the engine: each result compared with what lies here.
    pub fn candidates(&self, answer: Answer) -> Result<Event> {
        let Answer { question: Question { task, key, .. }, results, previous } = answer;
        let results = results.into_iter();
        let candidates: Result<Vec<Candidate>> =
            results.map(|(it, lost)| self.candidate(it, lost)).collect();
        let found = Box::new(Found { candidates: candidates?, previous });
        Ok(Event::CandidatesFound { task, key, found })
    }

    /// Compares what the recorded session saw and made with what lies here.
    fn candidate(&self, result: AcceptedResult, lost: Vec<RelPath>) -> Result<Candidate> {
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
        Ok(Candidate { result, mismatched, lost })
    }
}

impl State {
    /// The answer to a question that changes nothing; `None` for everything else.
    pub fn answer(&mut self, effect: &Effect) -> Result<Option<Event>> {
        Ok(match effect {
            Effect::Scan { globs, paths } => {
                let found = self.checkout.scan(globs, paths)?;
                let links = self.checkout.scanner.links(globs, &found);
                // A part is looked at within a moment of the end, which saves; it notes no rest.
                if self.part.is_none() {
                    self.checkout.scanner.save()?;
                    self.scanned = Some(found.clone());
                }
                Some(Event::FilesScanned { found, links })
            }
            Effect::Recheck { task, globs, paths } => {
                self.scanned = None;
                let found = self.checkout.scan(globs, paths)?;
                Some(Event::Rechecked { task: task.clone(), found })
            }
            Effect::FindLost { task, paths } => {
                let found = self.checkout.scan_as_if_whole(paths)?;
                Some(Event::Restored { task: task.clone(), found })
            }
            Effect::Look { paths } => Some(Event::Looked(self.checkout.scan(&[], paths)?)),
            Effect::FindFiles { paths } => {
                let is_file = |path: &RelPath| self.root().join(path.as_str()).is_file();
                let found = paths.iter().map(|path| (path.clone(), is_file(path)));
                Some(Event::FilesFound(found.collect()))
            }
            Effect::FindCandidates { .. } => match question_of(effect) {
                Some(question) => Some(self.checkout.candidates(question.ask(&self.store)?)?),
                None => None,
            },
            _ => None,
        })
    }
}

/// What an effect asks of the store.
pub fn question_of(effect: &Effect) -> Option<Question> {
    let Effect::FindCandidates { task, key, older, manifest, lookup } = effect else { return None };
    let (task, key, older) = (task.clone(), *key, *older);
    Some(Question { task, key, older, manifest: *manifest, lookup: *lookup })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, path, result};
    use crate::host::store::folder::Access;

    #[test]
    fn a_result_is_compared_with_what_lies_here_and_what_the_store_has() {
        let scratch = Scratch::new(&[("in.txt", "in\n")]);
        let read = (path("in.txt"), Some(FileState::regular(b"in\n")));
        let result = AcceptedResult { read_set: vec![read], ..result("1", "out.txt", "out\n") };
        let store = Store::open(&scratch.root());
        store.remember(&result).unwrap();
        let mut state = State::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap();
        let mut check = |lookup: Lookup, expected: &[(&[&str], &[&str])]| {
            let (task, key) = (result.task.clone(), result.key);
            let effect = Effect::FindCandidates { task, key, older: None, manifest: None, lookup };
            let Some(Event::CandidatesFound { found, .. }) = state.answer(&effect).unwrap() else {
                panic!("no answer");
            };
            let shown = |paths: &[RelPath]| paths.iter().map(ToString::to_string).collect();
            let found = found.candidates.iter().map(|it| (shown(&it.mismatched), shown(&it.lost)));
            let strings = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
            let expected = expected.iter().map(|(one, other)| (strings(one), strings(other)));
            assert_eq!(
                found.collect::<Vec<(Vec<String>, Vec<String>)>>(),
                expected.collect::<Vec<_>>()
            );
        };
        check(Lookup::None, &[]);
        check(Lookup::All, &[(&[], &["out.txt"])]);
        store.put(b"out\n").unwrap();
        check(Lookup::All, &[(&[], &[])]);
        scratch.write("in.txt", "edited\n");
        check(Lookup::All, &[(&["in.txt"], &[])]);
    }
}
