//! Asking the action cache for results of a key, and which of those that it has is taken.

use std::sync::Arc;

use crate::base::digest::{Recorded, differences};
use crate::base::name::{ActionKey, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::event::{Candidate, Found};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::past::history::TaskHistory;
use crate::engine::record::Lookup;
use crate::engine::why::{Misfit, Why};
use crate::engine::world::World;
use crate::engine::world::action::is_of_recipe;
use crate::spec::plan::{Status, TaskRecord};

use super::pin::pinned;
use super::{Board, Follow, Mode};

impl Board {
    /// Asks the cache, or only for the manifest that tells why the task is stale.
    pub(super) fn look_up(
        &mut self,
        id: NodeId,
        key: ActionKey,
        forced: Option<Why>,
        ground: &mut Ground<'_>,
    ) {
        let is_pinned = self.pin_of(id, ground.world).is_some();
        let slot = self.slot(id);
        let recipe = ground.world.recipe_digest(slot);
        let run = self.runs.entry(id).or_default();
        let lookup = match (&forced, recipe) {
            // Whoever asks for it again asks for this very result.
            _ if is_pinned => Lookup::All,
            (None, _) if !self.request.no_cache => Lookup::All,
            (Some(Why::RecipeChanged), Some(recipe)) => Lookup::Made(recipe),
            _ if run.is_asked_for => Lookup::Refused,
            _ => Lookup::None,
        };
        let past = ground.past.history.task_now(&self.graph.node(id).task);
        let record = ground.world.record(slot);
        let is_contest = ground.world.recipe(slot).is_some_and(|it| it.judge.is_some());
        let cut_off = past.left_off.as_ref().filter(|it| it.is_cut_off(key) && !is_contest);
        let cut_off = cut_off.filter(|_| past.dialogue.answer_at_hand(key).is_none());
        let why = || match cut_off {
            Some(left) => Why::CutOff(left.message.clone()),
            None => why_it_runs(key, &past, &record),
        };
        run.reason = forced.unwrap_or_else(why);
        self.ask_cache(id, key, lookup, ground);
    }

    /// Asks for results of a key; the answer is awaited.
    pub fn ask_cache(
        &mut self,
        id: NodeId,
        key: ActionKey,
        lookup: Lookup,
        ground: &mut Ground<'_>,
    ) {
        self.schedule.set(id, State::Looking);
        let task = self.task(id).clone();
        let history = &ground.past.history;
        let may_be_older = history.has_earlier_keys;
        let older = may_be_older.then(|| ground.world.earlier_key(self.slot(id))).flatten();
        let manifest = history.task(&task).and_then(|it| it.manifest);
        ground.push(Effect::FindCandidates { task, key, older, manifest, lookup });
    }

    pub fn take_candidates(
        &mut self,
        task: &TaskRef,
        key: ActionKey,
        found: Found,
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        let id = self.graph.id_of(task)?;
        if self.schedule.state(id) != State::Looking {
            return None;
        }
        self.name_changes(id, found.previous.as_ref(), ground.world);
        let pin = self.pin_of(id, ground.world);
        let usable = match &pin {
            Some(pin) => match pinned(pin, key, found.candidates) {
                Ok(candidates) => candidates,
                Err(misfit) => {
                    self.hold_pinned(id, pin.clone(), misfit, ground);
                    return None;
                }
            },
            None => found.candidates.into_iter().filter(is_usable).collect(),
        };
        let (refused, good): (Vec<_>, Vec<_>) =
            usable.into_iter().partition(|it| it.result.is_refused);
        let is_last_word = is_last_word_refused(task, key, ground);
        let refused = refused.into_iter().next().filter(|_| is_last_word);
        match (good.into_iter().next().or(refused), pin) {
            (Some(candidate), _) => return self.take_candidate(id, candidate),
            (None, Some(pin)) => self.hold_pinned(id, pin, Misfit::Refused, ground),
            (None, None) => self.take_miss(id, ground),
        }
        None
    }

    /// Names the changed inputs by comparing manifests.
    fn name_changes(&mut self, id: NodeId, previous: Option<&Recorded>, world: &World) {
        let (Some(previous), Some(now)) = (previous, world.manifest(self.slot(id))) else { return };
        let run = self.run(id);
        let mut changed = differences(previous, &now);
        changed.retain(|it| !is_of_recipe(it.section()));
        run.changed = changed.into();
        if let Why::InputsChanged(changes) = &mut run.reason {
            changes.clone_from(&run.changed);
        }
    }

    fn take_candidate(&mut self, id: NodeId, candidate: Candidate) -> Option<Follow> {
        if !self.choose_replayed(id) {
            self.settle(id, Settled::Unwanted);
            return None;
        }
        let is_refused = candidate.result.is_refused;
        if is_refused || self.mode == Mode::Survey {
            self.note_reason(id, if is_refused { Why::AskedAgain } else { Why::InCache });
        }
        match self.mode {
            Mode::Build => Some(Follow::Replay(id, Box::new(candidate.result))),
            Mode::Survey => {
                self.settle(id, Settled::Stale);
                None
            }
        }
    }

    fn take_miss(&mut self, id: NodeId, ground: &mut Ground<'_>) {
        if self.settle_if_failed_before(id, ground) {
            return;
        }
        if self.mode == Mode::Survey {
            return self.settle(id, Settled::Stale);
        }
        if self.request.offline {
            self.note_reason(id, Why::NotInCacheOffline);
            return self.settle(id, Settled::Held);
        }
        let wait = self.known_run(id).and_then(|run| run.not_before);
        match wait.filter(|until| *until > ground.now()) {
            Some(until) => self.schedule.set(id, State::BackingOff(until)),
            None => self.queue(id),
        }
    }
}

/// True where it could be replayed as it is.
fn is_usable(candidate: &Candidate) -> bool {
    candidate.mismatched.is_empty() && candidate.lost.is_empty()
}

fn why_it_runs(key: ActionKey, past: &TaskHistory, record: &TaskRecord) -> Why {
    if let Some(answer) = past.dialogue.answer_at_hand(key) {
        return Why::Answered(answer.to_owned());
    }
    if past.accepted.is_some() {
        return Why::InputsChanged(Arc::default());
    }
    match &past.last_failure {
        Some(failure) if failure.key != key => Why::Unbuilt,
        Some(failure) if !failure.class.counts_as_attempt() => {
            Why::HeldBefore(failure.message.clone())
        }
        Some(failure) => Why::FailedBefore(failure.message.clone()),
        None => match &record.last_error {
            Some(why) if record.status == Status::Failed => Why::FailedBefore(why.clone()),
            _ => Why::Unbuilt,
        },
    }
}

/// The last that was heard of the task under this key was a failure: what was refused may be
/// looked at again. Once a result was accepted, refused ones are of the past.
fn is_last_word_refused(task: &TaskRef, key: ActionKey, ground: &Ground<'_>) -> bool {
    let failure = ground.past.history.task(task).and_then(|past| past.last_failure.as_ref());
    failure.is_some_and(|failure| failure.key == key)
}
