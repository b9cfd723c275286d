//! The store below `.orch/`: blobs by the digest of their content, and accepted results by action
//! key. Whatever is missing or damaged in it is a miss and a warning, never a wrong answer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::digest::{Digest, Recorded};

use super::error::{Doing, Result};

pub mod actions;
pub mod aside;
pub mod blob;
pub mod folder;
pub mod recording;
pub mod upkeep;

use folder::{Access, OrchFolder};

const BLOBS: &str = "cas-v1";
const ACTIONS: &str = "actions-v1";
/// Files from this size on are stored piece by piece, bytes.
const LARGE: u64 = 1 << 20;

/// The store of one repository, which all of its checkouts use. Several processes may use it at once: every
/// object appears whole.
#[derive(Clone, Debug)]
pub struct Store {
    folder: OrchFolder,
    /// Where things are looked for as well, and nothing is written.
    also: Option<OrchFolder>,
}

impl Store {
    /// For reading and writing. The folder is made by the first write.
    pub fn open(root: &Path) -> Self {
        Self { folder: OrchFolder::below(root, Access::ReadWrite), also: None }
    }

    /// For looking only: writing is an error, and damage is left where it is.
    pub fn open_read_only(root: &Path) -> Self {
        Self { folder: OrchFolder::below(root, Access::ReadOnly), also: None }
    }

    /// Finds what lies in another checkout's own folder, too.
    #[must_use]
    pub fn reading_also(self, root: &Path) -> Self {
        Self { also: Some(OrchFolder::below(root, Access::ReadOnly)), ..self }
    }

    /// Stores `content`. Content that is there already, and whole, is not written again.
    pub fn put(&self, content: &[u8]) -> Result<Digest> {
        let digest = Digest::of(content);
        if self.get_at(&self.blob_path(&digest), &digest)?.is_none() {
            let (head, body) = blob::encode(content);
            self.folder.write_whole(&self.blob_path(&digest), &[&[head], &body])?;
        }
        Ok(digest)
    }

    /// Stores the content of a file; a large one without holding it in memory.
    pub fn put_file(&self, path: &Path) -> Result<Digest> {
        let doing = "reading a file for the store";
        let mut file = fs::File::open(path).doing(doing, path)?;
        if file.metadata().doing(doing, path)?.len() < LARGE {
            return self.put(&fs::read(path).doing(doing, path)?);
        }
        let mut aside = self.folder.aside()?;
        let digest = blob::pack(&mut file, &mut aside).doing("storing a file", path)?;
        folder::publish(aside, &self.blob_path(&digest))?;
        Ok(digest)
    }

    /// The content with this digest. A damaged blob is removed, so that it can be stored again.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        if let Some(content) = self.get_at(&self.blob_path(digest), digest)? {
            return Ok(Some(content));
        }
        self.blob_path_also(digest).map_or(Ok(None), |path| self.get_at(&path, digest))
    }

    fn get_at(&self, path: &Path, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let Some(file) = folder::read_if_there(path)? else { return Ok(None) };
        let content = blob::decode(file, digest);
        if content.is_none() {
            self.discard(path, "a damaged blob");
        }
        Ok(content)
    }

    /// True where the blob is there; whether it is whole only [`Store::get`] tells.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_file()
            || self.blob_path_also(digest).is_some_and(|path| path.is_file())
    }

    /// Stores a manifest as a blob of JSON.
    pub fn put_manifest(&self, manifest: &Recorded) -> Result<Digest> {
        let json = serde_json::to_vec(manifest).doing("writing a manifest", self.folder.path())?;
        self.put(&json)
    }

    /// A manifest by the digest of its blob.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<Recorded>> {
        let Some(json) = self.get(digest)? else { return Ok(None) };
        let manifest = serde_json::from_slice(&json);
        Ok(manifest
            .inspect_err(|error| tracing::warn!("blob {digest} holds no manifest: {error}"))
            .ok())
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(BLOBS).join(blob::place_of(digest))
    }

    fn blob_path_also(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.also.as_ref()?.join(BLOBS).join(blob::place_of(digest)))
    }

    /// Removes what is damaged, where that is allowed, and says so.
    fn discard(&self, path: &Path, what: &str) {
        tracing::warn!("{what} is treated as missing: {}", path.display());
        if self.folder.may_write()
            && let Err(error) = fs::remove_file(path)
            && !folder::is_absent(&error)
        {
            tracing::warn!("it could not be removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
