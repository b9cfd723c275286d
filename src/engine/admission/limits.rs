//! The account's windows in a build: a limit shuts it, the build waits or is refused to, a probe opens
//! it. What is known of limits is journaled: the next run of orch honours it.

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, ModelName};
use crate::engine::decide::{Board, Mode};
use crate::engine::effect::{Notice, Reopened, Warning};
use crate::engine::graph::NodeId;
use crate::engine::ground::Ground;
use crate::engine::limits::{Limit, Window};
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::KnownLimit;
use crate::engine::record::Record;
use crate::engine::stream::StreamFacts;
use crate::engine::why::{Barrier, Hold, UsedUp, Why};
use crate::spec::config::LimitsConfig;

use super::breaker::Service;
use super::windows::{concerns, is_past, may_wait, opens_at, used_up};
use super::{Admission, Heard, Yard};

/// A window that nobody waits for in this build.
pub(super) struct Refused {
    pub window: Window,
    pub why: Hold,
}

impl Admission {
    /// What the end of a session says of the account's windows. True where it was sent to find out.
    pub(super) fn hear_of_limits(
        &mut self,
        heard: Heard<'_>,
        jobs: u32,
        ground: &mut Ground<'_>,
    ) -> bool {
        let Heard { attempt, evidence, judgement } = heard;
        let was_probe = self.throttles.windows.is_probe(attempt);
        let Some(facts) = &evidence.stream else {
            self.throttles.windows.recall(attempt);
            return was_probe;
        };
        let overage = || overage_of(facts, &ground.world.config().limits);
        let met = judgement.limit.clone().or_else(overage);
        if let Some(limit) = &met {
            self.hit(attempt, limit, ground);
        }
        let has_answered = met.is_some() || Service::of(judgement.class) == Service::Answered;
        let windows = &mut self.throttles.windows;
        if was_probe && has_answered {
            for window in windows.came_through(attempt, met.as_ref().map(|it| &it.window)) {
                lift(window, ground);
            }
        } else if was_probe {
            windows.recall(attempt);
        }
        self.hear_of_use(facts, jobs, ground);
        was_probe
    }

    fn hit(&mut self, attempt: AttemptId, limit: &Limit, ground: &mut Ground<'_>) {
        let now = ground.now();
        let limit = limit.clone().bounded(now);
        let Some(until) = self.throttles.windows.hit(attempt, &limit, now) else { return };
        let used_up = used_up(&limit, now);
        let Limit { window, resets_at, .. } = limit;
        let account = ground.past.account;
        ground.append(Record::LimitHit { at: now, window, resets_at, account });
        if until <= now {
            return ground.publish(Notice::Warning(Warning::LimitDoubted(used_up)));
        }
        self.wait_or_refuse(used_up, until, ground);
    }

    /// Waits for the window, where the settings let it; else no session that counts in it starts.
    fn wait_or_refuse(&mut self, used_up: UsedUp, until: Moment, ground: &mut Ground<'_>) {
        let config = &ground.world.config().limits;
        let Err(unawaited) = may_wait(config, ground.now(), until, self.throttles.n_waits) else {
            self.throttles.n_waits += 1;
            return ground.publish(Notice::Waiting { why: Barrier::UsedUp(used_up), until });
        };
        let window = used_up.window.clone();
        let why = Hold::Limit(used_up, unawaited);
        if window.model().is_none() {
            return self.hold(why, ground);
        }
        ground.publish(Notice::Warning(Warning::ModelHeld(why.clone())));
        self.throttles.refused.push(Refused { window, why });
    }

    fn hear_of_use(&mut self, facts: &StreamFacts, jobs: u32, ground: &mut Ground<'_>) {
        let windows = &mut self.throttles.windows;
        let near: Vec<_> = facts.windows.iter().filter(|heard| windows.heard(heard)).collect();
        for heard in near {
            let (window, permille) = (Window::parse(&heard.window), heard.permille);
            let at_once = self.throttles.windows.at_once(None, jobs, ground.now()).unwrap_or(jobs);
            ground.publish(Notice::Warning(Warning::LimitNear { window, permille, at_once }));
        }
    }

    /// What earlier runs of orch met with this account that is not over, as far as anybody knows.
    pub fn restore_limits(&mut self, board: &Board, ground: &mut Ground<'_>) {
        let now = ground.now();
        let known = ground.past.history.limits_of(ground.past.account);
        let known: Vec<_> = known.map(|(window, it)| (window.clone(), *it)).collect();
        let last_asked = ground.past.history.last_asked;
        for (window, KnownLimit { at, resets_at }) in known {
            let limit = Limit { window, resets_at, ..Limit::default() }.bounded(at);
            let used_up = used_up(&limit, now);
            // A person has asked for a task since a limit was met: one session finds out whether it is
            // over.
            let is_forced = !board.request.force.is_empty();
            let is_asked = is_forced || last_asked.is_some_and(|asked| asked >= at);
            let is_doubted = is_asked || is_past(limit.resets_at, now);
            let opens = opens_at(limit.resets_at, at);
            let until = if is_doubted { opens.min(now) } else { opens };
            let is_over = until <= now;
            if board.mode == Mode::Survey && is_over {
                continue;
            }
            self.throttles.windows.restore(used_up.clone(), at, until);
            if board.mode == Mode::Build && !is_over {
                self.wait_or_refuse(used_up, until, ground);
            }
        }
    }

    /// A person asks for a task while sessions wait for a limit: one may find out now.
    pub fn doubt_limits(&mut self, now: Moment) {
        self.throttles.windows.hurry(now);
        self.throttles.refused.clear();
        if self.holding.as_ref().is_some_and(|it| it.class() == OutcomeClass::PlanLimit) {
            self.holding = None;
        }
    }

    /// Why no session of this model starts in this build; `None` where one may.
    pub fn refused(&self, model: Option<&ModelName>) -> Option<&Hold> {
        let mut refused = self.throttles.refused.iter();
        refused.find(|it| concerns(&it.window, model)).map(|it| &it.why)
    }

    /// True where one of the account's windows is about to be used up and enough sessions run.
    pub(super) fn is_enough_near_a_limit(
        &self,
        model: Option<&ModelName>,
        yard: &Yard<'_>,
        now: Moment,
    ) -> bool {
        let jobs = yard.board.request.jobs;
        let Some(most) = self.throttles.windows.at_once(model, jobs, now) else { return false };
        let runs =
            yard.running.iter().filter(|it| it.is_session() && !self.throttles.is_waiting(it.id));
        runs.count() >= most as usize
    }

    /// A task met a limit: it goes on after it, or is held where nobody waits for that.
    pub fn wait_for_limit(&self, id: NodeId, why: Why, board: &mut Board, ground: &mut Ground<'_>) {
        let recipe = ground.world.recipe(board.slot(id));
        let model = recipe.and_then(|it| board.model_now(id, it, ground.world).ok()).flatten();
        if self.holding.is_some() || self.refused(model.as_ref()).is_some() {
            return board.hold_task(id, why, ground);
        }
        let tripped = self.throttles.tripped_by(model.as_ref(), ground.now());
        let wait = tripped.map_or(Millis(0), |it| it.until - ground.now());
        board.again(id, wait, why, ground);
    }
}

/// A person's word that limits are over, whosever they are.
pub fn lift_all(ground: &mut Ground<'_>) {
    let at = ground.now();
    let known = ground.past.history.limits();
    let known: Vec<_> = known.map(|(window, account, _)| (window.clone(), account)).collect();
    for (window, account) in known {
        ground.append(Record::LimitLifted { at, window, account });
    }
}

fn lift(window: Window, ground: &mut Ground<'_>) {
    let (at, account) = (ground.now(), ground.past.account);
    ground.append(Record::LimitLifted { at, window: window.clone(), account });
    ground.publish(Notice::Resumed { why: Reopened::Window(window) });
}

/// Paid use beyond the plan is a limit where the settings do not want it.
fn overage_of(facts: &StreamFacts, config: &LimitsConfig) -> Option<Limit> {
    if !facts.is_using_overage || config.overage {
        return None;
    }
    let mut windows = facts.windows.iter();
    let used_up = windows.find(|it| it.status == "rejected" && it.window != "overage");
    Some(match used_up {
        Some(it) => {
            Limit { window: Window::parse(&it.window), resets_at: it.resets_at, ..Limit::default() }
        }
        None => Limit { window: Window::Overage, ..Limit::default() },
    })
}
