//! What a command knows of its repository: read when it starts, and true from then on.

pub mod admit;
pub mod book;
pub mod checkout;
pub mod history;
pub mod live;
pub mod log;
pub mod lookup;
pub mod overlay;
mod rekey;

use std::mem::ManuallyDrop;
use std::path::Path;

use crate::base::name::RelPath;
use crate::engine::chart::Part;
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::{Documents, Event, Frozen};
use crate::engine::past::ledger::OpenAttempts;
use crate::engine::step::Engine;
use crate::engine::world::diagnose::{stops_its_document, waits_for_faulty};
use crate::spec::config::Config;

use super::clock;
use super::compiled;
use super::documents::{self, Loaded};
use super::error::Result;
use super::git::Repository;
use super::journal::Journal;
use super::lock::{Holder, Lock};
use super::scan::Found;
use super::session::account_here;
use super::store::Store;
use super::store::folder::{self, Access};
use super::zone;

use checkout::Checkout;
use log::Log;

/// A repository with its documents, its past and the engine that was told of both.
pub struct State {
    pub checkout: Checkout,
    pub loaded: Loaded,
    pub log: Log,
    pub store: Store,
    /// Never freed piece by piece: where it ends, so does its process, or nearly.
    pub engine: ManuallyDrop<Engine>,
    /// Processes that a dead run may have left.
    pub leftovers: history::Leftovers,
    /// Sessions that the last run began and of which the journal has no end.
    pub unbooked: OpenAttempts,
    /// What is built, where the documents are of a part of everything.
    pub part: Option<Part>,
    /// What the one scan found; `None` where there was none, or single inputs were looked at later.
    pub scanned: Option<Found>,
    /// Held until the end.
    lock: Option<Lock>,
}

/// What a state is made of, before it has read any history.
pub struct Opened {
    pub checkout: Checkout,
    pub loaded: Loaded,
    pub engine: ManuallyDrop<Engine>,
    pub journal: Option<Journal>,
    pub lock: Option<Lock>,
    pub part: Option<Part>,
}

impl State {
    /// Opens the repository around `start`. With `Access::ReadWrite` this process is the only one
    /// that builds; with `ReadOnly` nothing on the disk changes. `extra_plans` are named on the
    /// command line, and no folder of plans holds them.
    pub fn open(start: &Path, access: Access, extra_plans: Vec<RelPath>) -> Result<Self> {
        let repo = Repository::discover(start)?;
        let root = repo.root().to_owned();
        // A large past takes as long to read as large plans: both at once.
        let place = root.clone();
        let past = std::thread::spawn(move || history::Kept::read(&place));
        let loaded = read_documents(&repo, &extra_plans)?;
        let engine = Engine::default().in_zone(zone::local_zone()).of_account(account_here());
        let mut engine = ManuallyDrop::new(engine);
        let mut documents = Box::new(loaded.documents.clone());
        documents.compiled = compiled::read(&root, &documents.plans);
        engine.step(clock::now(), Event::DocumentsRead(documents));
        // Wrong documents are refused before anything is made or locked.
        let access = if has_errors(&loaded, &engine) { Access::ReadOnly } else { access };
        let (checkout, lock, journal) = match access {
            Access::ReadWrite => {
                // So is a branch that nothing can land on.
                let branch = repo.branch()?;
                repo.refuse_tracked(folder::NAME)?;
                let lock = Lock::exclusive(&root, &Holder::this_process())?;
                let journal = Journal::open(&root)?;
                (Checkout::settled(repo, branch)?, Some(lock), Some(journal))
            }
            Access::ReadOnly => (Checkout::to_see(repo)?, None, None),
        };
        let opened = Opened { checkout, loaded, engine, journal, lock, part: None };
        let mut state = Self::of(opened);
        state.read_history(past.join().unwrap_or_default())?;
        Ok(state)
    }

    /// One that has read no history yet.
    pub fn of(opened: Opened) -> Self {
        let Opened { checkout, loaded, engine, journal, lock, part } = opened;
        Self {
            store: checkout.store(),
            log: Log::of(checkout.root.clone(), journal),
            checkout,
            loaded,
            engine,
            leftovers: history::Leftovers::default(),
            unbooked: OpenAttempts::default(),
            part,
            scanned: None,
            lock,
        }
    }

    /// Makes a state that was opened for looking only (wrong documents that the targets do not
    /// need, a command line that may be wrong) one that builds or decides.
    pub fn arm(&mut self) -> Result<()> {
        if self.may_write() {
            return Ok(());
        }
        let branch = self.checkout.repo.branch()?;
        self.checkout.repo.refuse_tracked(folder::NAME)?;
        let root = self.checkout.root.clone();
        self.lock = Some(Lock::exclusive(&root, &Holder::this_process())?);
        self.log.open(Journal::open(&root)?);
        self.checkout.arm(branch)?;
        self.store = self.checkout.store();
        self.read_history(history::Kept::read(&root))
    }

    /// True where this process is the one that builds.
    pub fn may_write(&self) -> bool {
        self.checkout.access == Access::ReadWrite
    }

    pub fn root(&self) -> &Path {
        &self.checkout.root
    }

    pub fn config(&self) -> &Config {
        &self.loaded.documents.config
    }

    pub fn has_errors(&self) -> bool {
        has_errors(&self.loaded, &self.engine)
    }

    /// Keeps what is built or shown from starting anything of wrong plans that it needs. Where nothing
    /// needs one, only a target could start it, and that is refused.
    pub fn freeze_wrong_plans(&mut self) {
        let mut found = self.engine.diagnostics();
        if !found.iter().any(waits_for_faulty) {
            return;
        }
        found.extend(self.loaded.diagnostics.iter().cloned());
        found.retain(stops_its_document);
        let frozen = admit::frozen_by(&found, self.config());
        let is_of_plans = matches!(frozen, Frozen::Plans(_));
        if is_of_plans && self.loaded.documents.frozen != frozen {
            self.loaded.documents.frozen = frozen;
            let seen = self.documents_seen();
            self.step(seen);
        }
    }

    /// All documents as they lie now.
    pub fn read_again(&self) -> Result<Loaded> {
        read_documents(&self.checkout.repo, &self.loaded.extra)
    }

    /// The documents that the engine is to go by, as an event.
    pub fn documents_seen(&self) -> Event {
        Event::DocumentsRead(Box::new(self.loaded.documents.clone()))
    }

    /// Documents with what has landed by now, whether or not the checkout has followed; as an event. What
    /// has errors stays as it was last right.
    pub fn documents_landed(&mut self) -> Result<Event> {
        let repo = &self.checkout.repo;
        let tip = repo.tree_of(&self.checkout.tip)?;
        let mut loaded = documents::read_at(repo, &tip, &self.loaded.extra)?;
        note_committed(repo, &mut loaded)?;
        let mut found = loaded.diagnostics.clone();
        found.extend(self.engine.diagnose(loaded.documents.clone()));
        found.retain(stops_its_document);
        loaded.documents.frozen = admit::frozen_by(&found, &loaded.documents.config);
        admit::mix(&mut loaded.documents, &self.loaded.documents);
        self.loaded = loaded;
        Ok(self.documents_seen())
    }

    /// Tells the engine what happened, now.
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        self.engine.step(clock::now(), event)
    }

    /// The request as far as the documents go.
    pub fn narrowed(&self, request: BuildRequest) -> BuildRequest {
        let Some(Part { targets, n_resting, n_skipped }) = self.part.clone() else {
            return request;
        };
        BuildRequest { targets: Some(targets), only: true, n_resting, n_skipped, ..request }
    }

    /// Decides everything and runs nothing: `status`, `why`, `graph`, `--dry-run`.
    pub fn survey(&mut self, request: BuildRequest) -> Result<()> {
        let request = self.narrowed(request);
        let mut effects = self.engine.survey(clock::now(), request);
        while !effects.is_empty() {
            let effect = effects.remove(0);
            if let Some(event) = self.answer(&effect)? {
                effects.extend(self.step(event));
            }
        }
        Ok(())
    }
}

/// All documents, and which plans are exactly as HEAD has them.
fn read_documents(repo: &Repository, extra: &[RelPath]) -> Result<Loaded> {
    let mut loaded = documents::read(repo.root(), extra)?;
    note_committed(repo, &mut loaded)?;
    Ok(loaded)
}

fn note_committed(repo: &Repository, loaded: &mut Loaded) -> Result<()> {
    let Ok(state) = repo.state() else { return Ok(()) };
    let tree = repo.tree_of(&state.head)?;
    let Documents { plans, items, .. } = &loaded.documents;
    let mut committed_paths = Vec::new();
    for plan in plans.iter().chain(items) {
        let committed = repo.read_path_at(&tree, &plan.path)?;
        if committed.as_deref() == Some(plan.text.as_bytes()) {
            repo.note_text(&tree, &plan.path, &plan.text)?;
            committed_paths.push(plan.path.clone());
        }
    }
    loaded.documents.committed.extend(committed_paths);
    Ok(())
}

fn has_errors(loaded: &Loaded, engine: &Engine) -> bool {
    let found = engine.diagnostics();
    loaded.diagnostics.iter().chain(&found).any(stops_its_document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::Scratch;

    #[test]
    fn one_that_only_looks_writes_nothing_until_it_is_armed() {
        let plan = "sections:\n- { id: s, name: S, tasks: [{ id: a, name: A, run: 'true' }] }\n";
        let scratch = Scratch::new(&[(".gitignore", ".orch/\n"), ("plans/p.yaml", plan)]);
        let mut state = State::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap();
        state.survey(BuildRequest::default()).unwrap();
        assert!(!state.may_write() && !scratch.root().join(".orch").exists());
        assert_eq!(state.engine.tasks().len(), 1);
        state.arm().unwrap();
        assert!(state.may_write() && state.log.journal().is_some());
        // Another one that would build is kept out as long as this one is there.
        assert!(State::open(&scratch.root(), Access::ReadWrite, Vec::new()).is_err());
        drop(state);
        assert!(State::open(&scratch.root(), Access::ReadWrite, Vec::new()).is_ok());
    }

    #[test]
    fn wrong_documents_are_looked_at_only() {
        let scratch = Scratch::new(&[("plans/p.yaml", "sections: 3\n")]);
        let state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
        assert!(state.has_errors() && !state.may_write());
    }
}
