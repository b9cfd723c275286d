//! What an attempt left: the tree of its worktree, by content alone. Commits, staging and branch
//! switches that the session made do not matter.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::Mode;
use gix::objs::tree::EntryKind;

use super::own_git::OwnGit;
use super::pool::{Pool, Worktree};
use super::sparse::{LeftOut, index_left};
use super::status::differences;
use crate::base::file::Patch;
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Error, Result};
use crate::host::git::encoding::{Encodings, is_recoded};
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
        self.note_strays(worktree);
        if let Some(submodule) = self.written_submodule(worktree)? {
            return Err(refused(&submodule));
        }
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
    let own = OwnGit::of(root).index();
    let index = &worktree.remembered()?.index;
    if let Some(submodule) = written_submodule(index, worktree) {
        return Err(refused(&submodule));
    }
    let found = differences(git, index)?;
    if found.is_clean() && worktree.base().start.is_none() {
        let (tree, patch) = (worktree.base().tree.clone(), Patch::default());
        return Ok(Collected { tree, patch, left_out: Vec::new() });
    }
    let has_new_attributes = found.paths().any(|path| path.ends_with(b".gitattributes"));
    let mut filters = match has_new_attributes {
        // An attributes file that is gone may still be in the index that the session saw.
        true => filters(git, &index_left(git, &own)?),
        false => filters(git, index),
    }
    .doing("reading git's filters", root)?;
    let may_recode = has_new_attributes || is_recoded(git, index)?;
    let mut encodings = may_recode.then(|| Encodings::of(git, index)).transpose()?;
    let (mut hidden, mut edits) = (None, Vec::new());
    for path in found.paths().filter(|path| !worktree.is_brought(path)) {
        if metadata(&root.join(OsStr::from_bytes(path)))?.is_none() {
            let hidden = match &mut hidden {
                Some(known) => known,
                unread => unread.insert(LeftOut::of(&index_left(git, &own)?)),
            };
            if hidden.holds(path) {
                continue;
            }
        }
        if has_link_above(root, path) {
            edits.push((path.to_vec(), None));
            continue;
        }
        if let Some(encodings) = &mut encodings
            && let Some(entry) = recoded(git, index, encodings, path)?
        {
            edits.push((path.to_vec(), Some(entry)));
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

/// What git stores of a file that is UTF-16 in the user's checkout and UTF-8 here; `None` for any other.
fn recoded(
    git: &gix::Repository,
    index: &gix::index::State,
    encodings: &mut Encodings<'_>,
    path: &BStr,
) -> Result<Option<TreeEntry>> {
    let doing = "reading a text in its encoding";
    let Some(file) = git.workdir_path(path) else { return Ok(None) };
    let Some(meta) = metadata(&file)?.filter(Metadata::is_file) else { return Ok(None) };
    if !encodings.is_utf16(path)? {
        return Ok(None);
    }
    let bytes = std::fs::read(&file).doing(doing, &file)?;
    let bytes = encodings.recoded(path, &bytes)?.unwrap_or(bytes);
    let mut filters = filters(git, index).doing(doing, &file)?;
    let rel = gix::path::from_bstr(path).doing(doing, &file)?;
    let mut stored = Vec::new();
    let mut converted = filters.convert_to_git(&bytes[..], &rel, index).doing(doing, &file)?;
    converted.read_to_end(&mut stored).doing(doing, &file)?;
    let id = git.write_blob(&stored).doing(doing, &file)?.detach();
    let kind = match meta.permissions().mode() & 0o100 {
        0 => EntryKind::Blob,
        _ => EntryKind::BlobExecutable,
    };
    Ok(Some(TreeEntry { id, kind }))
}

fn refused(submodule: &str) -> Error {
    Error::new(format!(
        "it wrote into the submodule `{submodule}`, which is a repository of its own: nothing of \
         that can land here"
    ))
}

/// A submodule that is not filled in has an empty folder, unless somebody checked it out there.
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
