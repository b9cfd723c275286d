//! Who may start a session now: nobody while the service is down, then one, then all. What waits
//! is not over: tasks stay queued, and a finished candidate waits for its validator.

use std::collections::BTreeMap;

use crate::base::measure::Moment;
use crate::base::name::{AttemptId, ModelName};
use crate::engine::effect::{Launch, LaunchAction, Notice, Reopened};
use crate::engine::graph::NodeId;
use crate::engine::ground::Ground;
use crate::engine::outcome::Judgement;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::why::{Barrier, Hold, Wait, Waiting};
use crate::engine::world::Recipe;
use crate::spec::agent::Permission;
use crate::spec::config::BreakerConfig;

use super::breaker::{Answer, Breaker, Service, Turn};
use super::circuit::{Circuit, Passage, Tripped};
use super::limits::Refused;
use super::windows::Windows;
use super::{Admission, Yard};

/// What keeps sessions from starting for a while, and who waits for their validator.
#[derive(Default)]
pub struct Throttles {
    breaker: Breaker,
    pub(super) windows: Windows,
    /// How many resets this build has waited for.
    pub(super) n_waits: u32,
    pub(super) refused: Vec<Refused>,
    pub(super) turned_away: Vec<TurnedAway>,
    /// Attempts with a finished candidate, and the moment before which their validator is not tried.
    waiting: BTreeMap<AttemptId, Moment>,
}

/// Sessions that the CLI or the service would not have: others that ask for the same are not started.
pub(super) struct TurnedAway {
    model: Option<ModelName>,
    permission: Permission,
    why: String,
}

/// A session that ended, as its evidence shows it and as it was judged.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    pub attempt: AttemptId,
    pub evidence: &'a Evidence,
    pub judgement: &'a Judgement,
}

/// Whether a queued session may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    Open,
    /// Not now; where nothing else says so, what it waits for is noted.
    Wait,
    /// Not in this build: why.
    Hold(Hold),
    /// Never, as it is: why.
    Refuse(String),
}

impl Throttles {
    /// The circuits that a session of this model goes through.
    fn circuits(&self, model: Option<&ModelName>) -> impl Iterator<Item = &Circuit> {
        std::iter::once(&self.breaker.circuit).chain(self.windows.circuits(model))
    }

    fn all(&self) -> impl Iterator<Item = &Circuit> {
        std::iter::once(&self.breaker.circuit).chain(self.windows.all())
    }

    fn passage(&self, model: Option<&ModelName>, now: Moment) -> Passage {
        self.circuits(model).map(|it| it.passage(now)).max().unwrap_or(Passage::Free)
    }

    /// What keeps such a session waiting the longest.
    pub(super) fn tripped_by(&self, model: Option<&ModelName>, now: Moment) -> Option<Waiting> {
        let tripped = self.circuits(model).filter(|it| it.passage(now) == Passage::No);
        let tripped = tripped.filter_map(Circuit::tripped).max_by_key(|it| it.until)?;
        Some(Waiting {
            why: tripped.why.clone(),
            until: tripped.until,
            is_tried: tripped.probe.is_some(),
        })
    }

    /// What keeps sessions from starting for now, the longest.
    pub fn longest(&self, now: Moment) -> Option<Waiting> {
        let tripped = self.all().filter(|it| it.passage(now) != Passage::Free);
        let tripped = tripped.filter_map(Circuit::tripped).max_by_key(|it| it.until)?;
        Some(Waiting {
            why: tripped.why.clone(),
            until: tripped.until,
            is_tried: tripped.probe.is_some(),
        })
    }

    /// The first refusal of the account.
    pub fn first_refusal(&self) -> Option<&Hold> {
        self.refused.first().map(|it| &it.why)
    }

    pub fn is_waiting(&self, attempt: AttemptId) -> bool {
        self.waiting.contains_key(&attempt)
    }

    /// A finished candidate waits for its validator's session.
    pub fn wait(&mut self, owner: AttemptId, not_before: Moment) {
        self.waiting.insert(owner, not_before);
    }

    /// Takes out those that have waited long enough, or all.
    pub fn take_due(&mut self, until: Option<Moment>) -> Vec<AttemptId> {
        let is_due = |at: &Moment| until.is_none_or(|until| *at <= until);
        let due = self.waiting.iter().filter(|(_, at)| is_due(at));
        let due: Vec<AttemptId> = due.map(|(owner, _)| *owner).collect();
        for owner in &due {
            self.waiting.remove(owner);
        }
        due
    }
}

impl Admission {
    /// Whether a session of this model may start. One that may not waits in the queue.
    pub fn may_pass(&self, model: Option<&ModelName>, now: Moment) -> bool {
        self.throttles.passage(model, now) != Passage::No
    }

    /// What such a session waits for; `None` where it may start.
    pub fn waits_for(&self, model: Option<&ModelName>, now: Moment) -> Option<Waiting> {
        self.throttles.tripped_by(model, now)
    }

    /// Whether a queued session may start now.
    pub fn entry_of(
        &mut self,
        id: NodeId,
        recipe: &Recipe,
        yard: &Yard<'_>,
        ground: &Ground<'_>,
    ) -> Permit {
        // A cap that cannot be kept is told when it starts.
        let model = yard.board.model_now(id, recipe, ground.world).unwrap_or_default();
        let model = model.as_ref();
        if let Some(why) = self.refused(model) {
            return Permit::Hold(why.clone());
        }
        if let Some(why) = self.turned_away(model, recipe) {
            return Permit::Refuse(why);
        }
        let now = ground.now();
        if let Some(waiting) = self.waits_for(model, now) {
            self.note_wait(id, Wait::Throttled(waiting));
            return Permit::Wait;
        }
        match self.is_enough_near_a_limit(model, yard, now) {
            true => Permit::Wait,
            false => Permit::Open,
        }
    }

    fn turned_away(&self, model: Option<&ModelName>, recipe: &Recipe) -> Option<String> {
        let permission = permission_of(recipe);
        let mut known = self.throttles.turned_away.iter();
        let known = known.find(|it| it.model.as_ref() == model && it.permission == permission);
        known.map(|it| it.why.clone())
    }

    /// A task's session was refused for what it asks for.
    pub fn note_turned_away(&mut self, model: Option<ModelName>, recipe: &Recipe, why: &str) {
        let permission = permission_of(recipe);
        self.throttles.turned_away.push(TurnedAway { model, permission, why: why.to_owned() });
    }

    /// A session starts: where a probe is wanted, it is the one.
    pub fn pass_with(&mut self, launch: &Launch, now: Moment) {
        if let LaunchAction::Session(session) = &launch.action {
            let model = session.model.as_ref();
            self.throttles.windows.send(launch.attempt, model, now);
            self.throttles.breaker.circuit.send(launch.attempt, now);
        }
    }

    /// What the end of a session says of the service. True where it was sent to find out.
    pub fn hear_of_service(
        &mut self,
        heard: Heard<'_>,
        jobs: u32,
        config: &BreakerConfig,
        ground: &mut Ground<'_>,
    ) -> bool {
        let was_sent = self.hear_of_limits(heard, jobs, ground);
        let Heard { attempt, evidence, judgement } = heard;
        let breaker = &mut self.throttles.breaker;
        let was_probe = breaker.circuit.is_probe(attempt);
        // A command does not ask the service; one that was not even started says nothing of it.
        let service = match evidence.stream {
            Some(_) => Service::of(judgement.class),
            None => Service::Unknown,
        };
        let change = breaker.hear(
            Answer { attempt, service, said: &judgement.message },
            ground.now(),
            config,
        );
        let tripped = breaker.circuit.tripped().cloned();
        match (change, tripped) {
            (Turn::Opened | Turn::StillOpen, Some(tripped)) => {
                ground.publish(Notice::Waiting { why: tripped.why, until: tripped.until });
            }
            (Turn::Hopeless, Some(Tripped { why: Barrier::Outage(outage), .. })) => {
                self.hold(Hold::Outage(judgement.class, outage), ground);
            }
            (Turn::Closed, _) => ground.publish(Notice::Resumed { why: Reopened::Service }),
            _ => {}
        }
        was_probe || was_sent
    }

    /// When something that waits may go on by itself.
    pub fn next_opening(&self, has_queue: bool, now: Moment) -> Option<Moment> {
        let throttles = &self.throttles;
        let is_wanted = self.holding.is_none() && (has_queue || !throttles.waiting.is_empty());
        let circuits = throttles.all().filter_map(|it| it.opening(now)).filter(|_| is_wanted);
        circuits.chain(throttles.waiting.values().copied().filter(|it| *it > now)).min()
    }
}

fn permission_of(recipe: &Recipe) -> Permission {
    recipe.agent.as_ref().map(|it| it.permission).unwrap_or_default()
}
