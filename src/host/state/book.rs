//! Sessions that were running when orch was killed: they were paid, so they are booked at the next
//! start, from what is left of their streams. Who only looks sees them as they will be booked.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::measure::{Billing, Millis, Usd};
use crate::base::name::AttemptId;
use crate::engine::effect::Notice;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::History;
use crate::engine::past::ledger::{Open, OpenAttempts};
use crate::engine::record::{AttemptEnded, Record};
use crate::engine::record::{Basis, Spend};
use crate::engine::stream::{StreamFacts, StreamReader};
use crate::host::clock;
use crate::host::error::{Doing, Error, Result};
use crate::host::process::reap;
use crate::host::session::{PROMPT, SETUP_TRANSCRIPT, TRANSCRIPT};
use crate::host::store::aside;

use super::State;

const CHUNK: usize = 64 * 1024;

/// A session that a killed orch left open: its end as the next build will book it, and what it left.
#[derive(Clone, Debug)]
pub struct CutOff {
    pub ended: AttemptEnded,
    pub remains: Remains,
}

/// What a session whose orch was killed has left in its scratch folder.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    pub transcript: Option<PathBuf>,
    pub prompt: Option<PathBuf>,
    /// Only its set-up had begun.
    is_set_up: bool,
}

impl Remains {
    fn of(root: &Path, attempt: AttemptId, open: &Open) -> Self {
        let folder = root.join(format!(".orch/run/{}-{}", open.pid, attempt.0));
        let file = |name: &str| Some(folder.join(name)).filter(|it| it.exists());
        let (own, set_up) = (file(TRANSCRIPT), file(SETUP_TRANSCRIPT));
        let is_set_up = own.is_none() && set_up.is_some();
        Self { transcript: own.or(set_up), prompt: file(PROMPT), is_set_up }
    }
}

impl State {
    /// What the journal has as open, and whose orch is in nobody's process any more: nothing is written.
    pub fn cut_off(&self, mut open: OpenAttempts, past: &History) -> Result<Vec<CutOff>> {
        let mut cut = Vec::new();
        for (attempt, open) in open.take() {
            let remains = Remains::of(self.root(), attempt, &open);
            let ended = end_of(attempt, open, &remains, past)?;
            cut.push(CutOff { ended, remains });
        }
        Ok(cut)
    }

    /// Ends what a dead run of orch left running, as far as the journal proves it is ours, and books
    /// what that cost; answers with what is to be said of it.
    pub fn reap_leftovers(&mut self) -> Result<Vec<Notice>> {
        for process in std::mem::take(&mut self.leftovers).into_processes() {
            reap(process);
        }
        let notices = self.book_leftovers()?;
        aside::sweep(self.root())?;
        let scratch = self.root().join(".orch/run");
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::because("clearing scratch folders", error).at(&scratch))
            }
            _ => Ok(notices),
        }
    }

    /// Writes an end for each of them and answers with what is to be said of that. Their processes are gone, their
    /// scratch folders are not yet.
    fn book_leftovers(&mut self) -> Result<Vec<Notice>> {
        let mut notices = Vec::new();
        let (mut total, mut is_equivalent) = (Usd::ZERO, false);
        let mut booked = Vec::new();
        for (attempt, open) in self.unbooked.take() {
            let task = open.task.clone();
            let ended = self.stored_end_of(attempt, open)?;
            if ended.spend.basis == Basis::Unknown {
                let said = format!(
                    "what a session of {task} cost is not known: orch was killed while it ran, and \
                     nothing is left of its stream"
                );
                notices.push(Notice::warning(said));
            } else if ended.session.is_some() {
                total += ended.cost;
                is_equivalent |= ended.spend.is_subscription;
                booked.push(task.to_string());
            }
            let record = Record::AttemptEnded(Box::new(ended));
            self.log.append(&record)?;
            self.engine.note(&record);
        }
        if !booked.is_empty() {
            let said = format!(
                "orch was killed while sessions ran: booked {} for {}, by their streams",
                Billing::of(is_equivalent).text(total),
                booked.join(", ")
            );
            notices.push(Notice::warning(said));
        }
        Ok(notices)
    }

    fn stored_end_of(&self, attempt: AttemptId, open: Open) -> Result<AttemptEnded> {
        let remains = Remains::of(self.root(), attempt, &open);
        let ended = end_of(attempt, open, &remains, self.engine.history())?;
        let stored = |file: Option<PathBuf>| file.map(|it| self.store.put_file(&it)).transpose();
        Ok(AttemptEnded {
            transcript: stored(remains.transcript)?,
            prompt: stored(remains.prompt)?,
            ..ended
        })
    }
}

fn end_of(
    attempt: AttemptId,
    open: Open,
    remains: &Remains,
    past: &History,
) -> Result<AttemptEnded> {
    let facts = match &remains.transcript {
        // Its own process was still to come.
        Some(_) if remains.is_set_up => Some(StreamFacts::default()),
        Some(path) => Some(facts_in(path, &open, past)?),
        None => None,
    };
    let spend = match &facts {
        Some(facts) => Spend::of(facts),
        None if open.has_process => Spend { basis: Basis::Unknown, ..Spend::default() },
        None => Spend::default(),
    };
    let facts = facts.unwrap_or_default();
    Ok(AttemptEnded {
        at: clock::now(),
        attempt,
        task: open.task,
        key: open.key,
        recipe: open.recipe,
        number: open.number,
        validator: open.validator,
        outcome: OutcomeClass::Aborted,
        message: "orch was killed while it ran".to_owned(),
        cost: facts.cost,
        spend,
        model: facts.models.first().cloned(),
        session: facts.session,
        transcript: None,
        prompt: None,
        duration: Millis(0),
        slack_messages: Vec::new(),
        is_uncounted: false,
    })
}

/// A session that went on with an earlier one is counted from where that had come to.
fn facts_in(path: &Path, open: &Open, past: &History) -> Result<StreamFacts> {
    let facts = read_facts(path, Usd::ZERO)?;
    let past = past.task(&open.task).zip(facts.session.as_ref());
    match past.map(|(task, session)| task.session_total(session)) {
        Some(base) if base > Usd::ZERO => read_facts(path, base),
        _ => Ok(facts),
    }
}

/// `base` is what the CLI counted for the session before.
fn read_facts(path: &Path, base: Usd) -> Result<StreamFacts> {
    let mut file = File::open(path).doing("reading what a session left", path)?;
    let mut reader = StreamReader::new(base);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).doing("reading what a session left", path)? {
            0 => return Ok(reader.finish()),
            n => drop(reader.feed(&chunk[..n])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::base::name::{ActionKey, TaskRef};
    use crate::host::git::scratch::Scratch;
    use crate::host::journal::Journal;
    use crate::host::store::folder::Access;

    /// No process has it: numbers end far below.
    const NOBODY: u32 = u32::MAX - 1;

    #[test]
    fn what_a_dead_run_had_under_way_is_ended_in_the_journal_and_told() {
        let scratch = Scratch::new(&[("a.txt", "a\n"), (".gitignore", ".orch/\n")]);
        let mut journal = Journal::open(&scratch.root()).unwrap();
        let started = |attempt: u64| Record::AttemptStarted {
            at: clock::now(),
            attempt: AttemptId(attempt),
            task: TaskRef::new("demo", attempt.to_string()),
            key: ActionKey(Digest::of(b"key")),
            recipe: None,
            number: 1,
            validator: None,
            is_command: false,
        };
        let version = String::new();
        let run = Record::RunStarted { at: clock::now(), pid: NOBODY, version, args: Vec::new() };
        let process = Record::ProcessStarted { attempt: AttemptId(1), pid: NOBODY, start_ticks: 1 };
        journal.append_all(&[run, started(1), process, started(2)]).unwrap();
        drop(journal);
        scratch.write(&format!(".orch/run/{NOBODY}-2/transcript"), "");
        let seen = State::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap();
        let seen = seen.log.records().unwrap().into_iter().filter_map(|it| match it {
            Record::AttemptEnded(it) => Some((it.attempt.0, it.message)),
            _ => None,
        });
        let killed = || "orch was killed while it ran".to_owned();
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [(1, killed()), (2, killed())],
            "as who looks sees it"
        );
        let mut state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
        let notices = state.reap_leftovers().unwrap();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(format!("{notices:?}").contains("what a session of demo//1 cost is not known"));
        let ended = state.log.records().unwrap().into_iter().filter_map(|it| match it {
            Record::AttemptEnded(it) => Some((it.attempt.0, it.outcome, it.transcript.is_some())),
            _ => None,
        });
        let aborted = OutcomeClass::Aborted;
        assert_eq!(ended.collect::<Vec<_>>(), [(1, aborted, false), (2, aborted, true)]);
        assert!(!scratch.root().join(".orch/run").exists());
        assert!(state.reap_leftovers().unwrap().is_empty(), "once");
    }
}
