//! Asking the action cache for results of a key, and which of those that it has is taken.

use crate::base::name::{ActionKey, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::event::{Candidate, Found};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::past::history::TaskHistory;
use crate::engine::record::Lookup;
use crate::spec::plan::{Status, TaskRecord};

use super::node::Forced;
use super::pin::pinned;
use super::{Board, Follow, IN_CACHE, Mode};

/// Why a result that was refused is looked at before a new one is made.
const ASKED_AGAIN: &str = "the validators of its last result are asked again";

impl Board {
    /// Asks the cache, or only for the manifest that tells why the task is stale.
    pub(super) fn look_up(
        &mut self,
        (id, key): (NodeId, ActionKey),
        (past, record): (&TaskHistory, &TaskRecord),
        forced: &Forced,
        ground: &mut Ground<'_>,
    ) {
        let is_pinned = self.pin_of(id, ground.world).is_some();
        let run = self.runs.entry(id).or_default();
        run.reason = match forced {
            Forced::Because(reason) => (*reason).to_owned(),
            Forced::No => why_it_runs(key, past, record),
        };
        let lookup = match forced {
            // Whoever asks for it again asks for this very result.
            _ if is_pinned => Lookup::All,
            Forced::No if !self.request.no_cache => Lookup::All,
            _ if run.is_asked_for => Lookup::Refused,
            _ => Lookup::None,
        };
        self.ask_cache((id, key), past.manifest, lookup, ground);
    }

    /// Asks for results of a key; the answer is awaited.
    pub fn ask_cache(
        &mut self,
        (id, key): (NodeId, ActionKey),
        manifest: Option<crate::base::digest::Digest>,
        lookup: Lookup,
        ground: &mut Ground<'_>,
    ) {
        self.schedule.set(id, State::Looking);
        let task = self.task(id).clone();
        ground.push(Effect::FindCandidates { task, key, manifest, lookup });
    }

    pub fn take_candidates(
        &mut self,
        (task, key): (&TaskRef, ActionKey),
        found: Found,
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        let id = self.graph.id_of(task)?;
        if self.schedule.state(id) != State::Looking {
            return None;
        }
        self.explain(id, found.previous, ground.world);
        let pin = self.pin_of(id, ground.world);
        let usable = match &pin {
            Some(pin) => match pinned(pin, key, found.candidates) {
                Ok(candidates) => candidates,
                Err(why) => {
                    self.hold_pinned(id, (pin, &why), ground);
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
            (None, Some(pin)) => {
                let why = "names a result that a validator has refused";
                self.hold_pinned(id, (&pin, why), ground);
            }
            (None, None) => self.take_miss(id, ground),
        }
        None
    }

    fn take_candidate(&mut self, id: NodeId, candidate: Candidate) -> Option<Follow> {
        if !self.choose_replayed(id) {
            self.settle(id, Settled::Unwanted);
            return None;
        }
        let is_refused = candidate.result.is_refused;
        if is_refused || self.mode == Mode::Survey {
            self.note_reason(id, if is_refused { ASKED_AGAIN } else { IN_CACHE });
        }
        match self.mode {
            Mode::Build => Some(Follow::Replay(id, Box::new(candidate.result))),
            Mode::Survey => {
                self.settle(id, Settled::Stale);
                None
            }
        }
    }

    fn take_miss(&mut self, id: NodeId, ground: &Ground<'_>) {
        if self.mode == Mode::Survey {
            return self.settle(id, Settled::Stale);
        }
        if self.request.offline {
            self.note_reason(id, "not in the cache, and nothing may run offline");
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

fn why_it_runs(key: ActionKey, past: &TaskHistory, record: &TaskRecord) -> String {
    if let Some(answer) = past.dialogue.answer_at_hand(key) {
        return format!("answered: {answer}");
    }
    if past.accepted.is_some() {
        return "its inputs changed".to_owned();
    }
    match &past.last_failure {
        Some(failure) if failure.key != key => "no accepted result yet".to_owned(),
        Some(failure) if !failure.class.counts_as_attempt() => {
            format!("held back before: {}", failure.message)
        }
        Some(failure) => format!("failed before: {}", failure.message),
        None => match &record.last_error {
            Some(why) if record.status == Status::Failed => format!("failed before: {why}"),
            _ => "no accepted result yet".to_owned(),
        },
    }
}

/// The last that was heard of the task under this key was a failure: what was refused may be
/// looked at again. Once a result was accepted, refused ones are of the past.
fn is_last_word_refused(task: &TaskRef, key: ActionKey, ground: &Ground<'_>) -> bool {
    let failure = ground.past.history.task(task).and_then(|past| past.last_failure.as_ref());
    failure.is_some_and(|failure| failure.key == key)
}
