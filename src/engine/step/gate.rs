//! The account's gate in a build: a limit shuts it, the build waits or is refused to, a probe opens
//! it. What is known of limits is journaled: the next run of orch honours it.

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AccountId, AttemptId, ModelName};
use crate::engine::admission::breaker::Service;
use crate::engine::admission::gate::{concerns, may_wait, opens_at};
use crate::engine::effect::Notice;
use crate::engine::graph::NodeId;
use crate::engine::limits::{Limit, Window};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::past::history::KnownLimit;
use crate::engine::record::Record;
use crate::engine::stream::StreamFacts;
use crate::spec::config::LimitsConfig;
use crate::spec::rule::ActionKind;

use super::hold::advice_on;
use super::{Engine, Mode};

/// A window that nobody waits for in this build.
pub(super) struct Refused {
    pub window: Window,
    /// One line, with what to do.
    pub why: String,
}

impl Engine {
    /// The same engine whose sessions sign in with this account.
    #[must_use]
    pub fn of_account(mut self, account: Option<AccountId>) -> Self {
        self.past.account = account;
        self
    }

    /// What the end of a session says of the account's windows. True where it was sent to find out.
    pub(super) fn hear_of_limits(
        &mut self,
        attempt: AttemptId,
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> bool {
        let Some(facts) = &evidence.stream else { return self.recall_probe(attempt) };
        let Some(build) = &self.build else { return false };
        let was_probe = build.doors.gate.is_probe(attempt);
        let met = judgement.limit.clone().or_else(|| self.overage_of(facts));
        if let Some(limit) = &met {
            self.hit(attempt, limit);
        }
        let has_answered = met.is_some() || Service::of(judgement.class) == Service::Answered;
        let Some(build) = &mut self.build else { return false };
        if was_probe && has_answered {
            let open = build.doors.gate.came_through(attempt, met.as_ref().map(|it| &it.window));
            open.into_iter().for_each(|window| self.lift(window));
        } else if was_probe {
            build.doors.gate.recall(attempt);
        }
        self.hear_of_use(facts);
        was_probe
    }

    fn recall_probe(&mut self, attempt: AttemptId) -> bool {
        let Some(build) = &mut self.build else { return false };
        let was_probe = build.doors.gate.is_probe(attempt);
        build.doors.gate.recall(attempt);
        was_probe
    }

    /// Paid use beyond the plan is a limit where the settings do not want it.
    fn overage_of(&self, facts: &StreamFacts) -> Option<Limit> {
        if !facts.is_using_overage || self.limits_config().overage {
            return None;
        }
        let used_up =
            facts.windows.iter().find(|it| it.status == "rejected" && it.window != "overage");
        Some(match used_up {
            Some(it) => Limit {
                window: Window::parse(&it.window),
                resets_at: it.resets_at,
                ..Limit::default()
            },
            None => Limit { window: Window::Overage, ..Limit::default() },
        })
    }

    fn limits_config(&self) -> &LimitsConfig {
        &self.world.config().limits
    }

    fn hit(&mut self, attempt: AttemptId, limit: &Limit) {
        let now = self.step.now;
        let limit = limit.clone().bounded(now);
        let why = used_up(&limit.window, limit.resets_at);
        let Some(build) = &mut self.build else { return };
        let Some(until) = build.doors.gate.hit(attempt, (&limit, &why), now) else { return };
        let Limit { window, resets_at, .. } = limit;
        let account = self.past.account;
        self.past.append(
            Record::LimitHit { at: now, window: window.clone(), resets_at, account },
            &mut self.step,
        );
        self.wait_or_refuse(window, &why, until);
    }

    /// Waits for the window, where the settings let it; else no session that counts in it starts.
    fn wait_or_refuse(&mut self, window: Window, why: &str, until: Moment) {
        let config = self.limits_config().clone();
        let now = self.step.now;
        let Some(build) = &mut self.build else { return };
        match may_wait(&config, (now, until), build.doors.n_waits) {
            Ok(()) => {
                build.doors.n_waits += 1;
                self.step.publish(Notice::Waiting { why: why.to_owned(), until });
            }
            Err(reason) => {
                let why = format!("{why}; {reason}");
                if window.model().is_none() {
                    return self.hold(OutcomeClass::PlanLimit, &why);
                }
                let why = format!("{why}{}", advice_on(OutcomeClass::PlanLimit, &why));
                self.step
                    .publish(Notice::Warning(format!("no session of that model starts: {why}")));
                if let Some(build) = &mut self.build {
                    build.doors.refused.push(Refused { window, why });
                }
            }
        }
    }

    fn lift(&mut self, window: Window) {
        let label = window.label().unwrap_or_else(|| "usage".to_owned());
        let at = self.step.now;
        let account = self.past.account;
        self.past.append(Record::LimitLifted { at, window, account }, &mut self.step);
        self.step.publish(Notice::Resumed { why: format!("the {label} limit is over") });
    }

    fn hear_of_use(&mut self, facts: &StreamFacts) {
        let Some(build) = &mut self.build else { return };
        let (jobs, now) = (build.request.jobs, self.step.now);
        let gate = &mut build.doors.gate;
        let told: Vec<String> = facts
            .windows
            .iter()
            .filter(|heard| gate.heard(heard))
            .map(|heard| {
                let label = Window::parse(&heard.window).label();
                (label.unwrap_or_else(|| "usage".to_owned()), heard.permille)
            })
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(label, permille)| {
                let share = permille.map_or("most".to_owned(), |it| format!("{} %", it / 10));
                let n = gate.at_once(None, jobs, now).unwrap_or(jobs);
                format!(
                    "{share} of the {label} limit is used: no more than {n} at once from now on"
                )
            })
            .collect();
        told.into_iter().for_each(|text| self.step.publish(Notice::Warning(text)));
    }

    /// What earlier runs of orch met with this account that is not over, as far as anybody knows.
    pub(super) fn restore_limits(&mut self) {
        let now = self.step.now;
        let known = self.past.history.limits_of(self.past.account);
        let known: Vec<_> = known.map(|(window, it)| (window.clone(), *it)).collect();
        for (window, KnownLimit { at, resets_at }) in known {
            let limit = Limit { window: window.clone(), resets_at, ..Limit::default() }.bounded(at);
            let why = used_up(&window, limit.resets_at);
            let is_doubted = self.is_doubted(at);
            let Some(build) = &mut self.build else { return };
            let opens = opens_at(limit.resets_at, at);
            let until = if is_doubted { opens.min(now) } else { opens };
            let is_over = until <= now;
            if build.mode == Mode::Survey && is_over {
                continue;
            }
            build.doors.gate.restore(&window, (at, until), &why);
            if build.mode == Mode::Build && !is_over {
                self.wait_or_refuse(window, &why, until);
            }
        }
    }

    /// A person has asked for a task since a limit was met: one session finds out whether it is over.
    fn is_doubted(&self, met_at: Moment) -> bool {
        let is_forced = self.build.as_ref().is_some_and(|build| !build.request.force.is_empty());
        is_forced || self.past.history.last_asked.is_some_and(|asked| asked >= met_at)
    }

    /// A person asks for a task while sessions wait for a limit: one may find out now.
    pub(super) fn doubt_limits(&mut self) {
        let now = self.step.now;
        let Some(build) = &mut self.build else { return };
        build.doors.gate.hurry(now);
        build.doors.refused.clear();
        if build.holding.as_ref().is_some_and(|it| it.class == OutcomeClass::PlanLimit) {
            build.holding = None;
        }
    }

    /// A person's word that limits are over, whosever they are.
    pub(super) fn lift_limits(&mut self) {
        let at = self.step.now;
        let known = self.past.history.limits();
        let known: Vec<_> = known.map(|(window, account, _)| (window.clone(), account)).collect();
        for (window, account) in known {
            self.past.append(Record::LimitLifted { at, window, account }, &mut self.step);
        }
    }

    /// Why no session of this model starts in this build; `None` where one may.
    pub(super) fn refused(&self, model: Option<&ModelName>) -> Option<String> {
        let refused = &self.build.as_ref()?.doors.refused;
        refused.iter().find(|it| concerns(&it.window, model)).map(|it| it.why.clone())
    }

    /// True where one of the account's windows is about to be used up and enough sessions run.
    pub(super) fn is_enough_near_a_limit(&self, model: Option<&ModelName>) -> bool {
        let Some(build) = &self.build else { return false };
        let Some(most) = build.doors.gate.at_once(model, build.request.jobs, self.step.now) else {
            return false;
        };
        let runs = |(id, attempt): &(&AttemptId, &super::Attempt)| {
            attempt.recipe.rule.action == ActionKind::Session
                && !build.doors.waiting.contains_key(id)
        };
        build.attempts.iter().filter(runs).count() >= most as usize
    }

    /// A task met a limit: it goes on after it, or is held where nobody waits for that.
    pub(super) fn wait_for_limit(&mut self, id: NodeId, why: String) {
        let slot = self.build.as_ref().map(|it| it.nodes[id.index()]);
        let recipe = slot.and_then(|slot| Some((slot, self.world.recipe(slot)?)));
        let model = recipe.and_then(|it| self.model_now(id, it).ok()).flatten();
        let held = self.build.as_ref().and_then(|it| it.holding.as_ref()).map(|it| it.why.clone());
        if held.is_some() || self.refused(model.as_ref()).is_some() {
            return self.hold_task(id, why);
        }
        let shut =
            self.build.as_ref().and_then(|it| it.doors.shut_by(model.as_ref(), self.step.now));
        let wait = shut.map_or(Millis(0), |it| it.until - self.step.now);
        self.again(id, wait, why);
    }
}

/// `the five-hour limit is used up and resets 2026-01-15 15:04 UTC`.
fn used_up(window: &Window, resets_at: Option<u64>) -> String {
    let label = window.label().unwrap_or_else(|| "usage".to_owned());
    let reset = match resets_at {
        Some(seconds) => format!("resets {}", Moment(seconds.saturating_mul(1000))),
        None => "nobody says when it resets".to_owned(),
    };
    format!("the {label} limit is used up and {reset}")
}
