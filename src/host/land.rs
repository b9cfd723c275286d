//! Merging, landing, receipts: from an attempt's tree to a commit on the branch.

pub(in crate::host) mod merge;
pub(in crate::host) mod plan;
pub(in crate::host) mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::name::{CommitId, RelPath, TaskRef, TreeId};
use crate::engine::effect::LandingRequest;
use crate::engine::effect::StatusEdit;
use crate::engine::event::{Event, Placement, Written};
use crate::engine::picture::{Extent, Picture};
use crate::host::error::{Error, Result};
use crate::host::fault;
use crate::host::git::trailer::ReceiptTold;
use crate::host::landing::{Follow, Followed, LandOutcome, LandingInput, ReceiptOutcome};
use crate::host::worktree::{BaseTree, Worktree};

use crate::host::driver::Driver;
use crate::host::land::merge::kept_prefix;
use crate::host::land::status::{Home, Pending, said, told};

/// A plan larger than this, in bytes, does not ride along with every landing: its status lines are
/// gathered, and ride along with the last one.
const RIDES_ALONG: u64 = 256 * 1024;

/// How often a landing is tried where somebody else moves the tip at the same time.
pub(in crate::host) const TRIES: usize = 8;

/// Plans with new text, and why others have none.
type PlanTexts = (Vec<(RelPath, Arc<String>)>, BTreeMap<RelPath, String>);

/// A merge of what an attempt left.
#[derive(Clone)]
pub(in crate::host) struct MergedOnto {
    /// The tip.
    pub onto: CommitId,
    /// The tip, or a commit above it with the user's uncommitted text that the attempt changed.
    pub beneath: CommitId,
    pub tree: TreeId,
}

/// What an attempt left, until it has landed or is dropped.
pub(in crate::host) struct Kept {
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
    pub fn new(task: &TaskRef, base: &BaseTree, tree: TreeId, worktree: Worktree) -> Self {
        Self {
            task: task.clone(),
            base: base.tree.clone(),
            tree,
            tip: base.tip.clone(),
            stands_on: base.commit.clone(),
            worktree: Some(worktree),
            merged: None,
            users: None,
            left_out: Vec::new(),
        }
    }
}

impl Driver {
    /// Lands, or settles where there is nothing to land; the plan's status line goes with it.
    pub(in crate::host) fn land(&mut self, request: &LandingRequest) -> Result<Vec<Event>> {
        let attempt = request.attempt;
        if self.kept.get(&attempt).is_none_or(|kept| kept.merged.is_none()) {
            self.repo.forget_all(&kept_prefix(&request.task))?;
            return match request.plan_change {
                Some(_) => self.settle_with_change(request),
                None => Ok(self.settle(request)),
            };
        }
        self.queue_status(request.status.clone());
        for _ in 0..TRIES {
            let merged = self.kept.get(&attempt).and_then(|it| it.merged.clone());
            let Some(MergedOnto { onto, beneath, tree }) = merged else { break };
            let path = &request.status.plan_path;
            let riding = match self.riding(request)? {
                Ok(riding) => riding,
                Err(why) => return Ok(self.refused(request, why)),
            };
            let text = riding.text.map(Arc::new);
            let plan = text.as_ref().map(|text| (path, text));
            let branch = self.branch()?;
            let (branch, onto) = (&branch, &onto);
            let input =
                LandingInput { branch, onto, beneath: &beneath, tree: &tree, request, plan };
            match self.repo.land(input)? {
                LandOutcome::Landed(landing) => {
                    self.tip = landing.commit.clone();
                    fault::point("landed");
                    self.repo.forget_all(&kept_prefix(&request.task))?;
                    let placement = self.follow()?.placement();
                    let is_in_commit = text.is_some();
                    let edits = riding.has_statuses.then(|| self.pending.remove(path)).flatten();
                    let edits = edits.unwrap_or_default();
                    let landing = Box::new(landing);
                    // Status lines of a parked commit are in no file that a person sees yet.
                    let mut events = self.after_change(request, is_in_commit)?;
                    if placement == Placement::OnBranch {
                        events.extend(told(edits, &Written::Kept));
                    }
                    events.push(Event::Landed { attempt, landing, placement });
                    return Ok(events);
                }
                LandOutcome::OutputDiffers(patch) => {
                    let beneath = self.repo.tree_of(onto)?;
                    return Ok(vec![Event::Merged { attempt, candidate: tree, beneath, patch }]);
                }
                LandOutcome::TipMoved(_) => match self.merge(attempt)? {
                    Event::Merged { .. } => {}
                    other => return Ok(vec![other]),
                },
            }
        }
        let message = "the integration tip keeps moving under it".to_owned();
        Ok(vec![Event::LandingFailed { attempt, message }])
    }

    /// Nothing to land: a receipt is kept for the next receipt commit.
    fn settle(&mut self, request: &LandingRequest) -> Vec<Event> {
        self.receipts.push(ReceiptTold {
            task: request.task.clone(),
            action: request.key,
            output: request.output,
            verdicts: request.verdicts.clone(),
        });
        self.queue_status(request.status.clone());
        vec![Event::Settled { attempt: request.attempt }]
    }

    /// The plan with all status lines that wait for it, where it is committed and small enough.
    pub(in crate::host) fn text_that_rides_along(&self, path: &RelPath) -> Result<Option<String>> {
        let size = std::fs::metadata(self.root.join(path.as_str())).map_or(0, |meta| meta.len());
        let rides = size <= RIDES_ALONG || self.engine.n_open() <= 1;
        let edits = self.pending.get(path).filter(|_| rides);
        match edits {
            Some(edits) if self.home_of(path)? == Home::Committed => {
                Ok(self.committed_text(path, edits).ok())
            }
            _ => Ok(None),
        }
    }

    /// Commits what changed no file, with the status lines that no landing took along, so that a
    /// fresh clone knows them, too. Plans that are not as committed are edited where they lie. Says
    /// what was written.
    pub(in crate::host) fn land_receipts(&mut self) -> Result<Vec<Event>> {
        if self.waiting.is_some() {
            self.follow()?;
        }
        let receipts = std::mem::take(&mut self.receipts);
        let (mut events, pending) = self.sort_pending();
        if receipts.is_empty() && pending.is_empty() {
            return Ok(events);
        }
        let branch = self.branch()?;
        for _ in 0..TRIES {
            let onto = self.refresh_tip()?;
            let (plans, refused) = self.plans_with(&pending)?;
            let has_landed = receipts.is_empty() && plans.is_empty() || {
                let content = (receipts.as_slice(), plans.as_slice());
                let outcome = self.repo.land_receipts(&branch, &onto, content)?;
                matches!(outcome, ReceiptOutcome::Landed(_))
            };
            if !has_landed {
                continue;
            }
            self.refresh_tip()?;
            let is_parked = matches!(self.follow()?, Followed::Parked { .. });
            for (path, edits) in pending {
                match refused.get(&path) {
                    Some(why) => events.extend(told(edits, &Written::Failed(why.clone()))),
                    None if is_parked => events.extend(told(edits, &Written::Loose)),
                    None => events.extend(told(edits, &Written::Kept)),
                }
            }
            return Ok(events);
        }
        Err(Error::new("the integration tip keeps moving; receipts were not committed")
            .help("the results are in the journal; the next build commits nothing twice"))
    }

    /// Edits in place what lies there; hands back what is to be committed.
    fn sort_pending(&mut self) -> (Vec<Event>, Pending) {
        let (mut events, mut committed) = (Vec::new(), Pending::new());
        for (path, edits) in std::mem::take(&mut self.pending) {
            if matches!(self.home_of(&path), Ok(Home::Committed)) {
                let (fitting, told) = self.fitting(&path, edits);
                events.extend(told);
                committed.insert(path, fitting);
            } else {
                events.extend(self.edit_where_it_lies(&path, edits));
            }
        }
        (events, committed)
    }

    /// Where the edits of a plan cannot be made together, those that can by themselves, and what is
    /// told of the others: their task is gone from it, say.
    fn fitting(&self, path: &RelPath, edits: Vec<StatusEdit>) -> (Vec<StatusEdit>, Vec<Event>) {
        if edits.len() < 2 || self.committed_text(path, &edits).is_ok() {
            return (edits, Vec::new());
        }
        let (mut fitting, mut events) = (Vec::new(), Vec::new());
        for edit in edits {
            match self.committed_text(path, std::slice::from_ref(&edit)) {
                Ok(_) => fitting.push(edit),
                Err(error) => events.extend(told(vec![edit], &Written::Failed(said(&error)))),
            }
        }
        (fitting, events)
    }

    /// Every plan's committed text with its edits where that differs, and what was wrong with those
    /// that have none.
    fn plans_with(&self, pending: &Pending) -> Result<PlanTexts> {
        let (mut plans, mut refused) = (Vec::new(), BTreeMap::new());
        let tree = self.repo.tree_of(&self.tip)?;
        for (path, edits) in pending {
            match self.committed_text(path, edits) {
                Ok(text) => {
                    let present = self.repo.text_at(&tree, path)?;
                    if *present != *text {
                        plans.push((path.clone(), Arc::new(text)));
                    }
                }
                Err(error) => {
                    refused.insert(path.clone(), said(&error));
                }
            }
        }
        Ok((plans, refused))
    }

    /// Takes parked work onto the branch where nothing of the user's stands in the way.
    pub fn take_parked(&mut self) -> Result<Followed> {
        let branch = self.branch()?;
        let follow = self.repo.take(&branch, &self.own_writes)?;
        self.note_followed(&branch, follow)
    }

    /// At the start of a build: finishes what a killed run left half done, and takes landings that
    /// waited where nothing stands in the way any more.
    pub(in crate::host) fn catch_up(&mut self) -> Result<()> {
        self.follow().map(|_| ())
    }

    pub(in crate::host) fn follow(&mut self) -> Result<Followed> {
        let branch = self.branch()?;
        let follow = self.repo.follow(&branch, &self.own_writes)?;
        self.note_followed(&branch, follow)
    }

    fn note_followed(&mut self, branch: &str, follow: Follow) -> Result<Followed> {
        self.tip = follow.tip.commit;
        self.moved = follow.tip.moved.or(self.moved.take());
        self.waiting = match &follow.followed {
            Followed::Parked { reason, .. } => self.waiting_because(branch, reason.clone())?,
            Followed::Level | Followed::Moved { .. } => None,
        };
        Ok(follow.followed)
    }

    /// Looks whether landings wait, and moves nothing.
    pub(in crate::host) fn look_for_waiting(&mut self) -> Result<()> {
        let Some(branch) = self.branch.clone() else { return Ok(()) };
        self.waiting = match self.repo.why_parked(&branch)? {
            Some(reason) => self.waiting_because(&branch, reason)?,
            None => None,
        };
        Ok(())
    }

    fn waiting_because(&self, branch: &str, reason: String) -> Result<Option<String>> {
        let commits = self.repo.parked(branch)?;
        let n_landings = self.repo.landings_among(&commits)?;
        let n_commits = commits.len() - self.repo.beneath_among(&commits)?.len();
        Ok((!commits.is_empty()).then(|| format!("{}: {reason}", wait(n_commits, n_landings))))
    }

    /// The engine's picture, with what waits for the user's branch, from earlier builds too.
    pub fn present_picture(&self, extent: Extent) -> Picture {
        Picture { parked: self.waiting.clone(), ..self.engine.picture_of(extent) }
    }

    pub(in crate::host) fn branch(&self) -> Result<String> {
        match &self.branch {
            Some(branch) => Ok(branch.clone()),
            None => self.repo.branch(),
        }
    }

    pub(in crate::host) fn refresh_tip(&mut self) -> Result<CommitId> {
        let branch = self.branch()?;
        self.tip = self.repo.tip(&branch)?.commit;
        Ok(self.tip.clone())
    }
}

/// Landings are what `orch land` counts; commits are what git shows.
fn wait(n_commits: usize, n_landings: usize) -> String {
    let noun = if n_landings == 1 { "landing" } else { "landings" };
    match (n_commits, n_commits.saturating_sub(n_landings)) {
        (1, 0) => "1 landing waits".to_owned(),
        (1, _) => "1 commit with status lines waits".to_owned(),
        (n, 0) => format!("{n} landings wait"),
        (n, rest) => format!("{n} commits wait ({n_landings} {noun}, {rest} with status lines)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_as_land_counts_it() {
        let check = |counts: [(usize, usize); 5]| counts.map(|(n, landings)| wait(n, landings));
        assert_eq!(
            check([(1, 1), (1, 0), (3, 3), (4, 3), (2, 1)]),
            [
                "1 landing waits",
                "1 commit with status lines waits",
                "3 landings wait",
                "4 commits wait (3 landings, 1 with status lines)",
                "2 commits wait (1 landing, 1 with status lines)",
            ]
        );
    }
}
