//! Landings that do not fit onto the branch any more: each is left to the next attempt of its task.

use gix::ObjectId;

use super::tip::first_parent;
use super::{Repository, commit_id, object::tree_id, trailer};
use crate::base::name::RelPath;
use crate::engine::jobs::left::left_by;
use crate::host::error::Result;

/// The message of a commit that holds such a result begins so, whatever key it was made for.
pub const SET_ASIDE: &str = "orch: what a landing that was set aside did";

impl Repository {
    /// Leaves what these landings did to their tasks' next attempts, without the plan's status lines.
    pub(super) fn leave_landings(&self, landings: &[ObjectId]) -> Result<()> {
        let git = self.local();
        for landing in landings {
            let message = self.message_of(&commit_id(*landing))?.unwrap_or_default();
            let Some(trailers) = trailer::read(&message).landing else { continue };
            let Some(parent) = first_parent(&git, *landing) else { continue };
            let base = tree_id(self.commit_tree(&git, parent)?);
            let made = tree_id(self.commit_tree(&git, *landing)?);
            let is_plan = |path: &RelPath| trailers.plan.as_ref() == Some(path);
            let left = self.tree_without(&base, &made, is_plan)?;
            self.keep_as(&left_by(&trailers.task), &left, &commit_id(parent), SET_ASIDE)?;
        }
        Ok(())
    }
}
