//! Landing: from what an attempt left, or a cached patch, to a commit on the branch, with the status
//! lines and receipts that go with it.

pub mod decision;
pub mod following;
pub mod item;
pub mod kept;
pub mod merge;
pub mod plan;
pub mod proposals;
pub mod receipts;
pub mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::name::AttemptId;
use crate::engine::effect::LandingRequest;
use crate::engine::event::{Event, Merged, Placement, Written};
use crate::engine::picture::{Extent, Picture};
use crate::host::error::Result;
use crate::host::fault;
use crate::host::git::trailer::OutgoingReceipt;
use crate::host::landing::{LandOutcome, LandingInput};
use crate::host::state::State;
use crate::host::state::checkout::Home;
use crate::host::worktree::Worktree;

use following::Following;
use kept::{Kept, MergedOnto};
pub use merge::kept_prefix;
use status::{Statuses, events_of};

/// How often a landing is tried where somebody else moves the tip at the same time.
const TRIES: usize = 8;

/// What is on its way to the branch.
#[derive(Default)]
pub struct Landings {
    /// What attempts left that has not landed yet.
    shelf: BTreeMap<AttemptId, Kept>,
    /// Status edits that wait to be written.
    pub statuses: Statuses,
    /// Accepted results without a landing, for the next receipt commit.
    receipts: Vec<OutgoingReceipt>,
    pub following: Following,
}

impl Landings {
    /// Keeps what an attempt left.
    pub fn keep(&mut self, attempt: AttemptId, kept: Kept) {
        self.shelf.insert(attempt, kept);
    }

    /// What an attempt left, as long as it is kept.
    pub fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.shelf.values()
    }

    /// Drops what an attempt left; answers with the worktree where that was kept for it.
    pub fn drop_kept(&mut self, attempt: AttemptId) -> Option<Worktree> {
        self.shelf.remove(&attempt)?.worktree
    }

    /// The engine's picture, with what waits for the user's branch, from earlier builds too.
    pub fn picture(&self, state: &State, extent: Extent) -> Picture {
        let parked = self.following.waiting().cloned();
        Picture { parked, ..state.engine.picture_of(extent) }
    }

    /// Lands, or settles where there is nothing to land; the plan's status line goes with it.
    pub fn land(&mut self, request: &LandingRequest, state: &mut State) -> Result<Vec<Event>> {
        let attempt = request.attempt;
        if self.shelf.get(&attempt).is_none_or(|kept| kept.merged.is_none()) {
            state.checkout.repo.forget_all(&kept_prefix(&request.task))?;
            return match request.plan_change {
                Some(_) => self.settle_with_change(request, state),
                None => Ok(self.settle(request)),
            };
        }
        self.statuses.queue(request.status.clone());
        for _ in 0..TRIES {
            let merged = self.shelf.get(&attempt).and_then(|it| it.merged.clone());
            let Some(MergedOnto { onto, beneath, tree }) = merged else { break };
            let path = &request.status.plan_path;
            let riding = match self.riding(request, state)? {
                Ok(riding) => riding,
                Err(why) => return Ok(self.refused(request, why)),
            };
            let text = riding.text.map(Arc::new);
            let plan = text.as_ref().map(|text| (path, text));
            let branch = state.checkout.branch()?;
            let (branch, onto) = (&branch, &onto);
            let input =
                LandingInput { branch, onto, beneath: &beneath, tree: &tree, request, plan };
            match state.checkout.repo.land(input)? {
                LandOutcome::Landed(landing) => {
                    state.checkout.tip = landing.commit.clone();
                    fault::point("landed");
                    state.checkout.repo.forget_all(&kept_prefix(&request.task))?;
                    let placement = self.following.follow(&mut state.checkout)?.placement();
                    let change = if text.is_some() { Home::Committed } else { Home::InPlace };
                    let edits = riding.has_statuses.then(|| self.statuses.take(path));
                    let edits = edits.unwrap_or_default();

                    // Status lines of a parked commit are in no file that a person sees yet.
                    let mut events = self.after_change(request, change, state)?;
                    if state.engine.is_stage(&request.task) {
                        events.push(state.documents_landed()?);
                    }
                    if placement == Placement::OnBranch {
                        events.extend(events_of(edits, &Written::Kept));
                    }
                    events.push(Event::Landed { attempt, landing, placement });
                    return Ok(events);
                }
                LandOutcome::OutputDiffers(patch) => {
                    let before = state.checkout.repo.tree_of(&beneath)?;
                    let beneath = state.checkout.repo.tree_of(onto)?;
                    let merged = Merged { candidate: tree, beneath, before, patch };
                    return Ok(vec![Event::Merged { attempt, merged }]);
                }
                LandOutcome::TipMoved(_) => match self.merge(attempt, state)? {
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
        self.receipts.push(OutgoingReceipt::of(request));
        self.statuses.queue(request.status.clone());
        vec![Event::Settled { attempt: request.attempt }]
    }
}

#[cfg(test)]
mod tests;
