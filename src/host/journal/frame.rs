//! A record as a line: the first eight hexadecimal digits of its BLAKE3, its length in bytes, its
//! JSON. Lengths make reading quick; line ends, which JSON never holds, are where it starts anew.

use std::ops::Range;
use std::thread;

use crate::base::digest::Digest;
use crate::engine::record::Record;

use super::Damage;

/// Below this many bytes a second thread is not worth its start.
const SPLIT_FROM: usize = 1 << 20;

/// What a part of the journal holds.
#[derive(Debug, Default)]
pub struct Section {
    pub records: Vec<Record>,
    /// Offset behind the last whole record.
    pub end: u64,
    pub damage: Vec<Damage>,
}

/// Appends a record's line.
pub fn write(lines: &mut Vec<u8>, record: &Record) -> serde_json::Result<()> {
    let json = serde_json::to_vec(record)?;
    lines.extend_from_slice(format!("{:08x} {} ", checksum_of(&json), json.len()).as_bytes());
    lines.extend_from_slice(&json);
    lines.push(b'\n');
    Ok(())
}

/// Which records are read, by how their JSON begins; all of them where that is empty.
pub type Opening = &'static [u8];

/// How the JSON of an ended attempt begins.
pub const ATTEMPT_ENDED: Opening = br#"{"record":"attempt-ended","#;

/// Reads everything that stands at `offset` in the journal, of records with that opening; on two
/// threads where it is much.
pub fn read(bytes: &[u8], offset: u64, opening: Opening) -> Section {
    let half = bytes.len() / 2;
    let middle = if bytes.len() < SPLIT_FROM { bytes.len() } else { next_line(bytes, half) };
    if middle == bytes.len() {
        return without_tail(section_of(bytes, offset, opening));
    }
    let (left, right) = bytes.split_at(middle);
    let (left, right) = thread::scope(|scope| {
        let right = scope.spawn(|| section_of(right, offset + middle as u64, opening));
        (section_of(left, offset, opening), right.join())
    });
    // The thread has no way to fail but a bug's panic, which is passed on.
    let right = right.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    without_tail(joined(left, right, offset + middle as u64))
}

/// The offset behind the last whole record, without a look into the records.
pub fn end_of(bytes: &[u8], offset: u64) -> u64 {
    let mut end = 0;
    for piece in pieces(bytes) {
        if let Piece::Whole { next, .. } = piece {
            end = next;
        }
    }
    offset + end as u64
}

enum Piece {
    Whole { json: Range<usize>, next: usize, closed: bool },
    Broken { at: usize },
}

fn section_of(bytes: &[u8], offset: u64, opening: Opening) -> Section {
    let mut section = Section { end: offset, ..Section::default() };
    let report = |at: usize, what: String| Damage { offset: offset + at as u64, what };
    for piece in pieces(bytes) {
        match piece {
            Piece::Whole { json, next, closed } => {
                if !closed {
                    let damage = report(next - 1, "a line end was overwritten".into());
                    section.damage.push(damage);
                }
                let text = &bytes[json.clone()];
                match text.starts_with(opening).then(|| record_of(text)) {
                    None => {}
                    Some(Ok(record)) => section.records.push(record),
                    // Whole, so another version of orch wrote it.
                    Some(Err(error)) => section.damage.push(report(json.start, error.to_string())),
                }
                section.end = offset + next as u64;
            }
            Piece::Broken { at } => {
                section.damage.push(report(at, "a line that is no whole record".into()));
            }
        }
    }
    section
}

fn joined(mut left: Section, right: Section, middle: u64) -> Section {
    left.records.extend(right.records);
    left.damage.extend(right.damage);
    if right.end > middle {
        left.end = right.end;
    }
    left
}

/// What stands behind the last whole record is a write that did not finish, not damage.
fn without_tail(mut section: Section) -> Section {
    section.damage.retain(|damage| damage.offset < section.end);
    section
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let start = at;
        Some(match whole_at(bytes, start) {
            Some(json) => {
                at = json.end + 1;
                Piece::Whole { closed: bytes[json.end] == b'\n', json, next: at }
            }
            None => {
                at = next_line(bytes, start);
                Piece::Broken { at: start }
            }
        })
    })
}

/// Where the JSON of a whole record lies whose line begins at `at`.
fn whole_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let line = &bytes[at..];
    let checksum = std::str::from_utf8(line.get(..8)?).ok()?;
    let digits = line.get(9..20.min(line.len()))?;
    let width = digits.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&digits[..width]).ok()?.parse().ok()?;
    let start = 9 + width + 1;
    let json = line.get(start..start.checked_add(length)?)?;
    // Without a byte behind it the write did not finish.
    line.get(start + length)?;
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    let whole = line[8] == b' ' && checksum_of(json) == checksum;
    whole.then(|| at + start..at + start + length)
}

fn next_line(bytes: &[u8], at: usize) -> usize {
    let end = bytes[at..].iter().position(|byte| *byte == b'\n');
    end.map_or(bytes.len(), |end| at + end + 1)
}

fn checksum_of(json: &[u8]) -> u32 {
    let digest = Digest::of(json);
    let bytes = digest.as_bytes();
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The frequent large records are read as what they are, which spares a detour over a generic value.
fn record_of(json: &[u8]) -> serde_json::Result<Record> {
    if json.starts_with(ATTEMPT_ENDED) {
        serde_json::from_slice(json).map(Record::AttemptEnded)
    } else if json.starts_with(br#"{"record":"accepted","#) {
        serde_json::from_slice(json).map(Record::Accepted)
    } else if json.starts_with(br#"{"record":"verdict-reached","#) {
        serde_json::from_slice(json).map(Record::VerdictReached)
    } else {
        serde_json::from_slice(json)
    }
}
