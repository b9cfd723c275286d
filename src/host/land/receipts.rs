//! Commits of what changed no file, with the status lines that no landing took along.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::name::RelPath;
use crate::engine::effect::StatusEdit;
use crate::engine::event::{Event, Written};
use crate::host::error::{Error, Result};
use crate::host::landing::{Followed, ReceiptOutcome, Rewrite};
use crate::host::state::State;
use crate::host::state::checkout::Home;

use super::item::{self, Rewritten};
use super::status::{Pending, committed_text, edit_where_it_lies, events_of, said};
use super::{Landings, TRIES};

/// A plan larger than this, in bytes, does not ride along with every landing: its status lines are
/// gathered, and ride along with the last one.
const RIDES_ALONG: u64 = 256 * 1024;

/// Plans and items with new text, and why others have none.
type PlanTexts = (Vec<Rewrite>, BTreeMap<RelPath, String>);

impl Landings {
    /// The plan with all status lines that wait for it, where it is committed and small enough.
    pub fn text_that_rides_along(&self, state: &State, path: &RelPath) -> Result<Option<String>> {
        let size = std::fs::metadata(state.root().join(path.as_str())).map_or(0, |meta| meta.len());
        let rides = size <= RIDES_ALONG || state.engine.n_open() <= 1;
        let edits = self.statuses.of(path).filter(|_| rides);
        match edits {
            // What goes elsewhere goes by itself.
            Some(edits) if item::ends(edits) => Ok(None),
            Some(edits) if state.checkout.home_of(path)? == Home::Committed => {
                Ok(committed_text(state, path, edits).ok().map(|it| it.text))
            }
            _ => Ok(None),
        }
    }

    /// Commits what changed no file, with the status lines that no landing took along, so that a
    /// fresh clone knows them, too. Plans that are not as committed are edited where they lie. Says
    /// what was written.
    pub fn land_receipts(&mut self, state: &mut State) -> Result<Vec<Event>> {
        if self.following.waiting().is_some() {
            self.following.follow(&mut state.checkout)?;
        }
        let receipts = std::mem::take(&mut self.receipts);
        let (mut events, pending) = self.sort_pending(state);
        if receipts.is_empty() && pending.is_empty() {
            return Ok(events);
        }
        let branch = state.checkout.branch()?;
        for _ in 0..TRIES {
            let onto = state.checkout.refresh_tip()?;
            let (plans, refused) = plans_with(state, &pending)?;
            let has_landed = receipts.is_empty() && plans.is_empty() || {
                let outcome =
                    state.checkout.repo.land_receipts(&branch, &onto, &receipts, &plans)?;
                matches!(outcome, ReceiptOutcome::Landed(_))
            };
            if !has_landed {
                continue;
            }
            state.checkout.refresh_tip()?;
            let is_parked =
                matches!(self.following.follow(&mut state.checkout)?, Followed::Parked { .. });
            for (path, edits) in pending {
                match refused.get(&path) {
                    Some(why) => events.extend(events_of(edits, &Written::Failed(why.clone()))),
                    None if is_parked => events.extend(events_of(edits, &Written::Loose)),
                    None => events.extend(events_of(edits, &Written::Kept)),
                }
            }
            return Ok(events);
        }
        Err(Error::new("the integration tip keeps moving; receipts were not committed")
            .help("the results are in the journal; the next build commits nothing twice"))
    }

    /// Edits in place what lies there; hands back what is to be committed.
    fn sort_pending(&mut self, state: &State) -> (Vec<Event>, Pending) {
        let (mut events, mut committed) = (Vec::new(), Pending::new());
        for (path, edits) in self.statuses.take_all() {
            if matches!(state.checkout.home_of(&path), Ok(Home::Committed)) {
                let (fitting, events_of) = fitting(state, &path, edits);
                events.extend(events_of);
                committed.insert(path, fitting);
            } else {
                events.extend(edit_where_it_lies(state, &path, edits));
            }
        }
        (events, committed)
    }
}

/// Where the edits of a plan cannot be made together, those that can by themselves, and what is
/// told of the others: their task is gone from it, say.
fn fitting(state: &State, path: &RelPath, edits: Vec<StatusEdit>) -> (Vec<StatusEdit>, Vec<Event>) {
    if edits.len() < 2 || committed_text(state, path, &edits).is_ok() {
        return (edits, Vec::new());
    }
    let (mut fitting, mut events) = (Vec::new(), Vec::new());
    for edit in edits {
        match committed_text(state, path, std::slice::from_ref(&edit)) {
            Ok(_) => fitting.push(edit),
            Err(error) => events.extend(events_of(vec![edit], &Written::Failed(said(&error)))),
        }
    }
    (fitting, events)
}

/// Every plan's committed text with its edits where that differs, and what was wrong with those
/// that have none.
fn plans_with(state: &State, pending: &Pending) -> Result<PlanTexts> {
    let (mut plans, mut refused) = (Vec::new(), BTreeMap::new());
    let tree = state.checkout.repo.tree_of(&state.checkout.tip)?;
    for (path, edits) in pending {
        match committed_text(state, path, edits) {
            Ok(Rewritten { to: Some(to), .. }) if state.checkout.repo.has_path(&tree, &to)? => {
                refused.insert(path.clone(), format!("`{to}` is there already"));
            }
            Ok(Rewritten { text, to }) => {
                let present = state.checkout.repo.text_at(&tree, path)?;
                if *present != *text || to.is_some() {
                    plans.push(Rewrite { path: path.clone(), text: Arc::new(text), to });
                }
            }
            Err(error) => {
                refused.insert(path.clone(), said(&error));
            }
        }
    }
    Ok((plans, refused))
}
