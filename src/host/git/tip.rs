//! The integration tip: where the next landing goes. `refs/orch/tip/<branch>` runs ahead of the
//! user's branch while landings are parked; `refs/orch/seen/<branch>` is the last head that the
//! branch was seen at, so that what a person took back by a reset is not landed again.

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::lineage::{history, is_ancestor};
use super::merge::Sides;
use super::{RefSwap, Repository, branch_ref, commit_id, object_id, trailer};
use crate::base::name::{CommitId, RelPath};
use crate::host::error::{Doing, Error, Result};

/// Where the next landing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    pub commit: CommitId,
    /// The branch's own head.
    pub branch_head: CommitId,
    /// What was just done to parked landings because the branch moved.
    pub moved: Option<TipMove>,
}

/// What became of landings that were parked while the user's branch went another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TipMove {
    /// They were put on top of the branch again, this many.
    Replayed(usize),
    /// They do not merge onto the branch any more and lie under this ref; these paths collide.
    SetAside { kept_as: String, paths: Vec<RelPath> },
}

/// How often a race for the tip may be lost before that is an error.
const RACES_LOST: usize = 20;

/// Refs of one branch, as they are now.
struct Standing {
    head: ObjectId,
    tip: Option<ObjectId>,
    seen: Option<ObjectId>,
}

impl Repository {
    /// The integration tip, after putting parked landings onto a branch that moved.
    pub fn tip(&self, branch: &str) -> Result<Tip> {
        for _ in 0..RACES_LOST {
            if let Some(tip) = self.try_tip(branch)? {
                return Ok(tip);
            }
        }
        Err(Error::new("other processes keep moving the integration tip")
            .at(tip_ref(branch))
            .help("run the command again"))
    }

    /// `None` where another process moved the tip at the same moment.
    fn try_tip(&self, branch: &str) -> Result<Option<Tip>> {
        let git = self.local();
        let standing = self.standing(branch)?;
        let pending = pending(&git, &standing)?;
        let at = |commit: ObjectId| Tip {
            commit: commit_id(commit),
            branch_head: commit_id(standing.head),
            moved: None,
        };
        let found = match (standing.tip, pending.first()) {
            (Some(tip), Some(first)) if first_parent(&git, *first) == Some(standing.head) => {
                Some(at(tip))
            }
            (Some(_), Some(_)) => self.put_on_branch(branch, &standing, &pending)?,
            (Some(tip), None) if !is_ancestor(&git, tip, standing.head) => {
                // A person took these landings back: they are no longer ahead of the branch.
                let moved = self.move_tip(branch, Some(tip), standing.head)?;
                moved.then(|| at(standing.head))
            }
            _ => Some(at(standing.head)),
        };
        if found.is_some() {
            self.note_seen(branch, &standing)?;
        }
        Ok(found)
    }

    /// The integration tip without any side effect; where landings wait to be put onto a branch
    /// that moved, the tip they are at now.
    pub fn peek_tip(&self, branch: &str) -> Result<CommitId> {
        let standing = self.standing(branch)?;
        let pending = pending(&self.local(), &standing)?;
        let tip = standing.tip.filter(|_| !pending.is_empty());
        Ok(commit_id(tip.unwrap_or(standing.head)))
    }

    /// The landings that wait for the branch, oldest first.
    pub fn parked(&self, branch: &str) -> Result<Vec<CommitId>> {
        let pending = pending(&self.local(), &self.standing(branch)?)?;
        Ok(pending.into_iter().map(commit_id).collect())
    }

    /// Takes commits out of those that wait; the others are put onto the branch again without them.
    pub(crate) fn tip_without(&self, branch: &str, taken: &[CommitId]) -> Result<Option<Tip>> {
        let standing = self.standing(branch)?;
        let mut left = pending(&self.local(), &standing)?;
        left.retain(|it| !taken.contains(&commit_id(*it)));
        self.put_on_branch(branch, &standing, &left)
    }

    /// How many of these commits are landings of tasks; others carry receipts or status lines.
    pub fn landings_among(&self, commits: &[CommitId]) -> Result<usize> {
        let git = self.local();
        let mut count = 0;
        for commit in commits {
            let id = object_id(commit.as_str())?;
            let found = git.find_commit(id).doing("reading a commit", commit.as_str())?;
            let message = found.message_raw_sloppy().to_str_lossy();
            count += usize::from(trailer::read(&message).landing.is_some());
        }
        Ok(count)
    }

    /// Landings that were set aside, by the ref that keeps them.
    pub fn set_aside_refs(&self) -> Result<Vec<(String, CommitId)>> {
        let doing = "listing refs";
        let git = self.local();
        let refs = git.references().doing(doing, self.root())?;
        let mut found = Vec::new();
        for reference in refs.prefixed("refs/orch/parked/").doing(doing, self.root())? {
            let mut reference = reference.doing(doing, self.root())?;
            let name = reference.name().as_bstr().to_string();
            let commit = reference.peel_to_id().doing(doing, &name)?.detach();
            found.push((name, commit_id(commit)));
        }
        Ok(found)
    }

    /// Moves the tip from `onto` to `to`; false where it is not at `onto` any more.
    pub(crate) fn advance_tip(&self, branch: &str, onto: &CommitId, to: ObjectId) -> Result<bool> {
        let before = self.ref_target(&tip_ref(branch))?;
        if self.tip(branch)?.commit != *onto {
            return Ok(false);
        }
        // `tip` itself may have moved the ref; then `before` is stale and the swap says so.
        let log = "orch: land";
        self.swap_ref(RefSwap { name: &tip_ref(branch), from: before, to, log })
    }

    /// The head is read last: a branch that follows in between is then ahead of the tip that was
    /// read, never behind it, which would look like landings that a person took back.
    fn standing(&self, branch: &str) -> Result<Standing> {
        let seen = self.ref_target(&seen_ref(branch))?;
        let tip = self.ref_target(&tip_ref(branch))?;
        let head = self.ref_target(&branch_ref(branch))?.ok_or_else(|| {
            Error::new(format!("the branch `{branch}` has no commit yet"))
                .at(self.root())
                .help("make the first one: git commit --allow-empty -m start")
        })?;
        Ok(Standing { head, tip, seen })
    }

    pub(crate) fn note_branch_at(&self, branch: &str, head: ObjectId) -> Result<()> {
        let seen = self.ref_target(&seen_ref(branch))?;
        self.note_seen(branch, &Standing { head, tip: None, seen })
    }

    fn note_seen(&self, branch: &str, standing: &Standing) -> Result<()> {
        if standing.seen == Some(standing.head) {
            return Ok(());
        }
        let log = "orch: the branch as it was last seen";
        let name = seen_ref(branch);
        let swap = RefSwap { name: &name, from: standing.seen, to: standing.head, log };
        // Losing this race means that another orch has just noted it.
        self.swap_ref(swap).map(|_| ())
    }

    fn put_on_branch(
        &self,
        branch: &str,
        standing: &Standing,
        pending: &[ObjectId],
    ) -> Result<Option<Tip>> {
        let mut onto = standing.head;
        let mut replayed = 0;
        for commit in pending {
            match self.replay(*commit, onto)? {
                Ok(Some(next)) => (onto, replayed) = (next, replayed + 1),
                Ok(None) => {}
                Err(paths) => {
                    self.leave_landings(pending)?;
                    return self.set_aside(branch, standing, paths);
                }
            }
        }
        let is_mine = self.move_tip(branch, standing.tip, onto)?;
        let moved = Some(TipMove::Replayed(replayed));
        let (commit, branch_head) = (commit_id(onto), commit_id(standing.head));
        Ok(is_mine.then_some(Tip { commit, branch_head, moved }))
    }

    fn set_aside(
        &self,
        branch: &str,
        standing: &Standing,
        paths: Vec<RelPath>,
    ) -> Result<Option<Tip>> {
        let old = standing.tip.unwrap_or(standing.head);
        let kept_as = self.free_parking_ref(old)?;
        self.keep_commit(&kept_as, old)?;
        let is_mine = self.move_tip(branch, standing.tip, standing.head)?;
        let head = commit_id(standing.head);
        let moved = Some(TipMove::SetAside { kept_as, paths });
        Ok(is_mine.then_some(Tip { commit: head.clone(), branch_head: head, moved }))
    }

    fn move_tip(&self, branch: &str, from: Option<ObjectId>, to: ObjectId) -> Result<bool> {
        let log = "orch: the branch moved";
        self.swap_ref(RefSwap { name: &tip_ref(branch), from, to, log })
    }

    /// The lowest `refs/orch/parked/<n>` that is free, or that holds this very commit.
    fn free_parking_ref(&self, commit: ObjectId) -> Result<String> {
        for n in 1u32.. {
            let name = format!("refs/orch/parked/{n}");
            match self.ref_target(&name)? {
                Some(other) if other != commit => {}
                _ => return Ok(name),
            }
        }
        Err(Error::new("no number is left under refs/orch/parked"))
    }

    /// Copies a commit onto another; `None` where nothing of it is left to do.
    fn replay(
        &self,
        commit: ObjectId,
        onto: ObjectId,
    ) -> Result<std::result::Result<Option<ObjectId>, Vec<RelPath>>> {
        let git = self.local();
        let doing = "replaying a landing";
        let old = git.find_commit(commit).doing(doing, commit.to_string())?;
        let theirs = self.commit_tree(&git, commit)?;
        let base = match first_parent(&git, commit) {
            Some(parent) => self.commit_tree(&git, parent)?,
            None => git.empty_tree().id,
        };
        let ours = self.commit_tree(&git, onto)?;
        let decoded = old.decode().doing(doing, commit.to_string())?;
        let trailers = trailer::read(&decoded.message.to_string());
        let plan = trailers.landing.and_then(|landing| landing.plan);
        let tree = match self.merge_favoring(Sides { base, ours, theirs }, plan.as_ref())? {
            Ok(tree) => tree,
            Err(paths) => return Ok(Err(paths)),
        };
        if tree == ours && base != theirs {
            return Ok(Ok(None));
        }
        let mut new = gix::objs::Commit::try_from(decoded).doing(doing, commit.to_string())?;
        new.tree = tree;
        new.parents = [onto].into_iter().collect();
        new.extra_headers.retain(|(name, _)| !name.starts_with(b"gpgsig"));
        Ok(Ok(Some(git.write_object(&new).doing(doing, commit.to_string())?.detach())))
    }
}

/// Commits of the tip that the branch has never had, oldest first.
fn pending(git: &gix::Repository, standing: &Standing) -> Result<Vec<ObjectId>> {
    let Some(tip) = standing.tip.filter(|tip| *tip != standing.head) else { return Ok(Vec::new()) };
    if is_ancestor(git, tip, standing.head) {
        return Ok(Vec::new());
    }
    let seen = standing.seen.filter(|seen| git.has_object(*seen));
    let mut commits = history(git, tip, [standing.head].into_iter().chain(seen))?;
    commits.reverse();
    Ok(commits)
}

pub(crate) fn first_parent(git: &gix::Repository, commit: ObjectId) -> Option<ObjectId> {
    Some(git.find_commit(commit).ok()?.parent_ids().next()?.detach())
}

pub(crate) fn tip_ref(branch: &str) -> String {
    format!("refs/orch/tip/{branch}")
}

fn seen_ref(branch: &str) -> String {
    format!("refs/orch/seen/{branch}")
}
