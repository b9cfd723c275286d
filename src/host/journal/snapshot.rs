//! `.orch/state-v1`: what the records up to an offset add up to, so that an old journal need not be
//! read again. It is only ever a short cut: where anything about it is off, it is not there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::host::error::{Doing, Result};
use crate::host::store::folder::{self, Access, OrchFolder};

use super::{FILE, Journal};

const STATE_FILE: &str = "state-v1";
/// How much of the journal's begin and of what precedes the offset must be as it was.
const WITNESSED: u64 = 1024;

/// The state that the records before `offset` add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub state: Vec<u8>,
    /// Where in the journal the records begin that are not in the state.
    pub offset: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    schema: u32,
    offset: u64,
    /// Digest of parts of the journal: another journal has another.
    witness: [u8; 32],
    /// Digest of the state.
    digest: [u8; 32],
}

impl Journal {
    /// The end of the journal as it is now.
    pub fn mark(&self) -> Result<Mark> {
        let offset = self.end();
        let witness = witness_of(&self.folder, offset).doing("reading the journal", self.path())?;
        Ok(Mark { offset, witness })
    }

    /// Keeps `state`, which all records before `offset` add up to. `schema` names its encoding: it
    /// must change with every change to the type behind the bytes.
    pub fn write_snapshot(&self, schema: u32, state: &[u8], offset: u64) -> Result<()> {
        let path = self.folder.join(STATE_FILE);
        let witness = witness_of(&self.folder, offset).doing("reading the journal", self.path())?;
        let digest = *Digest::of(state).as_bytes();
        let head = Head { schema, offset, witness, digest };
        let head = postcard::to_stdvec(&head).doing("writing the journal's state", &path)?;
        let length = [head.len() as u8];
        self.folder.write_whole(&path, &[&length, &head, Digest::of(&head).as_bytes(), state])
    }
}

/// A place in a journal, and what tells that journal from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub offset: u64,
    witness: [u8; 32],
}

impl Mark {
    /// True where the journal of this repository is the one, as far as the mark.
    pub fn holds(&self, root: &Path) -> bool {
        let folder = OrchFolder::below(root, Access::ReadOnly);
        witness_of(&folder, self.offset).is_ok_and(|witness| witness == self.witness)
    }
}

/// The snapshot, where there is a whole one of this journal and schema. Touches nothing.
pub fn read(root: &Path, schema: u32) -> Option<Snapshot> {
    let folder = OrchFolder::below(root, Access::ReadOnly);
    let (head, state) = whole(&folder)?;
    (head.schema == schema).then_some(Snapshot { state, offset: head.offset })
}

/// An offset at which a record begins, the later the better.
pub(super) fn offset_of(folder: &OrchFolder) -> u64 {
    whole(folder).map_or(0, |(head, _)| head.offset)
}

fn whole(folder: &OrchFolder) -> Option<(Head, Vec<u8>)> {
    let file = folder::read_if_there(&folder.join(STATE_FILE)).ok()??;
    let (length, rest) = file.split_first()?;
    let (head, rest) = rest.split_at_checked(usize::from(*length))?;
    let (digest, state) = rest.split_at_checked(32)?;
    if Digest::of(head).as_bytes() != digest {
        return None;
    }
    let head: Head = postcard::from_bytes(head).ok()?;
    let is_whole = *Digest::of(state).as_bytes() == head.digest
        && witness_of(folder, head.offset).ok()? == head.witness;
    is_whole.then(|| (head, state.to_vec()))
}

/// Fails where the journal is shorter than `offset`.
fn witness_of(folder: &OrchFolder, offset: u64) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(folder.join(FILE))?;
    let mut seen = vec![0; offset.min(WITNESSED) as usize];
    file.read_exact(&mut seen)?;
    let mut last = vec![0; seen.len()];
    file.seek(SeekFrom::Start(offset - last.len() as u64))?;
    file.read_exact(&mut last)?;
    seen.extend(last);
    Ok(*Digest::of(&seen).as_bytes())
}
