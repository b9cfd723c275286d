//! Landing: an accepted patch becomes one commit on the integration tip, and the user's branch and
//! checkout follow where that touches nothing of theirs. Hooks are not run, by neither.

mod beneath;
mod checkout;
mod follow;
mod locks;
mod restore;
mod sparse;
mod swap;

pub use beneath::Beneath;
pub use follow::{Follow, Followed};

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use crate::base::file::Patch;
use crate::base::name::{CommitId, OutputDigest, RelPath, TreeId};
use crate::engine::effect::LandingRequest;
use crate::engine::record::lineage::{Landing, Receipt};
use crate::engine::report::Report;
use crate::host::error::{Doing, Result};
use crate::host::git::lineage::landing;
use crate::host::git::merge::NewCommit;
use crate::host::git::object::{TreeEntry, edit_tree, tree_changes};
use crate::host::git::trailer::{self, OutgoingReceipt};
use crate::host::git::{Repository, commit_id, object_id};

/// What is to land, and on what.
#[derive(Clone, Copy, Debug)]
pub struct LandingInput<'a> {
    pub branch: &'a str,
    pub onto: &'a CommitId,
    /// What `tree` was merged onto: the tip, or a commit above it with the user's uncommitted text.
    pub beneath: &'a CommitId,
    pub tree: &'a TreeId,
    pub request: &'a LandingRequest,
    /// The plan file's new content, where its status line rides along.
    pub plan: Option<(&'a RelPath, &'a Arc<String>)>,
}

/// What became of a landing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LandOutcome {
    Landed(Box<Landing>),
    /// The tip is no longer where the merge was made: merge again, onto this.
    TipMoved(CommitId),
    /// The merged content is not what was validated: validate this, then land again.
    OutputDiffers(Patch),
}

/// What became of receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptOutcome {
    Landed(Vec<Receipt>),
    /// The tip moved; try again, onto this.
    TipMoved(CommitId),
}

/// A document's new text, for a commit.
#[derive(Clone, Debug)]
pub struct Rewrite {
    pub path: RelPath,
    pub text: Arc<String>,
    /// Where the file goes, if that is elsewhere.
    pub to: Option<RelPath>,
}

impl Repository {
    /// Commits a merged tree and moves the integration tip to it.
    pub fn land(&self, input: LandingInput<'_>) -> Result<LandOutcome> {
        let git = self.local();
        let parent = object_id(input.beneath.as_str())?;
        let before = self.commit_tree(&git, parent)?;
        let merged = object_id(input.tree.as_str())?;
        let patch = self.patch_of(&git, &tree_changes(&git, before, merged)?)?;
        if patch.output_digest() != input.request.expected {
            return Ok(LandOutcome::OutputDiffers(patch));
        }
        let (tree, plan) = match input.plan {
            Some((path, text)) => self.with_plan(&git, merged, path, text)?,
            None => (merged, None),
        };
        let output = input.request.output;
        let message = trailer::landing_message(input.request, output, plan);
        let commit = self.new_commit(&git, NewCommit { tree, parent, message: &message })?;
        if !self.advance_tip(input.branch, input.onto, commit)? {
            return Ok(LandOutcome::TipMoved(self.tip(input.branch)?.commit));
        }
        let trailers = trailer::read(&message).landing;
        let whole = self.patch_of(&git, &tree_changes(&git, before, tree)?)?;
        let landed = trailers.map(|trailers| landing(commit, trailers, whole));
        let landed =
            landed.unwrap_or_else(|| said(input.request, commit_id(commit), output, &patch));
        Ok(LandOutcome::Landed(Box::new(landed)))
    }

    /// Commits accepted results that changed no file, and plans with new status lines, all in one
    /// commit.
    pub fn land_receipts(
        &self,
        branch: &str,
        onto: &CommitId,
        receipts: &[OutgoingReceipt],
        plans: &[Rewrite],
    ) -> Result<ReceiptOutcome> {
        if receipts.is_empty() && plans.is_empty() {
            return Ok(ReceiptOutcome::Landed(Vec::new()));
        }
        let git = self.local();
        let parent = object_id(onto.as_str())?;
        let mut tree = self.commit_tree(&git, parent)?;
        for Rewrite { path, text, to } in plans {
            tree = self.with_plan(&git, tree, to.as_ref().unwrap_or(path), text)?.0;
            if to.is_some() {
                tree = edit_tree(&git, tree, vec![(path.to_bytes(), None)])?;
            }
        }
        let message = trailer::receipt_message(receipts);
        let commit = self.new_commit(&git, NewCommit { tree, parent, message: &message })?;
        if !self.advance_tip(branch, onto, commit)? {
            return Ok(ReceiptOutcome::TipMoved(self.tip(branch)?.commit));
        }
        let receipt = |OutgoingReceipt { receipt, .. }: &OutgoingReceipt| Receipt {
            order: 0,
            commit: commit_id(commit),
            task: receipt.task.clone(),
            action: receipt.action,
            recipe: receipt.recipe,
            output: receipt.output,
            report: receipt.report,
            verdicts: receipt.verdicts.clone(),
        };
        Ok(ReceiptOutcome::Landed(receipts.iter().map(receipt).collect()))
    }

    /// The tree with the plan's new content; no plan where that changes nothing.
    fn with_plan<'a>(
        &self,
        git: &gix::Repository,
        tree: gix::ObjectId,
        path: &'a RelPath,
        text: &Arc<String>,
    ) -> Result<(gix::ObjectId, Option<&'a RelPath>)> {
        let stored = self.normalizer()?.normalize(path, text.as_bytes())?;
        let id = git.write_blob(&*stored).doing("writing the plan", path.as_str())?.detach();
        if matches!(stored, Cow::Borrowed(_)) {
            self.note_written(path, id, text);
        }
        let present = self.entry_at(git, tree, path)?;
        let kind = present.map_or(gix::objs::tree::EntryKind::Blob, |entry| entry.kind);
        if present == Some(TreeEntry { id, kind }) {
            return Ok((tree, None));
        }
        let edited = edit_tree(git, tree, vec![(path.to_bytes(), Some(TreeEntry { id, kind }))])?;
        Ok((edited, Some(path)))
    }
}

/// A landing told by its request, where its own trailers cannot be read back.
fn said(
    request: &LandingRequest,
    commit: CommitId,
    output: OutputDigest,
    patch: &Patch,
) -> Landing {
    Landing {
        order: 0,
        commit,
        task: request.task.clone(),
        action: request.key,
        recipe: Some(request.recipe),
        output,
        report: request.report.as_ref().map(Report::mark),
        session: request.session.clone(),
        model: request.model.clone(),
        cost: request.cost,
        verdicts: request.verdicts.clone(),
        changes: patch.changes().to_vec(),
    }
}
