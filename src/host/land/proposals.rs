//! Proposals: kept under refs, and taken up again.

use crate::base::name::{AttemptId, CommitId, TaskRef};
use crate::engine::event::Event;
use crate::host::error::Result;
use crate::host::state::State;
use crate::host::state::checkout::Checkout;

use super::Landings;
use super::kept::Kept;

/// A proposal of another build, by the ref that holds it.
pub struct Recalled {
    pub task: TaskRef,
    pub kept_as: String,
    pub commit: CommitId,
}

impl Landings {
    /// Keeps what a proposal left under a ref, above the tree that it started from.
    pub fn shelve(
        &self,
        attempt: AttemptId,
        kept_as: &str,
        subject: &str,
        checkout: &Checkout,
    ) -> Result<Event> {
        let commit = match self.shelf.get(&attempt) {
            Some(Kept { tree, stands_on, .. }) => {
                Some(checkout.repo.keep_as(kept_as, tree, stands_on, subject)?)
            }
            None => None,
        };
        Ok(Event::Shelved { attempt, commit })
    }

    /// Takes up what [`Landings::shelve`] kept, and merges it like any other.
    pub fn recall(
        &mut self,
        attempt: AttemptId,
        recalled: Recalled,
        state: &mut State,
    ) -> Result<Event> {
        let Recalled { task, kept_as, commit } = recalled;
        let repo = &state.checkout.repo;
        let Some((tree, stands_on)) = repo.kept_as(&kept_as, &commit)? else {
            let message = format!("`{kept_as}` is gone, or another");
            return Ok(Event::LandingFailed { attempt, message });
        };
        let kept = Kept {
            task,
            base: repo.tree_of(&stands_on)?,
            tree,
            tip: repo.beneath_overlay(&stands_on)?,
            stands_on,
            worktree: None,
            stays: false,
            start: None,
            merged: None,
            users: None,
            left_out: Vec::new(),
        };
        self.keep(attempt, kept);
        self.merge(attempt, state)
    }
}
