//! What has happened: the fold over journal and lineage, what it cost, and what plans do not say yet.

pub mod history;
pub mod ledger;
mod lines;
pub mod view;

pub use lines::StatusLines;

use crate::base::name::{AccountId, AttemptId};
use crate::engine::effect::{Effect, Step};
use crate::engine::record::Record;

use history::History;

/// Everything on record.
#[derive(Default)]
pub struct Past {
    pub history: History,
    pub lines: StatusLines,
    /// Whose limits sessions meet; `None` where nobody knows.
    pub account: Option<AccountId>,
    /// How many attempts were begun by this process, validators' too.
    n_attempts: u64,
}

impl Past {
    /// Writes something down.
    pub fn append(&mut self, record: Record, step: &mut Step) {
        self.history.fold(&record);
        step.push(Effect::Append(record));
    }

    pub fn n_attempts(&self) -> u64 {
        self.n_attempts
    }

    /// The id of a new attempt: never used before by this process.
    pub fn new_attempt(&mut self) -> AttemptId {
        self.n_attempts += 1;
        AttemptId(self.n_attempts)
    }
}
