//! What the user has not committed, beneath a result that was made on it: a commit of its own on the
//! tip, which goes onto the branch only when the user says so.

use std::collections::BTreeSet;

use gix::bstr::ByteSlice;

use crate::base::file::Patch;
use crate::base::name::{CommitId, RelPath, TaskRef};
use crate::engine::why::Obstacle;
use crate::host::error::{Doing, Result};
use crate::host::git::merge::{Merge, MergeConflict, NewCommit};
use crate::host::git::tip::{Tip, first_parent};
use crate::host::git::{Repository, commit_id, object_id, trailer};
use crate::host::worktree::Apart;

/// Uncommitted text of the user's that a parked landing was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beneath {
    pub commit: CommitId,
    /// Whose result lies above it.
    pub task: TaskRef,
    /// From what lay there to the user's text.
    pub patch: Patch,
}

impl Repository {
    /// A commit above `onto` with the user's text that the task's result was made on; `onto` itself
    /// where there is none. No ref is moved.
    pub fn lay_beneath(
        &self,
        apart: &Apart,
        tip: &CommitId,
        onto: &CommitId,
        task: &TaskRef,
    ) -> Result<std::result::Result<CommitId, MergeConflict>> {
        if apart.paths.is_empty() {
            return Ok(Ok(onto.clone()));
        }
        let tree = match self.merge(&self.tree_of(tip)?, &apart.beneath, onto)? {
            Merge::Clean(merged) => object_id(merged.tree.as_str())?,
            Merge::Conflict(conflict) => return Ok(Err(conflict)),
        };
        let (parent, message) = (object_id(onto.as_str())?, trailer::beneath_message(task));
        let new = NewCommit { tree, parent, message: &message };
        Ok(Ok(commit_id(self.new_commit(&self.local(), new)?)))
    }

    /// Those of these commits that hold the user's uncommitted text.
    pub fn beneath_among(&self, commits: &[CommitId]) -> Result<Vec<Beneath>> {
        let git = self.local();
        let mut found = Vec::new();
        for commit in commits {
            let id = object_id(commit.as_str())?;
            let doing = "reading a commit";
            let message = git.find_commit(id).doing(doing, commit.as_str())?;
            let trailers = trailer::read(&message.message_raw_sloppy().to_str_lossy());
            let (Some(task), Some(parent)) = (trailers.beneath, first_parent(&git, id)) else {
                continue;
            };
            let before = self.tree_of(&commit_id(parent))?;
            let patch = self.patch_between(&before, &self.tree_of(commit)?)?;
            found.push(Beneath { commit: commit.clone(), task, patch });
        }
        Ok(found)
    }

    /// The tip, where the user's text beneath it that they have taken back is gone: each file is as
    /// the branch has it. What was made on it goes onto the branch's own text, or aside.
    pub fn settled_tip(&self, branch: &str) -> Result<Tip> {
        let tip = self.tip(branch)?;
        if self.state()?.branch.as_deref() != Some(branch) {
            return Ok(tip);
        }
        let found = self.beneath_among(&self.parked(branch)?)?;
        match self.taken_back(&found, &tip.branch_head)? {
            taken if taken.is_empty() => Ok(tip),
            taken => Ok(self.tip_without(branch, &taken)?.unwrap_or(tip)),
        }
    }

    pub(super) fn taken_back(&self, found: &[Beneath], head: &CommitId) -> Result<Vec<CommitId>> {
        let head = self.tree_of(head)?;
        let mut normalizer = self.normalizer()?;
        let mut taken_back = Vec::new();
        for beneath in found {
            let mut is_there = false;
            for path in beneath.patch.paths() {
                is_there |= normalizer.state_of(path)? != self.state_at(&head, path)?;
            }
            if !is_there {
                taken_back.push(beneath.commit.clone());
            }
        }
        Ok(taken_back)
    }

    /// Why the branch does not follow by itself.
    pub(super) fn obstacle_of(&self, found: &[Beneath], tip: &CommitId) -> Result<Obstacle> {
        let changed = self.changed_since(found, tip)?;
        Ok(match changed.is_empty() {
            true => Obstacle::MadeOnEdits(paths_of(found).into_iter().collect()),
            false => Obstacle::MadeOnLostEdits(changed.into_iter().collect()),
        })
    }

    /// Files whose text in the checkout is none that lies on the way to the tip.
    fn changed_since(&self, found: &[Beneath], tip: &CommitId) -> Result<BTreeSet<RelPath>> {
        let (head, tip) = (self.tree_of(&self.state()?.head)?, self.tree_of(tip)?);
        let mut normalizer = self.normalizer()?;
        let mut changed = paths_of(found);
        for path in paths_of(found) {
            let present = normalizer.state_of(&path)?;
            let on_the_way = found.iter().flat_map(|it| it.patch.changes());
            let mut on_the_way = on_the_way.filter(|it| it.path == path);
            if on_the_way.any(|it| it.after == present)
                || present == self.state_at(&head, &path)?
                || present == self.state_at(&tip, &path)?
            {
                changed.remove(&path);
            }
        }
        Ok(changed)
    }
}

pub(super) fn paths_of(found: &[Beneath]) -> BTreeSet<RelPath> {
    found.iter().flat_map(|it| it.patch.paths().cloned()).collect()
}
