//! Merging, landing, receipts: from an attempt's tree to a commit on the branch.

use crate::base::name::{AttemptId, CommitId, TreeId};
use crate::engine::effect::{LandingRequest, StatusEdit};
use crate::engine::event::{Conflict, Event};
use crate::engine::record::AcceptedResult;
use crate::host::clock;
use crate::host::error::{Error, Result};
use crate::host::git::merge::Merge;
use crate::host::git::object::ReplayTrees;
use crate::host::git::trailer::ReceiptTold;
use crate::host::landing::{Followed, LandOutcome, LandingInput, ReceiptOutcome};
use crate::host::worktree::{BaseTree, Worktree};

use super::Driver;
use super::status::Edited;

/// A plan larger than this, in bytes, does not ride along with every landing: its status lines are
/// gathered and written now and then.
const RIDES_ALONG: u64 = 256 * 1024;

/// How often a landing is tried where somebody else moves the tip at the same time.
const TRIES: usize = 8;

/// What an attempt left, until it has landed or is dropped.
pub(super) struct Kept {
    pub base: TreeId,
    pub tree: TreeId,
    /// The tip that the attempt started from.
    pub tip: CommitId,
    /// Kept where the session may go on in it.
    pub worktree: Option<Worktree>,
    /// The tip it was merged onto, and the tree that came out.
    pub merged: Option<(CommitId, TreeId)>,
}

impl Kept {
    pub fn new(base: &BaseTree, tree: TreeId, worktree: Worktree) -> Self {
        Self {
            base: base.tree.clone(),
            tree,
            tip: base.tip.clone(),
            worktree: Some(worktree),
            merged: None,
        }
    }
}

impl Driver {
    pub(super) fn merge(&mut self, attempt: AttemptId) -> Result<Event> {
        let onto = self.refresh_tip()?;
        let Some(kept) = self.kept.get_mut(&attempt) else {
            return Ok(lost(attempt));
        };
        // Its content is in git by now: the worktree may serve somebody else.
        kept.worktree = None;
        match self.repo.merge(&kept.base, &kept.tree, &onto)? {
            Merge::Clean(merged) => {
                kept.merged = Some((onto, merged.tree.clone()));
                Ok(Event::Merged { attempt, candidate: merged.tree, patch: merged.patch })
            }
            Merge::Conflict(conflict) => {
                let subject = format!("orch: attempt {} that did not merge", attempt.0);
                let name = format!("{}-{}", clock::now().0, attempt.0);
                let kept_as = self.repo.keep(&name, &kept.tree, &kept.tip, &subject)?;
                let with = self.engine.history().tasks_that_touched(&conflict.paths);
                let conflict = Conflict {
                    paths: conflict.paths,
                    with,
                    tip: onto,
                    description: conflict.description,
                    kept_as,
                    at: clock::now(),
                };
                Ok(Event::Conflicted { attempt, conflict })
            }
        }
    }

    /// A cached patch: its trees are rebuilt from the store, then merged like any other.
    pub(super) fn replay(&mut self, attempt: AttemptId, result: &AcceptedResult) -> Result<Event> {
        let onto = self.refresh_tip()?;
        let tree = self.repo.tree_of(&onto)?;
        let content = |digest: &crate::base::digest::Digest| self.store.get(digest).ok().flatten();
        match self.repo.replay_trees(&tree, &result.patch, &content)? {
            ReplayTrees::Built { base, theirs } => {
                let kept = Kept { base, tree: theirs, tip: onto, worktree: None, merged: None };
                self.kept.insert(attempt, kept);
                self.merge(attempt)
            }
            ReplayTrees::Lost(paths) => Ok(Event::Conflicted {
                attempt,
                conflict: Conflict {
                    paths,
                    with: Vec::new(),
                    tip: onto,
                    description: "the store has lost contents of the cached patch".to_owned(),
                    kept_as: String::new(),
                    at: clock::now(),
                },
            }),
        }
    }

    /// Lands, or settles where there is nothing to land; the plan's status line goes with it.
    pub(super) fn land(&mut self, request: &LandingRequest) -> Result<Vec<Event>> {
        let attempt = request.attempt;
        if !self.kept.get(&attempt).is_some_and(|kept| kept.merged.is_some()) {
            return Ok(self.settle(request));
        }
        let mut events = Vec::new();
        let plan = self.plan_with_status(&request.status, &mut events);
        for _ in 0..TRIES {
            let Some((onto, tree)) = self.kept.get(&attempt).and_then(|it| it.merged.clone()) else {
                break;
            };
            let path = &request.status.plan_path;
            let plan = plan.as_ref().map(|text| (path, text.as_bytes()));
            let branch = self.branch()?;
            let input = LandingInput { branch: &branch, onto: &onto, tree: &tree, request, plan };
            match self.repo.land(input)? {
                LandOutcome::Landed(landing) => {
                    self.tip = landing.commit.clone();
                    let placement = self.follow()?.placement();
                    let landing = Box::new(landing);
                    events.push(Event::Landed { attempt, landing, placement });
                    return Ok(events);
                }
                LandOutcome::OutputDiffers(patch) => {
                    events.push(Event::Merged { attempt, candidate: tree, patch });
                    return Ok(events);
                }
                LandOutcome::TipMoved(_) => match self.merge(attempt)? {
                    Event::Merged { .. } => {}
                    other => {
                        events.push(other);
                        return Ok(events);
                    }
                },
            }
        }
        let message = "the integration tip keeps moving under it".to_owned();
        events.push(Event::LandingFailed { attempt, message });
        Ok(events)
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

    /// Writes the status into the user's plan; its text where it may be committed too.
    fn plan_with_status(&mut self, edit: &StatusEdit, events: &mut Vec<Event>) -> Option<String> {
        let file = self.root.join(edit.plan_path.as_str());
        let size = std::fs::metadata(&file).map_or(0, |meta| meta.len());
        if size > RIDES_ALONG {
            self.queue_status(edit.clone());
            return None;
        }
        let mut edits = self.pending.remove(&edit.plan_path).unwrap_or_default();
        edits.push(edit.clone());
        let edited = self.edit_plan(&edit.plan_path, &edits);
        let problem = edited.as_ref().err().map(ToString::to_string);
        events.extend(edits.into_iter().map(|edit| Event::StatusWritten {
            task: edit.task,
            status: edit.status,
            problem: problem.clone(),
        }));
        let Edited { text, was_clean } = edited.ok()?;
        let tree = self.repo.tree_of(&self.tip).ok()?;
        let is_tracked = self.repo.has_path(&tree, &edit.plan_path).unwrap_or(false);
        (was_clean && is_tracked).then_some(text)
    }

    /// Commits what changed no file, so that a fresh clone knows it, too.
    pub(super) fn land_receipts(&mut self) -> Result<()> {
        let receipts = std::mem::take(&mut self.receipts);
        if receipts.is_empty() {
            return Ok(());
        }
        let branch = self.branch()?;
        for _ in 0..TRIES {
            let onto = self.refresh_tip()?;
            match self.repo.land_receipts(&branch, &onto, &receipts)? {
                ReceiptOutcome::Landed(landed) => {
                    if let Some(receipt) = landed.first() {
                        self.tip = receipt.commit.clone();
                    }
                    self.follow()?;
                    return Ok(());
                }
                ReceiptOutcome::TipMoved(_) => {}
            }
        }
        Err(Error::new("the integration tip keeps moving; receipts were not committed")
            .help("the results are in the journal; the next build commits nothing twice"))
    }

    /// Takes parked work onto the branch where nothing of the user's stands in the way.
    pub fn take_parked(&mut self) -> Result<Followed> {
        self.follow()
    }

    fn follow(&mut self) -> Result<Followed> {
        let branch = self.branch()?;
        let follow = self.repo.follow(&branch, &self.own_writes)?;
        self.tip = follow.tip.commit;
        Ok(follow.followed)
    }

    pub(super) fn branch(&self) -> Result<String> {
        match &self.branch {
            Some(branch) => Ok(branch.clone()),
            None => self.repo.branch(),
        }
    }

    fn refresh_tip(&mut self) -> Result<CommitId> {
        let branch = self.branch()?;
        self.tip = self.repo.tip(&branch)?.commit;
        Ok(self.tip.clone())
    }
}

fn lost(attempt: AttemptId) -> Event {
    Event::LandingFailed { attempt, message: "its result is gone from this process".to_owned() }
}
