//! `pin`: a task takes the one result of the cache that its plan names, and no other is made.

use std::collections::BTreeSet;

use crate::base::name::{ActionKey, OutputDigest};
use crate::engine::event::Candidate;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::past::history::AcceptedFact;
use crate::engine::record::Provenance;
use crate::engine::why::{Misfit, Why};
use crate::engine::world::World;
use crate::spec::plan::Pin;

use super::{Board, Mode};

impl Board {
    pub(super) fn pin_of(&self, id: NodeId, world: &World) -> Option<Pin> {
        world.recipe(self.slot(id))?.spec.pin.clone()
    }

    /// True where the plan asks for another result than the one that stands. What a person accepted,
    /// or the plan itself called done, is no result of the cache.
    pub(super) fn is_pinned_elsewhere(
        &self,
        id: NodeId,
        standing: &AcceptedFact,
        world: &World,
    ) -> bool {
        let fits = |pin: Pin| pin.fits(&standing.output.0) || pin.fits(&standing.key.0);
        matches!(standing.provenance, Provenance::Ran | Provenance::Replayed)
            && self.pin_of(id, world).is_some_and(|pin| !fits(pin))
    }

    /// A task whose pin leads to no result is not made anew: its plan says that it wants this one.
    pub(super) fn hold_pinned(
        &mut self,
        id: NodeId,
        pin: Pin,
        misfit: Misfit,
        ground: &mut Ground<'_>,
    ) {
        let why = Why::Pinned(pin, misfit);
        if self.mode == Mode::Build {
            return self.hold_task(id, why, ground);
        }
        self.note_reason(id, why);
        self.settle(id, Settled::Held);
    }

    /// Holds a queued task whose pinned result could not be taken; false where it has no pin.
    pub fn hold_if_pinned(&mut self, id: NodeId, ground: &mut Ground<'_>) -> bool {
        let Some(pin) = self.pin_of(id, ground.world) else { return false };
        let reason = self.known_run(id).map(|it| it.reason.clone()).unwrap_or_default();
        self.hold_pinned(id, pin, Misfit::NotTaken(Box::new(reason)), ground);
        true
    }
}

/// Of what the cache has for a key, what a pin takes: one output, newest first.
///
/// # Errors
/// Why there is no such result that could be used.
pub(super) fn pinned(
    pin: &Pin,
    key: ActionKey,
    candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, Misfit> {
    let outputs = |all: &mut dyn Iterator<Item = &Candidate>| -> BTreeSet<OutputDigest> {
        all.map(|it| it.result.output).collect()
    };
    let known = outputs(&mut candidates.iter());
    let is_key = pin.fits(&key.0);
    let fits = |it: &Candidate| is_key || pin.fits(&it.result.output.0);
    let fitting: Vec<Candidate> = candidates.into_iter().filter(fits).collect();
    match outputs(&mut fitting.iter()).len() {
        0 if known.is_empty() => return Err(Misfit::NothingCached(key)),
        0 => return Err(Misfit::OthersCached(key, known)),
        1 => {}
        _ => return Err(Misfit::Several(outputs(&mut fitting.iter()))),
    }
    let (usable, unusable): (Vec<_>, Vec<_>) =
        fitting.into_iter().map(usable).partition(Result::is_ok);
    let first = unusable.into_iter().find_map(Result::err);
    match first.filter(|_| usable.is_empty()) {
        Some(misfit) => Err(misfit),
        None => Ok(usable.into_iter().flatten().collect()),
    }
}

/// The candidate where it can be replayed, else why it cannot.
fn usable(candidate: Candidate) -> Result<Candidate, Misfit> {
    if !candidate.lost.is_empty() {
        return Err(Misfit::Lost(candidate.lost));
    }
    match candidate.mismatched.is_empty() {
        true => Ok(candidate),
        false => Err(Misfit::ReadOther(candidate.mismatched)),
    }
}
