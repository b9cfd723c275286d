//! Files as values: the state of one path, and a patch from before to after.

use serde::{Deserialize, Serialize};

use super::digest::{Digest, Fingerprint, Manifest};
use super::name::{OutputDigest, RelPath};

/// What kind of file a path holds; the kinds git knows, without directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    Regular,
    Executable,
    Symlink,
    /// A submodule: the digest is of its commit id in hex.
    Submodule,
}

impl FileKind {
    /// As keys and manifests tell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Executable => "executable",
            Self::Symlink => "symlink",
            Self::Submodule => "submodule",
        }
    }
}

/// The content of one path. For a symlink the digest is of its target text. Content is taken as git
/// would store it (after line-ending and other clean filters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileState {
    pub digest: Digest,
    pub kind: FileKind,
}

impl FileState {
    pub fn regular(content: &[u8]) -> Self {
        Self { digest: Digest::of(content), kind: FileKind::Regular }
    }
}

/// What happened to one path; `None` is absent. `before != after` always holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileChange {
    pub path: RelPath,
    pub before: Option<FileState>,
    pub after: Option<FileState>,
}

/// The change a task made, sorted by path, each path once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Patch {
    changes: Vec<FileChange>,
}

impl Patch {
    /// Sorts by path and drops entries whose before equals their after.
    pub fn new(mut changes: Vec<FileChange>) -> Self {
        changes.retain(|change| change.before != change.after);
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup_by(|b, a| a.path == b.path);
        Self { changes }
    }

    pub fn changes(&self) -> &[FileChange] {
        &self.changes
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub fn paths(&self) -> impl Iterator<Item = &RelPath> {
        self.changes.iter().map(|change| &change.path)
    }

    /// The digest of the files a task owns after it ran: path -> content, or absent.
    pub fn output_digest(&self) -> OutputDigest {
        let mut fingerprint = Fingerprint::new("orch output v1");
        fingerprint.section("files");
        for change in &self.changes {
            match &change.after {
                Some(state) => {
                    let mut value = vec![state.kind as u8];
                    value.extend_from_slice(state.digest.as_bytes());
                    fingerprint.entry(change.path.as_str(), &value);
                }
                None => fingerprint.entry(change.path.as_str(), b""),
            }
        }
        OutputDigest(fingerprint.finish())
    }
}
