//! What lies in a worktree other than what orch put there, by the memory that orch keeps of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::dir::entry::{Kind, Status as Tracking};
use gix::dir::walk::EmissionMode;
use gix::index::State;
use gix::index::entry::Mode;
use gix::index::entry::stat::Options as StatOptions;
use gix::status::plumbing::index_as_worktree;
use gix::status::plumbing::index_as_worktree::traits::{FastEq, SubmoduleStatus};
use gix::status::plumbing::index_as_worktree::{Context, EntryStatus, Options, Recorder};
use gix::worktree::stack::state::attributes::Source as Attributes;
use gix::worktree::stack::state::ignore::Source as Ignores;

use super::look::{Look, MANY};
use crate::host::error::{Doing, Result};
use crate::host::git::encoding::{Encodings, is_recoded};
use crate::host::git::place::filters;

/// Paths whose content in the worktree is not what the index says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Tracked files that changed or are gone.
    pub tracked: BTreeSet<BString>,
    /// Files and links that are new and not ignored.
    pub untracked: BTreeSet<BString>,
    /// Folders that are repositories of their own, and things git cannot store.
    pub foreign: BTreeSet<BString>,
    /// What git ignores, top-most only: a folder stands for all that is in it.
    pub ignored: BTreeSet<BString>,
}

impl Differences {
    /// All is as the index says; there may be ignored files.
    pub fn is_clean(&self) -> bool {
        self.tracked.is_empty() && self.untracked.is_empty() && self.foreign.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &BStr> {
        self.tracked.iter().chain(&self.untracked).map(|path| path.as_bstr())
    }
}

/// Compares the worktree of `git` with `index`. `.orch` is no difference, and what
/// is ignored only told.
pub(super) fn differences(git: &gix::Repository, index: &State) -> Result<Differences> {
    let place = git.workdir().unwrap_or(Path::new("."));
    let compared = compare(git, index, place);
    compared.doing("comparing a worktree with its tree", place)
}

pub(super) type Judged<T> = std::result::Result<T, gix::Error>;

fn compare(git: &gix::Repository, index: &State, root: &Path) -> Judged<Differences> {
    let mut found = Differences::default();
    let disk = git.filesystem_options()?;
    // Where a name on the disk may be written in another way, only git knows which is which.
    let is_exact = !disk.ignore_case && !disk.precompose_unicode;
    let look = is_exact.then(|| Look::through(root, index)).flatten();
    let Some(look) = look else { return compare_by_git(git, index) };
    if !look.doubtful.is_empty() {
        judge_tracked(git, index, &part_of(index, &look.doubtful), &mut found)?;
    }
    if look.needs_walk || !judge_new(git, index, &look, &mut found)? {
        walk(git, index, &mut found)?;
    }
    Ok(found)
}

/// Without a look of our own.
pub(super) fn compare_by_git(git: &gix::Repository, index: &State) -> Judged<Differences> {
    let mut found = Differences::default();
    judge_tracked(git, index, index, &mut found)?;
    walk(git, index, &mut found)?;
    Ok(found)
}

/// An index of these entries only, so old that the content of each is compared.
fn part_of(index: &State, places: &[usize]) -> State {
    let mut part = State::new(index.object_hash());
    for entry in places.iter().map(|&place| &index.entries()[place]) {
        let (stat, path) = (entry.stat, entry.path(index));
        part.dangerously_push_entry(stat, entry.id, entry.flags, entry.mode, path);
    }
    part.set_timestamp(SystemTime::UNIX_EPOCH.into());
    part
}

/// Which stats tell one file from another: all there is. What the user's git is told to overlook in a
/// checkout (`core.trustctime`, `core.checkStat`) is not overlooked in a worktree of orch's own.
const STRICT: StatOptions =
    StatOptions { trust_ctime: true, check_stat: true, use_nsec: true, use_stdev: false };

/// Compares the files of a part of the index by git's rules.
fn judge_tracked(
    git: &gix::Repository,
    index: &State,
    part: &State,
    found: &mut Differences,
) -> Judged<()> {
    let part = &without_utf16(git, index, part, found)?;
    let never = AtomicBool::new(false);
    let nothing = std::iter::empty::<&BStr>();
    let all = git.pathspec(false, nothing, true, index, Attributes::WorktreeThenIdMapping)?;
    let (filter, stack) = filters(git, index)?.into_parts();
    let mut seen = Recorder::default();
    index_as_worktree(
        part,
        git.workdir().unwrap_or(Path::new(".")),
        &mut seen,
        FastEq,
        Untold,
        git.objects.clone().into_arc().map_err(gix::Error::from_error)?,
        &mut gix::progress::Discard,
        Context { pathspec: all.into_parts().0, stack, filter, should_interrupt: &never },
        Options {
            fs: git.filesystem_options()?,
            thread_limit: (part.entries().len() < MANY).then_some(1),
            stat: STRICT,
            ..Options::default()
        },
    )?;
    let changed = seen.records.iter().filter(|it| matches!(it.status, EntryStatus::Change(_)));
    let changed = changed.map(|it| it.relative_path.to_owned()).filter(|path| !is_ours(path));
    found.tracked.extend(changed);
    Ok(())
}

/// A part of the index without files that are UTF-16 in the user's checkout. Here they are UTF-8, which git's
/// filters do not read right: they count as different, until their content is taken.
fn without_utf16<'i>(
    git: &gix::Repository,
    index: &State,
    part: &'i State,
    found: &mut Differences,
) -> Judged<Cow<'i, State>> {
    if !is_recoded(git, index).map_err(gix::Error::from_error)? {
        return Ok(Cow::Borrowed(part));
    }
    let mut encodings = Encodings::of(git, index).map_err(gix::Error::from_error)?;
    let mut left = part.clone();
    for entry in part.entries().iter().filter(|entry| entry.mode.contains(Mode::FILE)) {
        let path = entry.path(part);
        if encodings.is_utf16(path).map_err(gix::Error::from_error)? {
            found.tracked.insert(path.to_owned());
        }
    }
    left.remove_entries(|_, path, _| found.tracked.contains(path));
    Ok(Cow::Owned(left))
}

/// Tells new files from ignored ones. False where a walk has to do that.
fn judge_new(
    git: &gix::Repository,
    index: &State,
    look: &Look,
    found: &mut Differences,
) -> Judged<bool> {
    if look.files.is_empty() && look.folders.is_empty() {
        return Ok(true);
    }
    let mut rules = git.excludes(index, None, Ignores::WorktreeThenIdMappingIfNotSkipped)?;
    let (mut ignored, mut untracked) = (BTreeSet::new(), BTreeSet::new());
    for folder in &look.folders {
        if !rules.at_entry(folder.as_bstr(), Some(Mode::DIR))?.is_excluded() {
            return Ok(false);
        }
        ignored.insert(folder.clone());
    }
    for file in &look.files {
        let is_ignored = rules.at_entry(file.as_bstr(), Some(Mode::FILE))?.is_excluded();
        let known = if is_ignored { &mut ignored } else { &mut untracked };
        known.insert(file.clone());
    }
    found.ignored.extend(ignored);
    found.untracked.extend(untracked);
    Ok(true)
}

/// Finds all that is not in the index.
fn walk(git: &gix::Repository, index: &State, found: &mut Differences) -> Judged<()> {
    // A link to a folder is ignored by `name/` like the folder it stands for.
    let walk = git.dirwalk_options()?.symlinks_to_directories_are_ignored_like_directories(true);
    let walk = walk.emit_ignored(Some(EmissionMode::Matching));
    let walk = walk.emit_untracked(EmissionMode::Matching);
    let nothing = std::iter::empty::<&BStr>();
    git.dirwalk(index, nothing, &AtomicBool::new(false), walk, found)?;
    Ok(())
}

/// What lies in a submodule is its own affair.
#[derive(Clone)]
struct Untold;

impl SubmoduleStatus for Untold {
    type Output = ();

    fn status(
        &mut self,
        _: &gix::index::Entry,
        _: &BStr,
    ) -> std::result::Result<Option<()>, gix::Error> {
        Ok(None)
    }
}

impl gix::dir::walk::Delegate for Differences {
    fn emit(
        &mut self,
        entry: gix::dir::EntryRef<'_>,
        _: Option<Tracking>,
    ) -> gix::dir::walk::Action {
        if !is_ours(&entry.rela_path) {
            self.note_new(entry.to_owned());
        }
        std::ops::ControlFlow::Continue(())
    }
}

impl Differences {
    fn note_new(&mut self, entry: gix::dir::Entry) {
        let known = match (entry.status, entry.disk_kind) {
            (Tracking::Ignored(_), _) => &mut self.ignored,
            (Tracking::Untracked, Some(Kind::File | Kind::Symlink)) => &mut self.untracked,
            (Tracking::Untracked, Some(Kind::Repository | Kind::Untrackable)) => &mut self.foreign,
            _ => return,
        };
        known.insert(entry.rela_path);
    }
}

/// `.orch` belongs to orch, in every checkout.
pub(super) fn is_ours(path: &[u8]) -> bool {
    path == b".orch" || path.starts_with(b".orch/")
}
