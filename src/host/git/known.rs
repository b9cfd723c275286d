//! Texts that are known without reading them from git: large plans are asked for again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::object::TreeEntry;
use super::{Repository, object_id};
use crate::base::digest::Digest;
use crate::base::name::{RelPath, TreeId};
use crate::host::compiled::FROM_BYTES;
use crate::host::error::{Doing, Result};

/// The last text that a path was found to hold, with its blob. Clones share what is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(Arc<Mutex<ByPath>>);

type ByPath = HashMap<RelPath, (ObjectId, Text)>;

/// A text as it came; a large one is not copied for a common form.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Read(Arc<str>),
    Written(Arc<String>),
}

impl Text {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Read(text) => text,
            Self::Written(text) => text,
        }
    }
}

impl Texts {
    /// What the blob holds, where the path was last found to hold that.
    pub fn of(&self, path: &RelPath, blob: ObjectId) -> Option<Text> {
        let known = self.known();
        known.get(path).filter(|(id, _)| *id == blob).map(|(_, text)| text.clone())
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
            self.know_text(path, entry.id, Text::Read(Arc::clone(text)));
        }
        Ok(())
    }

    /// Notes what was just written as a blob.
    pub(crate) fn note_written(&self, path: &RelPath, blob: ObjectId, text: &Arc<String>) {
        if text.len() >= FROM_BYTES {
            self.know_text(path, blob, Text::Written(Arc::clone(text)));
        }
    }

    fn know_text(&self, path: &RelPath, blob: ObjectId, text: Text) {
        let digest = Digest::of(text.as_str().as_bytes());
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
            return Ok(match text {
                Text::Read(text) => text,
                Text::Written(text) => Arc::from(text.as_str()),
            });
        }
        let bytes = self.read_path_at(tree, path)?.unwrap_or_default();
        Ok(String::from_utf8(bytes).doing("reading a text", path.as_str())?.into())
    }
}

fn is_text(entry: &TreeEntry) -> bool {
    matches!(entry.kind, EntryKind::Blob | EntryKind::BlobExecutable)
}
