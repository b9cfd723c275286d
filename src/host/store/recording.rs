//! Recorded streams as people hand them on: plain, packed by zstd, a blob of the store, or a log of
//! the Python orchestrator. Read in pieces, so that the size does not matter.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::base::measure::Usd;
use crate::engine::stream::{StreamFacts, StreamReader};
use crate::host::error::{Doing, Result};

use super::blob;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const PIECE: usize = 64 * 1024;
/// How the Python orchestrator begins a log.
const LOG_HEAD: &[u8] = b"=== Claude Task Output ===";

/// What a recording tells.
#[derive(Debug, Default)]
pub struct Recording {
    pub facts: StreamFacts,
    /// Of a log that says it.
    pub exit: Option<i32>,
    /// Of a log that has it.
    pub stderr: Option<String>,
}

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// The file cannot be read, or is packed and damaged.
pub fn read(path: &Path) -> Result<Recording> {
    let what = "reading the recorded stream";
    if path == Path::new("-") {
        return read_from(io::stdin().lock()).doing(what, path);
    }
    read_from(File::open(path).doing(what, path)?).doing(what, path)
}

fn read_from(mut input: impl Read) -> io::Result<Recording> {
    let mut head = Vec::new();
    input.by_ref().take(LOG_HEAD.len() as u64).read_to_end(&mut head)?;
    let skipped = usize::from(blob::is_head(&head));
    let is_packed = head[skipped..].starts_with(&ZSTD_MAGIC);
    let rest = Cursor::new(head.split_off(skipped)).chain(input);
    if is_packed {
        read_plain(BufReader::new(zstd::stream::read::Decoder::new(rest)?))
    } else {
        read_plain(BufReader::with_capacity(PIECE, rest))
    }
}

fn read_plain(mut input: impl BufRead) -> io::Result<Recording> {
    let mut head = Vec::new();
    input.by_ref().take(LOG_HEAD.len() as u64).read_to_end(&mut head)?;
    if head == LOG_HEAD {
        let mut log = String::from_utf8_lossy(&head).into_owned();
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        log.push_str(&String::from_utf8_lossy(&bytes));
        return Ok(of_log(&log));
    }
    let mut reader = StreamReader::new(Usd::ZERO);
    reader.feed(&head);
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        reader.feed(piece);
        let len = piece.len();
        input.consume(len);
    }
    Ok(Recording { facts: reader.finish(), ..Recording::default() })
}

/// A log: its head names the exit code, its parts are the two outputs.
fn of_log(log: &str) -> Recording {
    let (head, rest) = log.split_once("=== STDOUT ===\n").unwrap_or((log, ""));
    let (stdout, stderr) = rest.rsplit_once("\n=== STDERR ===").unwrap_or((rest, ""));
    let exit = head.lines().find_map(|line| line.strip_prefix("Return code: "));
    let mut reader = StreamReader::new(Usd::ZERO);
    reader.feed(stdout.as_bytes());
    Recording {
        facts: reader.finish(),
        exit: exit.and_then(|it| it.trim().parse().ok()),
        stderr: Some(stderr.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\"}\n\
        {\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":2}\n";

    #[track_caller]
    fn check(bytes: &[u8]) -> Recording {
        let recording = read_from(bytes).unwrap();
        assert_eq!(recording.facts.n_events, 2);
        assert!(!recording.facts.is_truncated && recording.facts.n_foreign_lines == 0);
        recording
    }

    #[test]
    fn every_form_of_a_recording_is_read() {
        check(STREAM.as_bytes());
        check(&zstd::encode_all(STREAM.as_bytes(), 3).unwrap());
        for text in [STREAM.to_owned(), format!("{STREAM}{}", "\n".repeat(9000))] {
            let (head, body) = blob::encode(text.as_bytes());
            check(&[&[head], &*body].concat());
        }
        let log = format!(
            "=== Claude Task Output ===\nReturn code: 3\n\n=== STDOUT ===\n{STREAM}\n=== STDERR ===\noops\n"
        );
        let recording = check(log.as_bytes());
        assert_eq!((recording.exit, recording.stderr.as_deref()), (Some(3), Some("oops")));
    }

    #[test]
    fn nothing_and_damage_are_survived() {
        assert_eq!(read_from(&b""[..]).unwrap().facts.n_events, 0);
        let mut packed = zstd::encode_all(STREAM.as_bytes(), 3).unwrap();
        packed.truncate(packed.len() - 4);
        assert!(read_from(packed.as_slice()).is_err());
    }
}
