//! Merging what an attempt left, or a cached patch, onto the integration tip.

use crate::base::digest::Digest;
use crate::base::name::{AttemptId, CommitId, TaskRef};
use crate::engine::event::{Conflict, Event};
use crate::engine::record::AcceptedResult;
use crate::host::clock;
use crate::host::error::Result;
use crate::host::git::merge::{Merge, MergeConflict};
use crate::host::git::object::ReplayTrees;
use crate::host::worktree::Did;

use crate::host::driver::Driver;
use crate::host::land::{Kept, MergedOnto};

impl Driver {
    pub(in crate::host) fn merge(&mut self, attempt: AttemptId) -> Result<Event> {
        let onto = self.refresh_tip()?;
        let judged = self.engine.judged_with(attempt);
        let Some(kept) = self.kept.get_mut(&attempt) else {
            return Ok(lost(attempt));
        };
        // Its content is in git by now: the worktree may serve somebody else.
        kept.worktree = None;
        let (tip, users) = (&kept.tip, kept.users.as_ref());
        let did = Did { tip, base: &kept.base, left: &kept.tree, users };
        let apart = self.repo.apart(&did, &judged)?;
        let beneath = match self.repo.lay_beneath((&apart, tip), &onto, &kept.task)? {
            Ok(beneath) => beneath,
            Err(conflict) => return self.conflicted(attempt, conflict, onto),
        };
        match self.repo.merge(&apart.base, &apart.left, &beneath)? {
            Merge::Clean(merged) => {
                // What failed on the user's own text is no fault of before: that is to be mended.
                let was = self.repo.tree_of(&onto)?;
                let (candidate, patch) = (merged.tree.clone(), merged.patch);
                kept.merged = Some(MergedOnto { onto, beneath, tree: merged.tree });
                Ok(Event::Merged { attempt, candidate, beneath: was, patch })
            }
            Merge::Conflict(conflict) => self.conflicted(attempt, conflict, onto),
        }
    }

    fn conflicted(
        &self,
        attempt: AttemptId,
        conflict: MergeConflict,
        onto: CommitId,
    ) -> Result<Event> {
        let Some(kept) = self.kept.get(&attempt) else { return Ok(lost(attempt)) };
        let subject = format!("orch: attempt {} that did not merge", attempt.0);
        let name = format!("{}{}-{}", kept_prefix(&kept.task), clock::now().0, attempt.0);
        let kept_as = self.repo.keep(&name, &kept.tree, &kept.tip, &subject)?;
        let with = self.engine.history().tasks_that_touched(&conflict.paths);
        let uncommitted = self.repo.laid_over(&conflict.paths, (&kept.base, &kept.tip), &onto)?;
        let conflict = Conflict {
            paths: conflict.paths,
            uncommitted,
            with,
            tip: onto,
            description: conflict.description,
            kept_as,
            at: clock::now(),
        };
        Ok(Event::Conflicted { attempt, conflict })
    }

    /// A cached patch: its trees are rebuilt from the store, then merged like any other.
    pub(in crate::host) fn replay(
        &mut self,
        attempt: AttemptId,
        result: &AcceptedResult,
    ) -> Result<Event> {
        let onto = self.refresh_tip()?;
        let tree = self.repo.tree_of(&onto)?;
        let content = |digest: &Digest| self.store.get(digest).ok().flatten();
        match self.repo.replay_trees(&tree, &result.patch, &content)? {
            ReplayTrees::Built { base, theirs } => {
                let (task, stands_on) = (result.task.clone(), onto.clone());
                let kept = Kept {
                    task,
                    base,
                    tree: theirs,
                    tip: onto,
                    stands_on,
                    worktree: None,
                    merged: None,
                    users: Some(self.made_on_edits(&result.patch)?),
                    left_out: Vec::new(),
                };
                self.kept.insert(attempt, kept);
                self.merge(attempt)
            }
            ReplayTrees::Lost(paths) => Ok(Event::Conflicted {
                attempt,
                conflict: Conflict {
                    paths,
                    uncommitted: Vec::new(),
                    with: Vec::new(),
                    tip: onto,
                    description: "the store has lost contents of the cached patch".to_owned(),
                    kept_as: String::new(),
                    at: clock::now(),
                },
            }),
        }
    }
}

/// How the names begin of what is kept of a task's conflicts. The digest tells tasks apart whose
/// ids are one where only letters and digits count.
pub(in crate::host) fn kept_prefix(task: &TaskRef) -> String {
    let name = task.to_string();
    format!("{name}-{}-", Digest::of(name.as_bytes()).short())
}

pub(in crate::host) fn lost(attempt: AttemptId) -> Event {
    Event::LandingFailed { attempt, message: "its result is gone from this process".to_owned() }
}
