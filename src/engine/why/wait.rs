//! What a queued task waits for.

use std::sync::Arc;

use crate::base::measure::Moment;
use crate::base::name::{PoolName, TaskRef};

use super::Barrier;

/// Why a queued task does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    Pool(PoolName),
    Resource(Arc<str>),
    /// The same work is under way there.
    Twin(TaskRef),
    /// The same work is over there: its result is to be asked for.
    Result,
    /// It would meet a running one on a file.
    File(Clash),
    /// It looks like this one, and whether such tasks meet on a file is found out with two of them.
    Scout(TaskRef),
    /// Which words are files is being asked.
    Asked,
    /// A sibling warms the cache, until then.
    Sibling(TaskRef, Moment),
    /// So many megabytes are free.
    Memory(u64),
    /// Sessions do not start for a while.
    Throttled(Waiting),
    /// Running sessions may leave enough of the budget.
    Budget,
    /// So many backlog items are being worked on.
    Items(u32),
}

/// Why no session starts for now, and when the first tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub why: Barrier,
    pub until: Moment,
    /// One is on the way to find out.
    pub is_tried: bool,
}

/// The task that another one is kept apart from, and over which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    pub with: TaskRef,
    /// A path, or the pattern of several.
    pub path: String,
    pub how: How,
}

/// Seen from the task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    BothWrite,
    /// It writes what the other reads.
    Writes,
    /// It reads what the other writes.
    Reads,
}
