//! What orch remembers to have put into a worktree: `<n>.index` with the tree that it is of in `<n>.tree`,
//! and while this process lives the same in memory. What lies on the disk decides: where another
//! process moved the worktree, it is read anew.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::index::entry::Flags;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

use super::look::may_hide_an_edit;
use super::moving::remove_file;
use crate::host::error::{Doing, Result};
use crate::host::git::index::bytes_of;

/// The index of a worktree as orch left it.
#[derive(Debug)]
pub(super) struct Remembered {
    pub index: gix::index::File,
    /// The tree whose files the index holds, all of them; `None` where that is not known.
    pub tree: Option<ObjectId>,
    mark: Option<Mark>,
    /// The worktree's own index, when it was last made equal to this one.
    own: Option<Mark>,
}

/// Tells one state of a file from a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    node: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    fn of(file: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(file).ok()?;
        Some(Self {
            node: (meta.dev(), meta.ino()),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

impl Remembered {
    /// Writes a new index for the next time, by a file that takes the old one's place.
    pub fn write(mut index: gix::index::File, tree: ObjectId, file: &Path) -> Result<Self> {
        index.set_path(file);
        let doing = "writing a worktree's index";
        let new = PathBuf::from(format!("{}.lock", file.display()));
        // What a dead run left there is written over: the worktree's lock is held.
        let bytes = bytes_of(&index).doing(doing, file)?;
        std::fs::write(&new, &bytes).doing(doing, &new)?;
        std::fs::rename(&new, file).doing(doing, file)?;
        note_tree(file, &bytes, tree)?;
        Ok(Self { index, tree: Some(tree), mark: None, own: None })
    }

    /// Dates the file now, by the file system's own clock, and takes that date as if it had been read:
    /// by it git tells which stats may hide an edit. What was put there before the last tick of that
    /// clock is none of these: a later edit has a later time.
    pub fn dated(mut self, file: &Path) -> Result<Self> {
        let doing = "dating a worktree's index";
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        utimensat(CWD, file, &times, AtFlags::empty()).doing(doing, file)?;
        let meta = gix::index::fs::Metadata::from_path_no_follow(file).doing(doing, file)?;
        self.mark = meta.modified().and_then(|modified| {
            self.index.set_timestamp(modified.into());
            Mark::of(file)
        });
        Ok(self)
    }

    fn read(hash: gix::hash::Kind, file: &Path) -> Result<Self> {
        let mark = Mark::of(file);
        let read = gix::index::File::at(file, hash, false, Default::default());
        let mut index = read.doing("reading a worktree's index", file)?;
        let is_left_out = |entry: &gix::index::Entry| entry.flags.contains(Flags::SKIP_WORKTREE);
        let is_whole = !index.entries().iter().any(is_left_out);
        let tree = index.checksum().filter(|_| is_whole).and_then(|sum| noted_tree(file, sum));
        // What a sparse checkout left out was never put there: it is still to be written.
        if !is_whole {
            index.remove_entries(|_, _, entry| is_left_out(entry));
        }
        Ok(Self { index, tree, mark, own: None })
    }

    fn nothing(hash: gix::hash::Kind, file: &Path) -> Self {
        let index = gix::index::File::from_state(gix::index::State::new(hash), file.to_owned());
        Self { index, tree: None, mark: None, own: None }
    }

    /// True where writing it again for this tree would change nothing. An entry as young as the
    /// index is compared by content each time, until the index is written later than it.
    pub fn is_settled(&self, tree: ObjectId) -> bool {
        let is_young = |entry: &gix::index::Entry| may_hide_an_edit(entry, &self.index);
        self.tree == Some(tree) && !self.index.entries().iter().any(is_young)
    }

    /// Makes the worktree's own index equal to this one, which git commands in it read.
    pub fn copy_to(&mut self, own: &Path, file: &Path) -> Result<()> {
        // A session may have left a link there.
        remove_file(own)?;
        std::fs::copy(file, own).doing("writing a worktree's index", own)?;
        self.own = Mark::of(own);
        Ok(())
    }

    /// Nothing has written to the worktree's own index since.
    pub fn is_equal_to(&self, own: &Path) -> bool {
        self.own.is_some() && self.own == Mark::of(own)
    }
}

/// The extension of the file that says which tree an index is of.
pub(super) const TREE: &str = "tree";

/// Notes the tree of the index with these bytes by its checksum, which is its end: beside any other
/// index the note says nothing.
fn note_tree(index: &Path, bytes: &[u8], tree: ObjectId) -> Result<()> {
    let sum = &bytes[bytes.len() - tree.kind().len_in_bytes()..];
    let file = index.with_extension(TREE);
    let note = format!("{} {tree}\n", ObjectId::from_bytes_or_panic(sum));
    std::fs::write(&file, note).doing("noting a worktree's tree", &file)
}

/// The tree that was noted for an index with this checksum.
fn noted_tree(index: &Path, sum: ObjectId) -> Option<ObjectId> {
    let note = std::fs::read_to_string(index.with_extension(TREE)).ok()?;
    let (of, tree) = note.strip_suffix('\n')?.split_once(' ')?;
    let id = |hex: &str| ObjectId::from_hex(hex.as_bytes()).ok();
    id(tree).filter(|_| id(of) == Some(sum))
}

/// What is remembered of all worktrees, by index file.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<PathBuf, Arc<Remembered>>>);

impl Memory {
    /// As the file is now. The worktree's lock is held.
    ///
    /// # Errors
    /// The file is gone or damaged.
    pub fn at(&self, hash: gix::hash::Kind, file: &Path) -> Result<Arc<Remembered>> {
        let known = self.known().get(file).cloned();
        match known.filter(|it| it.mark.is_some() && it.mark == Mark::of(file)) {
            Some(known) => Ok(known),
            None => Remembered::read(hash, file).map(Arc::new),
        }
    }

    /// As [`Memory::at`]; where that is lost, nothing is remembered: then every file there counts as
    /// left over, and is replaced.
    pub fn of(&self, hash: gix::hash::Kind, file: &Path) -> Arc<Remembered> {
        self.at(hash, file).unwrap_or_else(|_| Arc::new(Remembered::nothing(hash, file)))
    }

    /// Keeps what was just written to the file.
    pub fn keep(&self, file: &Path, written: Remembered) -> Arc<Remembered> {
        let written = Arc::new(written);
        self.known().insert(file.to_owned(), Arc::clone(&written));
        written
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Remembered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
