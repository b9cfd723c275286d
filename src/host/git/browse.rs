//! Looking around in a tree: what is at a path, folders too, and what a folder holds.

use std::collections::BTreeMap;

use gix::ObjectId;

pub(crate) use gix::objs::tree::EntryKind;

use super::object::{TreeEntry, blob};
use super::{Repository, object_id};
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Result};

/// A tree to look around in.
pub(crate) struct Browsed {
    git: gix::Repository,
    tree: ObjectId,
}

impl Repository {
    pub(crate) fn browse(&self, tree: &TreeId) -> Result<Browsed> {
        Ok(Browsed { git: self.local(), tree: object_id(tree.as_str())? })
    }
}

impl Browsed {
    /// What is at a path: a file, a link as such, or a folder.
    pub fn entry_of(&self, path: &RelPath) -> Result<Option<TreeEntry>> {
        let doing = "reading a tree";
        let bytes = path.to_bytes();
        let mut at = TreeEntry { id: self.tree, kind: EntryKind::Tree };
        for name in bytes.split(|it| *it == b'/') {
            if at.kind != EntryKind::Tree {
                return Ok(None);
            }
            let tree = self.git.find_tree(at.id).doing(doing, at.id.to_string())?;
            let found = tree.iter().flatten().find(|it| it.filename() == name);
            let Some(found) = found else { return Ok(None) };
            at = TreeEntry { id: found.object_id(), kind: found.mode().kind() };
        }
        Ok(Some(at))
    }

    /// What a folder holds, by name; nothing where there is none.
    pub fn entries_of(&self, folder: &RelPath) -> Result<BTreeMap<String, TreeEntry>> {
        let doing = "reading a tree";
        let found = self.entry_of(folder)?.filter(|it| it.kind == EntryKind::Tree);
        let Some(TreeEntry { id, .. }) = found else { return Ok(BTreeMap::new()) };
        let tree = self.git.find_tree(id).doing(doing, id.to_string())?;
        let entries = tree.iter().flatten().map(|it| {
            let entry = TreeEntry { id: it.object_id(), kind: it.mode().kind() };
            (it.filename().to_string(), entry)
        });
        Ok(entries.collect())
    }

    /// The bytes of a file, or where a link leads.
    pub fn bytes_of(&self, entry: TreeEntry) -> Result<Vec<u8>> {
        blob(&self.git, entry.id)
    }
}
