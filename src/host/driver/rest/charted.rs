//! `.orch/charted-v1`: the chart of all tasks beside a note of rest, with what it leaves out of each
//! task, one piece for each, so that a few are read without the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Digesting};
use crate::base::name::RelPath;
use crate::engine::chart::{Chart, Cut, TaskPart};
use crate::engine::graph::NodeId;
use crate::host::error::{Doing, Result};
use crate::host::scan::Found;
use crate::host::store::folder::{self, Access, OrchFolder};

const FILE: &str = "charted-v1";

/// What stands in front of the pieces.
#[derive(Serialize, Deserialize)]
struct Head {
    chart: Chart,
    /// What every file was that was asked for.
    found: Found,
    /// The length of each task's piece in bytes.
    lengths: Vec<u32>,
}

/// A chart that was kept.
pub(super) struct Charted {
    head: Head,
    pieces: Vec<u8>,
}

/// Keeps a chart; answers with the digest that it is known by.
pub(super) fn keep(
    root: &Path,
    (chart, found): (Chart, &Found),
    parts: &[TaskPart],
) -> Result<Digest> {
    let folder = OrchFolder::below(root, Access::ReadWrite);
    let (place, doing) = (folder.join(FILE), "keeping a chart of all tasks");
    let (mut pieces, mut lengths) = (Vec::new(), Vec::with_capacity(parts.len()));
    for part in parts {
        let start = pieces.len();
        pieces = postcard::to_extend(part, pieces).doing(doing, &place)?;
        lengths.push((pieces.len() - start) as u32);
    }
    let head = Head { chart, found: found.clone(), lengths };
    let head = postcard::to_stdvec(&head).doing(doing, &place)?;
    let length = (head.len() as u64).to_le_bytes();
    folder.write_whole(&place, &[&length, &head, &pieces])?;
    let mut digesting = Digesting::default();
    [&length[..], &head, &pieces].into_iter().for_each(|part| digesting.take(part));
    Ok(digesting.finish())
}

impl Charted {
    /// `None` where the chart of this digest is not there as a whole.
    pub fn read(root: &Path, digest: Digest) -> Option<Self> {
        let folder = OrchFolder::below(root, Access::ReadOnly);
        let mut bytes = folder::read_if_there(&folder.join(FILE)).ok()??;
        if Digest::of(&bytes) != digest {
            return None;
        }
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let head = postcard::from_bytes(rest.get(..length)?).ok()?;
        Some(Self { head, pieces: bytes.split_off(8 + length) })
    }

    pub fn chart(&self) -> &Chart {
        &self.head.chart
    }

    /// The files that are not what they were, or not there any more, or new.
    pub fn changed_files<'a>(&'a self, now: &'a Found) -> BTreeSet<&'a RelPath> {
        let (mut changed, mut then) = (BTreeSet::new(), self.head.found.iter().peekable());
        for (path, state) in now {
            while let Some((gone, _)) = then.next_if(|(it, _)| it < path) {
                changed.insert(gone);
            }
            let before = then.next_if(|(it, _)| it == path);
            if before.is_none_or(|(_, before)| before != state) {
                changed.insert(path);
            }
        }
        changed.extend(then.map(|(path, _)| path));
        changed
    }

    /// What the chart leaves out of the tasks of a cut.
    pub fn parts(&self, cut: &Cut) -> Option<BTreeMap<NodeId, TaskPart>> {
        let wanted: BTreeSet<NodeId> = cut.all().collect();
        let (mut parts, mut start) = (BTreeMap::new(), 0);
        for (id, length) in (0..).map(NodeId).zip(&self.head.lengths) {
            let end = start + *length as usize;
            if wanted.contains(&id) {
                parts.insert(id, postcard::from_bytes(self.pieces.get(start..end)?).ok()?);
            }
            start = end;
        }
        Some(parts)
    }
}
