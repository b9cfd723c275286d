//! From the journal's records to one entry for each session, with what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::measure::{Moment, Usd};
use crate::base::name::{
    ActionKey, AttemptId, ModelName, RecipeDigest, SessionId, TaskRef, ValidatorName,
};
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::{AttemptEnded, Provenance, Record};

use crate::engine::record::{Basis, Spend};

/// What a session's money bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// An accepted result.
    Accepted,
    /// A result whose task is not accepted yet: it was rejected, conflicted, or is being looked at.
    NotAccepted,
    /// No result.
    Failed,
    /// A verdict, or none: it validated.
    Validation,
}

/// One session, booked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    pub at: Moment,
    /// Counts from 1, in the order of the journal; 0 for what no run is known of.
    pub run: u32,
    pub run_started: Moment,
    pub task: TaskRef,
    pub key: ActionKey,
    pub attempt: AttemptId,
    pub number: u32,
    pub validator: Option<ValidatorName>,
    pub outcome: OutcomeClass,
    pub fate: Fate,
    pub cost: Usd,
    pub model: Option<ModelName>,
    pub session: Option<SessionId>,
    pub spend: Spend,
}

/// Every session that ended, oldest first.
pub fn entries(records: &[Record]) -> Vec<LedgerEntry> {
    let mut entries: Vec<LedgerEntry> = Vec::new();
    let mut run = Run { number: 0, started: Moment::default() };
    // The newest finished work of each task, whose acceptance may still come.
    let mut finished: BTreeMap<&TaskRef, usize> = BTreeMap::new();
    for record in records {
        match record {
            Record::RunStarted { at, .. } => {
                run = Run { number: run.number + 1, started: *at };
            }
            Record::AttemptEnded(ended) if is_session(ended) => {
                let fate = fate_of(ended);
                if fate == Fate::NotAccepted {
                    finished.insert(&ended.task, entries.len());
                }
                entries.push(entry(ended, &run, fate));
            }
            Record::Accepted(accepted) if accepted.provenance == Provenance::Ran => {
                let place = finished.remove(&accepted.task);
                let entry = place.map(|place| &mut entries[place]);
                if let Some(entry) = entry.filter(|it| it.key == accepted.key) {
                    entry.fate = Fate::Accepted;
                }
            }
            _ => {}
        }
    }
    entries
}

/// Commands end, too, and cost nothing.
fn is_session(ended: &AttemptEnded) -> bool {
    ended.session.is_some() || ended.cost != Usd::ZERO || ended.spend.basis == Basis::Unknown
}

fn fate_of(ended: &AttemptEnded) -> Fate {
    match ended.outcome {
        _ if ended.validator.is_some() => Fate::Validation,
        OutcomeClass::Done => Fate::NotAccepted,
        _ => Fate::Failed,
    }
}

/// A run of orch in the journal; from 1.
struct Run {
    number: u32,
    started: Moment,
}

fn entry(ended: &AttemptEnded, run: &Run, fate: Fate) -> LedgerEntry {
    LedgerEntry {
        at: ended.at,
        run: run.number,
        run_started: run.started,
        task: ended.task.clone(),
        key: ended.key,
        attempt: ended.attempt,
        number: ended.number,
        validator: ended.validator.clone(),
        outcome: ended.outcome,
        fate,
        cost: ended.cost,
        model: ended.model.clone(),
        session: ended.session.clone(),
        spend: ended.spend.clone(),
    }
}

/// An attempt of which the journal has no end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub pid: u32,
    pub task: TaskRef,
    pub key: ActionKey,
    pub recipe: Option<RecipeDigest>,
    pub number: u32,
    pub validator: Option<ValidatorName>,
    /// Its process was seen to start.
    pub has_process: bool,
}

/// Sessions of the last run that began and did not end: of a run that was killed they are still to be
/// booked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAttempts {
    pid: u32,
    open: BTreeMap<AttemptId, Open>,
}

impl OpenAttempts {
    pub fn fold(&mut self, record: &Record) {
        match record {
            Record::RunStarted { pid, .. } => *self = Self { pid: *pid, open: BTreeMap::new() },
            Record::RunEnded { .. } => self.open.clear(),
            Record::AttemptStarted {
                attempt,
                task,
                key,
                recipe,
                number,
                validator,
                is_command: false,
                ..
            } => {
                let open = Open {
                    pid: self.pid,
                    task: task.clone(),
                    key: *key,
                    recipe: *recipe,
                    number: *number,
                    validator: validator.clone(),
                    has_process: false,
                };
                self.open.insert(*attempt, open);
            }
            Record::ProcessStarted { attempt, .. } => {
                if let Some(open) = self.open.get_mut(attempt) {
                    open.has_process = true;
                }
            }
            Record::AttemptEnded(ended) => {
                self.open.remove(&ended.attempt);
            }
            _ => {}
        }
    }

    pub fn of(records: &[Record]) -> Self {
        let mut open = Self::default();
        records.iter().for_each(|record| open.fold(record));
        open
    }

    /// The process whose attempts they are.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Empties it.
    pub fn take(&mut self) -> BTreeMap<AttemptId, Open> {
        std::mem::take(&mut self.open)
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
