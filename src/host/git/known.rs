//! Texts that are known without reading them from git: large plans are asked for again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::object::Entry;
use super::{Repository, object_id};
use crate::base::digest::Digest;
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Result};

/// A text of fewer bytes is read as quickly as it is remembered.
const FROM_BYTES: usize = 32 * 1024;

/// The last text that a path was found to hold, with its blob. Clones share what is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(Arc<Mutex<ByPath>>);

type ByPath = HashMap<RelPath, (ObjectId, Arc<str>)>;

impl Texts {
    /// What the blob holds, where the path was last found to hold that.
    pub fn of(&self, path: &RelPath, blob: ObjectId) -> Option<Arc<str>> {
        let known = self.known();
        known.get(path).filter(|(id, _)| *id == blob).map(|(_, text)| Arc::clone(text))
    }

    fn known(&self) -> MutexGuard<'_, ByPath> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository {
    /// Notes that a file holds this text in a tree, where it is worth that.
    pub fn note_text(&self, tree: &TreeId, path: &RelPath, text: &Arc<str>) -> Result<()> {
        if text.len() < FROM_BYTES {
            return Ok(());
        }
        let entry = self.entry_at(&self.local(), object_id(tree.as_str())?, path)?;
        if let Some(entry) = entry.filter(is_text) {
            self.know_text(path, entry.id, Arc::clone(text));
        }
        Ok(())
    }

    /// Notes what was just written as a blob.
    pub(crate) fn note_written(&self, path: &RelPath, blob: ObjectId, text: &str) {
        if text.len() >= FROM_BYTES {
            self.know_text(path, blob, text.into());
        }
    }

    fn know_text(&self, path: &RelPath, blob: ObjectId, text: Arc<str>) {
        let digest = Digest::of(text.as_bytes());
        let mut contents = self.contents();
        contents.digests.insert(blob, digest);
        contents.objects.insert(digest, blob);
        self.texts().known().insert(path.clone(), (blob, text));
    }

    /// What a file holds in a tree, as text; empty where there is none.
    pub fn text_at(&self, tree: &TreeId, path: &RelPath) -> Result<Arc<str>> {
        let entry = self.entry_at(&self.local(), object_id(tree.as_str())?, path)?;
        if let Some(entry) = entry.filter(is_text)
            && let Some(text) = self.texts().of(path, entry.id)
        {
            return Ok(text);
        }
        let bytes = self.read_path_at(tree, path)?.unwrap_or_default();
        Ok(String::from_utf8(bytes).doing("reading a text", path.as_str())?.into())
    }
}

fn is_text(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Blob | EntryKind::BlobExecutable)
}
