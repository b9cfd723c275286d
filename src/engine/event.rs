//! What the engine is told.

pub use crate::engine::documents::{Documents, Frozen, Shelved};

use crate::base::digest::{Digest, Recorded};
use crate::base::file::{FileState, Patch};
use crate::base::measure::{Millis, Moment};
use crate::base::name::{ActionKey, AttemptId, CommitId, RelPath, TaskRef, TreeId};
use crate::engine::why::Obstacle;
use crate::spec::plan::Status;

use crate::engine::effect::{Decide, Request};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::past::history::History;
use crate::engine::record::lineage::{Landing, Lineage};
use crate::engine::record::{AcceptedResult, Record, SmokeOutcome};
use crate::engine::stream::Progress;

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// All documents there are; those of the last time that are missing are gone.
    DocumentsRead(Box<Documents>),
    /// The journal, oldest first, and git's lineage.
    HistoryRead {
        records: Vec<Record>,
        lineage: Box<Lineage>,
    },
    /// The same, folded before.
    HistoryRestored(Box<History>),
    /// What a scan found; a path that was asked for and is not there is `None`.
    FilesScanned {
        found: Vec<(RelPath, Option<FileState>)>,
        /// Links among these, or on the way to what patterns take, with what they lead to below the root.
        links: Vec<(RelPath, RelPath)>,
    },
    /// Answer to `Recheck`; what its patterns took and is not named here is gone.
    Rechecked {
        task: TaskRef,
        found: Vec<(RelPath, Option<FileState>)>,
    },
    /// Answer to `Restore`: the present content of what was to be put back.
    Restored {
        task: TaskRef,
        found: Vec<(RelPath, Option<FileState>)>,
    },
    /// Answer to `Look`; paths that are not there are `None`.
    Looked(Vec<(RelPath, Option<FileState>)>),
    /// Answer to `FindFiles`.
    FilesFound(Vec<(RelPath, bool)>),
    /// What the machine has, now and then while a build runs.
    MachineSeen(Machine),
    /// The watcher saw something at these paths; empty with `everything` after an overflow.
    Changed {
        paths: Vec<RelPath>,
        everything: bool,
    },
    /// A person or a driver wants something.
    Asked(Request),
    Decided(Decide),
    /// A person says that the usage limits which are known are over.
    LimitsLifted,
    /// Answer to `FindCandidates`.
    CandidatesFound {
        task: TaskRef,
        key: ActionKey,
        found: Box<Found>,
    },
    AttemptProgressed {
        attempt: AttemptId,
        progress: Progress,
    },
    AttemptEnded {
        attempt: AttemptId,
        evidence: Box<Evidence>,
    },
    /// The attempt's patch merged cleanly onto the tip.
    Merged {
        attempt: AttemptId,
        merged: Merged,
    },
    /// A proposal is kept; `None` where what it left is gone.
    Shelved {
        attempt: AttemptId,
        commit: Option<CommitId>,
    },
    /// It landed. `landing.changes` may differ from the patch where both sides edited one file.
    Landed {
        attempt: AttemptId,
        landing: Box<Landing>,
        placement: Placement,
    },
    /// Nothing had to land (the patch is empty); status lines are written all the same.
    Settled {
        attempt: AttemptId,
    },
    Conflicted {
        attempt: AttemptId,
        conflict: Conflict,
    },
    /// Landing was impossible for a reason outside the task: what and what to do.
    LandingFailed {
        attempt: AttemptId,
        message: String,
    },
    /// What its session changed in the plan cannot be made in the plan as it is by now: nothing
    /// landed.
    PlanRefused {
        attempt: AttemptId,
        why: String,
    },
    /// The plan that its session changed is not there by now: nothing landed.
    PlanGone {
        attempt: AttemptId,
        why: String,
    },
    /// Status lines were written into the plan file (or could not be, with the reason).
    StatusWritten {
        task: TaskRef,
        status: Status,
        written: Written,
    },
    /// A person answered a task's open question.
    Answered {
        task: TaskRef,
        text: String,
    },
    /// The command of a smoke test runs.
    SmokeStarted {
        attempt: AttemptId,
    },
    /// Answer to `Smoke`.
    SmokeEnded {
        attempt: AttemptId,
        report: Box<SmokeReport>,
    },
    /// The moment asked for with `WakeAt` has come.
    Woken,
    /// Ctrl-C or SIGTERM: first finish what runs, the second time end it.
    Interrupted,
    /// `.claude/plans/.stop`: start nothing new.
    StopSeen,
}

impl Event {
    /// The attempt that it tells of, and what is done about it, as it would be told.
    pub fn of_attempt(&self) -> Option<(AttemptId, &'static str)> {
        Some(match self {
            Self::AttemptProgressed { attempt, .. } => (*attempt, "following an attempt"),
            Self::AttemptEnded { attempt, .. } => (*attempt, "judging an attempt that ended"),
            Self::Shelved { attempt, .. } => (*attempt, "keeping a proposal"),
            Self::Merged { attempt, .. } => (*attempt, "going on with a merged result"),
            Self::Conflicted { attempt, .. } => (*attempt, "meeting a conflict"),
            Self::Landed { attempt, .. } => (*attempt, "accepting a result that landed"),
            Self::Settled { attempt } => (*attempt, "accepting a result without changes"),
            Self::LandingFailed { attempt, .. } => (*attempt, "meeting a landing that failed"),
            Self::PlanRefused { attempt, .. } => (*attempt, "meeting a plan that was refused"),
            Self::PlanGone { attempt, .. } => (*attempt, "meeting a plan that is gone"),
            _ => return None,
        })
    }
}

/// What bounds how much can run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    pub cores: u32,
    /// Memory that can be had, in megabytes; `None` where it cannot be told.
    pub free_mb: Option<u64>,
}

/// How a smoke test ended, as the host tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmokeReport {
    /// Of the tree it looked at and of what was run.
    pub key: Digest,
    pub outcome: SmokeOutcome,
    /// One line for people.
    pub message: String,
    /// The end of its output.
    pub tail: Vec<String>,
    /// All of it, in the store.
    pub transcript: Option<Digest>,
    pub duration: Millis,
}

/// What became of a status line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in a commit on the branch, or in a file that git does not track: another status there
    /// later is a person's word.
    Kept,
    /// It is an uncommitted edit of a tracked file: a stash or a checkout may take it away, and that
    /// says nothing.
    Loose,
    /// It could not be written, for this reason.
    Failed(String),
}

/// What the cache has for a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub candidates: Vec<Candidate>,
    /// The manifest of the task's last accepted result, for the reason why it is stale.
    pub previous: Option<Recorded>,
}

/// An accepted result that could be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub result: AcceptedResult,
    /// Files whose content here differs from what the recorded session saw.
    pub mismatched: Vec<RelPath>,
    /// Blobs of the patch that the store has lost.
    pub lost: Vec<RelPath>,
}

/// A patch on the tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The tree that would land.
    pub candidate: TreeId,
    /// The tip that the patch was merged onto.
    pub beneath: TreeId,
    /// The same with the user's uncommitted text that the patch is made on: what was there before.
    pub before: TreeId,
    pub patch: Patch,
}

/// Where a landing went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The user's branch and checkout follow.
    OnBranch,
    /// Kept under a ref.
    Parked(Obstacle),
}

/// A patch that does not merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub paths: Vec<RelPath>,
    /// Of these, the files with edits of the user's own that are not committed: the attempt saw
    /// them, and the tip has none of them.
    pub uncommitted: Vec<RelPath>,
    /// Whose landing it collides with, where lineage knows.
    pub with: Vec<TaskRef>,
    /// The tip it failed to merge onto.
    pub tip: CommitId,
    /// The conflicted hunks with markers, at most 16 KiB.
    pub description: String,
    /// The ref that keeps the attempt's own commit.
    pub kept_as: String,
    pub at: Moment,
}
