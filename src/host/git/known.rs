//! Texts that are known without reading them from git: large plans are asked for again and again.

use std::sync::Arc;

use gix::objs::tree::EntryKind;

use super::object::Entry;
use super::{Repository, object_id};
use crate::base::digest::Digest;
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Result};

impl Repository {
    /// Notes that a file holds this text in a tree.
    pub fn note_text(&self, tree: &TreeId, path: &RelPath, text: &Arc<str>) -> Result<()> {
        let Some(entry) = self.entry_at(&self.local(), object_id(tree.as_str())?, path)? else {
            return Ok(());
        };
        if is_text(entry) {
            let digest = Digest::of(text.as_bytes());
            let mut contents = self.contents();
            contents.digests.insert(entry.id, digest);
            contents.objects.insert(digest, entry.id);
            contents.texts.insert(path.clone(), (entry.id, Arc::clone(text)));
        }
        Ok(())
    }

    /// What a file holds in a tree, as text; empty where there is none.
    pub fn text_at(&self, tree: &TreeId, path: &RelPath) -> Result<Arc<str>> {
        let entry = self.entry_at(&self.local(), object_id(tree.as_str())?, path)?;
        if let (Some(entry), Some((id, text))) = (entry, self.contents().texts.get(path))
            && entry.id == *id
            && is_text(entry)
        {
            return Ok(Arc::clone(text));
        }
        let bytes = self.read_path_at(tree, path)?.unwrap_or_default();
        Ok(String::from_utf8(bytes).doing("reading a text", path.as_str())?.into())
    }
}

fn is_text(entry: Entry) -> bool {
    matches!(entry.kind, EntryKind::Blob | EntryKind::BlobExecutable)
}
