//! Putting committed files back into the checkout that are gone from it.

use gix::bstr::ByteSlice;

use crate::base::name::RelPath;
use crate::host::error::{Doing, Result};
use crate::host::git::normalize::metadata;
use crate::host::git::place::{Occupied, Placer, has_link_above};
use crate::host::git::{Repository, object_id};

impl Repository {
    /// Puts committed files back that are neither there nor staged as removed; answers with those that
    /// were. The index stays as it is.
    pub fn restore(&self, paths: &[RelPath]) -> Result<Vec<RelPath>> {
        let git = self.local();
        let index = git.index_or_empty().doing("reading the index", self.root())?;
        let head = self.tree_of(&self.state()?.head)?;
        let mut placer = Placer::new(&git, &index, self.root(), Occupied::Refuse)?;
        let mut restored = Vec::new();
        for path in paths {
            let bytes = path.to_bytes();
            let is_free = metadata(&self.root().join(path.as_str()))?.is_none()
                && !has_link_above(self.root(), bytes.as_bstr())
                && index.entry_by_path(bytes.as_bstr()).is_some();
            let entry = self.entry_at(&git, object_id(head.as_str())?, path)?;
            if let Some(entry) = entry.filter(|_| is_free) {
                placer.put(bytes.as_bstr(), entry)?;
                restored.push(path.clone());
            }
        }
        Ok(restored)
    }
}
