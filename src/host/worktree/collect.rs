//! What an attempt left: the tree of its worktree, by content alone. Commits, staging and branch
//! switches that the session made do not matter.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::Mode;

use super::pool::{Pool, Worktree};
use super::sparse::LeftOut;
use super::status::differences;
use crate::base::file::Patch;
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Error, Result};
use crate::host::git::normalize::metadata;
use crate::host::git::object::{TreeEntry, edit_tree, tree_changes, tree_id};
use crate::host::git::place::{filters, has_link_above};
use crate::host::git::{Repository, object_id};

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The worktree's tree, written to the repository; no ref holds it yet.
    pub tree: TreeId,
    /// Against the base of the attempt, overlay included.
    pub patch: Patch,
    /// Left out: repositories that the session made inside the worktree. Sockets and pipes are not
    /// told, as git does not tell of them.
    pub left_out: Vec<RelPath>,
}

impl Pool {
    /// Reads what an attempt left. Everything not ignored counts, except `.orch` and what was
    /// linked or copied in from the user's checkout.
    pub fn collect(&self, worktree: &Worktree) -> Result<Collected> {
        self.collect_in(&self.reopen(worktree)?, worktree)
    }

    /// As [`Pool::collect`], in a worktree that was reopened behind the attempt.
    pub fn collect_in(&self, git: &gix::Repository, worktree: &Worktree) -> Result<Collected> {
        collect(self.repository(), git, worktree)
    }

    /// The same with one path as it was at the attempt's base.
    pub fn without(
        &self,
        worktree: &Worktree,
        collected: Collected,
        path: &RelPath,
    ) -> Result<Collected> {
        let repo = self.repository();
        let git = repo.local();
        let base = object_id(worktree.base().tree.as_str())?;
        let entry = repo.entry_at(&git, base, path)?;
        let left = object_id(collected.tree.as_str())?;
        let tree = edit_tree(&git, left, vec![(path.to_bytes(), entry)])?;
        let patch = repo.patch_of(&git, &tree_changes(&git, base, tree)?)?;
        Ok(Collected { tree: tree_id(tree), patch, ..collected })
    }
}

fn collect(repo: &Repository, git: &gix::Repository, worktree: &Worktree) -> Result<Collected> {
    let doing = "reading what an attempt left";
    let root = worktree.root();
    let index = &worktree.remembered()?.index;
    if let Some(submodule) = written_submodule(index, worktree) {
        return Err(Error::new(format!(
            "it wrote into the submodule `{submodule}`, which is a repository of its own: nothing of \
             that can land here"
        )));
    }
    let found = differences(git, index)?;
    if found.is_clean() && worktree.base().start.is_none() {
        let (tree, patch) = (worktree.base().tree.clone(), Patch::default());
        return Ok(Collected { tree, patch, left_out: Vec::new() });
    }
    let mut filters = match found.paths().any(|path| path.ends_with(b".gitattributes")) {
        // An attributes file that is gone may still be in the index that the session saw.
        true => git.filter_pipeline(None).map(|(filters, _)| filters),
        false => filters(git, index),
    }
    .doing("reading git's filters", root)?;
    let (mut hidden, mut edits) = (None, Vec::new());
    for path in found.paths().filter(|path| !worktree.is_brought(path)) {
        if metadata(&root.join(OsStr::from_bytes(path)))?.is_none() {
            let hidden = match &mut hidden {
                Some(known) => known,
                unread => unread.insert(LeftOut::read(git)?),
            };
            if hidden.holds(path) {
                continue;
            }
        }
        if has_link_above(root, path) {
            edits.push((path.to_vec(), None));
            continue;
        }
        let object = filters.worktree_file_to_object(path, index).doing(doing, shown(path))?;
        edits.push((path.to_vec(), object.map(|(id, kind, _)| TreeEntry { id, kind })));
    }
    let base = object_id(worktree.base().tree.as_str())?;
    let tree = edit_tree(git, object_id(worktree.base().laid().as_str())?, edits)?;
    let patch = repo.patch_of(git, &tree_changes(git, base, tree)?)?;
    let left_out = found.foreign.iter().filter(|path| !worktree.is_brought(path));
    let left_out = left_out.filter_map(|path| RelPath::from_bytes(path)).collect();
    Ok(Collected { tree: tree_id(tree), patch, left_out })
}

/// A submodule's folder is empty in a worktree, unless somebody checked it out there.
fn written_submodule(index: &gix::index::State, worktree: &Worktree) -> Option<String> {
    let submodules = index.entries().iter().filter(|entry| entry.mode == Mode::COMMIT);
    let mut paths = submodules.map(|entry| entry.path(index));
    let written = paths.find(|path| {
        let folder = worktree.root().join(OsStr::from_bytes(path));
        let is_own = !worktree.is_brought(path) && !folder.is_symlink();
        let holds_files = std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some());
        is_own && holds_files && !folder.join(".git").exists()
    });
    written.map(shown)
}

fn shown(path: &BStr) -> String {
    path.to_str_lossy().into_owned()
}
