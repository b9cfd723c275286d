//! The tree an attempt starts from: the tip, with what the user has not committed laid over it.

use std::collections::BTreeSet;

use gix::ObjectId;
use gix::bstr::BString;

use crate::base::name::{CommitId, RelPath, TreeId};
use crate::engine::effect::Base;
use crate::host::error::{Doing, Result};
use crate::host::git::merge::{NewCommit, have_met};
use crate::host::git::object::{Entry, edit_tree, entry_kind, tree_changes, tree_id};
use crate::host::git::{Repository, object_id};

/// Where an attempt starts, and what its patch is taken against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseTree {
    /// The integration tip that it was made from.
    pub tip: CommitId,
    /// What HEAD of the worktree stands on: the tip, or a commit above it that holds the overlay.
    pub commit: CommitId,
    pub tree: TreeId,
}

const OVERLAY_MESSAGE: &str = "Files of the checkout that are not committed yet\n";
const CANDIDATE_MESSAGE: &str = "The result under validation\n";

impl Repository {
    /// Makes the base of an attempt. Overlay paths are read from the user's checkout as they are
    /// now; one that is not there is absent in the base, too.
    pub fn base_tree(&self, base: &Base, tip: &CommitId, overlay: &[RelPath]) -> Result<BaseTree> {
        let git = self.local();
        let tip_tree = self.commit_tree(&git, object_id(tip.as_str())?)?;
        let (tree, message) = match base {
            Base::Tip | Base::Continue(_) | Base::Parked(_) => {
                (self.overlaid(&git, tip_tree, overlay)?, OVERLAY_MESSAGE)
            }
            Base::Candidate(tree) => {
                (self.overlaid(&git, object_id(tree.as_str())?, overlay)?, CANDIDATE_MESSAGE)
            }
        };
        let commit =
            if tree == tip_tree { tip.clone() } else { stand_on(&git, tip, tree, message)? };
        Ok(BaseTree { tip: tip.clone(), commit, tree: tree_id(tree) })
    }

    /// Of `paths`, those that the base has from the user's checkout and not from the tip it was
    /// made from, and that are at `onto` as they were at that tip: nothing landed on them.
    pub fn laid_over(
        &self,
        paths: &[RelPath],
        (base, tip): (&TreeId, &CommitId),
        onto: &CommitId,
    ) -> Result<Vec<RelPath>> {
        let (then, now) = (self.tree_of(tip)?, self.tree_of(onto)?);
        let mut found = Vec::new();
        for path in paths {
            let before = self.state_at(&then, path)?;
            if self.state_at(base, path)? != before && self.state_at(&now, path)? == before {
                found.push(path.clone());
            }
        }
        Ok(found)
    }

    /// The base of an attempt and what it left, both without the overlay: the tip it was made from,
    /// and what the attempt did, done to that. So a file that the overlay moved is none that moved.
    /// Both stay as they are where the attempt changed what was laid over; to make a removed file
    /// anew is to change the tip's.
    pub fn off_overlay(
        &self,
        (base, left): (&TreeId, &TreeId),
        tip: &CommitId,
    ) -> Result<(TreeId, TreeId)> {
        let git = self.local();
        let tip_tree = self.commit_tree(&git, object_id(tip.as_str())?)?;
        let base_tree = object_id(base.as_str())?;
        let as_it_is = Ok((base.clone(), left.clone()));
        if base_tree == tip_tree {
            return as_it_is;
        }
        let mut laid = tree_changes(&git, tip_tree, base_tree)?;
        let made = tree_changes(&git, base_tree, object_id(left.as_str())?)?;
        let written = made.iter().filter(|it| it.after.is_some());
        let written: BTreeSet<&BString> = written.map(|it| &it.path).collect();
        laid.retain(|it| it.after.is_some() || !written.contains(&it.path));
        if have_met(&laid, &made) {
            return as_it_is;
        }
        let edits = made.into_iter().map(|it| (it.path.into(), it.after)).collect();
        Ok((tree_id(tip_tree), tree_id(edit_tree(&git, tip_tree, edits)?)))
    }

    fn overlaid(
        &self,
        git: &gix::Repository,
        tree: ObjectId,
        overlay: &[RelPath],
    ) -> Result<ObjectId> {
        let mut normalizer = self.normalizer()?;
        let mut edits = Vec::new();
        for path in overlay {
            let present = self.entry_at(git, tree, path)?;
            let entry = match normalizer.read(path)? {
                Some(file) => {
                    let id = git.write_blob(&file.bytes).doing("writing a blob", path.as_str())?;
                    Some(Entry { id: id.detach(), kind: entry_kind(file.state.kind) })
                }
                None => None,
            };
            if present != entry {
                edits.push((path.to_bytes(), entry));
            }
        }
        edit_tree(git, tree, edits)
    }
}

/// A commit above the tip for HEAD to stand on, so that a session sees a clean worktree. Its id
/// depends on nothing but the tree and the tip.
fn stand_on(
    git: &gix::Repository,
    tip: &CommitId,
    tree: ObjectId,
    message: &str,
) -> Result<CommitId> {
    let parent = object_id(tip.as_str())?;
    let doing = "reading the tip";
    let tip = git.find_commit(parent).doing(doing, tip.as_str())?;
    let time = tip.time().doing(doing, parent.to_string())?;
    let who = gix::actor::Signature { name: "orch".into(), email: "orch@localhost".into(), time };
    NewCommit { tree, parent, message }.write_as(git, who)
}
