//! `.orch/charted-v1`: the chart of all tasks beside a note of rest, with what it leaves out of each
//! task, one piece for each, so that a few are read without the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Digesting};
use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::engine::chart::{Chart, Cut, TaskPart};
use crate::engine::graph::NodeId;
use crate::host::error::{Doing, Result};
use crate::host::scan::Found;
use crate::host::store::folder::{Access, OrchFolder};

const FILE: &str = "charted-v1";

/// What stands in front of the pieces.
#[derive(Serialize, Deserialize)]
struct Head {
    chart: Chart,
    /// The length of each task's piece in bytes.
    lengths: Vec<u32>,
    /// The length and digest of what every file was, which stands behind the head.
    n_found: u64,
    found: Digest,
}

/// A chart that was kept.
pub(super) struct Charted {
    file: File,
    digest: Digest,
    head: Head,
    /// Where the head ends.
    at: u64,
}

/// Keeps a chart; answers with the digest that it is known by.
pub(super) fn keep(root: &Path, chart: Chart, found: &Found, parts: &[TaskPart]) -> Result<Digest> {
    let folder = OrchFolder::below(root, Access::ReadWrite);
    let (place, doing) = (folder.join(FILE), "keeping a chart of all tasks");
    let pieces: Vec<Vec<u8>> = parts
        .iter()
        .map(postcard::to_stdvec)
        .collect::<postcard::Result<_>>()
        .doing(doing, &place)?;
    let found = postcard::to_stdvec(found).doing(doing, &place)?;
    let lengths = pieces.iter().map(|piece| piece.len() as u32).collect();
    let (n_found, digest) = (found.len() as u64, Digest::of(&found));
    let head = Head { chart, lengths, n_found, found: digest };
    let head = postcard::to_stdvec(&head).doing(doing, &place)?;
    let digest = Digest::of(&head);
    let length = (head.len() as u64).to_le_bytes();
    let mut all = [&length[..], &head, &found].concat();
    for (id, piece) in (0..).map(NodeId).zip(&pieces) {
        all.extend_from_slice(seal_of(digest, id, piece).as_bytes());
        all.extend_from_slice(piece);
    }
    folder.write_whole(&place, &[&all])?;
    Ok(digest)
}

/// Binds a piece to its chart and place: each is read without the others.
fn seal_of(chart: Digest, id: NodeId, piece: &[u8]) -> Digest {
    let mut digesting = Digesting::default();
    digesting.take(chart.as_bytes());
    digesting.take(&id.0.to_le_bytes());
    digesting.take(piece);
    digesting.finish()
}

/// The bytes of a seal.
const SEAL: usize = 32;

impl Charted {
    /// `None` where the chart of this digest is not there as a whole.
    pub fn read(root: &Path, digest: Digest) -> Option<Self> {
        let folder = OrchFolder::below(root, Access::ReadOnly);
        let file = File::open(folder.join(FILE)).ok()?;
        let size = file.metadata().ok()?.len();
        let length = u64::from_le_bytes(bytes_at(&file, 0, 8)?.try_into().ok()?);
        let at = length.checked_add(8).filter(|at| *at <= size)?;
        let head = bytes_at(&file, 8, usize::try_from(length).ok()?)?;
        if Digest::of(&head) != digest {
            return None;
        }
        let head = postcard::from_bytes(&head).ok()?;
        Some(Self { file, digest, head, at })
    }

    pub fn chart(&self) -> &Chart {
        &self.head.chart
    }

    /// The files that are not what they were, or not there any more, or new. `now` is sorted.
    pub fn changed_files(&self, now: &Found) -> Option<BTreeSet<RelPath>> {
        let bytes = bytes_at(&self.file, self.at, usize::try_from(self.head.n_found).ok()?)?;
        if Digest::of(&bytes) != self.head.found {
            return None;
        }
        // As `Found` is written, without a path of its own for each.
        let before: Vec<(&str, Option<FileState>)> = postcard::from_bytes(&bytes).ok()?;
        changed_files(before, now)
    }

    /// What the chart leaves out of the tasks of a cut.
    pub fn parts(&self, cut: &Cut) -> Option<BTreeMap<NodeId, TaskPart>> {
        let wanted: BTreeSet<NodeId> = cut.all().collect();
        let (mut parts, mut at) = (BTreeMap::new(), self.at + self.head.n_found);
        for (id, length) in (0..).map(NodeId).zip(&self.head.lengths) {
            let length = SEAL + *length as usize;
            if wanted.contains(&id) {
                let sealed = bytes_at(&self.file, at, length)?;
                let (seal, piece) = sealed.split_at_checked(SEAL)?;
                let is_it = seal == seal_of(self.digest, id, piece).as_bytes();
                parts.insert(id, postcard::from_bytes(piece).ok().filter(|_| is_it)?);
            }
            at += length as u64;
        }
        Some(parts)
    }
}

fn bytes_at(file: &File, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

/// `None` where a path is none. Both are sorted.
fn changed_files(before: Vec<(&str, Option<FileState>)>, now: &Found) -> Option<BTreeSet<RelPath>> {
    let (mut changed, mut then) = (BTreeSet::new(), before.into_iter().peekable());
    for (path, state) in now {
        while let Some((gone, _)) = then.next_if(|(it, _)| *it < path.as_str()) {
            changed.insert(RelPath::new(gone)?);
        }
        let before = then.next_if(|(it, _)| *it == path.as_str());
        if before.is_none_or(|(_, before)| before != *state) {
            changed.insert(path.clone());
        }
    }
    for (gone, _) in then {
        changed.insert(RelPath::new(gone)?);
    }
    Some(changed)
}
