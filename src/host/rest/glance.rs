//! A glance at a repository that was at rest: whether it still is, and if not, which tasks that is for.

use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::path::Path;

use crate::base::name::{RelPath, TaskRef};
use crate::engine::chart::Slice;
use crate::engine::event::Event;
use crate::engine::record::Record;
use crate::engine::step::Engine;
use crate::host::clock;
use crate::host::documents::{self, Loaded};
use crate::host::error::Result;
use crate::host::git::Repository;
use crate::host::inbox;
use crate::host::journal::Journal;
use crate::host::lock::{Holder, Lock};
use crate::host::scan::{Found, Scanner};
use crate::host::state::checkout::Checkout;
use crate::host::state::log::run_started;
use crate::host::state::{Opened, State, history};
use crate::host::stop;
use crate::host::store::folder::{self, Access};
use crate::host::surface::Summary;
use crate::host::zone;
use crate::spec::glob::{GlobSet, may_take};

use super::charted::Charted;
use super::{Note, circumstances, digest_of, is_quiet_behind, read};

/// What the built-in rule of smoke tests runs: where it is at home, no build is at rest unseen.
const DEFAULT_SMOKE: &str = "tests/SMOKE01-critical-paths.spec.ts";

/// Where more files than this changed, everything is decided.
const MANY: usize = 64;

/// A repository that is, but for files, as it was when a build found everything up to date.
pub(super) struct Glance {
    checkout: Checkout,
    loaded: Loaded,
    // Large, and freed by the end of the process alone.
    note: ManuallyDrop<Note>,
    found: ManuallyDrop<Found>,
    /// A file is not what it was.
    has_changes: bool,
    lock: Option<Lock>,
}

impl Glance {
    /// `None` where anything but files is another, or was never noted.
    pub fn of(start: &Path, access: Access) -> Option<Self> {
        let repo = Repository::discover(start).ok()?;
        let root = repo.root().to_owned();
        let note = ManuallyDrop::new(read(&root).filter(|_| !root.join(DEFAULT_SMOKE).is_file())?);
        let loaded = documents::read(&root, &[]).ok()?;
        let lock = match access {
            Access::ReadWrite => Some(Lock::exclusive(&root, &Holder::this_process()).ok()?),
            Access::ReadOnly if Lock::holder_of(&root).is_some() => return None,
            Access::ReadOnly => None,
        };
        repo.refuse_tracked(folder::NAME).ok()?;
        let branch = repo.branch().ok()?;
        let tip = match access {
            Access::ReadWrite => repo.tip(&branch).ok()?.commit,
            Access::ReadOnly => repo.peek_tip(&branch).ok()?,
        };
        let same = note.circumstances == circumstances(&loaded, &tip, &note.variables)?
            && repo.state().ok()?.head == tip
            && !stop::is_waiting(&root, &loaded.documents.config.plans_dirs)
            && !inbox::has_words(&root)
            && is_quiet_behind(&root, &note.journal);
        if !same {
            return None;
        }
        let checkout = Checkout::of(repo, access, Some(branch), tip).ok()?;
        let found = ManuallyDrop::new(files_of(&checkout.scanner, &note).ok()?);
        let has_changes = digest_of(&found) != note.found;
        Some(Self { checkout, loaded, note, found, has_changes, lock })
    }

    /// True where a file is not what it was.
    pub fn has_changes(&self) -> bool {
        self.has_changes
    }

    /// Journals a build that had nothing to do.
    pub fn conclude(self) -> Option<Summary> {
        self.checkout.scanner.save().ok()?;
        let mut journal = Journal::open_from(&self.checkout.root, self.note.journal.offset).ok()?;
        let ended = Record::RunEnded { at: clock::now(), exit: 0 };
        journal.append_all(&[run_started(), ended]).ok()?;
        let n = self.note.n_tasks;
        let skipped = self.note.n_skipped;
        let left = n - skipped;
        Some(Summary {
            targets: n,
            accepted: left,
            up_to_date: left,
            skipped,
            ..Summary::default()
        })
    }

    /// One that knows of the tasks that changed files can reach, and of `asked`, and of no others.
    /// `None` where that is not certain to give what one of all gives.
    pub fn state(self, asked: Option<&TaskRef>) -> Option<State> {
        let charted = ManuallyDrop::new(Charted::read(&self.checkout.root, self.note.charted?)?);
        let chart = charted.chart();
        let asked = match asked {
            Some(task) => Some(chart.find(task)?),
            None => None,
        };
        let cut = chart.cut(&self.sets_changed(&charted)?, asked)?;
        if cut.wanted.is_empty() {
            return None;
        }
        let mut slice = chart.slice(&cut, charted.parts(&cut)?)?;
        slice.part.n_skipped = self.note.n_skipped;
        self.state_of(slice).ok()
    }

    /// The pattern sets that find other files than before, by their place.
    fn sets_changed(&self, charted: &Charted) -> Option<BTreeSet<u32>> {
        if !self.has_changes {
            return Some(BTreeSet::new());
        }
        let changed = charted.changed_files(&self.found)?;
        // Single files are read by designs and verdicts, which no pattern tells of.
        let is_single = |path: &RelPath| self.note.paths.binary_search(path).is_ok();
        let is_gone = |path: &RelPath| {
            let place = self.found.binary_search_by(|(it, _)| it.cmp(path));
            self.note.outputs.binary_search(path).is_ok()
                && place.map_or(true, |at| self.found[at].1.is_none())
        };
        if changed.len() > MANY || changed.iter().any(|it| is_single(it) || is_gone(it)) {
            return None;
        }
        let takes_one = |patterns: &[String]| {
            let may = |pattern: &String| changed.iter().any(|path| may_take(pattern, path));
            if !patterns.iter().any(may) {
                return false;
            }
            let matcher = GlobSet::new(patterns).compile();
            matcher.map_or(true, |it| changed.iter().any(|path| it.is_match(path)))
        };
        let sets = self.note.globs.iter().zip(0..).filter(|(set, _)| takes_one(set));
        Some(sets.map(|(_, place)| place).collect())
    }

    fn state_of(mut self, slice: Slice) -> Result<State> {
        let mut engine = ManuallyDrop::new(Engine::default().in_zone(zone::local_zone()));
        let repo = &self.checkout.repo;
        let tree = repo.tree_of(&self.checkout.tip)?;
        let plans = self.loaded.documents.plans.iter();
        for plan in plans.filter(|it| slice.committed.contains(&it.path)) {
            repo.note_text(&tree, &plan.path, &plan.text)?;
        }
        self.loaded.documents.committed = slice.committed;
        let mut documents = Box::new(self.loaded.documents.clone());
        documents.compiled = slice.plans;
        engine.step(clock::now(), Event::DocumentsRead(documents));
        let offset = self.note.journal.offset;
        let journal = match self.checkout.access {
            Access::ReadWrite => {
                // A dead run's lock on a ref would stop the landing.
                repo.clear_dead_locks()?;
                Some(Journal::open_from(&self.checkout.root, offset)?)
            }
            Access::ReadOnly => None,
        };
        let kept = history::Kept::of_slice(&self.checkout.tip, slice.history, offset);
        let mut state = State::of(Opened {
            checkout: self.checkout,
            loaded: self.loaded,
            engine,
            journal,
            lock: self.lock,
            part: Some(slice.part),
        });
        state.read_history(Some(kept))?;
        Ok(state)
    }
}

/// What all that was asked for is now.
fn files_of(scanner: &Scanner, note: &Note) -> Result<Found> {
    let globs: Vec<GlobSet> = note.globs.iter().map(GlobSet::new).collect();
    let mut paths: Vec<RelPath> = note.paths.iter().chain(&note.outputs).cloned().collect();
    paths.sort();
    scanner.scan(&globs, &paths)
}
