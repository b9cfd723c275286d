//! The tree an attempt starts from: the tip, with what the user has not committed laid over it.

use std::collections::BTreeSet;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use crate::base::name::{ActionKey, CommitId, RelPath, TaskRef, TreeId};
use crate::engine::effect::Base;
use crate::engine::record::lineage::Landed;
use crate::host::error::{Doing, Error, Result};
use crate::host::git::merge::{NewCommit, have_met};
use crate::host::git::object::{
    TreeChange, TreeEntry, edit_tree, entry_kind, tree_changes, tree_id,
};
use crate::host::git::set_aside::SET_ASIDE;
use crate::host::git::{Repository, commit_id, object_id};

/// Where an attempt starts, and what its patch is taken against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseTree {
    /// The integration tip that it was made from.
    pub tip: CommitId,
    /// What HEAD of the worktree stands on: the tip, or a commit above it that holds the overlay.
    pub commit: CommitId,
    pub tree: TreeId,
    /// What lies in the worktree at the start, where that is not `tree`: what an attempt before left.
    pub start: Option<TreeId>,
}

impl BaseTree {
    /// What lies in the worktree at the start.
    pub fn laid(&self) -> &TreeId {
        self.start.as_ref().unwrap_or(&self.tree)
    }
}

/// What an attempt did: from its base to what it left, with the tip that the base was made from.
#[derive(Clone, Copy, Debug)]
pub struct Did<'a> {
    pub tip: &'a CommitId,
    pub base: &'a TreeId,
    pub left: &'a TreeId,
    /// Where the base was not made from the checkout: the paths that are in both alike.
    pub users: Option<&'a BTreeSet<RelPath>>,
}

/// What an attempt did, and the text of the user's that it did it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The tip with that text.
    pub beneath: TreeId,
    pub base: TreeId,
    pub left: TreeId,
    /// Where the text is.
    pub paths: Vec<RelPath>,
}

/// What an attempt started from and what it left.
pub(super) struct Left {
    pub base: TreeId,
    pub tree: TreeId,
    /// The commit of `base`.
    pub stands_on: CommitId,
}

/// Before the key in the message of what an attempt left.
const LEFT_KEY: &str = "Orch-Attempt: 2:";

/// The message of the commit that holds what an attempt left.
pub fn left_message(task: &TaskRef, key: ActionKey) -> String {
    format!("orch: what an attempt of {task} left\n\n{LEFT_KEY}{key}\n")
}

const OVERLAY_MESSAGE: &str = "Files of the checkout that are not committed yet\n";
const CANDIDATE_MESSAGE: &str = "The result under validation\n";

fn landed_id(git: &gix::Repository, landed: &Landed) -> Result<ObjectId> {
    let (Landed::With(commit) | Landed::Before(commit)) = landed;
    let id = object_id(commit.as_str())?;
    if matches!(landed, Landed::With(_)) {
        return Ok(id);
    }
    let doing = "reading what a landing was made on";
    let found = git.find_commit(id).doing(doing, commit.as_str())?;
    let parent = found.parent_ids().next().map(gix::Id::detach);
    parent.ok_or_else(|| Error::new(doing).at(commit.as_str()))
}

impl Repository {
    /// Makes the base of an attempt. Overlay paths are read from the user's checkout as they are
    /// now; one that is not there is absent in the base, too. `None` where there is no such base: what
    /// an attempt left is gone, is another's, or nothing of it goes together with what is there by now.
    pub fn base_tree(
        &self,
        base: &Base,
        tip: &CommitId,
        overlay: &[RelPath],
    ) -> Result<Option<BaseTree>> {
        let git = self.local();
        let tip_tree = self.commit_tree(&git, object_id(tip.as_str())?)?;
        let (tree, message) = match base {
            Base::Tip | Base::Left { .. } => {
                (self.overlaid(&git, tip_tree, overlay)?, OVERLAY_MESSAGE)
            }
            Base::Candidate(tree) => {
                (self.overlaid(&git, object_id(tree.as_str())?, overlay)?, CANDIDATE_MESSAGE)
            }
            Base::Landed(landed) => {
                let id = landed_id(&git, landed)?;
                let tree = tree_id(self.commit_tree(&git, id)?);
                let commit = CommitId::new(id.to_string());
                return Ok(Some(BaseTree { tip: commit.clone(), commit, tree, start: None }));
            }
            Base::Parked(_) => return Ok(None),
        };
        let commit =
            if tree == tip_tree { tip.clone() } else { stand_on(&git, tip, tree, message)? };
        let tip = tip.clone();
        let bare = BaseTree { tip, commit, tree: tree_id(tree), start: None };
        let Base::Left { kept_as, key } = base else { return Ok(Some(bare)) };
        let Some(left) = self.left_as(kept_as, *key)? else { return Ok(None) };
        let start = self.together(&left, &bare)?.tree;
        Ok((start != bare.tree).then_some(BaseTree { start: Some(start), ..bare }))
    }

    /// What an attempt of this key left, or a landing that was set aside; `None` where the ref holds none.
    pub(super) fn left_as(&self, kept_as: &str, key: ActionKey) -> Result<Option<Left>> {
        let git = self.local();
        let doing = "reading what an attempt left";
        let Some(mut found) = git.try_find_reference(kept_as).doing(doing, kept_as)? else {
            return Ok(None);
        };
        let commit = found.peel_to_id().ok().and_then(|id| git.find_commit(id).ok());
        let trailer = format!("\n{LEFT_KEY}{key}\n");
        let is_its = |it: &gix::Commit<'_>| {
            let message = it.message_raw_sloppy();
            message.contains_str(&trailer) || message.starts_with_str(SET_ASIDE)
        };
        let Some(commit) = commit.filter(is_its) else { return Ok(None) };
        let Some(parent) = commit.parent_ids().next().map(gix::Id::detach) else { return Ok(None) };
        let (Ok(base), Ok(tree)) = (self.commit_tree(&git, parent), commit.tree_id()) else {
            return Ok(None);
        };
        let (base, tree, stands_on) = (tree_id(base), tree_id(tree.detach()), commit_id(parent));
        Ok(Some(Left { base, tree, stands_on }))
    }

    /// Of `paths`, those that the base has from the user's checkout and not from the tip it was
    /// made from, and that are at `onto` as they were at that tip: nothing landed on them.
    pub fn laid_over(
        &self,
        paths: &[RelPath],
        base: &TreeId,
        tip: &CommitId,
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

    /// What an attempt did, apart from the overlay that it started on. What the user has not
    /// committed stays out of its result, but where the attempt changed that very file, or the file
    /// is `judged` with what it changed: there the user's text is beneath the result.
    pub fn apart(&self, did: &Did<'_>, judged: &BTreeSet<RelPath>) -> Result<Apart> {
        let git = self.local();
        let tip = self.commit_tree(&git, object_id(did.tip.as_str())?)?;
        let (base, left) = (object_id(did.base.as_str())?, object_id(did.left.as_str())?);
        let made = tree_changes(&git, base, left)?;
        let laid = tree_changes(&git, tip, base)?;
        let mut along = laid.clone();
        let is_judged = |it: &TreeChange| {
            !made.is_empty() && RelPath::from_bytes(&it.path).is_some_and(|it| judged.contains(&it))
        };
        along.retain(|it| is_judged(it) || have_met(std::slice::from_ref(it), &made));
        if let Some(users) = did.users {
            along.retain(|it| RelPath::from_bytes(&it.path).is_some_and(|it| users.contains(&it)));
        }
        let paths = along.iter().filter_map(|it| RelPath::from_bytes(&it.path)).collect();
        let edits = |of: Vec<TreeChange>| of.into_iter().map(|it| (it.path.into(), it.after));
        let beneath = edit_tree(&git, tip, edits(along).collect())?;
        let (base, left) = match did.users {
            Some(users) => (edit_tree(&git, base, made_anew(laid, &made, users))?, left),
            None => (beneath, edit_tree(&git, beneath, edits(made).collect())?),
        };
        Ok(Apart { beneath: tree_id(beneath), base: tree_id(base), left: tree_id(left), paths })
    }

    /// The commit that an attempt's base stands on: the tip, without the overlay above it.
    pub fn beneath_overlay(&self, commit: &CommitId) -> Result<CommitId> {
        let git = self.local();
        let doing = "reading the base of an attempt";
        let found = git.find_commit(object_id(commit.as_str())?).doing(doing, commit.as_str())?;
        let is_overlay = found.message_raw_sloppy() == OVERLAY_MESSAGE;
        let parent = found.parent_ids().next().filter(|_| is_overlay);
        Ok(parent.map_or_else(|| commit.clone(), |it| commit_id(it.detach())))
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
                    Some(TreeEntry { id: id.detach(), kind: entry_kind(file.state.kind) })
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

/// Files that a cached result makes where the tip has some by now: to make one is to change that.
fn made_anew(
    laid: Vec<TreeChange>,
    made: &[TreeChange],
    users: &BTreeSet<RelPath>,
) -> Vec<(Vec<u8>, Option<TreeEntry>)> {
    let is_users =
        |it: &TreeChange| RelPath::from_bytes(&it.path).is_some_and(|it| users.contains(&it));
    let is_written =
        |it: &TreeChange| made.iter().any(|made| made.path == it.path && made.after.is_some());
    let anew = laid.into_iter().filter(|it| it.after.is_none() && is_written(it) && !is_users(it));
    anew.map(|it| (it.path.into(), it.before)).collect()
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
