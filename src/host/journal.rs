//! The journal: `.orch/journal-v1`, one record a line, only ever appended to. A record that was not
//! written whole is cut off when the journal is next opened; one that was damaged later is skipped.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::base::measure::Usd;
use crate::engine::record::{AttemptEnded, Provenance, Record};

use super::error::{Doing, Result};
use super::fault;
use super::store::folder::{self, Access, NO_LINK, OrchFolder};

mod frame;
pub mod snapshot;

pub use snapshot::Mark;

use frame::Section;

/// Its name below `.orch`.
pub const FILE: &str = "journal-v1";
/// What healing cuts off is kept here.
const CUT_FILE: &str = "journal-v1.cut";

/// What the journal tells, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub records: Vec<Record>,
    /// Where the next record will stand: a byte offset.
    pub end: u64,
    pub damage: Vec<Damage>,
}

/// Something in the journal that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The byte offset where it begins.
    pub offset: u64,
    pub what: String,
}

/// The journal, open for appending. The caller holds the exclusive lock: there is one writer.
#[derive(Debug)]
pub struct Journal {
    folder: OrchFolder,
    file: File,
    end: u64,
    /// Somebody else wrote into it since this was last asked.
    was_touched: bool,
}

impl Journal {
    /// Opens the journal, making it where it is missing, and cuts off what a dying writer left.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = OrchFolder::below(root, Access::ReadWrite);
        Self::open_from(root, snapshot::offset_of(&folder))
    }

    /// As [`Journal::open`], where a record is known to begin at `offset`.
    pub fn open_from(root: &Path, offset: u64) -> Result<Self> {
        let folder = OrchFolder::below(root, Access::ReadWrite);
        folder.create()?;
        let path = folder.join(FILE);
        let mut options = File::options();
        options.read(true).append(true).create(true).custom_flags(NO_LINK);
        let mut file = options.open(&path).doing("opening the journal", &path)?;
        let end = heal(&folder, &mut file, offset)?;
        Ok(Self { folder, file, end, was_touched: false })
    }

    /// Writes a record at the end. It has reached the disk when this returns if it is of a kind
    /// that must survive a power failure; see [`is_durable`].
    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.append_all(std::slice::from_ref(record))
    }

    /// As [`Journal::append`], and on the disk in any case.
    pub fn append_durable(&mut self, record: &Record) -> Result<()> {
        self.write(std::slice::from_ref(record))?;
        self.sync()
    }

    /// Writes several records by one write, and waits for the disk once if one of them asks for it.
    pub fn append_all(&mut self, records: &[Record]) -> Result<()> {
        self.write(records)?;
        if records.iter().any(is_durable) { self.sync() } else { Ok(()) }
    }

    /// Waits until all that was appended has reached the disk.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().doing("writing the journal to disk", self.path())
    }

    /// Where the next record will stand.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// True where somebody else has written into it since this was last asked. What they wrote behind
    /// its end is cut off.
    pub fn was_touched(&mut self) -> Result<bool> {
        self.cut_strange()?;
        Ok(std::mem::take(&mut self.was_touched))
    }

    /// There is one writer: what stands behind its last record comes from nobody who may write.
    fn cut_strange(&mut self) -> Result<()> {
        let doing = "looking at the journal";
        let length = self.file.metadata().doing(doing, self.path())?.len();
        if length == self.end {
            return Ok(());
        }
        self.was_touched = true;
        if length > self.end {
            let strange = bytes_from(&mut self.file, self.end).doing(doing, self.path())?;
            keep_cut(&self.folder, &strange);
            self.file.set_len(self.end).doing("mending the journal", self.path())?;
        }
        // Where it is shorter, what is gone cannot be brought back.
        if length < self.end {
            self.end = heal(&self.folder, &mut self.file, 0)?;
        }
        Ok(())
    }

    fn write(&mut self, records: &[Record]) -> Result<()> {
        self.cut_strange()?;
        let mut lines = Vec::new();
        for record in records {
            frame::write(&mut lines, record).doing("writing a record", self.path())?;
        }
        fault::point("journal");
        let (head, rest) = lines.split_at(fault::torn(lines.len()));
        let written = self.file.write_all(head).and_then(|()| {
            fault::point("journal torn");
            self.file.write_all(rest)
        });
        fault::point("journaled");
        if written.is_err() {
            // Half a line must not stay in front of the next one; if it does, reading skips it.
            let _ = self.file.set_len(self.end);
        }
        written.doing("appending to the journal", self.path())?;
        self.end += lines.len() as u64;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

/// The whole journal. Touches nothing; none is an empty one.
pub fn read(root: &Path) -> Result<Reading> {
    read_from(root, 0)
}

/// The records that begin at `offset` or later: one that [`Journal::end`] or [`Reading::end`] told.
pub fn read_from(root: &Path, offset: u64) -> Result<Reading> {
    read_opening(root, offset, b"")
}

/// Every attempt that ended, oldest first.
pub fn attempts(root: &Path) -> Result<Vec<AttemptEnded>> {
    let records = read_opening(root, 0, frame::ATTEMPT_ENDED)?.records.into_iter();
    let ended = records.filter_map(|record| match record {
        Record::AttemptEnded(ended) => Some(*ended),
        _ => None,
    });
    Ok(ended.collect())
}

fn read_opening(root: &Path, offset: u64, opening: frame::Opening) -> Result<Reading> {
    let path = OrchFolder::below(root, Access::ReadOnly).join(FILE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if folder::is_absent(&error) => return Ok(Reading::default()),
        Err(error) => return Err(error).doing("reading the journal", &path),
    };
    let bytes = bytes_from(&mut file, offset).doing("reading the journal", &path)?;
    let Section { records, end, damage } = frame::read(&bytes, offset, opening);
    for Damage { offset, what } in &damage {
        tracing::warn!("the journal is damaged at byte {offset} and goes on behind it: {what}");
    }
    Ok(Reading { records, end, damage })
}

/// True for records without which money, a decision or what was told as done would be lost. A command
/// costs nothing: what is lost of it is run again. No process outlives a power failure, so the one
/// that started is only written, which is enough where orch alone dies.
pub fn is_durable(record: &Record) -> bool {
    match record {
        Record::AttemptStarted { is_command, .. } => !is_command,
        Record::AttemptEnded(ended) => {
            ended.session.is_some() || !ended.spend.is_nothing() || ended.cost != Usd::ZERO
        }
        Record::Asked(_)
        | Record::Proposed(_)
        | Record::Judged(_)
        | Record::Answered { .. }
        | Record::LimitHit { .. }
        | Record::Decided { .. } => true,
        Record::Accepted(accepted) => {
            matches!(accepted.provenance, Provenance::Ran | Provenance::AcceptedByHand)
        }
        Record::RunStarted { .. }
        | Record::ProcessStarted { .. }
        | Record::VerdictReached(_)
        | Record::Rekeyed(_)
        | Record::StatusWritten { .. }
        | Record::LimitLifted { .. }
        | Record::SmokeEnded(_)
        | Record::PlanToClose { .. }
        | Record::GaveUp { .. }
        | Record::RunEnded { .. } => false,
    }
}

/// Cuts the file behind its last whole record, and answers with its length then.
fn heal(folder: &OrchFolder, file: &mut File, start: u64) -> Result<u64> {
    let path = folder.join(FILE);
    let bytes = bytes_from(file, start).doing("reading the journal", &path)?;
    let end = frame::end_of(&bytes, start);
    let rest = &bytes[(end - start) as usize..];
    if !rest.is_empty() {
        tracing::warn!("the journal ends in {} bytes that are no whole record", rest.len());
        keep_cut(folder, rest);
        file.set_len(end).and_then(|()| file.sync_data()).doing("mending the journal", &path)?;
    }
    Ok(end)
}

/// Best effort: what is cut off may still tell a person something.
fn keep_cut(folder: &OrchFolder, rest: &[u8]) {
    let path = folder.join(CUT_FILE);
    let kept = fs::OpenOptions::new().append(true).create(true).open(&path);
    if let Err(error) = kept.and_then(|mut file| file.write_all(&[rest, b"\n"].concat())) {
        tracing::warn!("they could not be kept in {}: {error}", path.display());
    }
}

fn bytes_from(file: &mut File, offset: u64) -> std::io::Result<Vec<u8>> {
    let length = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = Vec::with_capacity(length as usize);
    file.seek(SeekFrom::Start(offset))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
