//! Taking a worktree out of the pool, moving it to a tree, and keeping the pool in order.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gix::ObjectId;
use gix::bstr::BString;

use super::base::BaseTree;
use super::held::Held;
use super::leftovers::{Keep, beside_brought, read_ready, remove_leftover, write_ready};
use super::memory::{Memory, Remembered};
use super::moving::Moving;
use super::opened::{Opened, open_beside};
use super::own_git::{Likeness, OwnGit};
use super::parked;
use super::status::{Differences, differences};
use crate::base::digest::Digest;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::git::normalize::metadata;
use crate::host::git::{Repository, ignore_itself, object_id};
use crate::host::removal::remove_folder;
use crate::spec::config::WorktreeConfig;

/// All worktrees of one repository. Thread-safe; processes share the pool by file locks.
pub struct Pool {
    repo: Repository,
    folder: PathBuf,
    pub(super) config: WorktreeConfig,
    pub(super) memory: Memory,
    pub(super) opened: Opened,
    /// What sessions changed in their own git, as phrases, until somebody asks.
    pub(super) strays: Mutex<Vec<String>>,
}

/// A worktree in use. It goes back to the pool when this is dropped.
#[derive(Debug)]
pub struct Worktree {
    root: PathBuf,
    /// That of the user's whose sessions it is for.
    checkout: PathBuf,
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
    pub(super) held: Option<Held>,
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
        let git = open_beside(&self.checkout, &self.root)?;
        let present = differences(&git, &self.remembered()?.index)?;
        let mut brought = Keep::default();
        brought.paths.extend(self.brought.iter().cloned());
        let mut ignored = Vec::new();
        for path in &present.ignored {
            ignored.extend(beside_brought(&self.root, path, &brought)?);
        }
        // What the line set in its git, such as where hooks lie, would be gone at the next attempt.
        OwnGit::of(&self.root).renew(&Likeness::of(&git)?, self.base.commit.as_str())?;
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

    /// Where the refs are noted that were copied into its git.
    pub(super) fn refs_file(&self) -> PathBuf {
        self.stem.with_extension(REFS)
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
            memory: Memory::default(),
            opened: Opened::default(),
            strays: Mutex::default(),
        })
    }

    /// Takes a free worktree, or makes one, and moves it to the base. One that cannot be moved
    /// is made anew.
    pub fn acquire(&self, base: &BaseTree) -> Result<Worktree> {
        self.acquire_from(1, base)
    }

    /// As [`Pool::acquire`], of those from a number on.
    pub(super) fn acquire_from(&self, first: u32, base: &BaseTree) -> Result<Worktree> {
        let (number, lock) = self.lock_free(first)?;
        let mut tree = self.worktree(self.stem(number), base, lock);
        tree.held = Some(Held::new(&self.repo, &self.folder, &number.to_string(), base)?);
        let whole = self.whole(&tree.root);
        if whole.is_none_or(|git| self.move_to_base(&git, &mut tree).is_err()) {
            self.clear(&tree.stem)?;
            let git = self.make(&tree.root, base)?;
            self.move_to_base(&git, &mut tree)?;
        }
        self.furnish(&mut tree)?;
        if tree.is_fresh && self.config.setup.is_none() {
            tree.mark_ready()?;
        }
        Ok(tree)
    }

    fn worktree(&self, stem: PathBuf, base: &BaseTree, lock: File) -> Worktree {
        let linked = self.config.link.iter().map(|it| &it.path);
        let brought = linked.chain(&self.config.copy);
        let brought = brought.map(|path| path.trim_matches('/').into()).collect();
        let (root, base) = (stem.clone(), base.clone());
        Worktree {
            root,
            checkout: self.repo.root().to_owned(),
            base,
            stem,
            is_fresh: true,
            making: None,
            brought,
            remembered: None,
            is_marked: false,
            held: None,
            _lock: lock,
        }
    }

    /// A worktree that is not moved anywhere; `None` where it is gone, or orch's memory of it.
    pub(super) fn as_it_is(&self, stem: PathBuf, base: &BaseTree, lock: File) -> Option<Worktree> {
        let mut tree = self.worktree(stem, base, lock);
        let git = self.reopen(&tree).ok()?;
        let number = stem_name(&tree.stem);
        tree.held = Some(Held::new(&self.repo, &self.folder, number, base).ok()?);
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

    /// Where all of them lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repo
    }

    /// A worktree that still is where it was made, with a git of its own that is of this repository: a
    /// session could have removed it, or made its `.git` lead elsewhere.
    ///
    /// # Errors
    /// It is not.
    pub fn reopen(&self, worktree: &Worktree) -> Result<gix::Repository> {
        let gone = || Error::new("the attempt's worktree is gone").at(&worktree.root);
        self.whole(&worktree.root).ok_or_else(gone)
    }

    /// A worktree that is whole and really one of this repository's.
    pub(super) fn whole(&self, root: &Path) -> Option<gix::Repository> {
        self.opened(root).ok().filter(|git| OwnGit::of(root).is_of(git))
    }

    /// As [`open_beside`] does, where nothing has changed since without reading anything.
    pub(super) fn opened(&self, root: &Path) -> Result<gix::Repository> {
        self.opened.at(root, || open_beside(self.repo.root(), root))
    }

    fn lock_free(&self, first: u32) -> Result<(u32, File)> {
        for number in first.. {
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

    fn clear_leftovers(&self, tree: &Worktree, ignored: &BTreeSet<BString>) -> Result<()> {
        let ready = read_ready(&tree.ready_file());
        let paths = ready.map(|it| it.paths).unwrap_or_default();
        let mut keep = Keep { paths, ..Keep::default() };
        keep.paths.extend(tree.brought.iter().cloned());
        self.config.keep.iter().for_each(|path| keep.add(path));
        ignored.iter().try_for_each(|path| remove_leftover(&tree.root, path, &keep))
    }

    fn move_to_base(&self, git: &gix::Repository, tree: &mut Worktree) -> Result<()> {
        self.renew_git(git, tree)?;
        let file = tree.index_file();
        let remembered = self.memory.of(git.object_hash(), &file);
        let mut present = differences(git, &remembered.index)?;
        present.untracked.retain(|path| !tree.is_brought(path));
        self.clear_leftovers(tree, &present.ignored)?;
        self.empty_submodules(git, tree, &remembered.index)?;
        let wanted = object_id(tree.base.laid().as_str())?;
        let place = Place { git, root: &tree.root, memory: &file };
        let laid = self.lay(&place, remembered, &present, wanted)?;
        tree.remembered = Some(laid);
        empty_task_folder(&tree.root)?;
        self.fill_submodules(tree)
    }

    /// Makes the files in a place those of a tree, and the index of its git, too.
    pub(super) fn lay(
        &self,
        place: &Place<'_>,
        remembered: Arc<Remembered>,
        present: &Differences,
        wanted: ObjectId,
    ) -> Result<Arc<Remembered>> {
        let Place { git, root, memory } = *place;
        let own = OwnGit::of(root).index();
        if present.is_clean() && remembered.is_settled(wanted) && remembered.is_equal_to(&own) {
            return Ok(remembered);
        }
        let texts = self.repo.texts();
        let moving = Moving { git, root, remembered: &remembered, present, texts };
        fault::point("moving worktree");
        let index = moving.to(wanted)?;
        fault::point("moved worktree");
        let mut moved = Remembered::write(index, wanted, memory)?;
        moved.copy_to(&own, memory)?;
        Ok(self.memory.keep(memory, moved.dated(memory)?))
    }
}

/// Files that lie in one place, and what is remembered of them.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub git: &'a gix::Repository,
    pub root: &'a Path,
    /// The index of what was put there.
    pub memory: &'a Path,
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

/// The extension of the file that says which refs were copied.
pub(super) const REFS: &str = "refs";

/// The worktree's number.
fn stem_name(stem: &Path) -> &str {
    stem.file_name().and_then(|it| it.to_str()).unwrap_or_default()
}
