//! Validators: which a task has, which verdicts are known, running those that are not.

mod baseline;
mod doubt;
mod later;
mod launch;
mod subject;

pub use baseline::Suspect;
pub(super) use baseline::baseline_name;
pub use doubt::Doubt;
pub(super) use doubt::former_name;

use crate::base::name::{AttemptId, RelPath, TreeId};
use crate::engine::broken::Sound;
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::limits::Clock;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Expectation, Judgement, OutcomeClass, Verdict, classify, look_of};
use crate::engine::past::history::KnownVerdict;
use crate::engine::record::lineage::Landed;
use crate::engine::record::lineage::VerdictMark;
use crate::engine::record::{Record, VerdictReached};
use crate::engine::why::Why;
use crate::spec::plan::{Validator, ValidatorKind};

use super::ended::cost_of;
use super::{JobOf, Shop};
use crate::engine::admission::{Origin, with_reset};

/// What a validator looks at.
#[derive(Clone, Debug)]
pub(in crate::engine::jobs) enum Look {
    /// The candidate, or what stands.
    Present,
    /// The tree below the candidate.
    Below(TreeId),
    /// What had landed by then.
    Landed(Landed),
    /// The candidate with these as they were before the task.
    Former(Vec<RelPath>),
}

/// How often a validator may reach no verdict before the task fails loudly.
const MAX_NO_VERDICT: u32 = 2;

impl Shop<'_> {
    /// Goes through the validators of an attempt's candidate; known verdicts are not bought again.
    pub(super) fn review_candidate(&mut self, id: AttemptId) -> Sound {
        loop {
            let attempt = self.build.jobs.attempt(id)?;
            let Some(validator) = attempt.review.validator().cloned() else {
                return self.land(id);
            };
            let key = self.candidate_key(attempt, &validator);
            let board = &self.build.board;
            let node = match attempt.review.is_closing {
                true => board.graph.id_of(&attempt.task),
                false => attempt.node,
            };
            let known = board.known_verdict(node, &validator, &key, self.ground.past).cloned();
            let Some(known) = known else {
                return self.launch_review(id, &validator);
            };
            let reached = VerdictReached {
                at: self.ground.now(),
                task: attempt.task.clone(),
                validator: validator.name.clone(),
                key,
                verdict: known.verdict,
                findings: known.findings,
            };
            if !self.take_verdict(id, reached)? {
                return Ok(());
            }
        }
    }

    pub(super) fn take_review_ended(&mut self, of: JobOf, evidence: Evidence) -> Sound {
        let JobOf { owner, id } = of;
        let Ok(attempt) = self.build.jobs.attempt(owner) else {
            // Nobody asks for its verdict any more; what it cost was spent all the same.
            self.build.jobs.close_helper(id);
            self.build.money.book(owner, evidence.stream.as_ref());
            self.ground.push(Effect::Drop { attempt: id });
            return Ok(());
        };
        let task = attempt.task.task.clone();
        let (judgement, verdict) = judge_review(&evidence, task, self.ground.step.clock());
        let judgement = (with_reset(judgement, self.ground.now()), verdict);
        self.journal_end(of, &evidence, &judgement.0)?;
        self.build.jobs.close_helper(id);
        self.ground.push(Effect::Drop { attempt: id });
        let was_probe = self.hear_of_service(of, &evidence, &judgement.0)?;
        let cost = cost_of(&evidence);
        let attempt = self.build.jobs.attempt_mut(owner)?;
        attempt.made.was_probe = was_probe;
        attempt.made.lacks_cli = evidence.ending.lacks_cli();
        attempt.made.cost += cost;
        let validator = attempt.review.at_work()?.clone();
        if matches!(validator.kind, ValidatorKind::Agent(_)) && !evidence.ending.has_run() {
            self.build.money.n_sessions -= 1;
        }
        if let Some(node) = attempt.node {
            self.build.board.run(node).cost += cost;
        }
        if let Some(suspect) = attempt.review.suspect.take() {
            let (judgement, verdict) = judgement;
            let below = verdict.ok_or(judgement);
            return self.take_baseline_ended(owner, &suspect, &evidence, below);
        }
        if let Some(doubt) = attempt.review.doubt.take() {
            let (judgement, verdict) = judgement;
            return self.take_former_ended(owner, doubt, verdict.ok_or(judgement));
        }
        match judgement {
            (judgement, None) => self.no_verdict(owner, &validator, &judgement),
            (_, Some(said)) => self.weigh(owner, &validator, said, &evidence),
        }
    }

    /// Looks into a verdict that may not count as it is, or takes it.
    fn weigh(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        said: KnownVerdict,
        evidence: &Evidence,
    ) -> Sound {
        if let Some(suspicion) = self.suspicion(owner, validator, &said, evidence)? {
            return self.look_below(owner, validator, suspicion);
        }
        match said.verdict {
            Verdict::Fail => self.reach(owner, validator, said),
            _ if evidence.bench.is_empty() => self.reach(owner, validator, said),
            _ => self.look_at_former(owner, validator, said, evidence),
        }
    }

    /// A verdict on the candidate: written down, then taken in.
    fn reach(&mut self, owner: AttemptId, validator: &Validator, said: KnownVerdict) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let reached = VerdictReached {
            at: self.ground.now(),
            task: attempt.task.clone(),
            validator: validator.name.clone(),
            key: self.candidate_key(attempt, validator),
            verdict: said.verdict,
            findings: said.findings,
        };
        self.ground.append(Record::VerdictReached(Box::new(reached.clone())));
        self.build.board.note_verdict(reached.key, reached.task.clone());
        if self.take_verdict(owner, reached)? {
            self.review_candidate(owner)?;
        }
        Ok(())
    }

    /// A validator that did nothing is no pass: tried again, then loud.
    fn no_verdict(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        judgement: &Judgement,
    ) -> Sound {
        if self.review_later(owner, judgement)? {
            return Ok(());
        }
        let attempt = self.build.jobs.attempt_mut(owner)?;
        if attempt.review.is_closing {
            let message = format!(
                "its validator {} reached no verdict on what its plan left: {}",
                validator.name, judgement.message
            );
            return self.closing_failed(owner, judgement.class, message);
        }
        attempt.review.n_no_verdict += 1;
        let tried = attempt.review.n_no_verdict;
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
        let name = &validator.name;
        let message = format!("validator {name} reached no verdict: {}", judgement.message);
        self.set_back(owner, OutcomeClass::NoVerdict, message)
    }

    /// Takes a verdict in; true where the next validator may go on.
    fn take_verdict(&mut self, owner: AttemptId, reached: VerdictReached) -> Sound<bool> {
        let attempt = self.build.jobs.attempt_mut(owner)?;
        let notice = Notice::Validated {
            task: reached.task.clone(),
            validator: reached.validator.clone(),
            verdict: reached.verdict,
            findings: reached.findings.clone(),
        };
        attempt.review.next += 1;
        attempt.review.n_no_verdict = 0;
        attempt.review.reached.push(reached.clone());
        if let Some(node) = attempt.node
            && reached.verdict == Verdict::Warn
        {
            self.build.board.note_warnings(node, &reached.validator, reached.findings.clone());
        }
        self.ground.publish(notice);
        if reached.verdict == Verdict::Fail {
            self.reject(owner, reached)?;
            return Ok(false);
        }
        Ok(true)
    }

    /// FAIL: the task runs again with the findings, within its bounds.
    fn reject(&mut self, owner: AttemptId, reached: VerdictReached) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        if attempt.review.is_closing {
            return self.end_closing(owner);
        }
        let Some(node) = attempt.node else { return self.keep_orphan(owner) };
        let is_standing = attempt.origin != Origin::Ran;
        let meta = self.ground.world.meta(attempt.slot);
        let bound = meta.validation.as_ref().filter(|it| it.enabled).map(|it| it.max_attempts);
        let message = format!("validator {} said FAIL", reached.validator);
        let mut findings = match reached.findings.is_empty() {
            true => vec![format!("[FAIL] {message}, without findings")],
            false => reached.findings.clone(),
        };
        findings.extend(warned_of(&attempt.review.reached));
        self.refuse_candidate(owner)?;
        let run = self.build.board.run(node);
        run.findings = findings;
        run.n_rejections += u32::from(!is_standing);
        let n = run.n_rejections;
        if is_standing {
            return self.requeue(owner, node, Why::VerdictFails);
        }
        if self.is_rework(node, &reached.validator) {
            let message = format!("made again once, and {message}");
            return self.give_up_attempt(owner, OutcomeClass::Rejected, message);
        }
        if bound.is_some_and(|bound| n > bound) {
            let message = format!("{message} {n} times, and {} is the bound", bound.unwrap_or(0));
            return self.give_up_attempt(owner, OutcomeClass::Rejected, message);
        }
        self.set_back(owner, OutcomeClass::Rejected, message)
    }

    /// Runs the task itself after a standing or cached result was refused.
    fn requeue(&mut self, owner: AttemptId, node: NodeId, reason: Why) -> Sound {
        self.build.jobs.close(owner)?;
        if !self.build.board.settle_if_failed_before(node, &mut self.ground) {
            self.build.board.note_reason(node, reason);
            self.build.board.queue(node);
        }
        self.ground.push(Effect::Drop { attempt: owner });
        Ok(())
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

/// The judgement for the journal, and the verdict if one was reached. A session that has seen nothing
/// reached none, whatever it says.
fn judge_review(
    evidence: &Evidence,
    task: crate::base::name::TaskId,
    clock: Clock,
) -> (Judgement, Option<KnownVerdict>) {
    let mut judgement =
        classify(evidence, &Expectation { clock, ..Expectation::of_validator(task) });
    let Some((verdict, findings)) = judgement.verdict.take() else { return (judgement, None) };
    let look = evidence.stream.as_ref().map(look_of);
    if let Some(why) = look.and_then(|it| it.objection(Some(verdict))) {
        judgement.class = OutcomeClass::NoVerdict;
        judgement.message = format!("{why}, and its verdict is none");
        return (judgement, None);
    }
    (judgement, Some(KnownVerdict { verdict, findings }))
}
