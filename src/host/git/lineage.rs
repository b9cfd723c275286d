//! Reads the lineage from the trailers of the integration tip's history, cached by tip.

use std::path::Path;

use gix::ObjectId;
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;

use super::object::tree_changes;
use super::trailer::{self, LandingTold};
use super::{Repository, commit_id, lineage_cache, object_id};
use crate::base::file::Patch;
use crate::base::name::CommitId;
use crate::engine::lineage::{Landing, Lineage, Receipt};
use crate::host::error::{Doing, Result};

/// What may be done with the cache file, `.orch/lineage-v1`.
#[derive(Clone, Copy, Debug)]
pub enum Caching<'a> {
    Off,
    /// For runs without side effects.
    ReadOnly(&'a Path),
    ReadWrite(&'a Path),
}

impl Repository {
    /// All landings and receipts that the tip's history holds, oldest first. A cache that is
    /// missing, damaged or of another history is read over; only git failing is an error.
    pub fn read_lineage(&self, tip: &CommitId, caching: Caching<'_>) -> Result<Lineage> {
        let file = match caching {
            Caching::Off => None,
            Caching::ReadOnly(file) | Caching::ReadWrite(file) => Some(file),
        };
        let cached = file.and_then(lineage_cache::load);
        if let Some(cached) = &cached
            && cached.tip.as_ref() == Some(tip)
        {
            return Ok(cached.clone());
        }
        let lineage = self.read_on(tip, cached)?;
        if let Caching::ReadWrite(file) = caching {
            lineage_cache::save(file, &lineage)?;
        }
        Ok(lineage)
    }

    /// Reads only what is newer than `known`, where `known` is of this history.
    fn read_on(&self, tip: &CommitId, known: Option<Lineage>) -> Result<Lineage> {
        let git = self.local();
        let tip_id = object_id(tip.as_str())?;
        let known_tip =
            known.as_ref().and_then(|known| object_id(known.tip.as_ref()?.as_str()).ok());
        let hidden = known_tip.filter(|old| is_ancestor(&git, *old, tip_id));
        let mut lineage = known.filter(|_| hidden.is_some()).unwrap_or_default();
        lineage.tip = Some(tip.clone());
        let mut commits = history(&git, tip_id, hidden)?;
        commits.reverse();
        for commit in commits {
            self.read_commit(&git, commit, &mut lineage)?;
        }
        Ok(lineage)
    }

    fn read_commit(
        &self,
        git: &gix::Repository,
        id: ObjectId,
        lineage: &mut Lineage,
    ) -> Result<()> {
        let commit = git.find_commit(id).doing("reading a commit", id.to_string())?;
        let message = commit.message_raw().doing("reading a commit", id.to_string())?;
        let told = trailer::read(&String::from_utf8_lossy(message));
        let order = order_after(lineage);
        lineage.receipts.extend(told.receipts.into_iter().map(|receipt| Receipt {
            order,
            commit: commit_id(id),
            task: receipt.task,
            action: receipt.action,
            output: receipt.output,
            verdicts: receipt.verdicts,
        }));
        if let Some(told) = told.landing {
            let patch = self.commit_patch(git, &commit)?;
            lineage.landings.push(Landing { order, ..landing(id, told, patch) });
        }
        Ok(())
    }

    /// What a commit changed against its first parent.
    fn commit_patch(&self, git: &gix::Repository, commit: &gix::Commit<'_>) -> Result<Patch> {
        let before = match commit.parent_ids().next() {
            Some(parent) => self.commit_tree(git, parent.detach())?,
            None => git.empty_tree().id,
        };
        let after = self.commit_tree(git, commit.id)?;
        self.patch_of(git, &tree_changes(git, before, after)?)
    }
}

/// The place behind everything that is known; commits are read oldest first.
fn order_after(lineage: &Lineage) -> u32 {
    let last_landing = lineage.landings.last().map(|it| it.order + 1);
    let last_receipt = lineage.receipts.last().map(|it| it.order + 1);
    last_landing.max(last_receipt).unwrap_or(0)
}

/// A landing as told, without the plan's status line where it is no part of the task's output.
pub(crate) fn landing(commit: ObjectId, told: LandingTold, patch: Patch) -> Landing {
    let mut changes = patch.changes().to_vec();
    if let Some(plan) = &told.plan {
        changes.retain(|change| change.path != *plan);
    }
    Landing {
        order: 0,
        commit: commit_id(commit),
        task: told.task,
        action: told.action,
        output: told.output,
        session: told.session,
        model: told.model,
        cost: told.cost,
        verdicts: told.verdicts,
        changes,
    }
}

/// Every commit that `tip` reaches and `hidden` does not, newest first.
pub(crate) fn history(
    git: &gix::Repository,
    tip: ObjectId,
    hidden: impl IntoIterator<Item = ObjectId>,
) -> Result<Vec<ObjectId>> {
    let doing = "walking the history";
    let walk = git
        .rev_walk([tip])
        .with_hidden(hidden)
        .sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst))
        .all()
        .doing(doing, tip.to_string())?;
    walk.map(|info| info.map(|info| info.id).doing(doing, tip.to_string())).collect()
}

/// Whether `old` is `new` or one of its ancestors; an unknown commit is not.
pub(crate) fn is_ancestor(git: &gix::Repository, old: ObjectId, new: ObjectId) -> bool {
    old == new
        || (git.has_object(old)
            && git.merge_base(old, new).ok().flatten().is_some_and(|base| base.detach() == old))
}
