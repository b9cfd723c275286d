//! What earlier runs left: folded once from git and the journal, kept in the journal's snapshot, and
//! from then on only what is newer is read.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::name::{AttemptId, CommitId};
use crate::engine::event::Event;
use crate::engine::past::history::{self, History};
use crate::engine::past::ledger::OpenAttempts;
use crate::engine::record::Record;
use crate::host::error::Result;
use crate::host::journal::{self, Journal, snapshot};
use crate::host::lock::Lock;
use crate::host::process::ProcessInfo;

use super::State;

/// Journal bytes beyond the snapshot from which on a new one pays.
const SNAPSHOT_FROM: u64 = 64 * 1024;

/// Changes with the types here; those of the engine have a number of their own.
const SCHEMA: u32 = 1000 + history::SCHEMA;

/// What all records up to some place, on top of git at one tip, add up to.
#[derive(Default, Serialize, Deserialize)]
struct Past {
    tip: Option<CommitId>,
    history: History,
    leftovers: Leftovers,
    open: OpenAttempts,
}

/// The journal's snapshot as it is read.
pub struct Kept {
    past: Past,
    /// Where the records begin that are not in it.
    offset: u64,
}

impl Kept {
    /// What is known of a slice, as of this place in the journal: nothing runs or is open then.
    pub fn of_slice(tip: &CommitId, history: History, offset: u64) -> Self {
        Self { past: Past { tip: Some(tip.clone()), history, ..Past::default() }, offset }
    }

    /// `None` where there is none that can be read.
    pub fn read(root: &Path) -> Option<Self> {
        let kept = snapshot::read(root, SCHEMA)?;
        Some(Self { past: postcard::from_bytes(&kept.state).ok()?, offset: kept.offset })
    }
}

/// Processes that were started and of which nothing says that they ended: pid and start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Leftovers(BTreeSet<(AttemptId, u32, u64)>);

impl Leftovers {
    fn fold(&mut self, record: &Record) {
        match record {
            Record::ProcessStarted { attempt, pid, start_ticks } => {
                self.0.insert((*attempt, *pid, *start_ticks));
            }
            Record::AttemptEnded(ended) => {
                self.0.retain(|(attempt, ..)| *attempt != ended.attempt);
            }
            Record::RunEnded { .. } => self.0.clear(),
            _ => {}
        }
    }

    pub fn into_processes(self) -> impl Iterator<Item = ProcessInfo> {
        self.0.into_iter().map(|(_, pid, start_ticks)| ProcessInfo { pid, start_ticks })
    }
}

impl State {
    /// Hands the engine what is on record, and notes which processes a dead run may have left.
    pub fn read_history(&mut self, kept: Option<Kept>) -> Result<()> {
        // The order in which git and the journal are folded matters: git must be what it was.
        let (mut past, from) =
            match kept.filter(|kept| kept.past.tip.as_ref() == Some(&self.checkout.tip)) {
                Some(kept) => (kept.past, kept.offset),
                None => (self.past_in_git()?, 0),
            };
        let before = Lock::holder_of(&self.checkout.root);
        let reading = journal::read_from(&self.checkout.root, from)?;
        for record in &reading.records {
            past.history.fold(record);
            past.leftovers.fold(record);
            past.open.fold(record);
        }
        if let Some(journal) = self.log.journal()
            && self.part.is_none()
            && reading.end - from >= SNAPSHOT_FROM
        {
            keep(journal, &past, reading.end);
        }
        for record in self.rekeyed(&past.history)? {
            self.log.append(&record)?;
            past.history.fold(&record);
        }
        let holders = [before, Lock::holder_of(&self.checkout.root)];
        let is_alive = holders.iter().flatten().any(|it| it.pid == past.open.pid());
        let cut_off = match self.may_write() || is_alive {
            true => Vec::new(),
            false => self.cut_off(past.open.clone(), &past.history)?,
        };
        for it in &cut_off {
            past.history.fold(&Record::AttemptEnded(Box::new(it.ended.clone())));
        }
        self.log.show_cut_off(cut_off);
        self.leftovers = past.leftovers;
        self.unbooked = past.open;
        self.step(Event::HistoryRestored(Box::new(past.history)));
        Ok(())
    }

    /// All that is on record by now, as an event: another tip may have results of an earlier form.
    pub fn history_seen(&mut self) -> Result<Event> {
        let lineage = self.checkout.lineage()?;
        let mut records = self.log.records()?;
        for record in self.rekeyed(&History::new(&records, &lineage))? {
            self.log.append(&record)?;
            records.push(record);
        }
        Ok(Event::HistoryRead { records, lineage: Box::new(lineage) })
    }

    fn past_in_git(&self) -> Result<Past> {
        let history = History::new(&[], &self.checkout.lineage()?);
        Ok(Past { tip: Some(self.checkout.tip.clone()), history, ..Past::default() })
    }
}

/// Only a short cut for the next start: a build goes on without.
fn keep(journal: &Journal, past: &Past, end: u64) {
    let written =
        postcard::to_stdvec(past).map(|state| journal.write_snapshot(SCHEMA, &state, end));
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("the journal's state was not kept: {error}"),
        Err(error) => tracing::warn!("the journal's state was not kept: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::base::file::Patch;
    use crate::base::measure::{Millis, Moment, Usd};
    use crate::base::name::{ActionKey, OutputDigest, TaskRef};
    use crate::engine::record::Score;
    use crate::engine::record::{Accepted, Entrant, Judged, Proposed, Provenance};

    fn sample() -> Past {
        let accepted = Record::Accepted(Box::new(Accepted {
            at: Moment(7),
            task: TaskRef::new("plan", "1"),
            key: ActionKey(Digest::of(b"key")),
            recipe: None,
            output: OutputDigest(Digest::of(b"output")),
            provenance: Provenance::Adopted,
            manifest: Some(Digest::of(b"manifest")),
            report: Some(crate::engine::report::ReportMark {
                digest: Digest::of(b"report"),
                is_fail: true,
            }),
            commit: None,
            changes_plan: false,
        }));
        let mut past = Past { tip: Some(CommitId::new("c0ffee")), ..Past::default() };
        past.history.fold(&accepted);
        past.history.fold(&Record::Proposed(Box::new(proposed())));
        past.history.fold(&Record::Judged(Box::new(judged())));
        past.leftovers.0.insert((AttemptId(3), 1234, 99));
        past
    }

    fn proposed() -> Proposed {
        Proposed {
            at: Moment(8),
            task: TaskRef::new("plan", "2"),
            key: ActionKey(Digest::of(b"key")),
            attempt: AttemptId(4),
            number: 1,
            label: "B".to_owned(),
            kept_as: Some("refs/orch/proposals/plan/2/B".to_owned()),
            commit: Some(CommitId::new("b0b")),
            patch: Patch::default(),
            model: None,
            cost: Usd::from_dollars(0.5),
            session: None,
            transcript: None,
            duration: Millis(5),
            message: None,
            answer: None,
            read_set: Vec::new(),
        }
    }

    fn judged() -> Judged {
        let Proposed { at, task, key, attempt, label, kept_as, cost, .. } = proposed();
        let entrant = Entrant {
            label: label.clone(),
            score: Score::try_from(8.5).ok(),
            attempt: Some(attempt),
            model: None,
            cost,
            session: None,
            kept_as,
            out: None,
        };
        Judged {
            at,
            task,
            key,
            winner: label,
            judge: Some(AttemptId(5)),
            judge_model: None,
            judge_cost: cost,
            reasons: "it grows".to_owned(),
            entrants: vec![entrant],
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let state = postcard::to_stdvec(&sample()).unwrap();
        let back: Past = postcard::from_bytes(&state).unwrap();
        assert_eq!(back.history, sample().history);
        assert_eq!(back.leftovers.0, sample().leftovers.0);
        assert_eq!(back.history.task(&TaskRef::new("plan", "1")).unwrap().cost, Usd::ZERO);
    }

    /// Where this fails a type behind the encoding has changed: raise the schema, then the digest.
    #[test]
    fn another_encoding_has_another_schema() {
        let state = postcard::to_stdvec(&sample()).unwrap();
        assert_eq!((SCHEMA, Digest::of(&state).short().as_str()), (1015, "5c0381bcbff2"));
    }
}
