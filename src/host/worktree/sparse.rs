//! Sparse checkouts: the user's may be one, orch's own worktrees are whole, until a session begins one.

use std::path::Path;

use gix::bstr::{BString, ByteSlice};
use gix::index::entry::Flags;

use super::own_git::is_plain_file;
use crate::host::error::{Doing, Result};

/// The index that git commands in a worktree have left there; an empty one where it is gone.
///
/// # Errors
/// It is damaged.
pub(super) fn index_left(git: &gix::Repository, file: &Path) -> Result<gix::index::State> {
    let hash = git.object_hash();
    if !is_plain_file(file) {
        return Ok(gix::index::State::new(hash));
    }
    let read = gix::index::File::at(file, hash, false, Default::default());
    Ok(read.doing("reading a worktree's index", file)?.into_parts().0)
}

/// Paths that the worktree's own index says are left out of it, so that their absence means nothing.
pub(super) struct LeftOut(Vec<BString>);

impl LeftOut {
    pub fn of(index: &gix::index::State) -> Self {
        let skipped = index.entries().iter().filter(|it| it.flags.contains(Flags::SKIP_WORKTREE));
        Self(skipped.map(|entry| entry.path(index).to_owned()).collect())
    }

    /// In a sparse index one entry, ending in a slash, stands for a whole folder.
    pub fn holds(&self, path: &[u8]) -> bool {
        self.0.iter().any(|it| it == path || it.ends_with_str("/") && path.starts_with(it))
    }
}
