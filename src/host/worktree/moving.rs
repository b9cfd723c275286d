//! Moves a worktree from what lies in it to another tree, writing only what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::entry::{Flags, Stat};
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};

use super::status::Differences;
use crate::host::error::{Doing, Result};
use crate::host::git::normalize::metadata;
use crate::host::git::object::Entry;
use crate::host::git::place::{Occupied, Placer};

/// One move of a worktree: from what orch remembers to have put there, and what lies there in
/// truth, to another index.
pub(super) struct Moving<'a> {
    pub git: &'a gix::Repository,
    pub root: &'a Path,
    pub remembered: &'a gix::index::File,
    pub present: &'a Differences,
}

impl Moving<'_> {
    /// Removes and writes what differs, and fills in what the index is to remember.
    pub fn apply(&self, index: &mut gix::index::File) -> Result<()> {
        for path in &self.present.foreign {
            self.remove_foreign(path)?;
        }
        let placer = || Placer::new(self.git, self.root, Occupied::Replace);
        let mut first_placer = placer()?;
        for path in self.to_remove(index) {
            first_placer.remove(path.as_bstr())?;
        }
        // Attributes decide how other files are written: they go first.
        let (files, first) = self.to_write(index);
        let mut written = write(&mut first_placer, &files[..first])?;
        written.extend(write(&mut placer()?, &files[first..])?);
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

    /// What must be written, attributes files first, and how many these are.
    fn to_write(&self, wanted: &gix::index::File) -> (Vec<(BString, Entry)>, usize) {
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
        all.sort_by_key(|(path, _)| !path.ends_with(b".gitattributes"));
        let first = all.iter().take_while(|(path, _)| path.ends_with(b".gitattributes")).count();
        (all, first)
    }

    fn remembered_stat(&self, path: &gix::bstr::BStr) -> Stat {
        self.remembered.entry_by_path(path).map(|entry| entry.stat).unwrap_or_default()
    }
}

fn write(placer: &mut Placer<'_>, files: &[(BString, Entry)]) -> Result<BTreeMap<BString, Stat>> {
    let put =
        |(path, entry): &(BString, Entry)| Ok((path.clone(), placer.put(path.as_bstr(), *entry)?));
    files.iter().map(put).collect()
}

/// What orch remembers to have put into a worktree. Where that is lost, nothing is remembered:
/// then every file there counts as left over, and is replaced.
pub(super) fn remembered_index(git: &gix::Repository, file: &Path) -> gix::index::File {
    let hash = git.object_hash();
    let read = gix::index::File::at(file, hash, false, Default::default());
    let mut index = read.unwrap_or_else(|_| {
        gix::index::File::from_state(gix::index::State::new(hash), file.to_owned())
    });
    // What a sparse checkout left out was never put there: it is still to be written.
    index.remove_entries(|_, _, entry| entry.flags.contains(Flags::SKIP_WORKTREE));
    index
}

pub(super) fn write_index(index: &mut gix::index::File, file: &Path) -> Result<()> {
    remove_file(&PathBuf::from(format!("{}.lock", file.display())))?;
    index.set_path(file);
    index.write(Default::default()).doing("writing a worktree's index", file)
}

/// Detaches HEAD at the commit and ends any merge, rebase or bisect that a session began.
pub(super) fn stand_at(git: &gix::Repository, commit: ObjectId, root: &Path) -> Result<()> {
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

pub(super) fn remove_file(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(why).doing("removing a file", file)
        }
        _ => Ok(()),
    }
}
