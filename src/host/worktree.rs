//! The pool of worktrees that sessions run in: orch's own, below `.orch/worktrees`, reused, and
//! moved from tree to tree by what differs.
//!
//! Each worktree `<n>` has beside it `<n>.lock` (held while in use, by whichever process),
//! `<n>.index` (orch's own memory of what it put there, which no session can change by its git
//! commands; `<n>.tree` says which tree that is; `<n>.<digest>.index` is that of a submodule), `<n>.refs` (the
//! refs that were copied into its git) and `<n>.ready` (set up, with what, and which ignored paths that left;
//! later attempts need not be, while that is the same); `<n>.parked` keeps one for a session that goes on later.

mod base;
mod bring;
mod collect;
mod collided;
mod copies;
mod held;
mod judging;
mod leftovers;
mod look;
mod making;
mod memory;
mod moving;
mod opened;
mod own_git;
mod parked;
mod pool;
mod registration;
mod settings;
mod sparse;
mod status;
mod stores;
mod submodules;
mod upkeep;

pub use base::{Apart, BaseTree, Did, left_message};
pub use collect::Collected;
pub use collided::Collided;
pub use pool::{Pool, Worktree};

#[cfg(test)]
mod tests;
