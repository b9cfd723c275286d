//! The attempt of a task that runs now, in whichever process: what the journal and the lock tell.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::picture::{Activity, Phase, Picture, RunningPicture, TaskState};
use crate::engine::record::Record;
use crate::host::error::{Doing, Result};
use crate::host::journal;
use crate::host::lock::Lock;
use crate::host::session::{PROMPT, TRANSCRIPT};

/// Shows in a survey what an orch in another process runs at present.
///
/// # Errors
/// The journal cannot be read.
pub fn show_running_elsewhere(root: &Path, picture: &mut Picture) -> Result<()> {
    let Some(holder) = Lock::holder_of(root) else { return Ok(()) };
    let records = journal::read(root)?.records;
    let begun = records.iter().rposition(|it| matches!(it, Record::RunStarted { .. }));
    let Some((Record::RunStarted { pid, .. }, since)) =
        begun.and_then(|at| records[at..].split_first())
    else {
        return Ok(());
    };
    if *pid != holder.pid {
        return Ok(());
    }
    let open = open_attempts(since);
    for task in &mut picture.tasks {
        let Some(running) = open.get(&task.task) else { continue };
        task.state = TaskState::Running;
        task.running = Some(RunningPicture { doing: Activity::InProcess(*pid), ..running.clone() });
        picture.counts.running += 1;
    }
    Ok(())
}

/// Where a running attempt writes what it says.
pub struct LiveTranscript {
    pub place: PathBuf,
    /// And where what it was told lies.
    pub prompt: PathBuf,
    /// It is no session.
    pub is_command: bool,
}

/// What the running attempt of a task says; `None` while none runs.
pub fn transcript_of(root: &Path, task: &TaskRef, records: &[Record]) -> Option<LiveTranscript> {
    let (pid, attempt) = running(task, records)?;
    // A run that died has let go of the lock.
    Lock::holder_of(root).filter(|holder| holder.pid == pid)?;
    let is_command = records.iter().rev().find_map(|it| match it {
        Record::AttemptStarted { attempt: id, is_command, .. } if *id == attempt => {
            Some(*is_command)
        }
        _ => None,
    });
    let folder = root.join(format!(".orch/run/{pid}-{}", attempt.0));
    let (place, prompt) = (folder.join(TRANSCRIPT), folder.join(PROMPT));
    Some(LiveTranscript { place, prompt, is_command: is_command.unwrap_or_default() })
}

/// The bytes of a stream from an offset on. None yet, or none any more, is no error: what an
/// attempt leaves is in the store a moment later.
pub fn read(path: &Path, from: u64) -> Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("reading a running session's stream", path),
    };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| file.read_to_end(&mut bytes))
        .doing("reading a running session's stream", path)?;
    Ok(bytes)
}
/// Attempts and validations that began and did not end, by their task.
fn open_attempts(records: &[Record]) -> BTreeMap<TaskRef, RunningPicture> {
    let mut open = BTreeMap::new();
    for record in records {
        match record {
            Record::AttemptStarted { at, attempt, task, number, validator, .. } => {
                let phase = match validator {
                    Some(_) => Phase::Validating,
                    None => Phase::Working,
                };
                let running = RunningPicture {
                    number: *number,
                    since: *at,
                    phase,
                    doing: Activity::Untold,
                    cost: Usd::ZERO,
                    session: None,
                };
                open.insert(*attempt, (task.clone(), running));
            }
            Record::AttemptEnded(ended) => {
                open.remove(&ended.attempt);
            }
            _ => {}
        }
    }
    open.into_values().collect()
}

/// The newest attempt of the last run that began and did not end, with the run's process.
fn running(task: &TaskRef, records: &[Record]) -> Option<(u32, AttemptId)> {
    let mut run = None;
    let mut open: Vec<AttemptId> = Vec::new();
    for record in records {
        match record {
            Record::RunStarted { pid, .. } => {
                run = Some(*pid);
                open.clear();
            }
            Record::RunEnded { .. } => run = None,
            Record::AttemptStarted { attempt, task: of, .. } if of == task => open.push(*attempt),
            Record::AttemptEnded(ended) => open.retain(|attempt| *attempt != ended.attempt),
            _ => {}
        }
    }
    Some((run?, *open.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::base::measure::{Millis, Moment, Usd};
    use crate::base::name::ActionKey;
    use crate::engine::outcome::OutcomeClass;
    use crate::engine::record::AttemptEnded;

    fn key() -> ActionKey {
        ActionKey(Digest::of(b""))
    }

    fn begun(pid: u32) -> Record {
        Record::RunStarted { at: Moment(1), pid, version: String::new(), args: Vec::new() }
    }

    fn started(attempt: u64, task: &str) -> Record {
        let (attempt, task) = (AttemptId(attempt), TaskRef::new("p", task));
        Record::AttemptStarted {
            at: Moment(1),
            attempt,
            task,
            key: key(),
            recipe: None,
            number: 1,
            validator: None,
            is_command: false,
        }
    }

    fn ended(attempt: u64, task: &str) -> Record {
        Record::AttemptEnded(Box::new(AttemptEnded {
            at: Moment(1),
            attempt: AttemptId(attempt),
            task: TaskRef::new("p", task),
            key: key(),
            recipe: None,
            number: 1,
            validator: None,
            outcome: OutcomeClass::Done,
            message: String::new(),
            cost: Usd::ZERO,
            spend: Default::default(),
            model: None,
            session: None,
            transcript: None,
            prompt: None,
            duration: Millis(0),
            slack_messages: Vec::new(),
            is_uncounted: false,
        }))
    }

    #[test]
    fn only_what_the_last_run_began_and_has_not_ended_runs() {
        let check = |records: &[Record]| {
            running(&TaskRef::new("p", "a"), records).map(|(pid, attempt)| (pid, attempt.0))
        };
        assert_eq!(check(&[begun(7), started(1, "a")]), Some((7, 1)));
        assert_eq!(check(&[begun(7), started(1, "b")]), None);
        assert_eq!(check(&[begun(7), started(1, "a"), ended(1, "a")]), None);
        let again = [begun(7), started(1, "a"), begun(8), started(2, "b"), ended(2, "b")];
        assert_eq!(check(&again), None, "the first run died");
        let end = Record::RunEnded { at: Moment(2), exit: 0 };
        assert_eq!(check(&[begun(7), started(1, "a"), end]), None);
        let retried = [begun(7), started(1, "a"), ended(1, "a"), started(2, "a")];
        assert_eq!(check(&retried), Some((7, 2)));
    }
}
