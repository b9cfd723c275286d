//! What lies in a worktree other than what orch put there, by the memory that orch keeps of it.

use std::collections::BTreeSet;
use std::path::Path;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::dir::entry::{Kind, Status as Tracking};
use gix::dir::walk::EmissionMode;
use gix::status::UntrackedFiles;
use gix::status::index_worktree::Item;
use gix::status::plumbing::index_as_worktree::EntryStatus;
use gix::worktree::IndexPersistedOrInMemory;

use crate::host::error::{Doing, Result};

/// Paths whose content in the worktree is not what the index says.
#[derive(Debug, Default)]
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
    pub fn paths(&self) -> impl Iterator<Item = &BStr> {
        self.tracked.iter().chain(&self.untracked).map(|path| path.as_bstr())
    }
}

/// Compares the worktree of `git` with `index`. `.orch` is no difference, and what
/// is ignored only told.
pub(super) fn differences(git: &gix::Repository, index: gix::index::File) -> Result<Differences> {
    let doing = "comparing a worktree with its tree";
    let place = git.workdir().unwrap_or(Path::new("."));
    let walk = git.dirwalk_options().doing(doing, place)?;
    // A link to a folder is ignored by `name/` like the folder it stands for.
    let walk = walk.symlinks_to_directories_are_ignored_like_directories(true);
    let walk = walk.emit_ignored(Some(EmissionMode::Matching));
    let items = git
        .status(gix::progress::Discard)
        .doing(doing, place)?
        .index(IndexPersistedOrInMemory::InMemory(index))
        .index_worktree_options_mut(|options| options.dirwalk_options = Some(walk))
        .untracked_files(UntrackedFiles::Files)
        .index_worktree_rewrites(None)
        .index_worktree_submodules(None)
        .into_index_worktree_iter(Vec::new())
        .doing(doing, place)?;
    let mut found = Differences::default();
    for item in items {
        note(item.doing(doing, place)?, &mut found);
    }
    Ok(found)
}

fn note(item: Item, found: &mut Differences) {
    match item {
        Item::Modification { rela_path, status: EntryStatus::Change(_), .. }
            if !is_ours(&rela_path) =>
        {
            found.tracked.insert(rela_path);
        }
        Item::DirectoryContents { entry, .. }
            if matches!(entry.status, Tracking::Ignored(_)) && !is_ours(&entry.rela_path) =>
        {
            found.ignored.insert(entry.rela_path);
        }
        Item::DirectoryContents { entry, .. }
            if entry.status == Tracking::Untracked && !is_ours(&entry.rela_path) =>
        {
            match entry.disk_kind {
                Some(Kind::File | Kind::Symlink) => found.untracked.insert(entry.rela_path),
                Some(Kind::Directory) | None => false,
                Some(Kind::Repository | Kind::Untrackable) => found.foreign.insert(entry.rela_path),
            };
        }
        _ => {}
    }
}

/// `.orch` belongs to orch, in every checkout.
pub(super) fn is_ours(path: &[u8]) -> bool {
    path == b".orch" || path.starts_with(b".orch/")
}
