//! Worktrees that only validators run in: what sessions leave in kept folders is in none of them.

use super::base::BaseTree;
use super::pool::{Pool, Worktree};
use crate::host::error::Result;

/// The number of the first of them; sessions never come that far.
const FIRST: u32 = 1001;

impl Pool {
    /// As [`Pool::acquire`], for a validator.
    ///
    /// # Errors
    /// As there.
    pub fn acquire_for_validator(&self, base: &BaseTree) -> Result<Worktree> {
        self.acquire_from(FIRST, base)
    }
}
