//! What lies in a worktree other than what orch put there, by the memory that orch keeps of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::dir::entry::{Kind, Status as Tracking};
use gix::dir::walk::EmissionMode;
use gix::status::index_worktree::Options;
use gix::status::plumbing::index_as_worktree::EntryStatus;
use gix::status::plumbing::index_as_worktree::traits::{FastEq, SubmoduleStatus};
use gix::status::plumbing::index_as_worktree_with_renames::{Entry, VisitEntry};

use crate::host::error::{Doing, Result};

/// From this many files on more than one thread looks at them.
const MANY: usize = 1000;

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
pub(super) fn differences(git: &gix::Repository, index: &gix::index::State) -> Result<Differences> {
    let doing = "comparing a worktree with its tree";
    let place = git.workdir().unwrap_or(Path::new("."));
    let walk = git.dirwalk_options().doing(doing, place)?;
    // A link to a folder is ignored by `name/` like the folder it stands for.
    let walk = walk.symlinks_to_directories_are_ignored_like_directories(true);
    let walk = walk.emit_ignored(Some(EmissionMode::Matching));
    let walk = walk.emit_untracked(EmissionMode::Matching);
    let mut found = Differences::default();
    // Without gix's own iterator around it, which would read the worktree's other index as well.
    git.index_worktree_status(
        index,
        std::iter::empty::<&BStr>(),
        &mut found,
        FastEq,
        Untold,
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        Options {
            dirwalk_options: Some(walk),
            thread_limit: (index.entries().len() < MANY).then_some(1),
            ..Options::default()
        },
    )
    .doing(doing, place)?;
    Ok(found)
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

impl<'index> VisitEntry<'index> for Differences {
    type ContentChange = ();
    type SubmoduleStatus = ();

    fn visit_entry(&mut self, entry: Entry<'index, (), ()>) {
        match entry {
            Entry::Modification { rela_path, status: EntryStatus::Change(_), .. }
                if !is_ours(rela_path) =>
            {
                self.tracked.insert(rela_path.to_owned());
            }
            Entry::DirectoryContents { entry, .. } if !is_ours(&entry.rela_path) => {
                self.note_new(entry);
            }
            _ => {}
        }
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
