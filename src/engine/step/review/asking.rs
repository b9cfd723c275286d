//! When a validator that said FAIL is asked again on the same content: a command in each build, since
//! what it says may be its surroundings' fault; an agent where a person asked for the task again.

use crate::base::name::{ActionKey, TaskRef, VerdictKey};
use crate::engine::graph::NodeId;
use crate::engine::outcome::Verdict;
use crate::engine::past::history::{KnownVerdict, TaskHistory};
use crate::engine::record::Decision;
use crate::engine::step::Engine;
use crate::engine::world::Slot;
use crate::spec::plan::{Validator, ValidatorKind};

impl Engine {
    /// What a validator has said of this content; `None` where it is to be asked.
    pub(in crate::engine::step) fn known_verdict(
        &self,
        (id, validator): (Option<NodeId>, &Validator),
        key: &VerdictKey,
    ) -> Option<&KnownVerdict> {
        let known = self.past.history.verdict(key)?;
        let is_asked = known.verdict == Verdict::Fail && self.is_asked_again(id, validator, key);
        (!is_asked).then_some(known)
    }

    fn is_asked_again(&self, id: Option<NodeId>, validator: &Validator, key: &VerdictKey) -> bool {
        let (Some(build), Some(id)) = (&self.build, id) else { return false };
        let is_asked_for = build.runs.get(&id).is_some_and(|run| run.is_asked_for);
        let is_command = matches!(validator.kind, ValidatorKind::Command(_));
        (is_command || is_asked_for) && !build.asked.contains_key(key)
    }

    /// A person's word that the task is to be tried again, by command or flag. What is made then
    /// answers it.
    pub(in crate::engine::step) fn note_asking(&mut self, id: NodeId, past: &TaskHistory) {
        let Some(build) = &mut self.build else { return };
        let task = &build.graph.node(id).task;
        let is_decided = matches!(past.decision, Some(Decision::Retry | Decision::Reset));
        let is_asked = is_decided || build.request.no_cache || build.request.force.contains(task);
        if is_asked || build.runs.contains_key(&id) {
            let run = build.runs.entry(id).or_default();
            run.is_asked_for = is_asked && run.accepted.is_none();
        }
    }

    /// The task is asked for again because of a FAIL on what stands: its validators come first.
    pub(in crate::engine::step) fn asks_standing(&self, id: NodeId, slot: Slot) -> bool {
        let run = self.build.as_ref().and_then(|build| build.runs.get(&id));
        if !run.is_some_and(|run| run.is_asked_for && run.gave_up.is_none()) {
            return false;
        }
        let Some(recipe) = self.world.recipe(slot) else { return false };
        let owned = self.world.owned_now(slot, &self.past);
        let validators = self.world.validators(slot, recipe);
        validators.iter().any(|validator| {
            let key = self.world.verdict_key((slot, validator), &owned, &self.past);
            let known = self.past.history.verdict(&key);
            known.is_some_and(|known| known.verdict == Verdict::Fail)
                && self.is_asked_again(Some(id), validator, &key)
        })
    }

    /// The last that was heard of the task under this key was a failure: what was refused may be
    /// looked at again. Once a result was accepted, refused ones are of the past.
    pub(in crate::engine::step) fn is_last_word_refused(
        &self,
        task: &TaskRef,
        key: ActionKey,
    ) -> bool {
        let failure = self.past.history.task(task).and_then(|past| past.last_failure.as_ref());
        failure.is_some_and(|failure| failure.key == key)
    }

    /// A person asks for the task again: what its validators said in this build is asked, too.
    pub(in crate::engine::step) fn ask_validators_again(&mut self, task: &TaskRef) {
        if let Some(build) = &mut self.build {
            build.asked.retain(|_, asked_for| asked_for != task);
        }
    }
}
