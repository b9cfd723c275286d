//! Taking a worktree out of the pool, moving it to a tree, and keeping the pool in order.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::entry::Stat;
use gix::progress::Discard;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::worktree::add::Head;
use gix::worktree::remove::Force;

use super::base::BaseTree;
use super::status::{Differences, differences};
use crate::host::error::{Doing, Error, Result};
use crate::host::git::normalize::metadata;
use crate::host::git::object::Entry;
use crate::host::git::place::{Occupied, Placer};
use crate::host::git::{Repository, ignore_itself, object_id};
use crate::spec::config::WorktreeConfig;

/// All worktrees of one repository. Thread-safe; processes share the pool by file locks.
pub struct Pool {
    repo: Repository,
    folder: PathBuf,
    config: WorktreeConfig,
    /// git numbers its worktrees without a lock of its own: one is made at a time.
    making: Mutex<()>,
}

/// A worktree in use. It goes back to the pool when this is dropped.
#[derive(Debug)]
pub struct Worktree {
    root: PathBuf,
    base: BaseTree,
    /// What stands beside the worktree: `<n>`, to which `.lock`, `.index`, `.ready` are added.
    stem: PathBuf,
    is_fresh: bool,
    /// Paths that were linked or copied into it: never part of a result.
    brought: Vec<BString>,
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
        let file = self.stem.with_extension("ready");
        std::fs::write(&file, b"").doing("noting that a worktree is set up", &file)?;
        self.is_fresh = false;
        Ok(())
    }

    pub(super) fn index_file(&self) -> PathBuf {
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
        Ok(Self { repo, folder, config, making: Mutex::default() })
    }

    /// Takes a free worktree, or makes one, and moves it to the base.
    pub fn acquire(&self, base: &BaseTree) -> Result<Worktree> {
        let (number, lock) = self.lock_free()?;
        let stem = self.folder.join(number.to_string());
        let root = stem.clone();
        if !is_intact(&root) {
            self.clear(&stem)?;
            self.make(&root, base)?;
        }
        let is_fresh = !stem.with_extension("ready").exists();
        let brought = self.config.link.iter().chain(&self.config.copy);
        let brought = brought.map(|path| path.trim_matches('/').into()).collect();
        let mut tree = Worktree { root, base: base.clone(), stem, is_fresh, brought, _lock: lock };
        self.move_to_base(&tree)?;
        if tree.is_fresh {
            self.bring(&tree)?;
            if self.config.setup.is_none() {
                tree.mark_ready()?;
            }
        }
        Ok(tree)
    }

    /// Gives a worktree back; the same as dropping it.
    pub fn release(&self, worktree: Worktree) {
        drop(worktree);
    }

    /// Clears away what dead runs left half made. Worktrees in use and whole ones stay.
    pub fn sweep(&self) -> Result<()> {
        let doing = "looking through the pool of worktrees";
        for entry in std::fs::read_dir(&self.folder).doing(doing, &self.folder)? {
            let path = entry.doing(doing, &self.folder)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let Ok(number) = name.parse::<u32>() else { continue };
            if let Some(_lock) = self.try_lock(number)?
                && !is_intact(&path)
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

    fn lock_free(&self) -> Result<(u32, File)> {
        for number in 1.. {
            if let Some(lock) = self.try_lock(number)? {
                return Ok((number, lock));
            }
        }
        Err(Error::new("every worktree is in use").at(&self.folder))
    }

    fn try_lock(&self, number: u32) -> Result<Option<File>> {
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

    fn highest(&self) -> Result<u32> {
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
        let git = self.repo.local();
        let (made, _) = git
            .add_worktree(root, Head::Detached(commit), Discard, &AtomicBool::new(false))
            .doing(doing, root)?;
        std::fs::copy(made.index_path(), root.with_extension("index")).doing(doing, root)?;
        Ok(())
    }

    /// Removes a worktree with all that belongs to it, whatever state it is in. Its lock is held.
    fn clear(&self, stem: &Path) -> Result<()> {
        for extension in ["ready", "index"] {
            remove_file(&stem.with_extension(extension))?;
        }
        let git = self.repo.local();
        if git.remove_worktree(stem, Force::OverrideLock, Discard).is_err() && stem.exists() {
            std::fs::remove_dir_all(stem).doing("removing a broken worktree", stem)?;
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

    fn bring(&self, tree: &Worktree) -> Result<()> {
        let source = |path: &str| self.repo.root().join(path.trim_matches('/'));
        let target = |path: &str| tree.root.join(path.trim_matches('/'));
        for path in &self.config.link {
            bring_link(&source(path), &target(path))?;
        }
        for path in &self.config.copy {
            bring_copy(&source(path), &target(path))?;
        }
        Ok(())
    }

    fn move_to_base(&self, tree: &Worktree) -> Result<()> {
        let doing = "opening a worktree";
        let git = gix::open(&tree.root).doing(doing, &tree.root)?;
        let remembered = remembered_index(&git, &tree.index_file());
        let mut present = differences(&git, remembered.clone())?;
        present.untracked.retain(|path| !tree.is_brought(path));
        let wanted = object_id(tree.base.tree.as_str())?;
        let mut index = git.index_from_tree(&wanted).doing("reading a tree", &tree.root)?;
        let moving =
            Moving { git: &git, root: &tree.root, remembered: &remembered, present: &present };
        moving.apply(&mut index)?;
        write_index(&mut index, &tree.index_file())?;
        let own = git.index_path();
        remove_file(&own.with_extension("lock"))?;
        std::fs::copy(tree.index_file(), &own).doing("writing a worktree's index", &own)?;
        stand_at(&git, object_id(tree.base.commit.as_str())?, &tree.root)?;
        empty_task_folder(&tree.root)
    }
}

/// One move of a worktree: from what orch remembers to have put there, and what lies there in
/// truth, to another index.
struct Moving<'a> {
    git: &'a gix::Repository,
    root: &'a Path,
    remembered: &'a gix::index::File,
    present: &'a Differences,
}

impl Moving<'_> {
    /// Removes and writes what differs, and fills in what the index is to remember.
    fn apply(&self, index: &mut gix::index::File) -> Result<()> {
        for path in &self.present.foreign {
            self.remove_foreign(path)?;
        }
        let mut placer = Placer::new(self.git, self.root, Occupied::Replace)?;
        for path in self.to_remove(index) {
            placer.remove(path.as_bstr())?;
        }
        // Attributes decide how other files are written: they go first.
        let (first, rest) = self.to_write(index);
        let mut written = self.write(&mut placer, first)?;
        let mut placer = Placer::new(self.git, self.root, Occupied::Replace)?;
        written.extend(self.write(&mut placer, rest)?);
        for (entry, path) in index.entries_mut_with_paths() {
            entry.stat = match written.get(path) {
                Some(stat) => *stat,
                None => self.remembered_stat(path),
            };
        }
        index.remove_tree();
        Ok(())
    }

    fn remove_foreign(&self, path: &BString) -> Result<()> {
        let place =
            self.root.join(gix::path::from_bstr(path.as_bstr()).doing("naming a file", self.root)?);
        let doing = "removing what an earlier attempt left";
        match metadata(&place)? {
            Some(meta) if meta.is_dir() => std::fs::remove_dir_all(&place).doing(doing, &place),
            Some(_) => std::fs::remove_file(&place).doing(doing, &place),
            None => Ok(()),
        }
    }

    fn to_remove(&self, wanted: &gix::index::File) -> Vec<BString> {
        let remembered = self.remembered.entries().iter().map(|entry| entry.path(self.remembered));
        let all = remembered.chain(self.present.untracked.iter().map(|path| path.as_bstr()));
        all.filter(|path| wanted.entry_by_path(path).is_none())
            .map(|path| path.to_owned())
            .collect()
    }

    /// What must be written: attributes files, and all others.
    fn to_write(
        &self,
        wanted: &gix::index::File,
    ) -> (Vec<(BString, Entry)>, Vec<(BString, Entry)>) {
        let mut all = Vec::new();
        for entry in wanted.entries() {
            let path = entry.path(wanted);
            let known = self.remembered.entry_by_path(path);
            let is_same =
                known.is_some_and(|known| known.id == entry.id && known.mode == entry.mode);
            let is_dirty =
                self.present.tracked.contains(path) || self.present.untracked.contains(path);
            let mode = entry.mode.to_tree_entry_mode();
            if let Some(mode) = mode.filter(|_| !is_same || is_dirty) {
                all.push((path.to_owned(), Entry { id: entry.id, kind: mode.kind() }));
            }
        }
        all.into_iter().partition(|(path, _)| path.ends_with(b".gitattributes"))
    }

    fn write(
        &self,
        placer: &mut Placer<'_>,
        files: Vec<(BString, Entry)>,
    ) -> Result<BTreeMap<BString, Stat>> {
        let write = |(path, entry): (BString, Entry)| {
            Ok((path.clone(), placer.put(path.as_bstr(), entry)?))
        };
        files.into_iter().map(write).collect()
    }

    fn remembered_stat(&self, path: &gix::bstr::BStr) -> Stat {
        self.remembered.entry_by_path(path).map(|entry| entry.stat).unwrap_or_default()
    }
}

/// What orch remembers to have put into a worktree. Where that is lost, nothing is remembered:
/// then every file there counts as left over, and is replaced.
fn remembered_index(git: &gix::Repository, file: &Path) -> gix::index::File {
    let hash = git.object_hash();
    gix::index::File::at(file, hash, false, Default::default()).unwrap_or_else(|_| {
        gix::index::File::from_state(gix::index::State::new(hash), file.to_owned())
    })
}

fn write_index(index: &mut gix::index::File, file: &Path) -> Result<()> {
    remove_file(&PathBuf::from(format!("{}.lock", file.display())))?;
    index.set_path(file);
    index.write(Default::default()).doing("writing a worktree's index", file)
}

/// Detaches HEAD at the commit and ends any merge, rebase or bisect that a session began.
fn stand_at(git: &gix::Repository, commit: ObjectId, root: &Path) -> Result<()> {
    let doing = "moving a worktree's HEAD";
    for file in [
        "MERGE_HEAD",
        "MERGE_MSG",
        "MERGE_MODE",
        "CHERRY_PICK_HEAD",
        "REVERT_HEAD",
        "BISECT_LOG",
        "HEAD.lock",
    ] {
        remove_file(&git.git_dir().join(file))?;
    }
    for folder in ["rebase-merge", "rebase-apply", "sequencer"] {
        let folder = git.git_dir().join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).doing(doing, &folder)?;
        }
    }
    let name = "HEAD".try_into().doing(doing, root)?;
    let log = LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: "orch: next attempt".into(),
    };
    let change = Change::Update { log, expected: PreviousValue::Any, new: Target::Object(commit) };
    let who = gix::actor::Signature {
        name: "orch".into(),
        email: "orch@localhost".into(),
        time: gix::date::Time::now_local_or_utc(),
    };
    let mut time = gix::date::parse::TimeBuf::default();
    let edit = RefEdit { change, name, deref: false };
    git.edit_references_as([edit], Some(who.to_ref(&mut time))).map(|_| ()).doing(doing, root)
}

fn empty_task_folder(root: &Path) -> Result<()> {
    let orch = root.join(".orch");
    let task = orch.join("task");
    if metadata(&task)?.is_some() {
        std::fs::remove_dir_all(&task).doing("emptying the task folder", &task)?;
    }
    std::fs::create_dir_all(&task).doing("making the task folder", &task)?;
    ignore_itself(&orch)
}

/// Whether a worktree is whole: registered, and its link back is right.
fn is_intact(root: &Path) -> bool {
    root.join(".git").is_file()
        && gix::open(root).is_ok_and(|git| git.workdir().is_some() && git.head_id().is_ok())
}

fn remove_file(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(why).doing("removing a file", file)
        }
        _ => Ok(()),
    }
}

/// Links a path of the user's checkout into the worktree; what is not there is not linked, and
/// what the tree itself has there stays.
fn bring_link(source: &Path, target: &Path) -> Result<()> {
    if !source.exists() || metadata(target)?.is_some() {
        return Ok(());
    }
    make_parent(target)?;
    std::os::unix::fs::symlink(source, target).doing("linking into a worktree", target)
}

fn bring_copy(source: &Path, target: &Path) -> Result<()> {
    let doing = "copying into a worktree";
    let Some(meta) = metadata(source)? else { return Ok(()) };
    if meta.is_dir() {
        for entry in std::fs::read_dir(source).doing(doing, source)? {
            let name = entry.doing(doing, source)?.file_name();
            bring_copy(&source.join(&name), &target.join(&name))?;
        }
        return Ok(());
    }
    if metadata(target)?.is_some() {
        return Ok(());
    }
    make_parent(target)?;
    if meta.is_symlink() {
        let link = std::fs::read_link(source).doing(doing, source)?;
        return std::os::unix::fs::symlink(link, target).doing(doing, target);
    }
    std::fs::copy(source, target).map(|_| ()).doing(doing, target)
}

fn make_parent(target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).doing("making a folder", parent)
}
