//! `pin`: a task takes the one result of the cache that its plan names, and no other is made.

use std::collections::BTreeSet;

use crate::base::name::{ActionKey, OutputDigest};
use crate::engine::event::Candidate;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::past::history::AcceptedFact;
use crate::engine::record::Provenance;
use crate::engine::world::World;
use crate::spec::plan::Pin;

use super::{Board, Mode};

/// Results that are told by name where a pin fits none of them, or several.
const TOLD: usize = 4;

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
        (pin, why): (&Pin, &str),
        ground: &mut Ground<'_>,
    ) {
        let why = format!("`pin: {pin}` {why}; take `pin` out of the task to have it made anew");
        if self.mode == Mode::Build {
            return self.hold_task(id, why, ground);
        }
        self.note_reason(id, why);
        self.settle(id, Settled::Held);
    }

    /// Holds a queued task whose pinned result could not be taken; false where it has no pin.
    pub fn hold_if_pinned(&mut self, id: NodeId, ground: &mut Ground<'_>) -> bool {
        let Some(pin) = self.pin_of(id, ground.world) else { return false };
        let reason = self.known_run(id).map_or("", |it| it.reason.as_str());
        let why = format!("names a result that could not be taken: {reason}");
        self.hold_pinned(id, (&pin, &why), ground);
        true
    }
}

/// Of what the cache has for a key, what a pin takes: one output, newest first.
///
/// # Errors
/// Why there is no such result that could be used, as the rest of a sentence about the pin.
pub(super) fn pinned(
    pin: &Pin,
    key: ActionKey,
    candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, String> {
    let outputs = |all: &mut dyn Iterator<Item = &Candidate>| -> BTreeSet<OutputDigest> {
        all.map(|it| it.result.output).collect()
    };
    let known = outputs(&mut candidates.iter());
    let is_key = pin.fits(&key.0);
    let fits = |it: &Candidate| is_key || pin.fits(&it.result.output.0);
    let fitting: Vec<Candidate> = candidates.into_iter().filter(fits).collect();
    match outputs(&mut fitting.iter()).len() {
        0 if known.is_empty() => {
            return Err(format!(
                "fits no cached result: there is none for what the task is now \
                (key {})",
                key.0.short()
            ));
        }
        0 => {
            return Err(format!(
                "fits no cached result for what the task is now (key {}); there is \
                {}",
                key.0.short(),
                told(&known)
            ));
        }
        1 => {}
        _ => {
            let several = told(&outputs(&mut fitting.iter()));
            return Err(format!("fits several cached results: write the one of {several}"));
        }
    }
    let why = fitting.first().map(unusable).unwrap_or_default();
    let usable: Vec<Candidate> = fitting.into_iter().filter(|it| unusable(it).is_empty()).collect();
    if usable.is_empty() {
        Err(format!("names a result that cannot be used here: {why}"))
    } else {
        Ok(usable)
    }
}

/// Why a candidate cannot be replayed; empty where it can.
fn unusable(candidate: &Candidate) -> String {
    let named = |paths: &[crate::base::name::RelPath]| {
        paths.iter().take(TOLD).map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
    };
    if !candidate.lost.is_empty() {
        return format!("the store has lost {}", named(&candidate.lost));
    }
    match candidate.mismatched.is_empty() {
        true => String::new(),
        false => {
            format!("what its session read is another by now: {}", named(&candidate.mismatched))
        }
    }
}

fn told(outputs: &BTreeSet<OutputDigest>) -> String {
    let shown = outputs.iter().take(TOLD).map(|it| format!("`{}`", it.0.short()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match outputs.len().saturating_sub(TOLD) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
