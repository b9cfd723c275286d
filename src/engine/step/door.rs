//! Who may start a session now: nobody while the service is down, then one, then all. What waits at
//! the door is not over: tasks stay queued, and a finished candidate waits for its validator.

use std::collections::BTreeMap;

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, ModelName};
use crate::engine::admission::breaker::{Breaker, Change, Service};
use crate::engine::admission::gate::Gate;
use crate::engine::admission::latch::{Latch, Passage};
use crate::engine::effect::{Effect, Launch, LaunchAction, Notice};
use crate::engine::graph::NodeId;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::picture::{Phase, Waiting};
use crate::engine::world::{Recipe, Slot};
use crate::spec::agent::Permission;
use crate::spec::config::BreakerConfig;
use crate::spec::plan::{Validator, ValidatorKind};

use super::gate::Refused;
use super::pace::Wait;
use super::{Build, Engine, Stopping};

/// Failures of the service that one candidate's validator waits out.
const MAX_SERVICE_FAILURES: u32 = 8;

/// What keeps sessions from starting for a while, and who waits for their validator.
#[derive(Default)]
pub(super) struct Doors {
    breaker: Breaker,
    pub gate: Gate,
    /// How many resets this build has waited for.
    pub n_waits: u32,
    pub refused: Vec<Refused>,
    pub turned_away: Vec<TurnedAway>,
    /// Attempts with a finished candidate, and the moment before which their validator is not tried.
    pub waiting: BTreeMap<AttemptId, Moment>,
}

/// Sessions that the CLI or the service would not have: others that ask for the same are not started.
pub(super) struct TurnedAway {
    model: Option<ModelName>,
    permission: Permission,
    why: String,
}

impl Doors {
    /// The latches that a session of this model goes through.
    fn latches(&self, model: Option<&ModelName>) -> impl Iterator<Item = &Latch> {
        std::iter::once(&self.breaker.latch).chain(self.gate.latches(model))
    }

    fn passage(&self, model: Option<&ModelName>, now: Moment) -> Passage {
        self.latches(model).map(|it| it.passage(now)).max().unwrap_or(Passage::Free)
    }

    fn send(&mut self, attempt: AttemptId, model: Option<&ModelName>, now: Moment) {
        self.gate.send(attempt, model, now);
        self.breaker.latch.send(attempt, now);
    }

    /// What keeps such a session waiting the longest.
    pub fn shut_by(&self, model: Option<&ModelName>, now: Moment) -> Option<Waiting> {
        let shut = self.latches(model).filter(|it| it.passage(now) == Passage::No);
        let shut = shut.filter_map(Latch::as_shut).max_by_key(|it| it.until)?;
        Some(Waiting { why: shut.why.clone(), until: shut.until, is_tried: shut.probe.is_some() })
    }
}

impl Engine {
    /// Whether a session of this model may start. One that may not waits in the queue.
    pub(super) fn may_pass(&self, model: Option<&ModelName>) -> bool {
        let Some(build) = &self.build else { return false };
        build.doors.passage(model, self.step.now) != Passage::No
    }

    /// What such a session waits for, one line.
    pub(super) fn waits_for(&self, model: Option<&ModelName>) -> String {
        let build = self.build.as_ref();
        let shut = build.and_then(|it| it.doors.shut_by(model, self.step.now));
        shut.map(|it| it.to_string()).unwrap_or_default()
    }

    /// True where a queued session may not start now; it says what it waits for.
    pub(super) fn waits_at_the_door(
        &mut self,
        id: NodeId,
        (slot, recipe): (Slot, &Recipe),
    ) -> bool {
        // A cap that cannot be kept is told when it starts.
        let model = self.model_now(id, (slot, recipe)).unwrap_or_default();
        if let Some(why) = self.refused(model.as_ref()) {
            self.hold_task(id, why);
            return true;
        }
        if let Some(why) = self.turned_away(model.as_ref(), recipe) {
            self.give_up(id, OutcomeClass::LaunchRefused, why);
            return true;
        }
        if self.may_pass(model.as_ref()) {
            return self.is_enough_near_a_limit(model.as_ref());
        }
        self.note_wait(id, Wait::Door(self.waits_for(model.as_ref())));
        true
    }

    fn turned_away(&self, model: Option<&ModelName>, recipe: &Recipe) -> Option<String> {
        let known = &self.build.as_ref()?.doors.turned_away;
        let permission = permission_of(recipe);
        let known =
            known.iter().find(|it| it.model.as_ref() == model && it.permission == permission);
        known.map(|it| it.why.clone())
    }

    /// A task's session was refused for what it asks for.
    pub(super) fn note_turned_away(&mut self, attempt: AttemptId, why: &str) {
        let Some(attempt) = self.build.as_ref().and_then(|it| it.attempts.get(&attempt)) else {
            return;
        };
        let Some(node) = attempt.node else { return };
        let model = self.model_now(node, (attempt.slot, &attempt.recipe)).unwrap_or_default();
        let permission = permission_of(&attempt.recipe);
        let Some(build) = &mut self.build else { return };
        build.doors.turned_away.push(TurnedAway { model, permission, why: why.to_owned() });
    }

    /// A session starts: where a probe is wanted, it is the one.
    pub(super) fn pass_with(&mut self, launch: &Launch) {
        let now = self.step.now;
        if let (LaunchAction::Session(session), Some(build)) = (&launch.action, &mut self.build) {
            build.doors.send(launch.attempt, session.model.as_ref(), now);
        }
    }

    /// What the end of a session says of the service. True where it was sent to find out.
    pub(super) fn hear_of_service(
        &mut self,
        (attempt, owner): (AttemptId, AttemptId),
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> bool {
        let was_sent = self.hear_of_limits(attempt, evidence, judgement);
        let config = self.breaker_config(owner);
        let now = self.step.now;
        let Some(build) = &mut self.build else { return false };
        let breaker = &mut build.doors.breaker;
        let was_probe = breaker.latch.is_probe(attempt);
        // A command does not ask the service; one that was not even started says nothing of it.
        let service = match evidence.stream {
            Some(_) => Service::of(judgement.class),
            None => Service::Unknown,
        };
        let change = breaker.heard((attempt, service), &judgement.message, now, &config);
        let shut = breaker.latch.as_shut().cloned();
        match (change, shut) {
            (Change::Opened | Change::StillOpen, Some(shut)) => {
                self.step.publish(Notice::Waiting { why: shut.why, until: shut.until });
            }
            (Change::Hopeless, Some(shut)) => self.hold(judgement.class, &shut.why),
            (Change::Closed, _) => {
                self.step.publish(Notice::Resumed { why: "the service answers again".to_owned() });
            }
            _ => {}
        }
        was_probe || was_sent
    }

    /// The settings, with what the plan of the attempt's task says.
    fn breaker_config(&self, owner: AttemptId) -> BreakerConfig {
        let mut config = self.world.config().breaker.clone();
        let attempt = self.build.as_ref().and_then(|it| it.attempts.get(&owner));
        if let Some(attempt) = attempt {
            let meta = self.world.meta(attempt.slot);
            config.threshold = meta.breaker_threshold.unwrap_or(config.threshold);
            config.reset = meta.breaker_reset.unwrap_or(config.reset);
        }
        config
    }

    /// When something that waits may go on by itself.
    pub(super) fn next_opening(&self) -> Option<Moment> {
        let build = self.build.as_ref()?;
        let doors = &build.doors;
        let is_wanted =
            build.holding.is_none() && (!build.queue.is_empty() || !doors.waiting.is_empty());
        let latches = doors.all().filter_map(|it| it.opening(self.step.now)).filter(|_| is_wanted);
        latches.chain(doors.waiting.values().copied().filter(|it| *it > self.step.now)).min()
    }

    /// Lets a finished candidate wait for its validator's session; true where it has to.
    pub(super) fn has_to_wait(&mut self, owner: AttemptId, validator: &Validator) -> bool {
        let ValidatorKind::Agent(_) = &validator.kind else { return false };
        let model = self.validating_model(owner, validator);
        if let Some(why) = self.refused(model.as_ref()) {
            self.set_candidate_aside(owner, OutcomeClass::PlanLimit, why);
            return true;
        }
        if self.may_pass(model.as_ref()) {
            return false;
        }
        let why = self.waits_for(model.as_ref());
        self.wait_with(owner, self.step.now, why);
        true
    }

    fn wait_with(&mut self, owner: AttemptId, not_before: Moment, why: String) {
        let Some(build) = &mut self.build else { return };
        let Some(attempt) = build.attempts.get_mut(&owner) else { return };
        attempt.phase = Phase::Validating;
        attempt.doing = why;
        build.doors.waiting.insert(owner, not_before);
    }

    /// A validator that only the service kept from its verdict is asked again later; what it was to
    /// judge stays. True where that is so.
    pub(super) fn review_later(&mut self, owner: AttemptId, judgement: &Judgement) -> bool {
        let is_limit = judgement.class == OutcomeClass::PlanLimit;
        if Service::of(judgement.class) != Service::Failed && !is_limit {
            return false;
        }
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.get_mut(&owner)) else {
            return false;
        };
        attempt.n_service_failures += u32::from(!is_limit);
        let n = attempt.n_service_failures;
        if n > MAX_SERVICE_FAILURES {
            return false;
        }
        let wait = if is_limit { Millis(0) } else { Millis::seconds(5 << (n - 1).min(4)) };
        self.wait_with(owner, self.step.now + wait, judgement.message.clone());
        true
    }

    /// Asks for the verdicts that had to wait, as far as sessions may start again.
    pub(super) fn go_on_with_reviews(&mut self) {
        let Some(build) = &self.build else { return };
        let now = self.step.now;
        let stop = match &build.holding {
            _ if build.stopping != Stopping::No => {
                Some((OutcomeClass::Aborted, "stopped".to_owned()))
            }
            Some(holding) => Some((holding.class, holding.why.clone())),
            None => None,
        };
        let is_due =
            |(owner, at): (&AttemptId, &Moment)| (stop.is_some() || *at <= now).then_some(*owner);
        let due: Vec<AttemptId> = build.doors.waiting.iter().filter_map(is_due).collect();
        for owner in due {
            if let Some(build) = &mut self.build {
                build.doors.waiting.remove(&owner);
            }
            match &stop {
                Some((class, why)) => self.set_candidate_aside(owner, *class, why.clone()),
                None => self.review_candidate(owner),
            }
        }
    }

    /// Nothing validates the candidate in this build. It was paid for: the cache keeps it, and the
    /// next build begins with its validators.
    pub(super) fn set_candidate_aside(
        &mut self,
        owner: AttemptId,
        class: OutcomeClass,
        why: String,
    ) {
        self.keep_candidate(owner);
        self.set_back(owner, class, why);
    }

    /// Keeps what was paid for before its validators speak: whatever ends this build, the next one
    /// only validates it.
    pub(super) fn keep_candidate(&mut self, owner: AttemptId) {
        let attempt = self.build.as_mut().and_then(|it| it.attempts.get_mut(&owner));
        let ran = attempt.filter(|it| it.origin == super::attempt::Origin::Ran && !it.is_kept);
        let Some(attempt) = ran else { return };
        attempt.is_kept = true;
        let attempt = super::attempt::Attempt { reached: Vec::new(), ..attempt.clone() };
        let result = self.result_of(attempt);
        self.step.push(Effect::Remember(Box::new(result)));
    }

    /// Keeps what a validator refused, to be judged anew when it is asked again.
    pub(super) fn refuse_candidate(&mut self, owner: AttemptId) {
        self.keep_candidate(owner);
        let Some(attempt) = self.build.as_ref().and_then(|it| it.attempts.get(&owner)) else {
            return;
        };
        let (key, output) = (attempt.key, attempt.facts.patch.output_digest());
        self.step.push(Effect::Refuse { key, output });
    }
}

impl Doors {
    fn all(&self) -> impl Iterator<Item = &Latch> {
        std::iter::once(&self.breaker.latch).chain(self.gate.all())
    }

    /// What keeps sessions from starting for now, the longest.
    fn shut(&self, now: Moment) -> Option<Waiting> {
        let shut = self.all().filter(|it| it.passage(now) != Passage::Free);
        let shut = shut.filter_map(Latch::as_shut).max_by_key(|it| it.until)?;
        Some(Waiting { why: shut.why.clone(), until: shut.until, is_tried: shut.probe.is_some() })
    }
}

fn permission_of(recipe: &Recipe) -> Permission {
    recipe.agent.as_ref().map(|it| it.permission).unwrap_or_default()
}

/// What a build waits for before sessions start again.
pub(super) fn waiting_of(build: &Build, now: Moment) -> Option<Waiting> {
    build.doors.shut(now)
}
