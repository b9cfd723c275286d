//! Third floor: the machine. Disk, git, processes, clock, environment; never prints.

pub mod clock;
pub mod documents;
pub mod error;
pub mod journal;
pub mod lock;
pub mod scan;
pub mod store;
pub mod surface;
pub mod watcher;
pub mod git;
pub mod landing;
pub mod worktree;
