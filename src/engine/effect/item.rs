//! What the stages of a backlog item write into its file.

use crate::base::measure::{Millis, Usd};
use crate::base::name::{CommitId, RelPath, TaskRef};
use crate::engine::report::Reported;

/// What a stage writes into its item's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemEdit {
    /// Nothing: other files tell of it.
    Nothing,
    /// An entry in the log.
    Entry(Reported),
    /// Its end: the file goes into the archive.
    End(Box<ItemEnd>),
}

/// How the work on an item ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemEnd {
    /// Where its file goes.
    pub to: RelPath,
    /// What is left of the item, in its file's words.
    pub status: String,
    pub cost: Usd,
    pub sessions: u32,
    /// What was made of it: tasks with their commits, in order.
    pub commits: Vec<(TaskRef, CommitId)>,
    /// The stage that verified it last.
    pub verified_by: Option<TaskRef>,
    /// From the first attempt to the last.
    pub took: Option<Millis>,
}
