//! Validators whose session may not start now: a finished candidate waits for them, or is kept for the
//! next build.

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, ModelName};
use crate::engine::admission::breaker::Service;
use crate::engine::admission::{Activity, Heard, Origin, Phase};
use crate::engine::broken::Sound;
use crate::engine::effect::Effect;
use crate::engine::jobs::accept::made_by;
use crate::engine::jobs::attempt::Attempt;
use crate::engine::jobs::{JobOf, Shop, Work};
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
    ) -> Sound<bool> {
        let ValidatorKind::Agent(_) = &validator.kind else { return Ok(false) };
        let model = self.validating_model(self.build.jobs.attempt(owner)?, validator);
        if let Some(hold) = self.build.admission.refused(model.as_ref()).cloned() {
            self.hold_candidate(owner, Why::Held(hold))?;
            return Ok(true);
        }
        let now = self.ground.now();
        let waiting = self.build.admission.waits_for(model.as_ref(), now);
        let has_to_wait = waiting.is_some();
        if let Some(waiting) = waiting {
            self.wait_with(owner, now, Activity::Waiting(waiting))?;
        }
        Ok(has_to_wait)
    }

    fn wait_with(&mut self, owner: AttemptId, not_before: Moment, doing: Activity) -> Sound {
        let attempt = self.build.jobs.attempt_mut(owner)?;
        attempt.at_work.phase = Phase::Validating;
        attempt.at_work.doing = doing;
        self.build.admission.throttles.wait(owner, not_before);
        Ok(())
    }

    /// A validator that only the service kept from its verdict is asked again later; what it was to
    /// judge stays. True where that is so.
    pub(in crate::engine::jobs) fn review_later(
        &mut self,
        owner: AttemptId,
        judgement: &Judgement,
    ) -> Sound<bool> {
        let is_limit = judgement.class == OutcomeClass::PlanLimit;
        if Service::of(judgement.class) != Service::Failed && !is_limit {
            return Ok(false);
        }
        let attempt = self.build.jobs.attempt_mut(owner)?;
        attempt.review.n_service_failures += u32::from(!is_limit);
        let n = attempt.review.n_service_failures;
        if n > MAX_SERVICE_FAILURES {
            return Ok(false);
        }
        let wait = if is_limit { Millis(0) } else { Millis::seconds(5 << (n - 1).min(4)) };
        let doing = Activity::Said(judgement.message.clone());
        self.wait_with(owner, self.ground.now() + wait, doing)?;
        Ok(true)
    }

    /// Asks for the verdicts that had to wait, as far as sessions may start again.
    pub fn go_on_with_reviews(&mut self) {
        let admission = &mut self.build.admission;
        let stop = match admission.holding() {
            _ if admission.is_stopping() => Some(Why::Stopped),
            holding => holding.map(|it| Why::Held(it.clone())),
        };
        let until = stop.is_none().then_some(self.ground.now());
        for owner in self.build.admission.throttles.take_due(until) {
            // Nobody asks for a verdict on what was closed meanwhile.
            if self.build.jobs.job(owner).is_none() {
                continue;
            }
            let came_out = match &stop {
                Some(why) => self.hold_candidate(owner, why.clone()),
                None => self.review_candidate(owner),
            };
            self.heed(came_out, "asking for a verdict that had to wait", Work::Job(owner));
        }
    }

    /// Nothing validates the candidate in this build. It was paid for: the cache keeps it, and the
    /// next build begins with its validators.
    pub(in crate::engine::jobs) fn set_candidate_aside(
        &mut self,
        owner: AttemptId,
        class: OutcomeClass,
        why: String,
    ) -> Sound {
        self.keep_candidate(owner)?;
        self.set_back(owner, class, why)
    }

    /// As [`Shop::set_candidate_aside`], where nothing is held against the task and sessions do not
    /// start anyhow.
    pub(in crate::engine::jobs) fn hold_candidate(&mut self, owner: AttemptId, why: Why) -> Sound {
        self.keep_candidate(owner)?;
        let attempt = self.build.jobs.close(owner)?;
        self.ground.past.lines.forget(&attempt.task);
        self.ground.push(Effect::Drop { attempt: owner });
        if let Some(node) = attempt.node {
            self.build.board.hold_task(node, why, &mut self.ground);
        }
        Ok(())
    }

    /// Keeps what was paid for before its validators speak: whatever ends this build, the next one
    /// only validates it.
    pub(in crate::engine::jobs) fn keep_candidate(&mut self, owner: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt_mut(owner)?;
        if attempt.origin != Origin::Ran || attempt.review.is_kept {
            return Ok(());
        }
        attempt.review.is_kept = true;
        let mut attempt = attempt.clone();
        attempt.review.reached.clear();
        let result = self.result_of(attempt);
        self.ground.push(Effect::Remember(Box::new(result)));
        Ok(())
    }

    /// Keeps what a validator refused, to be judged anew when it is asked again.
    pub(in crate::engine::jobs) fn refuse_candidate(&mut self, owner: AttemptId) -> Sound {
        self.keep_candidate(owner)?;
        let attempt = self.build.jobs.attempt(owner)?;
        let (key, output) = (attempt.key, made_by(attempt));
        self.ground.push(Effect::Refuse { key, output });
        Ok(())
    }

    /// What the end of a session says of the service. True where it was sent to find out.
    pub(in crate::engine::jobs) fn hear_of_service(
        &mut self,
        of: JobOf,
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> Sound<bool> {
        let meta = self.ground.world.meta(self.build.jobs.attempt(of.owner)?.slot);
        let mut config = self.ground.world.config().breaker.clone();
        config.threshold = meta.breaker_threshold.unwrap_or(config.threshold);
        config.reset = meta.breaker_reset.unwrap_or(config.reset);
        let jobs = self.build.board.request.jobs;
        let heard = Heard { attempt: of.id, evidence, judgement };
        Ok(self.build.admission.hear_of_service(heard, jobs, &config, &mut self.ground))
    }

    /// A task's session was refused for what it asks for.
    pub(in crate::engine::jobs) fn note_turned_away(&mut self, id: AttemptId, why: &str) -> Sound {
        let attempt = self.build.jobs.attempt(id)?;
        if let Some(node) = attempt.node {
            let recipe = &attempt.recipe;
            let model = self.build.board.model_now(node, recipe, self.ground.world);
            self.build.admission.note_turned_away(model.unwrap_or_default(), recipe, why);
        }
        Ok(())
    }

    /// The model of an agent that validates the attempt's candidate.
    pub(in crate::engine::jobs) fn validating_model(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Option<ModelName> {
        self.build.board.validating_model(attempt.slot, validator, self.ground.world)
    }
}
