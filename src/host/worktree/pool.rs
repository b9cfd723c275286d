//! Taking a worktree out of the pool, moving it to a tree, and keeping the pool in order.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use gix::bstr::BString;
use gix::progress::Discard;
use gix::worktree::add::Head;
use gix::worktree::remove::Force;

use super::base::BaseTree;
use super::leftovers::{Keep, beside_brought, read_ready, remove_leftover, write_ready};
use super::memory::{self, Memory, Remembered};
use super::moving::{Moving, remove_file, stand_at};
use super::opened::Opened;
use super::parked;
use super::registration::clear_half_registered;
use super::sparse::end_sparse;
use super::status::differences;
use crate::base::digest::Digest;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::git::normalize::metadata;
use crate::host::git::{NOBODY, Repository, ignore_itself, object_id};
use crate::host::removal::remove_folder;
use crate::spec::config::WorktreeConfig;

/// All worktrees of one repository. Thread-safe; processes share the pool by file locks.
pub struct Pool {
    repo: Repository,
    folder: PathBuf,
    pub(super) config: WorktreeConfig,
    /// git numbers its worktrees without a lock of its own: one is made at a time.
    making: Mutex<()>,
    memory: Memory,
    opened: Opened,
}

/// A worktree in use. It goes back to the pool when this is dropped.
#[derive(Debug)]
pub struct Worktree {
    root: PathBuf,
    base: BaseTree,
    /// What stands beside the worktree: `<n>`, to which `.lock`, `.index`, `.ready` are added.
    stem: PathBuf,
    pub(super) is_fresh: bool,
    /// What it is set up with; `None` where nobody has looked.
    pub(super) making: Option<Digest>,
    /// Paths that were linked or copied into it: never part of a result.
    brought: Vec<BString>,
    remembered: Option<Arc<Remembered>>,
    /// A session's mark stands beside it, to be removed when it is let go of.
    is_marked: bool,
    _lock: File,
}

impl Worktree {
    /// The folder to run in, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn base(&self) -> &BaseTree {
        &self.base
    }

    /// True until `mark_ready`: `worktree.setup` has not succeeded in it yet.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Notes that the set-up line succeeded; it is not to run again in this worktree.
    pub fn mark_ready(&mut self) -> Result<()> {
        let git = gix::open(&self.root).doing("opening a worktree", &self.root)?;
        let present = differences(&git, &self.remembered()?.index)?;
        let mut brought = Keep::default();
        brought.paths.extend(self.brought.iter().cloned());
        let mut ignored = Vec::new();
        for path in &present.ignored {
            ignored.extend(beside_brought(&self.root, path, &brought)?);
        }
        write_ready(&self.ready_file(), self.making, &ignored)?;
        self.is_fresh = false;
        Ok(())
    }

    pub(super) fn ready_file(&self) -> PathBuf {
        self.stem.with_extension("ready")
    }

    /// What orch put there when it moved the worktree to its base.
    pub(super) fn remembered(&self) -> Result<&Remembered> {
        let never = || Error::new("the worktree was never moved to its base").at(&self.root);
        self.remembered.as_deref().ok_or_else(never)
    }

    pub(super) fn is_marked(&self) -> bool {
        self.is_marked
    }

    pub(super) fn set_marked(&mut self, is_marked: bool) {
        self.is_marked = is_marked;
    }

    fn index_file(&self) -> PathBuf {
        self.stem.with_extension("index")
    }

    pub(super) fn is_brought(&self, path: &[u8]) -> bool {
        self.brought.iter().any(|b| {
            path.strip_prefix(b.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    }
}

impl Pool {
    /// Opens the pool below `<root>/.orch`, which is made to ignore itself.
    pub fn open(repo: &Repository, config: &WorktreeConfig) -> Result<Self> {
        let folder = repo.orch_folder()?.join("worktrees");
        std::fs::create_dir_all(&folder).doing("making the pool of worktrees", &folder)?;
        let (repo, config) = (repo.clone(), config.clone());
        Ok(Self {
            repo,
            folder,
            config,
            making: Mutex::default(),
            memory: Memory::default(),
            opened: Opened::default(),
        })
    }

    /// Takes a free worktree, or makes one, and moves it to the base. One that cannot be moved
    /// is made anew.
    pub fn acquire(&self, base: &BaseTree) -> Result<Worktree> {
        let (number, lock) = self.lock_free()?;
        let mut tree = self.worktree(self.stem(number), base, lock);
        let whole = self.whole(&tree.root);
        if whole.is_none_or(|git| self.move_to_base(&git, &mut tree).is_err()) {
            self.clear(&tree.stem)?;
            self.make(&tree.root, base)?;
            let git = gix::open(&tree.root).doing("opening a worktree", &tree.root)?;
            self.move_to_base(&git, &mut tree)?;
        }
        self.furnish(&mut tree)?;
        if tree.is_fresh && self.config.setup.is_none() {
            tree.mark_ready()?;
        }
        Ok(tree)
    }

    fn worktree(&self, stem: PathBuf, base: &BaseTree, lock: File) -> Worktree {
        let brought = self.config.link.iter().chain(&self.config.copy);
        let brought = brought.map(|path| path.trim_matches('/').into()).collect();
        let (root, base) = (stem.clone(), base.clone());
        let (is_fresh, is_marked, making, remembered) = (true, false, None, None);
        let _lock = lock;
        Worktree { root, base, stem, is_fresh, making, brought, remembered, is_marked, _lock }
    }

    /// A worktree that is not moved anywhere; `None` where it is gone, or orch's memory of it.
    pub(super) fn as_it_is(&self, stem: PathBuf, base: &BaseTree, lock: File) -> Option<Worktree> {
        let mut tree = self.worktree(stem, base, lock);
        let git = self.reopen(&tree).ok()?;
        tree.remembered = Some(self.memory.at(git.object_hash(), &tree.index_file()).ok()?);
        tree.is_fresh = read_ready(&tree.ready_file()).is_none();
        Some(tree)
    }

    /// Where a worktree lies.
    pub(super) fn stem(&self, number: u32) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// Gives a worktree back; the same as dropping it.
    pub fn release(&self, worktree: Worktree) {
        drop(worktree);
    }

    /// Throws a worktree away with its registration; the next one that is taken is made anew.
    pub fn discard(&self, worktree: Worktree) -> Result<()> {
        self.clear(&worktree.stem)
    }

    /// Clears away what dead runs left half made. Worktrees in use and whole ones stay.
    pub fn sweep(&self) -> Result<()> {
        let doing = "looking through the pool of worktrees";
        clear_half_registered(&self.repo.local().common_dir().join("worktrees"))?;
        for entry in std::fs::read_dir(&self.folder).doing(doing, &self.folder)? {
            let path = entry.doing(doing, &self.folder)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let Ok(number) = name.parse::<u32>() else { continue };
            if let Some(_lock) = self.try_lock(number)?
                && self.whole(&path).is_none()
            {
                self.clear(&path)?;
            }
        }
        self.prune()
    }

    /// Removes every worktree that is not in use; returns how many.
    pub fn remove_all(&self) -> Result<usize> {
        let mut removed = 0;
        for number in 1..=self.highest()? {
            let stem = self.folder.join(number.to_string());
            if stem.exists()
                && let Some(_lock) = self.try_lock(number)?
            {
                self.clear(&stem)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repo
    }

    /// A worktree that still is where it was made, and one of this repository's: a session could
    /// have removed it, or made its `.git` lead elsewhere.
    ///
    /// # Errors
    /// It is not.
    pub fn reopen(&self, worktree: &Worktree) -> Result<gix::Repository> {
        let gone = || Error::new("the attempt's worktree is gone").at(&worktree.root);
        self.opened(&worktree.root).ok_or_else(gone)
    }

    /// A worktree that is whole and really one of this repository's: orch writes the index and
    /// HEAD that its `.git` leads to.
    fn whole(&self, root: &Path) -> Option<gix::Repository> {
        self.opened(root).filter(|git| git.head_id().is_ok())
    }

    fn opened(&self, root: &Path) -> Option<gix::Repository> {
        self.opened.at(root, || self.open_anew(root))
    }

    fn open_anew(&self, root: &Path) -> Option<gix::Repository> {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let registered = real(self.repo.local().common_dir())?.join("worktrees");
        let git = Some(root).filter(|it| it.join(".git").is_file()).map(gix::open)?.ok()?;
        let is_ours = real(git.git_dir())?.parent() == Some(&registered);
        (is_ours && git.workdir().and_then(real) == real(root)).then_some(git)
    }

    fn lock_free(&self) -> Result<(u32, File)> {
        for number in 1.. {
            if let Some(lock) = self.try_lock(number)?
                && !self.stem(number).with_extension(parked::EXTENSION).exists()
            {
                return Ok((number, lock));
            }
        }
        Err(Error::new("every worktree is in use").at(&self.folder))
    }

    pub(super) fn try_lock(&self, number: u32) -> Result<Option<File>> {
        let doing = "locking a worktree";
        let file = self.folder.join(format!("{number}.lock"));
        let lock = File::options().create(true).truncate(false).write(true).open(&file);
        let lock = lock.doing(doing, &file)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why).doing(doing, &file),
        }
    }

    pub(super) fn highest(&self) -> Result<u32> {
        let doing = "looking through the pool of worktrees";
        let entries = std::fs::read_dir(&self.folder).doing(doing, &self.folder)?;
        let names =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        Ok(names.max().unwrap_or(0))
    }

    fn make(&self, root: &Path, base: &BaseTree) -> Result<()> {
        let _one_at_a_time = self.making.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let doing = "making a worktree";
        let commit = object_id(base.commit.as_str())?;
        let (made, _) = signing(self.repo.local())?
            .add_worktree(root, Head::Detached(commit), Discard, &AtomicBool::new(false))
            .doing(doing, root)?;
        fault::point("made worktree");
        std::fs::copy(made.index_path(), root.with_extension("index")).doing(doing, root)?;
        Ok(())
    }

    /// Removes a worktree with all that belongs to it, whatever state it is in. Its lock is held.
    fn clear(&self, stem: &Path) -> Result<()> {
        for extension in ["ready", "index", memory::TREE, parked::EXTENSION] {
            remove_file(&stem.with_extension(extension))?;
        }
        let git = self.repo.local();
        if git.remove_worktree(stem, Force::OverrideLock, Discard).is_err() && stem.exists() {
            remove_folder(stem).doing("removing a broken worktree", stem)?;
        }
        self.prune()
    }

    /// Drops git's registrations of pool worktrees whose folder is gone.
    fn prune(&self) -> Result<()> {
        let doing = "listing worktrees";
        let git = self.repo.local();
        for proxy in git.worktrees().doing(doing, self.repo.root())? {
            let Ok(base) = proxy.base() else { continue };
            if base.starts_with(&self.folder) && !base.exists() {
                proxy.remove(Force::OverrideLock, Discard).doing("forgetting a worktree", &base)?;
            }
        }
        Ok(())
    }

    fn clear_leftovers(&self, tree: &Worktree, ignored: &BTreeSet<BString>) -> Result<()> {
        let ready = read_ready(&tree.ready_file());
        let paths = ready.map(|it| it.paths).unwrap_or_default();
        let mut keep = Keep { paths, ..Keep::default() };
        keep.paths.extend(tree.brought.iter().cloned());
        self.config.keep.iter().for_each(|path| keep.add(path));
        ignored.iter().try_for_each(|path| remove_leftover(&tree.root, path, &keep))
    }

    fn move_to_base(&self, git: &gix::Repository, tree: &mut Worktree) -> Result<()> {
        end_sparse(git)?;
        let file = tree.index_file();
        let remembered = self.memory.of(git.object_hash(), &file);
        let mut present = differences(git, &remembered.index)?;
        present.untracked.retain(|path| !tree.is_brought(path));
        self.clear_leftovers(tree, &present.ignored)?;
        let wanted = object_id(tree.base.laid().as_str())?;
        let own = git.index_path();
        remove_file(&own.with_extension("lock"))?;
        let is_there = present.is_clean() && remembered.is_settled(wanted);
        let moved = if is_there && remembered.is_equal_to(&own) {
            None
        } else {
            let (remembered, present) = (&remembered, &present);
            let texts = self.repo.texts();
            let moving = Moving { git, root: &tree.root, remembered, present, texts };
            fault::point("moving worktree");
            let index = moving.to(wanted)?;
            fault::point("moved worktree");
            let mut moved = Remembered::write(index, wanted, &file)?;
            moved.copy_to(&own, &file)?;
            Some(moved)
        };
        stand_at(git, object_id(tree.base.commit.as_str())?, &tree.root)?;
        empty_task_folder(&tree.root)?;
        tree.remembered = Some(match moved {
            Some(moved) => self.memory.keep(&file, moved.dated(&file)?),
            None => remembered,
        });
        Ok(())
    }
}

fn empty_task_folder(root: &Path) -> Result<()> {
    let orch = root.join(".orch");
    let task = orch.join("task");
    let present = metadata(&task)?;
    let is_empty = |_: &_| std::fs::read_dir(&task).is_ok_and(|mut it| it.next().is_none());
    if present.as_ref().filter(|meta| meta.is_dir()).is_some_and(is_empty) {
        return ignore_itself(&orch);
    }
    match present {
        Some(meta) if meta.is_dir() => remove_folder(&task),
        Some(_) => std::fs::remove_file(&task),
        None => Ok(()),
    }
    .doing("emptying the task folder", &task)?;
    std::fs::create_dir_all(&task).doing("making the task folder", &task)?;
    ignore_itself(&orch)
}

/// The reflog of a new worktree's HEAD wants somebody's name, also where git knows no user.
fn signing(git: gix::Repository) -> Result<gix::Repository> {
    if git.committer().is_some() {
        return Ok(git);
    }
    let (name, address) = NOBODY;
    let fallbacks = [("name", name), ("email", address)]
        .map(|(part, value)| format!("gitoxide.committer.{part}Fallback={value}"));
    let options = git.open_options().clone().config_overrides(fallbacks);
    gix::open_opts(git.git_dir(), options).doing("opening the repository", git.git_dir())
}
