//! Moves a worktree from what lies in it to another tree, writing only what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Stage, Stat};

use super::memory::Remembered;
use super::status::Differences;
use crate::host::error::{Doing, Result};
use crate::host::git::known::Texts;
use crate::host::git::normalize::metadata;
use crate::host::git::object::{TreeEntry, tree_changes};
use crate::host::git::place::{Occupied, Placer, index_mode, remove};
use crate::host::removal::remove_folder;

/// One move of a worktree: from what orch remembers to have put there, and what lies there in
/// truth, to another tree.
pub(super) struct Moving<'a> {
    pub git: &'a gix::Repository,
    pub root: &'a Path,
    pub remembered: &'a Remembered,
    pub present: &'a Differences,
    pub texts: &'a Texts,
}

/// The index of the wanted tree, and what differs from what lies there.
struct Wanted {
    index: gix::index::File,
    to_remove: Vec<BString>,
    /// Attributes files first.
    to_write: Vec<(BString, TreeEntry)>,
}

impl Moving<'_> {
    /// Removes and writes what differs; the answer is the index of what lies there then.
    pub fn to(&self, tree: ObjectId) -> Result<gix::index::File> {
        for path in &self.present.foreign {
            self.remove_foreign(path)?;
        }
        let Wanted { mut index, to_remove, to_write } = match self.wanted_by_changes(tree)? {
            Some(wanted) => wanted,
            None => self.wanted(tree)?,
        };
        for path in to_remove {
            remove(self.root, path.as_bstr())?;
        }
        // Attributes decide how other files are written: they go first.
        let (first, rest) =
            to_write.split_at(to_write.partition_point(|(path, _)| is_attributes(path.as_bstr())));
        let mut written = self.write(&index, first)?;
        written.extend(self.write(&index, rest)?);
        for (path, stat) in written {
            let known = index.entry_mut_by_path_and_stage(path.as_bstr(), Stage::Unconflicted);
            if let Some(entry) = known {
                entry.stat = stat;
            }
        }
        index.remove_tree();
        Ok(index)
    }

    /// By comparing every file of both trees.
    fn wanted(&self, tree: ObjectId) -> Result<Wanted> {
        let mut index = self.git.index_from_tree(&tree).doing("reading a tree", self.root)?;
        let (to_remove, to_write) = (self.to_remove(&index), self.to_write(&index));
        for (entry, path) in index.entries_mut_with_paths() {
            entry.stat = self.remembered_stat(path);
        }
        Ok(Wanted { index, to_remove, to_write })
    }

    /// By what differs between the trees, where what lies there is known to be of one. `None` where
    /// that cannot tell all of it.
    fn wanted_by_changes(&self, tree: ObjectId) -> Result<Option<Wanted>> {
        let Some(old) = self.remembered.tree else { return Ok(None) };
        // One that stands on no commit any more git may have cleared away.
        let Ok(changes) = tree_changes(self.git, old, tree) else { return Ok(None) };
        if changes.iter().any(|change| change.after.is_some() && !is_plain_path(&change.path)) {
            return Ok(None);
        }
        let attributes = changes.iter().map(|it| it.path.as_bstr()).filter(|it| is_attributes(it));
        let attributed: Vec<BString> = attributes.map(folder_of).collect();
        let mut index = self.remembered.index.clone();
        let (mut new, mut gone) = (Vec::new(), BTreeSet::new());
        let mut entries = BTreeMap::new();
        for change in changes {
            let path = change.path.as_bstr();
            match (change.after, index.entry_mut_by_path_and_stage(path, Stage::Unconflicted)) {
                (None, _) => _ = gone.insert(change.path.clone()),
                (Some(entry), Some(known)) => {
                    (known.id, known.mode) = (entry.id, index_mode(entry.kind));
                    entries.insert(change.path, entry);
                }
                (Some(entry), None) => {
                    new.push((change.path.clone(), entry));
                    entries.insert(change.path, entry);
                }
            }
        }
        for (path, entry) in new {
            let (mode, path) = (index_mode(entry.kind), path.as_bstr());
            index.dangerously_push_entry(Stat::default(), entry.id, Flags::empty(), mode, path);
        }
        index.sort_entries();
        if !gone.is_empty() {
            index.remove_entries(|_, path, _| gone.contains(path));
        }
        for path in self.present.paths() {
            if let Some(entry) = index.entry_by_path(path).and_then(entry_of) {
                entries.insert(path.to_owned(), entry);
            }
        }
        if !attributed.is_empty() {
            let all = index.entries().iter().map(|entry| (entry.path(&index), entry));
            let below = all.filter(|(path, _)| is_below(&attributed, path));
            entries.extend(below.filter_map(|(path, entry)| Some((path.into(), entry_of(entry)?))));
        }
        gone.extend(self.present.untracked.iter().cloned());
        let to_remove = gone.into_iter().filter(|path| !entries.contains_key(path)).collect();
        let to_write = attributes_first(entries.into_iter().collect());
        Ok(Some(Wanted { index, to_remove, to_write }))
    }

    fn remove_foreign(&self, path: &BString) -> Result<()> {
        let place =
            self.root.join(gix::path::from_bstr(path.as_bstr()).doing("naming a file", self.root)?);
        let doing = "removing what an earlier attempt left";
        match metadata(&place)? {
            Some(meta) if meta.is_dir() => remove_folder(&place).doing(doing, &place),
            Some(_) => std::fs::remove_file(&place).doing(doing, &place),
            None => Ok(()),
        }
    }

    fn to_remove(&self, wanted: &gix::index::File) -> Vec<BString> {
        let old = &self.remembered.index;
        let remembered = old.entries().iter().map(|entry| entry.path(old));
        let all = remembered.chain(self.present.untracked.iter().map(|path| path.as_bstr()));
        all.filter(|path| wanted.entry_by_path(path).is_none())
            .map(|path| path.to_owned())
            .collect()
    }

    fn to_write(&self, wanted: &gix::index::File) -> Vec<(BString, TreeEntry)> {
        let (mut all, attributed) = (Vec::new(), self.attributed(wanted));
        for entry in wanted.entries() {
            let path = entry.path(wanted);
            let known = self.remembered.index.entry_by_path(path);
            let is_same =
                known.is_some_and(|known| known.id == entry.id && known.mode == entry.mode);
            let is_dirty =
                self.present.tracked.contains(path) || self.present.untracked.contains(path);
            let is_written = !is_same || is_dirty || is_below(&attributed, path);
            if let Some(entry) = entry_of(entry).filter(|_| is_written) {
                all.push((path.to_owned(), entry));
            }
        }
        attributes_first(all)
    }

    /// Folders below which the attributes are other ones than they were. Files there are to be as a
    /// fresh checkout has them, so that what a task makes of them does not hang on what was there.
    fn attributed(&self, wanted: &gix::index::File) -> Vec<BString> {
        let old = &self.remembered.index;
        let id_in =
            |index: &gix::index::File, path: &BStr| index.entry_by_path(path).map(|it| it.id);
        let of_both = [old, wanted].into_iter().flat_map(|index| {
            index.entries().iter().map(|entry| entry.path(index)).filter(|it| is_attributes(it))
        });
        of_both.filter(|path| id_in(old, path) != id_in(wanted, path)).map(folder_of).collect()
    }

    fn write(
        &self,
        index: &gix::index::File,
        files: &[(BString, TreeEntry)],
    ) -> Result<Vec<(BString, Stat)>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let placer = Placer::new(self.git, index, self.root, Occupied::Replace)?;
        let mut placer = placer.knowing(self.texts);
        let put = |(path, entry): &(BString, TreeEntry)| {
            Ok((path.clone(), placer.put(path.as_bstr(), *entry)?))
        };
        files.iter().map(put).collect()
    }

    fn remembered_stat(&self, path: &BStr) -> Stat {
        let known = self.remembered.index.entry_by_path(path);
        known.map(|entry| entry.stat).unwrap_or_default()
    }
}

fn entry_of(entry: &gix::index::Entry) -> Option<TreeEntry> {
    Some(TreeEntry { id: entry.id, kind: entry.mode.to_tree_entry_mode()?.kind() })
}

fn attributes_first(mut files: Vec<(BString, TreeEntry)>) -> Vec<(BString, TreeEntry)> {
    files.sort_by_key(|(path, _)| !is_attributes(path.as_bstr()));
    files
}

fn is_attributes(path: &BStr) -> bool {
    path.ends_with(b".gitattributes")
}

/// The folder that a path lies in, with the slash behind it; empty at the top.
fn folder_of(path: &BStr) -> BString {
    path.rfind_byte(b'/').map_or_else(BString::default, |at| path[..=at].into())
}

fn is_below(folders: &[BString], path: &BStr) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}

/// A path that git would check out anywhere: not one into `.git` by whatever spelling. Others are
/// left to git's own check of the tree.
fn is_plain_path(path: &BString) -> bool {
    let is_plain = |part: &[u8]| {
        gix::validate::path::component(part.as_bstr(), None, Default::default()).is_ok()
    };
    path.split_str("/").all(is_plain)
}

pub(super) fn remove_file(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(why).doing("removing a file", file)
        }
        _ => Ok(()),
    }
}
