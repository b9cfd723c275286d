//! Asking the action cache for results of a key, and which of those that it has is taken.

use crate::base::name::{ActionKey, TaskRef};
use crate::engine::effect::Effect;
use crate::engine::event::{Candidate, Found};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::past::history::TaskHistory;
use crate::engine::picture::IN_CACHE;
use crate::engine::record::Lookup;
use crate::spec::plan::{Status, TaskRecord};

use super::decide::Forced;
use super::{Engine, Mode};

/// Why a result that was refused is looked at before a new one is made.
const ASKED_AGAIN: &str = "the validators of its last result are asked again";

impl Engine {
    /// Asks the cache, or only for the manifest that tells why the task is stale.
    pub(super) fn look_up(
        &mut self,
        id: NodeId,
        key: ActionKey,
        (past, record): (&TaskHistory, &TaskRecord),
        forced: &Forced,
    ) {
        let Some(build) = &mut self.build else { return };
        let run = build.runs.entry(id).or_default();
        run.reason = match forced {
            Forced::Because(reason) => (*reason).to_owned(),
            Forced::No if past.dialogue.answer_at_hand(key).is_some() => {
                format!("answered: {}", past.dialogue.answer_at_hand(key).unwrap_or_default())
            }
            Forced::No if past.accepted.is_some() => "its inputs changed".to_owned(),
            Forced::No => match &past.last_failure {
                Some(failure) if failure.key != key => "no accepted result yet".to_owned(),
                Some(failure) if !failure.class.counts_as_attempt() => {
                    format!("held back before: {}", failure.message)
                }
                Some(failure) => format!("failed before: {}", failure.message),
                None => match &record.last_error {
                    Some(why) if record.status == Status::Failed => format!("failed before: {why}"),
                    _ => "no accepted result yet".to_owned(),
                },
            },
        };
        let lookup = match forced {
            Forced::No if !build.request.no_cache => Lookup::All,
            _ if run.is_asked_for => Lookup::Refused,
            _ => Lookup::None,
        };
        let task = build.graph.node(id).task.clone();
        build.schedule.set(id, State::Looking);
        let manifest = past.manifest;
        self.step.push(Effect::FindCandidates { task, key, manifest, lookup });
    }

    pub(super) fn take_candidates(&mut self, task: &TaskRef, key: ActionKey, found: Found) {
        let Some(build) = &self.build else { return };
        let Some(id) = build.graph.id_of(task) else { return };
        if build.schedule.state(id) != State::Looking {
            return;
        }
        self.explain(id, task, found.previous);
        let slot = self.build.as_ref().map(|it| it.nodes[id.index()]);
        let pin = slot.and_then(|slot| self.world.recipe(slot)).and_then(|it| it.spec.pin);
        let usable = |it: &Candidate| {
            it.mismatched.is_empty()
                && it.lost.is_empty()
                && pin.is_none_or(|pin| pin == it.result.output)
        };
        let (refused, good): (Vec<_>, Vec<_>) =
            found.candidates.into_iter().filter(usable).partition(|it| it.result.is_refused);
        let is_last_word = self.is_last_word_refused(task, key);
        let refused = refused.into_iter().next().filter(|_| is_last_word);
        let candidate = good.into_iter().next().or(refused);
        if candidate.is_some() && !self.choose_replayed(id) {
            return self.settle(id, Settled::Unwanted);
        }
        let Some(build) = &mut self.build else { return };
        match (candidate, build.mode) {
            (Some(candidate), Mode::Build) => {
                if candidate.result.is_refused {
                    self.note_reason(id, ASKED_AGAIN);
                }
                self.replay(id, key, candidate.result);
            }
            (Some(candidate), Mode::Survey) => {
                let is_refused = candidate.result.is_refused;
                self.note_reason(id, if is_refused { ASKED_AGAIN } else { IN_CACHE });
                self.settle(id, Settled::Stale);
            }
            (None, Mode::Survey) => self.settle(id, Settled::Stale),
            (None, Mode::Build) if build.request.offline => {
                self.note_reason(id, "not in the cache, and nothing may run offline");
                self.settle(id, Settled::Held);
            }
            (None, Mode::Build) => {
                let wait = build.runs.get(&id).and_then(|run| run.not_before);
                match wait.filter(|until| *until > self.step.now) {
                    Some(until) => build.schedule.set(id, State::BackingOff(until)),
                    None => {
                        build.schedule.set(id, State::Queued);
                        build.queue.insert(id);
                    }
                }
            }
        }
    }
}
