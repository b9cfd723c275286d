//! What attempts left, until it has landed or is dropped.

use std::collections::BTreeSet;

use crate::base::name::{AttemptId, CommitId, RelPath, TaskRef, TreeId};
use crate::engine::effect::Notice;
use crate::host::clock;
use crate::host::error::Result;
use crate::host::state::checkout::Checkout;
use crate::host::worktree::Worktree;

use super::Landings;

/// A merge of what an attempt left.
#[derive(Clone)]
pub struct MergedOnto {
    /// The tip.
    pub onto: CommitId,
    /// The tip, or a commit above it with the user's uncommitted text that the attempt changed.
    pub beneath: CommitId,
    pub tree: TreeId,
}

/// What an attempt left, until it has landed or is dropped.
pub struct Kept {
    pub task: TaskRef,
    pub base: TreeId,
    pub tree: TreeId,
    /// The tip that the attempt started from.
    pub tip: CommitId,
    /// The commit of `base`: the tip, or one above it with what the user has not committed.
    pub stands_on: CommitId,
    /// Kept where the session may go on in it.
    pub worktree: Option<Worktree>,
    /// What came out when it was merged.
    pub merged: Option<MergedOnto>,
    /// Of a cached result: where its base is the user's uncommitted text.
    pub users: Option<BTreeSet<RelPath>>,
    /// What it made that no tree can hold.
    pub left_out: Vec<RelPath>,
}

impl Kept {
    pub fn new(task: &TaskRef, tree: TreeId, worktree: Worktree) -> Self {
        let base = worktree.base().clone();
        Self {
            task: task.clone(),
            base: base.tree,
            tree,
            tip: base.tip,
            stands_on: base.commit,
            worktree: Some(worktree),
            merged: None,
            users: None,
            left_out: Vec::new(),
        }
    }
}

impl Landings {
    /// Keeps the work of an attempt whose task is gone, and says where.
    pub fn keep_orphan(
        &self,
        attempt: AttemptId,
        task: &TaskRef,
        checkout: &Checkout,
    ) -> Result<Notice> {
        let Some(kept) = self.shelf.get(&attempt) else {
            return Ok(Notice::warning(format!("{task} is gone, and what it did is lost")));
        };
        let subject = format!("orch: {task}, which is in no plan any more");
        let name = format!("{}-{}", clock::now().0, attempt.0);
        let kept_as = checkout.repo.keep(&name, &kept.tree, &kept.tip, &subject)?;
        Ok(Notice::warning(format!(
            "{task} is in no plan any more; what it did is not landed, look at it by \
             `git show {kept_as}`"
        )))
    }
}
