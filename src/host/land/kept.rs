//! What attempts left, until it has landed or is dropped.

use std::collections::BTreeSet;

use crate::base::name::{ActionKey, AttemptId, CommitId, RelPath, TaskRef, TreeId};
use crate::engine::effect::Notice;
use crate::host::clock;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::state::State;
use crate::host::state::checkout::Checkout;
use crate::host::worktree::Worktree;
use crate::spec::config::Config;

use crate::host::worktree::left_message;

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
    /// Also while what it holds is judged.
    pub stays: bool,
    /// What lay in the worktree at the start, where that is not `base`: what an attempt before had left.
    pub start: Option<TreeId>,
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
            start: base.start,
            worktree: Some(worktree),
            stays: false,
            merged: None,
            users: None,
            left_out: Vec::new(),
        }
    }
}

/// Documents, and what sets up sessions, hooks and builds: what one attempt made of them is not what
/// the next one works under.
fn is_anothers(path: &RelPath, config: &Config) -> bool {
    const FOLDERS: [&str; 3] = [".claude", ".husky", ".githooks"];
    documents::is_document(path, config)
        || FOLDERS.iter().any(|it| path.is_within(it))
        || matches!(path.file_name(), ".mcp.json" | ".stop")
}

impl Landings {
    /// The attempt's worktree is kept until it is dropped.
    pub fn stay(&mut self, attempt: AttemptId) {
        if let Some(kept) = self.shelf.get_mut(&attempt) {
            kept.stays = true;
        }
    }

    /// Keeps what an attempt left for the next one of this key.
    pub fn leave(
        &self,
        attempt: AttemptId,
        key: ActionKey,
        kept_as: &str,
        state: &State,
    ) -> Result<()> {
        let Some(kept) = self.shelf.get(&attempt) else { return Ok(()) };
        let repo = &state.checkout.repo;
        let is_anothers = |path: &RelPath| is_anothers(path, state.config());
        let left = repo.tree_without(&kept.base, &kept.tree, is_anothers)?;
        if left != kept.base {
            let said = left_message(&kept.task, key);
            repo.keep_as(kept_as, &left, &kept.stands_on, &said)?;
        } else if kept.start.is_some() {
            repo.forget(kept_as)?;
        }
        Ok(())
    }

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
