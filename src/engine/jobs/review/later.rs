//! Validators whose session may not start now: a finished candidate waits for them, or is kept for the
//! next build.

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, ModelName};
use crate::engine::admission::breaker::Service;
use crate::engine::admission::{Activity, Origin, Phase};
use crate::engine::effect::Effect;
use crate::engine::jobs::Shop;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::why::Why;
use crate::spec::plan::{Validator, ValidatorKind};

/// Failures of the service that one candidate's validator waits out.
const MAX_SERVICE_FAILURES: u32 = 8;

impl Shop<'_> {
    /// Lets a finished candidate wait for its validator's session; true where it has to.
    pub(in crate::engine::jobs) fn has_to_wait(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
    ) -> bool {
        let ValidatorKind::Agent(_) = &validator.kind else { return false };
        let Some(model) = self.validating_model(owner, validator) else { return false };
        if let Some(hold) = self.build.admission.refused(model.as_ref()).cloned() {
            self.hold_candidate(owner, Why::Held(hold));
            return true;
        }
        let now = self.ground.now();
        let waiting = self.build.admission.waits_for(model.as_ref(), now);
        let has_to_wait = waiting.is_some();
        if let Some(waiting) = waiting {
            self.wait_with(owner, now, Activity::Waiting(waiting));
        }
        has_to_wait
    }

    fn wait_with(&mut self, owner: AttemptId, not_before: Moment, doing: Activity) {
        let Some(attempt) = self.build.jobs.attempt_mut(owner) else { return };
        attempt.at_work.phase = Phase::Validating;
        attempt.at_work.doing = doing;
        self.build.admission.doors.wait(owner, not_before);
    }

    /// A validator that only the service kept from its verdict is asked again later; what it was to
    /// judge stays. True where that is so.
    pub(in crate::engine::jobs) fn review_later(
        &mut self,
        owner: AttemptId,
        judgement: &Judgement,
    ) -> bool {
        let is_limit = judgement.class == OutcomeClass::PlanLimit;
        if Service::of(judgement.class) != Service::Failed && !is_limit {
            return false;
        }
        let Some(attempt) = self.build.jobs.attempt_mut(owner) else {
            return false;
        };
        attempt.review.n_service_failures += u32::from(!is_limit);
        let n = attempt.review.n_service_failures;
        if n > MAX_SERVICE_FAILURES {
            return false;
        }
        let wait = if is_limit { Millis(0) } else { Millis::seconds(5 << (n - 1).min(4)) };
        let doing = Activity::Said(judgement.message.clone());
        self.wait_with(owner, self.ground.now() + wait, doing);
        true
    }

    /// Asks for the verdicts that had to wait, as far as sessions may start again.
    pub fn go_on_with_reviews(&mut self) {
        let admission = &mut self.build.admission;
        let stop = match admission.holding() {
            _ if admission.is_stopping() => Some(Why::Stopped),
            holding => holding.map(|it| Why::Held(it.clone())),
        };
        let until = stop.is_none().then_some(self.ground.now());
        for owner in self.build.admission.doors.take_due(until) {
            match &stop {
                Some(why) => self.hold_candidate(owner, why.clone()),
                None => self.review_candidate(owner),
            }
        }
    }

    /// Nothing validates the candidate in this build. It was paid for: the cache keeps it, and the
    /// next build begins with its validators.
    pub(in crate::engine::jobs) fn set_candidate_aside(
        &mut self,
        owner: AttemptId,
        class: OutcomeClass,
        why: String,
    ) {
        self.keep_candidate(owner);
        self.set_back(owner, class, why);
    }

    /// As [`Shop::set_candidate_aside`], where nothing is held against the task and sessions do not
    /// start anyhow.
    fn hold_candidate(&mut self, owner: AttemptId, why: Why) {
        self.keep_candidate(owner);
        let Some(attempt) = self.build.jobs.close(owner) else { return };
        self.ground.past.lines.forget(&attempt.task);
        self.ground.push(Effect::Drop { attempt: owner });
        if let Some(node) = attempt.node {
            self.build.board.hold_task(node, why, &mut self.ground);
        }
    }

    /// Keeps what was paid for before its validators speak: whatever ends this build, the next one
    /// only validates it.
    pub(in crate::engine::jobs) fn keep_candidate(&mut self, owner: AttemptId) {
        let attempt = self.build.jobs.attempt_mut(owner);
        let ran = attempt.filter(|it| it.origin == Origin::Ran && !it.review.is_kept);
        let Some(attempt) = ran else { return };
        attempt.review.is_kept = true;
        let mut attempt = attempt.clone();
        attempt.review.reached.clear();
        let result = self.result_of(attempt);
        self.ground.push(Effect::Remember(Box::new(result)));
    }

    /// Keeps what a validator refused, to be judged anew when it is asked again.
    pub(in crate::engine::jobs) fn refuse_candidate(&mut self, owner: AttemptId) {
        self.keep_candidate(owner);
        let Some(attempt) = self.build.jobs.attempt(owner) else {
            return;
        };
        let (key, output) = (attempt.key, attempt.made.patch.output_digest());
        self.ground.push(Effect::Refuse { key, output });
    }

    /// What the end of a session says of the service. True where it was sent to find out.
    pub(in crate::engine::jobs) fn hear_of_service(
        &mut self,
        (attempt, owner): (AttemptId, AttemptId),
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> bool {
        let mut config = self.ground.world.config().breaker.clone();
        if let Some(attempt) = self.build.jobs.attempt(owner) {
            let meta = self.ground.world.meta(attempt.slot);
            config.threshold = meta.breaker_threshold.unwrap_or(config.threshold);
            config.reset = meta.breaker_reset.unwrap_or(config.reset);
        }
        let jobs = self.build.board.request.jobs;
        let heard = (evidence, judgement);
        self.build.admission.hear_of_service((attempt, jobs), heard, &config, &mut self.ground)
    }

    /// A task's session was refused for what it asks for.
    pub(in crate::engine::jobs) fn note_turned_away(&mut self, attempt: AttemptId, why: &str) {
        let Some(attempt) = self.build.jobs.attempt(attempt) else { return };
        let Some(node) = attempt.node else { return };
        let model = self.build.board.model_now(node, &attempt.recipe, self.ground.world);
        let recipe = &attempt.recipe;
        self.build.admission.note_turned_away(model.unwrap_or_default(), recipe, why);
    }

    /// The model of an agent that validates the attempt's candidate; `None` where it is gone.
    pub(in crate::engine::jobs) fn validating_model(
        &self,
        owner: AttemptId,
        validator: &Validator,
    ) -> Option<Option<ModelName>> {
        let attempt = self.build.jobs.attempt(owner)?;
        Some(self.build.board.validating_model(attempt.slot, validator, self.ground.world))
    }
}
