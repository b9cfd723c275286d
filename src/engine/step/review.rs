//! Validators: which a task has, which verdicts are known, running those that are not.

mod asking;
mod baseline;
mod launch;
mod subject;

pub use baseline::Suspect;
pub(super) use baseline::baseline_name;

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, TaskRef, ValidatorName};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::limits::Clock;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Expectation, Judgement, OutcomeClass, Verdict, classify};
use crate::engine::past::history::AcceptedFact;
use crate::engine::record::lineage::VerdictMark;
use crate::engine::record::{Lookup, Provenance, Record, VerdictReached};
use crate::engine::world::{Recipe, Slot};
use crate::spec::plan::{Validator, ValidatorKind};

use super::attempt::Origin;
use super::hold::with_reset;
use super::{Engine, Mode};

/// How often a validator may reach no verdict before the task fails loudly.
const MAX_NO_VERDICT: u32 = 2;

impl Engine {
    /// The key holds: do its verdicts? If one is unknown its validator runs; if one is FAIL the task.
    pub(super) fn decide_verdicts(&mut self, id: NodeId, slot: Slot, accepted: AcceptedFact) {
        self.world.set_output(slot, accepted.output);
        let Some(recipe) = self.world.recipe(slot).cloned() else { return };
        let trusted =
            matches!(accepted.provenance, Provenance::Adopted | Provenance::AcceptedByHand);
        let validators = self.world.validators(slot, &recipe);
        if trusted || validators.is_empty() {
            return self.settle_standing(id);
        }
        let owned = self.world.owned_now(slot, &self.past);
        let mut unknown = None;
        for validator in &validators {
            let key = self.world.verdict_key((slot, validator), &owned, &self.past);
            match self.known_verdict((Some(id), validator), &key).cloned() {
                Some(known) if known.verdict == Verdict::Fail => {
                    return self.reject_standing(id, &known.findings);
                }
                Some(known) if known.verdict == Verdict::Warn => {
                    self.note_warnings(id, &validator.name, known.findings);
                }
                Some(_) => {}
                None => unknown = unknown.or(Some(validator.name.clone())),
            }
        }
        let gave_up = self.build.as_ref().and_then(|it| it.runs.get(&id)?.gave_up);
        match unknown {
            None => self.settle_standing(id),
            // Its validator did not come to a verdict; nothing it reads is another since.
            Some(_) if gave_up == Some(OutcomeClass::NoVerdict) => {
                self.settle(id, Settled::Failed(OutcomeClass::NoVerdict));
            }
            Some(name) => self.review_standing(id, recipe, &name),
        }
    }

    /// What was made in this build stays known as such when it is decided again.
    fn settle_standing(&mut self, id: NodeId) {
        let made = self.build.as_ref().and_then(|it| it.runs.get(&id)?.accepted);
        self.settle(id, made.map_or(Settled::UpToDate, Settled::Done));
    }

    /// A known FAIL on the present content: the task runs again, with the findings.
    fn reject_standing(&mut self, id: NodeId, findings: &[String]) {
        let Some(key) = self.present_key(id) else { return };
        if let Some(class) = self.run_of(id).and_then(|run| run.gave_up) {
            return self.settle(id, Settled::Failed(class));
        }
        if let Some(run) = self.run_of(id) {
            run.findings = findings.to_vec();
            run.reason = "its verdict is FAIL".to_owned();
        }
        let Some(build) = &mut self.build else { return };
        build.schedule.set(id, crate::engine::graph::schedule::State::Looking);
        let task = build.graph.node(id).task.clone();
        let lookup = Lookup::None;
        self.step.push(Effect::FindCandidates { task, key, manifest: None, lookup });
    }

    fn present_key(&self, id: NodeId) -> Option<crate::base::name::ActionKey> {
        let slot = self.build.as_ref()?.nodes[id.index()];
        self.world.key(slot)
    }

    fn review_standing(&mut self, id: NodeId, recipe: Recipe, name: &ValidatorName) {
        self.note_reason(id, format!("the verdict of {name} is stale"));
        let Some(build) = &self.build else { return };
        if build.mode == Mode::Survey {
            return self.settle(id, Settled::Stale);
        }
        if build.request.offline {
            return self.settle(id, Settled::Held);
        }
        if let Some(attempt) = self.open_attempt(id, recipe, Origin::Standing) {
            self.review_candidate(attempt);
        }
    }

    /// Goes through the validators of an attempt's candidate; known verdicts are not bought again.
    pub(super) fn review_candidate(&mut self, id: AttemptId) {
        loop {
            let Some(attempt) = self.build.as_ref().and_then(|it| it.attempts.get(&id)) else {
                return;
            };
            let Some(validator) = attempt.validators.get(attempt.validating).cloned() else {
                return self.land(id);
            };
            let key = self.candidate_key(id, &validator);
            let known = self.known_verdict((attempt.node, &validator), &key).cloned();
            let Some(known) = known else {
                return self.launch_review(id, &validator);
            };
            let reached = VerdictReached {
                at: self.step.now,
                task: attempt.task.clone(),
                validator: validator.name.clone(),
                key,
                verdict: known.verdict,
                findings: known.findings,
            };
            if !self.take_verdict(id, reached) {
                return;
            }
        }
    }

    pub(super) fn take_review_ended(
        &mut self,
        owner: AttemptId,
        review: AttemptId,
        evidence: Evidence,
    ) {
        let (judgement, verdict) = judge_review(&evidence, self.task_of(owner), self.step.clock());
        let judgement = (with_reset(judgement, self.step.now), verdict);
        self.journal_end(review, Some(owner), &evidence, &judgement.0);
        self.step.push(Effect::Drop { attempt: review });
        let was_probe = self.hear_of_service((review, owner), &evidence, &judgement.0);
        let cost = evidence.stream.as_ref().map_or(Usd::ZERO, |facts| facts.cost);
        let Some(build) = &mut self.build else { return };
        build.cost += cost;
        let Some(attempt) = build.attempts.get_mut(&owner) else { return };
        attempt.was_probe = was_probe;
        attempt.cost += cost;
        let validator = attempt.validators.get(attempt.validating);
        let is_session = validator.is_some_and(|it| matches!(it.kind, ValidatorKind::Agent(_)));
        if is_session && !evidence.ending.has_run() {
            build.n_sessions -= 1;
        }
        if let Some(node) = attempt.node {
            build.runs.entry(node).or_default().cost += cost;
        }
        let Some(validator) = attempt.validators.get(attempt.validating).cloned() else { return };
        if let Some(suspect) = attempt.suspect.take() {
            let (judgement, verdict) = judgement;
            let verdict = verdict.map(|(verdict, _)| verdict);
            return self.take_baseline_ended(owner, &suspect, (&evidence, &judgement, verdict));
        }
        match judgement {
            (_, Some((Verdict::Fail, findings)))
                if self.suspect(owner, &validator, (&evidence, &findings)) => {}
            (_, Some(said)) => self.reach(owner, &validator, said),
            (judgement, None) => self.no_verdict(owner, &judgement),
        }
    }

    /// A verdict on the candidate: written down, then taken in.
    fn reach(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        (verdict, findings): (Verdict, Vec<String>),
    ) {
        let reached = VerdictReached {
            at: self.step.now,
            task: self.task_ref_of(owner),
            validator: validator.name.clone(),
            key: self.candidate_key(owner, validator),
            verdict,
            findings,
        };
        self.past.append(Record::VerdictReached(Box::new(reached.clone())), &mut self.step);
        if let Some(build) = &mut self.build {
            build.asked.insert(reached.key, reached.task.clone());
        }
        if self.take_verdict(owner, reached) {
            self.review_candidate(owner);
        }
    }

    /// Every WARN is kept, each once, with who said it where it says nothing itself.
    fn note_warnings(&mut self, id: NodeId, name: &ValidatorName, mut findings: Vec<String>) {
        if findings.is_empty() {
            findings.push(format!("[WARN] {name} said WARN; what it found is not told here"));
        }
        let Some(run) = self.run_of(id) else { return };
        for finding in findings {
            if !run.warnings.contains(&finding) {
                run.warnings.push(finding);
            }
        }
    }

    fn task_of(&self, owner: AttemptId) -> crate::base::name::TaskId {
        self.task_ref_of(owner).task
    }

    fn task_ref_of(&self, owner: AttemptId) -> TaskRef {
        let attempt = self.build.as_ref().and_then(|it| it.attempts.get(&owner));
        attempt.map_or_else(|| TaskRef::new("", ""), |it| it.task.clone())
    }

    /// A validator that did nothing is no pass: tried again, then loud.
    fn no_verdict(&mut self, owner: AttemptId, judgement: &Judgement) {
        if self.review_later(owner, judgement) {
            return;
        }
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.get_mut(&owner)) else {
            return;
        };
        attempt.n_no_verdict += 1;
        let tried = attempt.n_no_verdict;
        let name = attempt.validators.get(attempt.validating).map(|it| it.name.clone());
        let held = matches!(
            judgement.class,
            OutcomeClass::PlanLimit | OutcomeClass::Auth | OutcomeClass::Billing
        );
        if judgement.class == OutcomeClass::Aborted || held {
            return self.set_candidate_aside(owner, judgement.class, judgement.message.clone());
        }
        if tried < MAX_NO_VERDICT && judgement.class != OutcomeClass::LaunchRefused {
            return self.review_candidate(owner);
        }
        let name = name.map(|it| it.to_string()).unwrap_or_default();
        let message = format!("validator {name} reached no verdict: {}", judgement.message);
        self.set_back(owner, OutcomeClass::NoVerdict, message);
    }

    /// Takes a verdict in; true where the next validator may go on.
    fn take_verdict(&mut self, owner: AttemptId, reached: VerdictReached) -> bool {
        let Some(build) = &mut self.build else { return false };
        let Some(attempt) = build.attempts.get_mut(&owner) else { return false };
        let notice = Notice::Validated {
            task: reached.task.clone(),
            validator: reached.validator.clone(),
            verdict: reached.verdict.as_str().to_owned(),
            findings: reached.findings.clone(),
        };
        attempt.validating += 1;
        attempt.n_no_verdict = 0;
        attempt.reached.push(reached.clone());
        if let Some(node) = attempt.node
            && reached.verdict == Verdict::Warn
        {
            self.note_warnings(node, &reached.validator, reached.findings.clone());
        }
        self.step.publish(notice);
        if reached.verdict == Verdict::Fail {
            self.reject(owner, reached);
            return false;
        }
        true
    }

    /// FAIL: the task runs again with the findings, within its bounds.
    fn reject(&mut self, owner: AttemptId, reached: VerdictReached) {
        let Some(build) = &self.build else { return };
        let Some(attempt) = build.attempts.get(&owner) else { return };
        let Some(node) = attempt.node else { return self.keep_orphan(owner) };
        let is_standing = attempt.origin != Origin::Ran;
        let meta = self.world.meta(attempt.slot);
        let bound = meta.validation.as_ref().filter(|it| it.enabled).map(|it| it.max_attempts);
        let message = format!("validator {} said FAIL", reached.validator);
        let mut findings = match reached.findings.is_empty() {
            true => vec![format!("[FAIL] {message}, without findings")],
            false => reached.findings.clone(),
        };
        findings.extend(warned_of(&attempt.reached));
        self.refuse_candidate(owner);
        let Some(run) = self.run_of(node) else { return };
        run.findings = findings;
        run.n_rejections += u32::from(!is_standing);
        let n = run.n_rejections;
        if is_standing {
            return self.requeue(owner, node, "its verdict is FAIL");
        }
        if bound.is_some_and(|bound| n > bound) {
            let message = format!("{message} {n} times, and {} is the bound", bound.unwrap_or(0));
            return self.give_up_attempt(owner, OutcomeClass::Rejected, message);
        }
        self.set_back(owner, OutcomeClass::Rejected, message);
    }

    /// Runs the task itself after a standing or cached result was refused.
    fn requeue(&mut self, owner: AttemptId, node: NodeId, reason: &str) {
        self.note_reason(node, reason);
        if let Some(build) = &mut self.build {
            build.attempts.remove(&owner);
            build.schedule.set(node, crate::engine::graph::schedule::State::Queued);
            build.queue.insert(node);
        }
        self.step.push(Effect::Drop { attempt: owner });
    }
}

/// What the validators before the one that said FAIL warned of: the next attempt is told that, too.
fn warned_of(reached: &[VerdictReached]) -> impl Iterator<Item = String> {
    let warned = reached.iter().filter(|it| it.verdict == Verdict::Warn);
    warned.flat_map(|it| it.findings.iter().cloned())
}

/// What the landing commit says of the verdicts.
pub(super) fn marks_of(reached: &[VerdictReached]) -> Vec<VerdictMark> {
    reached
        .iter()
        .filter(|it| it.verdict != Verdict::Fail)
        .map(|it| VerdictMark {
            validator: it.validator.clone(),
            warned: it.verdict == Verdict::Warn,
            key: it.key,
        })
        .collect()
}

/// The judgement for the journal, and the verdict if one was reached. A session that never looked
/// at a file reached none, whatever it says.
fn judge_review(
    evidence: &Evidence,
    task: crate::base::name::TaskId,
    clock: Clock,
) -> (Judgement, Option<(Verdict, Vec<String>)>) {
    let mut judgement =
        classify(evidence, &Expectation { clock, ..Expectation::of_validator(task) });
    let verdict = judgement.verdict.take();
    let did_nothing = evidence.stream.as_ref().is_some_and(|facts| {
        let n_denied = u32::try_from(facts.permission_denials.len()).unwrap_or(u32::MAX);
        facts.n_tool_uses <= n_denied
    });
    if verdict.is_some() && did_nothing {
        judgement.class = OutcomeClass::NoVerdict;
        judgement.message =
            "it used no tool, or was denied each, so its verdict is none".to_owned();
        return (judgement, None);
    }
    (judgement, verdict)
}
