//! What a fast-forward would do to the user's files and index, path by path, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Stage, Stat};
use gix::objs::tree::EntryKind;

use crate::base::digest::Digest;
use crate::base::file::{FileKind, FileState};
use crate::base::name::RelPath;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::git::Repository;
use crate::host::git::normalize::{Normalizer, metadata};
use crate::host::git::object::{TreeChange, TreeEntry};
use crate::host::git::place::{
    Occupied, Placer, folders_above, has_link_above, index_mode, remove, stat_of,
};
use crate::host::store::aside;

use super::swap::{Swapped, Swaps};

/// What is to happen at one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Write the file, or remove it, where this lies there still.
    Place(Option<Digest>),
    /// The file already is as it is to be.
    Keep,
    /// The file is not looked at: a submodule, or outside a sparse checkout.
    IndexOnly,
    /// A new file that lies outside a sparse checkout.
    LeaveOut,
}

/// A fast-forward that has been found possible.
pub(super) struct FastForward {
    steps: Vec<(TreeChange, Step)>,
}

/// Looks at every touched path; the paths that the user has changed are the `Err`.
pub(super) struct Inspection<'a> {
    pub repo: &'a Repository,
    pub git: &'a gix::Repository,
    pub index: &'a gix::index::File,
    /// New paths that a sparse checkout leaves out.
    pub outside: &'a BTreeSet<BString>,
    /// Trees of landings on the way: what a killed run wrote on its way is no change of the user's.
    pub halfway: &'a [ObjectId],
}

impl Inspection<'_> {
    pub fn plan(
        &self,
        changes: Vec<TreeChange>,
    ) -> Result<std::result::Result<FastForward, Vec<RelPath>>> {
        let removed = changes.iter().filter(|change| change.after.is_none());
        let removed: BTreeSet<BString> = removed.map(|change| change.path.clone()).collect();
        let mut normalizer = self.repo.normalizer()?;
        let (mut steps, mut obstacles) = (Vec::new(), Vec::new());
        for change in changes {
            match self.step(&change, &removed, &mut normalizer)? {
                Some(step) => steps.push((change, step)),
                None => obstacles.extend(RelPath::from_bytes(&change.path)),
            }
        }
        Ok(if obstacles.is_empty() { Ok(FastForward { steps }) } else { Err(obstacles) })
    }

    /// What to do at a path; `None` where the user's own change is in the way.
    fn step(
        &self,
        change: &TreeChange,
        removed: &BTreeSet<BString>,
        normalizer: &mut Normalizer,
    ) -> Result<Option<Step>> {
        let Some(path) = RelPath::from_bytes(&change.path) else { return Ok(None) };
        let Some(flags) = self.index_flags(change, removed)? else { return Ok(None) };
        let is_submodule =
            |entry: Option<TreeEntry>| entry.is_some_and(|e| e.kind == EntryKind::Commit);
        let is_new = change.before.is_none() && !flags.contains(Flags::SKIP_WORKTREE);
        if is_new && self.outside.contains(&change.path) {
            return Ok(Some(Step::LeaveOut));
        }
        let opaque = is_submodule(change.before) || is_submodule(change.after);
        if opaque || flags.contains(Flags::SKIP_WORKTREE) {
            return Ok(Some(Step::IndexOnly));
        }
        // Looked at before it is judged: what is written in between is found when it is replaced.
        let lies = self.print_at(&change.path)?;
        let present = match self.folder_in_the_way(change.path.as_bstr(), removed)? {
            Above::Clear => normalizer.state_of(&path)?,
            Above::GoesAway => None,
            Above::Stays => return Ok(None),
        };
        if present.is_none() && !self.gives_way(change, removed)? {
            return Ok(None);
        }
        let before = change.before.map(|entry| self.repo.state_of(self.git, entry)).transpose()?;
        let after = change.after.map(|entry| self.repo.state_of(self.git, entry)).transpose()?;
        let is = |other: Option<FileState>| self.comparable(present) == self.comparable(other);
        Ok(match () {
            () if is(after) => Some(Step::Keep),
            () if is(before) => Some(Step::Place(lies)),
            () if self.is_halfway_state(&path, &is)? => Some(Step::Place(lies)),
            () => None,
        })
    }

    /// What lies at the path itself, not behind a link that stands in its way.
    fn print_at(&self, path: &BString) -> Result<Option<Digest>> {
        if has_link_above(self.repo.root(), path.as_bstr()) {
            return Ok(None);
        }
        let file = self.repo.root().join(OsStr::from_bytes(path));
        aside::print_of(&file).doing("looking at a file", &file)
    }

    /// The flags of the path's index entry; `None` where the user has staged something there.
    fn index_flags(
        &self,
        change: &TreeChange,
        removed: &BTreeSet<BString>,
    ) -> Result<Option<Flags>> {
        let path = change.path.as_bstr();
        let staged_in = |folder: &Path| {
            let folder = folder.as_os_str().as_bytes().as_bstr();
            self.index.entry_by_path(folder).is_some() && !removed.contains(folder)
        };
        let mut below = path.to_vec();
        below.push(b'/');
        let entries_below = self.index.prefixed_entries(below.as_bstr()).unwrap_or_default();
        let stays_below =
            entries_below.iter().any(|entry| !removed.contains(entry.path(self.index)));
        if change.after.is_some() && (stays_below || folders_above(path).any(staged_in)) {
            return Ok(None);
        }
        let conflicted = [Stage::Base, Stage::Ours, Stage::Theirs];
        if conflicted.iter().any(|s| self.index.entry_by_path_and_stage(path, *s).is_some()) {
            return Ok(None);
        }
        let entry = self.index.entry_by_path_and_stage(path, Stage::Unconflicted);
        let staged = entry.and_then(|entry| {
            let kind = entry.mode.to_tree_entry_mode()?.kind();
            Some(TreeEntry { id: entry.id, kind })
        });
        let flags = entry.map_or(Flags::empty(), |entry| entry.flags);
        let is_intent = flags.contains(Flags::INTENT_TO_ADD);
        let is_known = staged == change.before
            || staged == change.after
            || RelPath::from_bytes(path).is_some_and(|path| self.is_halfway(&path, staged));
        Ok((!is_intent && is_known).then_some(flags))
    }

    fn is_halfway(&self, path: &RelPath, staged: Option<TreeEntry>) -> bool {
        let at = |tree: &ObjectId| self.repo.entry_at(self.git, *tree, path);
        self.halfway.iter().any(|tree| at(tree).is_ok_and(|entry| entry == staged))
    }

    fn is_halfway_state(
        &self,
        path: &RelPath,
        is: &dyn Fn(Option<FileState>) -> bool,
    ) -> Result<bool> {
        for tree in self.halfway {
            let entry = self.repo.entry_at(self.git, *tree, path)?;
            if is(entry.map(|entry| self.repo.state_of(self.git, entry)).transpose()?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn folder_in_the_way(&self, path: &BStr, removed: &BTreeSet<BString>) -> Result<Above> {
        for folder in folders_above(path) {
            match metadata(&self.repo.root().join(folder))? {
                Some(meta) if meta.is_dir() => {}
                None => return Ok(Above::Clear),
                Some(_) if removed.contains(folder.as_os_str().as_bytes().as_bstr()) => {
                    return Ok(Above::GoesAway);
                }
                Some(_) => return Ok(Above::Stays),
            }
        }
        Ok(Above::Clear)
    }

    /// Whether what lies at the path and is no file (a folder, a socket) leaves room for one:
    /// all that a folder holds goes away by this very fast-forward.
    fn gives_way(&self, change: &TreeChange, removed: &BTreeSet<BString>) -> Result<bool> {
        let place = self.repo.root().join(OsStr::from_bytes(&change.path));
        match metadata(&place)? {
            Some(meta) if meta.is_dir() => {
                Ok(change.after.is_none() || holds_only(&place, &change.path, removed)?)
            }
            // A file seen through a link that goes away is no file of this path.
            Some(_) => Ok(has_link_above(self.repo.root(), change.path.as_bstr())),
            None => Ok(true),
        }
    }

    /// Where git is told not to trust the executable bit, it tells nothing apart.
    fn comparable(&self, state: Option<FileState>) -> Option<FileState> {
        let trusts = self.git.config_snapshot().boolean("core.fileMode").unwrap_or(true);
        state.map(|state| match state.kind {
            FileKind::Executable if !trusts => FileState { kind: FileKind::Regular, ..state },
            _ => state,
        })
    }
}

/// What lies where a folder of a path belongs.
enum Above {
    /// Folders only, or nothing yet.
    Clear,
    /// A file that the same fast-forward removes.
    GoesAway,
    /// Something of the user's.
    Stays,
}

fn holds_only(folder: &Path, path: &[u8], allowed: &BTreeSet<BString>) -> Result<bool> {
    let doing = "looking into a folder";
    for entry in std::fs::read_dir(folder).doing(doing, folder)? {
        let entry = entry.doing(doing, folder)?;
        let mut below = path.to_vec();
        below.push(b'/');
        below.extend_from_slice(entry.file_name().as_bytes());
        let is_folder = entry.file_type().doing(doing, folder)?.is_dir();
        let allowed_here = if is_folder {
            holds_only(&entry.path(), &below, allowed)?
        } else {
            allowed.contains(below.as_bstr())
        };
        if !allowed_here {
            return Ok(false);
        }
    }
    Ok(true)
}

impl FastForward {
    /// Writes and removes the files, and says what the index is to remember of them; a path where somebody
    /// wrote meanwhile is the inner error. May be repeated after any crash.
    pub fn place_files(
        &self,
        git: &gix::Repository,
        index: &gix::index::File,
        repo: &Repository,
        swaps: &mut Swaps,
    ) -> Result<std::result::Result<BTreeMap<BString, Stat>, RelPath>> {
        let root = repo.root();
        let is_attributes = |path: &BString| path.ends_with(b".gitattributes");
        // Attributes decide how other files are written: they go first.
        let (first, rest): (Vec<_>, Vec<_>) =
            self.steps.iter().partition(|(change, _)| is_attributes(&change.path));
        let placer = || {
            let placer = Placer::new(git, index, root, Occupied::Refuse)?;
            Ok(placer.knowing(repo.texts()))
        };
        let mut placing = Placing { root, placer: placer()?, swaps };
        for (change, step) in self.steps.iter().filter(|(change, _)| change.after.is_none()) {
            if placing.remove(change, *step)? == Swapped::Taken {
                return Ok(Err(path_of(change)?));
            }
        }
        let mut stats = BTreeMap::new();
        for (at, (change, step)) in first.iter().chain(&rest).enumerate() {
            if at == first.len() && at > 0 {
                placing.placer = placer()?;
            }
            if at == first.len() {
                fault::point("placing");
            }
            match placing.put(change, *step)? {
                Ok(stat) => stats.extend(stat),
                Err(()) => return Ok(Err(path_of(change)?)),
            }
            fault::point("placed one");
        }
        Ok(Ok(stats))
    }

    /// Sets the index entries of exactly the touched paths.
    pub fn update_index(&self, index: &mut gix::index::File, stats: &BTreeMap<BString, Stat>) {
        blur_racy_entries(index);
        let mut gone = BTreeSet::new();
        let mut added = Vec::new();
        for (change, step) in &self.steps {
            let Some(entry) = change.after else {
                gone.insert(change.path.clone());
                continue;
            };
            let stat = stats.get(&change.path).copied().unwrap_or_default();
            let path = change.path.as_bstr();
            match index.entry_mut_by_path_and_stage(path, Stage::Unconflicted) {
                Some(known) => {
                    (known.id, known.mode, known.stat) = (entry.id, index_mode(entry.kind), stat);
                }
                None => added.push((path, entry, stat, flags_of(*step))),
            }
        }
        for (path, entry, stat, flags) in added {
            let mode = index_mode(entry.kind);
            index.dangerously_push_entry(stat, entry.id, flags, mode, path);
        }
        index.sort_entries();
        index.remove_entries(|_, path, _| gone.contains(path));
        index.remove_tree();
    }
}

/// What a new index entry is marked with.
fn flags_of(step: Step) -> Flags {
    match step {
        Step::LeaveOut => Flags::SKIP_WORKTREE | Flags::EXTENDED,
        _ => Flags::empty(),
    }
}

fn path_of(change: &TreeChange) -> Result<RelPath> {
    let path = RelPath::from_bytes(&change.path);
    path.ok_or_else(|| {
        Error::new("a path leads out of the repository").at(change.path.to_path_lossy())
    })
}

/// Files of the user's checkout while they are placed.
struct Placing<'a, 'r> {
    root: &'a Path,
    placer: Placer<'r>,
    swaps: &'a mut Swaps,
}

impl Placing<'_, '_> {
    fn remove(&mut self, change: &TreeChange, step: Step) -> Result<Swapped> {
        let Step::Place(lies) = step else { return Ok(Swapped::Done) };
        let file = self.root.join(OsStr::from_bytes(&change.path));
        if lies.is_none() {
            remove(self.root, change.path.as_bstr())?;
            return Ok(Swapped::Done);
        }
        self.swaps.take_out(&file, lies)
    }

    /// Does one step; what the index is to remember of the file, where there is one. `Err` where somebody
    /// wrote there meanwhile.
    fn put(
        &mut self,
        change: &TreeChange,
        step: Step,
    ) -> Result<std::result::Result<Option<(BString, Stat)>, ()>> {
        let Some(entry) = change.after else { return Ok(Ok(None)) };
        let path = change.path.as_bstr();
        let file = self.root.join(OsStr::from_bytes(path));
        let is_new_submodule = entry.kind == EntryKind::Commit && change.before.is_none();
        let stat = match step {
            Step::Place(lies) => {
                if let Some(ready) = self.placer.ready(path, entry)?
                    && self.swaps.put(&ready.path(), &file, lies)? == Swapped::Taken
                {
                    return Ok(Err(()));
                }
                stat_of(&file)?
            }
            Step::IndexOnly if is_new_submodule => self.placer.put(path, entry)?,
            Step::Keep => stat_of(&file)?,
            Step::IndexOnly | Step::LeaveOut => Stat::default(),
        };
        Ok(Ok(Some((change.path.clone(), stat))))
    }
}

/// An entry as young as the index itself may hide an edit made in the same instant; git compares
/// such a file by content. Writing the index makes it look older, so the doubt is written down: a
/// size of zero makes git compare by content still.
fn blur_racy_entries(index: &mut gix::index::File) {
    let written = index.timestamp();
    for entry in index.entries_mut() {
        if entry.stat.is_racy(written, Default::default()) {
            entry.stat.size = 0;
        }
    }
}
