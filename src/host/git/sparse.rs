//! What a sparse checkout of the user leaves out.

use std::collections::BTreeSet;

use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::Flags;

use super::Repository;
use crate::base::name::RelPath;
use crate::host::error::{Doing, Result};

impl Repository {
    /// `paths` without those that the user's checkout leaves out since it is sparse: their absence
    /// is no change.
    pub fn without_left_out(&self, paths: Vec<RelPath>) -> Result<Vec<RelPath>> {
        let git = self.local();
        if paths.is_empty() || git.config_snapshot().boolean("core.sparseCheckout") != Some(true) {
            return Ok(paths);
        }
        let index = git.index_or_empty().doing("reading the index", self.root())?;
        let skipped = index.entries().iter().filter(|it| it.flags.contains(Flags::SKIP_WORKTREE));
        let skipped: BTreeSet<&BStr> = skipped.map(|entry| entry.path(&index)).collect();
        Ok(paths.into_iter().filter(|path| !holds(&skipped, &path.to_bytes())).collect())
    }
}

/// In a sparse index one entry, ending in a slash, stands for a whole folder.
fn holds(skipped: &BTreeSet<&BStr>, path: &[u8]) -> bool {
    let mut ends = path.find_iter(b"/").map(|at| at + 1).chain([path.len()]);
    ends.any(|end| skipped.contains(path[..end].as_bstr()))
}
