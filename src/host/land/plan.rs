//! The change that a session made of its plan, on its way into the user's.

use std::sync::Arc;

use crate::base::name::{AttemptId, RelPath};
use crate::base::source::Source;
use crate::engine::effect::LandingRequest;
use crate::engine::event::{Documents, Event, Written};
use crate::engine::world::diagnose::stops_its_document;
use crate::host::documents::{self, read_text};
use crate::host::error::{Error, Result};
use crate::host::git::trailer::OutgoingReceipt;
use crate::host::landing::{Followed, ReceiptOutcome, Rewrite};
use crate::host::state::State;
use crate::host::state::admit::frozen_by;
use crate::host::state::checkout::Home;

use super::status::{edited, events_of, write_whole};
use super::{Landings, TRIES};

/// The plan's text that goes into a landing's commit.
#[derive(Default)]
pub struct Riding {
    /// `None` where the plan is not committed.
    pub text: Option<String>,
    /// The status lines that wait for the plan are in the text. Where they cannot be written, the
    /// session's change goes without them, and they are told of later.
    pub has_statuses: bool,
}

/// What stands against a change of a plan.
pub enum Against {
    /// The change does not fit the plan as it is.
    Unfit(String),
    /// The plan is not there: it was removed, or a branch without it is checked out.
    Gone(String),
}

/// A change of a plan that is in nobody's way, or what stands against it.
pub type Ridden = std::result::Result<Riding, Against>;

impl Landings {
    /// The plan's text that goes into the landing's commit: its status lines, and what the session
    /// changed. `Err` says what stands against the change.
    pub fn riding(&self, request: &LandingRequest, state: &State) -> Result<Ridden> {
        let path = &request.status.plan_path;
        let Some(change) = &request.plan_change else {
            let text = self.text_that_rides_along(state, path)?;
            return Ok(Ok(Riding { has_statuses: text.is_some(), text }));
        };
        let attempt = request.attempt;
        let is_committed = state.checkout.home_of(path)? == Home::Committed;
        if !is_committed && !lies_there(state, path) {
            return Ok(Err(Against::Gone(gone_message(path))));
        }
        let text =
            if is_committed { state.checkout.tip_text(path)? } else { lying_text(state, path)? };
        let source = Source::new(path.clone(), text);
        let documents = self.documents_to_land(attempt, state)?;
        let changed = match state.engine.changed_plan(attempt, &source, change, documents) {
            Ok(changed) if is_committed => changed,
            Ok(_) => return Ok(Ok(Riding::default())),
            Err(why) => return Ok(Err(Against::Unfit(why))),
        };
        let edits = self.statuses.of(path).unwrap_or_default();
        let source = Source::new(path.clone(), changed.clone());
        let edited = edited(&state.engine, &source, edits).ok();
        let has_statuses = edited.is_some();
        Ok(Ok(Riding { text: Some(edited.unwrap_or(changed)), has_statuses }))
    }

    /// All documents as they are with the attempt's work.
    fn documents_to_land(&self, attempt: AttemptId, state: &State) -> Result<Documents> {
        let merged = self.shelf.get(&attempt).and_then(|it| it.merged.as_ref());
        let repo = &state.checkout.repo;
        let tree = match merged {
            Some(merged) => merged.tree.clone(),
            None => repo.tree_of(&state.checkout.tip)?,
        };
        Ok(documents::read_at(repo, &tree, &state.loaded.extra)?.documents)
    }

    /// A result that changed nothing but the plan: committed at once, with its receipt.
    pub fn settle_with_change(
        &mut self,
        request: &LandingRequest,
        state: &mut State,
    ) -> Result<Vec<Event>> {
        let attempt = request.attempt;
        self.statuses.queue(request.status.clone());
        let path = request.status.plan_path.clone();
        let receipt = OutgoingReceipt::of(request);
        for _ in 0..TRIES {
            let onto = state.checkout.refresh_tip()?;
            let riding = match self.riding(request, state)? {
                Err(why) => return Ok(self.refused(request, why)),
                Ok(riding) => riding,
            };
            let Some(text) = riding.text else {
                self.receipts.push(receipt);
                let mut events = self.after_change(request, Home::InPlace, state)?;
                events.push(Event::Settled { attempt });
                return Ok(events);
            };
            let plans = [Rewrite { path: path.clone(), text: Arc::new(text), to: None }];
            let receipts = std::slice::from_ref(&receipt);
            let checkout = &mut state.checkout;
            let outcome =
                checkout.repo.land_receipts(&checkout.branch()?, &onto, receipts, &plans)?;
            if !matches!(outcome, ReceiptOutcome::Landed(_)) {
                continue;
            }
            checkout.refresh_tip()?;
            let is_parked = matches!(self.following.follow(checkout)?, Followed::Parked { .. });
            let edits = riding.has_statuses.then(|| self.statuses.take(&path));
            let written = if is_parked { Written::Loose } else { Written::Kept };
            let mut events = self.after_change(request, Home::Committed, state)?;
            events.extend(events_of(edits.unwrap_or_default(), &written));
            events.push(Event::Settled { attempt });
            return Ok(events);
        }
        let message = "the integration tip keeps moving under it".to_owned();
        Ok(vec![Event::LandingFailed { attempt, message }])
    }

    /// Changes a plan that is edited where it lies. Asked before by [`Landings::riding`]; where the
    /// user was quicker since, it is told and nothing is written.
    fn change_in_place(
        &self,
        request: &LandingRequest,
        state: &State,
    ) -> Result<std::result::Result<(), String>> {
        let path = &request.status.plan_path;
        let Some(change) = &request.plan_change else { return Ok(Ok(())) };
        let attempt = request.attempt;
        if !lies_there(state, path) {
            return Ok(Err(gone_message(path)));
        }
        let source = Source::new(path.clone(), lying_text(state, path)?);
        let documents = self.documents_to_land(attempt, state)?;
        let changed = match state.engine.changed_plan(attempt, &source, change, documents) {
            Ok(changed) => changed,
            Err(why) => return Ok(Err(why)),
        };
        if *changed != *source.text {
            write_whole(state.root(), &state.root().join(path.as_str()), changed.as_bytes())?;
        }
        Ok(Ok(()))
    }

    /// Behind a landing: the change of a plan, where it is not in its commit. The events are for the engine
    /// before it hears of the landing: what comes next may be another task by now.
    pub fn after_change(
        &self,
        request: &LandingRequest,
        change: Home,
        state: &mut State,
    ) -> Result<Vec<Event>> {
        if request.plan_change.is_none() {
            return Ok(Vec::new());
        }
        let path = request.status.plan_path.clone();
        if change == Home::InPlace
            && let Err(why) = self.change_in_place(request, state)?
        {
            // Somebody edited the plan in this very moment. The work has landed.
            let problem = format!("its session's change of the plan is lost: {why}");
            return Ok(events_of(vec![request.status.clone()], &Written::Failed(problem)));
        }
        plan_again(&path, state)
    }

    /// The status line that was queued for a landing goes with it.
    pub fn refused(&mut self, request: &LandingRequest, why: Against) -> Vec<Event> {
        self.statuses.withdraw(&request.status);
        let attempt = request.attempt;
        vec![match why {
            Against::Unfit(why) => Event::PlanRefused { attempt, why },
            Against::Gone(why) => Event::PlanGone { attempt, why },
        }]
    }
}

fn lies_there(state: &State, path: &RelPath) -> bool {
    state.root().join(path.as_str()).exists()
}

fn gone_message(path: &RelPath) -> String {
    format!("`{path}` is not there any more: check out the branch that has it, and build again")
}

fn lying_text(state: &State, path: &RelPath) -> Result<Arc<str>> {
    let file = state.root().join(path.as_str());
    read_text(&file, path).map_err(|it| Error::new(it.diagnostic.message).at(&file))
}

/// The plan as it lies, for the engine; nothing where it has errors or is what it was.
fn plan_again(path: &RelPath, state: &mut State) -> Result<Vec<Event>> {
    if !lies_there(state, path) {
        return Ok(Vec::new());
    }
    let source = Source::new(path.clone(), lying_text(state, path)?);
    let mut documents = state.loaded.documents.clone();
    let Some(plan) = documents.plans.iter_mut().find(|it| it.path == *path) else {
        return Ok(Vec::new());
    };
    if plan.text == source.text {
        return Ok(Vec::new());
    }
    *plan = source.clone();
    documents.committed.remove(path);
    let head = state.checkout.repo.tree_of(&state.checkout.repo.state()?.head)?;
    if state.checkout.repo.read_path_at(&head, path)?.as_deref() == Some(source.text.as_bytes()) {
        documents.committed.insert(path.clone());
    }
    let with_landed = with_landed(&documents, state)?;
    // What a person is in the middle of writing changes nothing.
    if !state.engine.diagnose(with_landed.clone()).iter().any(stops_its_document) {
        documents = with_landed;
    }
    let mut found = state.engine.diagnose(documents.clone());
    found.retain(|it| stops_its_document(it) && it.file.as_ref() == Some(path));
    if found.is_empty() {
        state.loaded.documents = documents;
        state.loaded.sources.insert(path.clone(), source);
    } else {
        state.loaded.documents.frozen = frozen_by(&found, state.config());
    }
    Ok(vec![state.documents_seen()])
}

/// The documents with the agents and rules that landed by now.
fn with_landed(documents: &Documents, state: &State) -> Result<Documents> {
    let repo = &state.checkout.repo;
    let tip = repo.tree_of(&state.checkout.tip)?;
    let landed = documents::read_at(repo, &tip, &state.loaded.extra)?.documents;
    Ok(Documents {
        agents: landed.agents,
        unread_agents: landed.unread_agents,
        rules: landed.rules,
        prompts: landed.prompts,
        ..documents.clone()
    })
}
