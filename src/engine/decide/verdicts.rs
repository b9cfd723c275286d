//! The verdicts on a result that stands: which are known, and when a validator that said FAIL is asked
//! again on the same content: a command in each build, since what it says may be its surroundings'
//! fault; an agent where a person asked for the task again.

use crate::base::name::{ActionKey, TaskRef, ValidatorName, VerdictKey};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::past::Past;
use crate::engine::past::history::{AcceptedFact, KnownVerdict, TaskHistory};
use crate::engine::record::{Decision, Lookup, Provenance};
use crate::engine::why::{Misfit, Why};
use crate::engine::world::{Checked, Recipe, World};
use crate::spec::plan::{Validator, ValidatorKind};

use super::{Board, Follow, Mode};

impl Board {
    /// The key holds: do its verdicts? If one is unknown its validator runs; if one is FAIL the task.
    pub(super) fn decide_verdicts(
        &mut self,
        id: NodeId,
        key: ActionKey,
        accepted: &AcceptedFact,
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        let slot = self.slot(id);
        ground.world.set_output(slot, accepted.output);
        let recipe = ground.world.recipe(slot).cloned()?;
        let trusted =
            matches!(accepted.provenance, Provenance::Adopted | Provenance::AcceptedByHand);
        let validators = ground.world.validators(slot, &recipe);
        if self.settle_if_gone(id, accepted, ground) {
            return None;
        }
        if !trusted && let Some(rework) = self.known_run(id).and_then(|it| it.rework.clone()) {
            self.reject_standing(id, key, rework.findings.clone(), ground);
            self.note_reason(id, Why::Broke(rework.of, rework.validator.name));
            return None;
        }
        if trusted || validators.is_empty() {
            self.settle_standing(id);
            return None;
        }
        let owned = ground.world.owned_now(slot, ground.past);
        let mut unknown = None;
        for validator in &validators {
            let checked = Checked { slot, spec: &recipe.spec, validator, changes: &[] };
            let verdict_key = ground.world.verdict_key(checked, &owned, ground.past);
            match self.known_verdict(Some(id), validator, &verdict_key, ground.past).cloned() {
                Some(known) if known.verdict == Verdict::Fail => {
                    self.reject_standing(id, key, known.findings, ground);
                    return None;
                }
                Some(known) if known.verdict == Verdict::Warn => {
                    self.note_warnings(id, &validator.name, known.findings);
                }
                Some(_) => {}
                None => unknown = unknown.or(Some(validator.name.clone())),
            }
        }
        let gave_up = self.known_run(id).and_then(|run| run.gave_up);
        match unknown {
            None => self.settle_standing(id),
            // Its validator did not come to a verdict; nothing it reads is another since.
            Some(_) if gave_up == Some(OutcomeClass::NoVerdict) => {
                self.settle(id, Settled::Failed(OutcomeClass::NoVerdict));
            }
            Some(name) => return self.review_standing(id, recipe, &name),
        }
        None
    }

    /// What was made in this build stays known as such when it is decided again.
    fn settle_standing(&mut self, id: NodeId) {
        let made = self.known_run(id).and_then(|run| run.accepted);
        self.settle(id, made.map_or(Settled::UpToDate, Settled::Done));
    }

    /// A known FAIL on the present content: the task runs again, with the findings.
    fn reject_standing(
        &mut self,
        id: NodeId,
        key: ActionKey,
        findings: Vec<String>,
        ground: &mut Ground<'_>,
    ) {
        if let Some(pin) = self.pin_of(id, ground.world) {
            return self.hold_pinned(id, pin, Misfit::Refused, ground);
        }
        let run = self.run(id);
        if let Some(class) = run.gave_up {
            return self.settle(id, Settled::Failed(class));
        }
        run.findings = findings;
        run.reason = Why::VerdictFails;
        self.ask_cache(id, key, Lookup::None, ground);
    }

    fn review_standing(
        &mut self,
        id: NodeId,
        recipe: Recipe,
        name: &ValidatorName,
    ) -> Option<Follow> {
        self.note_reason(id, Why::VerdictStale(name.clone()));
        if self.mode == Mode::Survey {
            self.settle(id, Settled::Stale);
        } else if self.request.offline {
            self.settle(id, Settled::Held);
        } else {
            return Some(Follow::Review(id, recipe));
        }
        None
    }

    /// Every WARN is kept, each once, with who said it where it says nothing itself.
    pub fn note_warnings(&mut self, id: NodeId, name: &ValidatorName, mut findings: Vec<String>) {
        if findings.is_empty() {
            findings.push(format!("[WARN] {name} said WARN; what it found is not told here"));
        }
        let run = self.run(id);
        for finding in findings {
            if !run.warnings.contains(&finding) {
                run.warnings.push(finding);
            }
        }
    }

    /// What a validator has said of this content; `None` where it is to be asked.
    pub fn known_verdict<'a>(
        &self,
        id: Option<NodeId>,
        validator: &Validator,
        key: &VerdictKey,
        past: &'a Past,
    ) -> Option<&'a KnownVerdict> {
        let known = past.history.verdict(key)?;
        let is_asked = known.verdict == Verdict::Fail && self.is_asked_again(id, validator, key);
        (!is_asked).then_some(known)
    }

    fn is_asked_again(&self, id: Option<NodeId>, validator: &Validator, key: &VerdictKey) -> bool {
        let Some(id) = id else { return false };
        let is_asked_for = self.known_run(id).is_some_and(|run| run.is_asked_for);
        let is_command = matches!(validator.kind, ValidatorKind::Command(_));
        (is_command || is_asked_for) && !self.asked.contains_key(key)
    }

    /// A person's word that the task is to be tried again, by command or flag. What is made then
    /// answers it.
    pub(super) fn note_asking(&mut self, id: NodeId, past: &TaskHistory, world: &World) {
        let (key, recipe) = (world.key(self.slot(id)), world.recipe_digest(self.slot(id)));
        let is_decided = matches!(past.decision, Some(Decision::Retry | Decision::Reset))
            // A failure that is remembered came after that word, and has answered it.
            && key.is_none_or(|key| past.given_up_as(key, recipe).is_none());
        let is_forced = self.request.force.contains(self.task(id));
        let is_asked = is_decided || self.request.no_cache || is_forced;
        if is_asked || self.runs.contains_key(&id) {
            let run = self.run(id);
            run.is_asked_for = is_asked && run.accepted.is_none();
        }
    }

    /// The task is asked for again because of a FAIL on what stands: its validators come first.
    pub(super) fn asks_standing(&self, id: NodeId, ground: &Ground<'_>) -> bool {
        let run = self.known_run(id);
        if !run.is_some_and(|run| run.is_asked_for && run.gave_up.is_none()) {
            return false;
        }
        let slot = self.slot(id);
        let Some(recipe) = ground.world.recipe(slot) else { return false };
        let owned = ground.world.owned_now(slot, ground.past);
        ground.world.validators(slot, recipe).iter().any(|validator| {
            let checked = Checked { slot, spec: &recipe.spec, validator, changes: &[] };
            let key = ground.world.verdict_key(checked, &owned, ground.past);
            let known = ground.past.history.verdict(&key);
            known.is_some_and(|known| known.verdict == Verdict::Fail)
                && self.is_asked_again(Some(id), validator, &key)
        })
    }

    /// A person asks for the task again: what its validators said in this build is asked, too.
    pub fn ask_validators_again(&mut self, task: &TaskRef) {
        self.asked.retain(|_, asked_for| asked_for != task);
    }
}
