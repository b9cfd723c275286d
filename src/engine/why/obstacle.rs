//! Landings that wait under a ref, and what keeps the user's branch from following them.

use crate::base::name::RelPath;

/// What waits for the user's branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    pub obstacle: Obstacle,
    /// `None` where only the newest landing is spoken of.
    pub count: Option<ParkedCount>,
}

/// How much waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedCount {
    /// Those that git shows, the user's own text beneath them left out.
    pub commits: usize,
    /// Of these, those that carry a task's work: what `orch land` counts.
    pub landings: usize,
}

/// Why a branch stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Another orch has the turn to move it.
    OtherOrch,
    /// A git command holds the index.
    IndexInUse,
    /// The index cannot be locked: what the system says.
    IndexLock(String),
    /// git cannot be asked to keep a sparse index.
    SparseIndex,
    /// A git command is moving the branch.
    BranchInUse,
    /// Another branch was switched to while it was to follow.
    Switched,
    /// It moved while it was to follow.
    Moving,
    /// It has moved since the landings were made.
    Moved,
    /// A merge, a rebase: with its article.
    Operation(&'static str),
    Detached,
    /// The checkout is on another one.
    OtherBranch {
        current: Option<String>,
        wanted: String,
    },
    /// It is checked out in another worktree, too.
    CheckedOut {
        branch: String,
        place: String,
    },
    /// Files of the landings that the user has changed.
    Edited(Vec<RelPath>),
    /// The landings are made on uncommitted text of the user's, which would be committed with them.
    MadeOnEdits(Vec<RelPath>),
    /// They are made on uncommitted text of the user's that is another by now.
    MadeOnLostEdits(Vec<RelPath>),
    /// It was there, and is gone.
    Gone,
}

impl Obstacle {
    /// The files that it consists of.
    pub fn paths(&self) -> &[RelPath] {
        match self {
            Self::Edited(paths) | Self::MadeOnEdits(paths) | Self::MadeOnLostEdits(paths) => paths,
            _ => &[],
        }
    }
}
