//! The driver: performs what the engine wants, tells it what happened, and hands the picture to a
//! surface. Every command that builds, surveys or decides goes through it; there is no second path.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AttemptId, CommitId, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::chart::Part;
use crate::engine::effect::BuildRequest;
use crate::engine::event::Event;
use crate::engine::past::ledger::OpenAttempts;
use crate::engine::picture::Picture;
use crate::engine::record::lineage::Lineage;
use crate::engine::record::{AttemptEnded, Record};
use crate::engine::step::Engine;

use super::build_loop::caution;
use super::clock;
use super::compiled;
use super::documents::{self, Loaded};
use super::error::Result;
use super::git::Repository;
use super::git::committed::Committed;
use super::git::lineage::Caching;
use super::git::tip::TipMove;
use super::git::trailer::ReceiptTold;
use super::journal::{self, Journal};
use super::land::{self, status};
use super::landing::OwnWrites;
use super::lock::{Holder, Lock};
use super::rest;
use super::scan::Scanner;
use super::session::account_here;
use super::state::{checkout as scan, history};
use super::store::Store;
use super::store::folder::Access;
use super::work::folders;
use super::zone;

pub use super::build_loop::caution::is_settings;
pub use super::build_loop::halt::StopReason;
pub use super::build_loop::heed::Said;
pub use super::check::check;
pub use super::rest::{AtRest, at_rest, driver_to_see};

/// A repository with its engine, opened for one command.
pub struct Driver {
    pub(in crate::host) root: PathBuf,
    pub(in crate::host) access: Access,
    pub(in crate::host) repo: Repository,
    pub(in crate::host) store: Store,
    pub(in crate::host) scanner: Scanner,
    pub(in crate::host) journal: Option<Journal>,
    /// Never freed piece by piece: where a driver ends, so does its process, or nearly.
    pub(in crate::host) engine: ManuallyDrop<Engine>,
    pub(in crate::host) loaded: Loaded,
    /// Plan files named on the command line that no folder of plans holds.
    pub(in crate::host) extra_plans: Vec<RelPath>,
    pub(in crate::host) branch: Option<String>,
    /// What was done to parked landings and is not told yet.
    pub(in crate::host) moved: Option<TipMove>,
    pub(in crate::host) tip: CommitId,
    pub(in crate::host) own_writes: OwnWrites,
    /// Status edits that wait to be written.
    pub(in crate::host) pending: status::Pending,
    /// What attempts left that has not landed yet.
    pub(in crate::host) kept: BTreeMap<AttemptId, land::Kept>,
    /// Accepted results without a landing, for the next receipt commit.
    pub(in crate::host) receipts: Vec<ReceiptTold>,
    pub(in crate::host) has_built: bool,
    pub(in crate::host) leftovers: history::Leftovers,
    /// Sessions that the last run began and of which the journal has no end.
    pub(in crate::host) unbooked: OpenAttempts,
    pub(in crate::host) seen: rest::Seen,
    /// What HEAD has below the folders of declared inputs.
    pub(in crate::host) committed: Committed,
    /// What is built, where the documents are of a part of everything.
    pub(in crate::host) part: Option<Part>,
    /// The journal's, read where they are asked for.
    pub(in crate::host) attempts: OnceCell<BTreeMap<TaskRef, Vec<AttemptEnded>>>,
    /// Landings that the user's branch has not followed to, and why.
    pub(in crate::host) waiting: Option<String>,
    pub(in crate::host) cautions: caution::Cautions,
    /// Held until the driver is dropped.
    pub(in crate::host) lock: Option<Lock>,
}

/// What a driver is made of.
pub(in crate::host) struct Opened {
    pub(in crate::host) root: PathBuf,
    pub(in crate::host) access: Access,
    pub(in crate::host) repo: Repository,
    pub(in crate::host) scanner: Scanner,
    pub(in crate::host) journal: Option<Journal>,
    pub(in crate::host) engine: ManuallyDrop<Engine>,
    pub(in crate::host) loaded: Loaded,
    pub(in crate::host) extra_plans: Vec<RelPath>,
    pub(in crate::host) branch: Option<String>,
    pub(in crate::host) tip: CommitId,
    pub(in crate::host) lock: Option<Lock>,
    pub(in crate::host) part: Option<Part>,
}

impl Driver {
    /// Opens the repository around `start`. With `Access::ReadWrite` this process is the only one
    /// that builds; with `ReadOnly` nothing on the disk changes.
    pub fn open(start: &Path, access: Access, extra_plans: Vec<RelPath>) -> Result<Self> {
        let repo = Repository::discover(start)?;
        let root = repo.root().to_owned();
        // A large past takes as long to read as large plans: both at once.
        let place = root.clone();
        let past = std::thread::spawn(move || history::Kept::read(&place));
        let loaded = read_documents(&repo, &extra_plans)?;
        let account = account_here();
        let engine = Engine::default().in_zone(zone::local_zone()).of_account(account);
        let mut engine = ManuallyDrop::new(engine);
        let mut documents = Box::new(loaded.documents.clone());
        documents.compiled = compiled::read(&root, &documents.plans);
        engine.step(clock::now(), Event::DocumentsRead(documents));
        // Wrong documents are refused before anything is made or locked.
        let is_wrong = has_errors(&loaded, &engine);
        let access = if is_wrong { Access::ReadOnly } else { access };
        // So is a branch that nothing can land on.
        let branch = match access {
            Access::ReadWrite => Some(repo.branch()?),
            Access::ReadOnly => None,
        };
        let lock = match access {
            Access::ReadWrite => Some(Lock::exclusive(&root, &Holder::this_process())?),
            Access::ReadOnly => None,
        };
        let journal = match access {
            Access::ReadWrite => Some(Journal::open(&root)?),
            Access::ReadOnly => None,
        };
        let mut moved = None;
        let (branch, tip) = match branch {
            Some(branch) => {
                // Looking at the tip notes what was seen: a dead run's lock may be in the way.
                repo.clear_dead_locks()?;
                let tip = repo.settled_tip(&branch)?;
                moved = tip.moved;
                (Some(branch), tip.commit)
            }
            None => {
                let state = repo.state()?;
                let tip = match &state.branch {
                    Some(branch) => repo.peek_tip(branch)?,
                    None => state.head,
                };
                (state.branch, tip)
            }
        };
        let scanner = Scanner::open(&root, access, scan::normal_form(&repo)?);
        let part = None;
        let mut driver = Self::of(Opened {
            root,
            access,
            repo,
            scanner,
            journal,
            engine,
            loaded,
            extra_plans,
            branch,
            tip,
            lock,
            part,
        });
        driver.moved = moved;
        driver.read_history(past.join().unwrap_or_default())?;
        Ok(driver)
    }

    /// A driver that has read no history yet.
    pub(in crate::host) fn of(opened: Opened) -> Self {
        let Opened { root, access, repo, scanner, journal, engine, loaded, .. } = opened;
        let store = match access {
            Access::ReadWrite => Store::open(&root),
            Access::ReadOnly => Store::open_read_only(&root),
        };
        Self {
            root,
            access,
            repo,
            store,
            scanner,
            journal,
            engine,
            loaded,
            extra_plans: opened.extra_plans,
            branch: opened.branch,
            tip: opened.tip,
            moved: None,
            own_writes: OwnWrites::default(),
            pending: status::Pending::new(),
            kept: BTreeMap::new(),
            receipts: Vec::new(),
            has_built: false,
            leftovers: history::Leftovers::default(),
            unbooked: OpenAttempts::default(),
            seen: rest::Seen::default(),
            committed: Committed::default(),
            part: opened.part,
            attempts: OnceCell::new(),
            waiting: None,
            cautions: caution::Cautions::default(),
            lock: opened.lock,
        }
    }

    /// Makes a driver that was opened for looking only (wrong documents that the targets do not
    /// need, a command line that may be wrong) the one that builds or decides.
    pub(in crate::host) fn arm(&mut self) -> Result<()> {
        if self.access == Access::ReadWrite {
            return Ok(());
        }
        let branch = self.repo.branch()?;
        self.lock = Some(Lock::exclusive(&self.root, &Holder::this_process())?);
        self.access = Access::ReadWrite;
        self.store = Store::open(&self.root);
        self.journal = Some(Journal::open(&self.root)?);
        self.repo.clear_dead_locks()?;
        self.tip = self.repo.tip(&branch)?.commit;
        self.branch = Some(branch);
        self.scanner = Scanner::open(&self.root, self.access, scan::normal_form(&self.repo)?);
        self.read_history(history::Kept::read(&self.root))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn repository(&self) -> &Repository {
        &self.repo
    }

    pub fn config(&self) -> &crate::spec::config::Config {
        &self.loaded.documents.config
    }

    /// Every finding about every document, with the texts they point into.
    pub fn diagnostics(&self) -> (Vec<Diagnostic>, &BTreeMap<RelPath, Source>) {
        let mut all = self.loaded.diagnostics.clone();
        all.extend(self.engine.diagnostics());
        (all, &self.loaded.sources)
    }

    pub fn has_errors(&self) -> bool {
        has_errors(&self.loaded, &self.engine)
    }

    /// True once a build ran: the picture is then its outcome.
    pub fn has_built(&self) -> bool {
        self.has_built
    }

    /// `-j` where none is given: the configured number, else one for each core.
    pub fn default_jobs(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.config().jobs.unwrap_or_else(|| u32::try_from(cores).unwrap_or(u32::MAX)).max(1)
    }

    /// Tasks whose landings wait under the tip's ref, oldest first.
    pub fn parked_tasks(&self) -> Result<Vec<TaskRef>> {
        let parked = self.repo.parked(&self.branch()?)?;
        let lineage = self.lineage()?;
        let landings = lineage.landings.iter().filter(|it| parked.contains(&it.commit));
        Ok(landings.map(|it| it.task.clone()).collect())
    }

    /// Files whose uncommitted text of the user's lies beneath those landings.
    pub fn parked_edits(&self) -> Result<BTreeSet<RelPath>> {
        let parked = self.repo.parked(&self.branch()?)?;
        let found = self.repo.beneath_among(&parked)?;
        Ok(found.iter().flat_map(|it| it.patch.paths().cloned()).collect())
    }

    pub fn tasks(&self) -> Vec<TaskRef> {
        self.engine.tasks()
    }

    /// Journal records, oldest first.
    pub fn records(&self) -> Result<Vec<Record>> {
        Ok(journal::read(&self.root)?.records)
    }

    /// Every attempt of the task that ended, validators' too, oldest first.
    pub fn attempts_of(&self, task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        if self.attempts.get().is_none() {
            let mut all: BTreeMap<TaskRef, Vec<AttemptEnded>> = BTreeMap::new();
            for ended in journal::attempts(&self.root)? {
                all.entry(ended.task.clone()).or_default().push(ended);
            }
            self.attempts.get_or_init(|| all);
        }
        Ok(self.attempts.get().and_then(|all| all.get(task)).cloned().unwrap_or_default())
    }

    pub(in crate::host) fn lineage(&self) -> Result<Lineage> {
        let file = self.root.join(".orch/lineage-v1");
        let caching = match self.access {
            Access::ReadWrite => Caching::ReadWrite(&file),
            Access::ReadOnly => Caching::ReadOnly(&file),
        };
        self.repo.read_lineage(&self.tip, caching)
    }

    /// The request as far as the documents go.
    pub(in crate::host) fn narrowed(&self, request: BuildRequest) -> BuildRequest {
        let Some(Part { targets, n_resting, n_skipped }) = self.part.clone() else {
            return request;
        };
        BuildRequest { targets: Some(targets), only: true, n_resting, n_skipped, ..request }
    }

    /// Decides everything and runs nothing: `status`, `why`, `graph`, `--dry-run`.
    pub fn survey(&mut self, request: BuildRequest) -> Result<Picture> {
        let request = self.narrowed(request);
        let mut effects = self.engine.survey(clock::now(), request);
        while !effects.is_empty() {
            let effect = effects.remove(0);
            if let Some(event) = self.answer(&effect)? {
                effects.extend(self.engine.step(clock::now(), event));
            }
        }
        self.look_for_waiting()?;
        Ok(self.present_picture(crate::engine::picture::Extent::Whole))
    }
}

/// All documents, and which plans are exactly as HEAD has them.
pub(in crate::host) fn read_documents(
    repo: &Repository,
    extra_plans: &[RelPath],
) -> Result<Loaded> {
    let mut loaded = documents::read(repo.root(), extra_plans)?;
    let Ok(state) = repo.state() else { return Ok(loaded) };
    let tree = repo.tree_of(&state.head)?;
    for plan in &loaded.documents.plans {
        let committed = repo.read_path_at(&tree, &plan.path)?;
        if committed.as_deref() == Some(plan.text.as_bytes()) {
            repo.note_text(&tree, &plan.path, &plan.text)?;
            loaded.documents.committed.insert(plan.path.clone());
        }
    }
    Ok(loaded)
}

fn has_errors(loaded: &Loaded, engine: &Engine) -> bool {
    let found = engine.diagnostics();
    loaded.diagnostics.iter().chain(&found).any(Diagnostic::is_error)
}

/// What attempts share with the driver, across threads.
#[derive(Clone)]
pub(in crate::host) struct Shared {
    pub(in crate::host) root: Arc<Path>,
    pub(in crate::host) repo: Repository,
    pub(in crate::host) pool: Arc<super::worktree::Pool>,
    pub(in crate::host) runner: Arc<super::session::Runner>,
    pub(in crate::host) folders: Arc<folders::Folders>,
    pub(in crate::host) config: Arc<crate::spec::config::Config>,
    pub(in crate::host) store: Store,
}
