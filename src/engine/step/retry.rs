//! What follows an attempt that was not accepted: again, later, or given up.

use crate::base::measure::{Millis, Moment};
use crate::base::name::{ActionKey, AttemptId, SessionId, TaskRef};
use crate::engine::effect::{Effect, Notice};
use crate::engine::event::Conflict;
use crate::engine::graph::NodeId;
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Provenance;
use crate::engine::schedule::{Settled, State};
use crate::spec::plan::Meta;
use crate::spec::rule::{ActionKind, Retry, RetryStep};

use super::{Engine, Stopping};

/// Transient failures in a row that are waited out before a task is given up.
const MAX_TRANSIENT: u32 = 8;

/// What this build remembers of a task from attempt to attempt.
#[derive(Clone, Debug, Default)]
pub struct TaskRun {
    /// The key that all this is about; another one starts afresh.
    pub key: Option<ActionKey>,
    /// How the task was given up under this key: it is not tried again unless somebody asks.
    pub gave_up: Option<OutcomeClass>,
    /// The plan has said so: a `pending` there since is a person's word.
    pub has_shown_failure: bool,
    /// It does not run again before this moment.
    pub not_before: Option<Moment>,
    /// What its blocking was last blamed on.
    pub blocked_by: Option<TaskRef>,
    /// How it was accepted under this key in this build.
    pub accepted: Option<Provenance>,
    /// Attempts that counted.
    pub n_tries: u32,
    pub n_transient: u32,
    /// When its inputs were last looked at, where that was for it alone.
    pub seen_at: Option<Moment>,
    /// FAIL verdicts in this build.
    pub n_rejections: u32,
    /// Why it runs or does not, one line.
    pub reason: String,
    /// What differs from its last accepted result.
    pub changed: Vec<String>,
    pub previous_error: Option<String>,
    pub findings: Vec<String>,
    pub conflict: Option<Conflict>,
    /// The attempt whose session goes on.
    pub resume: Option<AttemptId>,
    pub resume_session: Option<SessionId>,
    pub cost: crate::base::measure::Usd,
    pub warnings: Vec<String>,
}

/// How a class of failure is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    /// Counts as an attempt; again after a backoff.
    Count,
    /// Counts as an attempt; again at once, since the world or the prompt is another now.
    CountAtOnce,
    /// Not the task's fault: again after a backoff, uncounted but bounded.
    WaitOut,
    /// Trying again cannot help.
    GiveUp,
    /// Trying anything that needs a session cannot help.
    Hold,
    /// orch itself ended it.
    Ours,
}

fn response_to(class: OutcomeClass) -> Response {
    use OutcomeClass as C;
    match class {
        C::Rejected | C::Conflict | C::NoStatus | C::WrongTask => Response::CountAtOnce,
        C::Throttled | C::Overloaded | C::ServerError | C::Network => Response::WaitOut,
        C::PermissionDenied | C::NoVerdict => Response::GiveUp,
        C::PlanLimit | C::Auth | C::Billing | C::LaunchFailure => Response::Hold,
        // Met before: it parks the task.
        C::Aborted | C::Asked => Response::Ours,
        _ => Response::Count,
    }
}

/// False for failures that another key would meet, too: limits, and what orch itself ended.
pub(super) fn is_about_the_task(class: OutcomeClass) -> bool {
    !matches!(response_to(class), Response::Hold | Response::Ours)
}

/// How many attempts a task has: its own number, its plan's (sessions), its rule's.
pub(super) fn attempts_allowed(own: Option<u32>, meta: &Meta, rule: (&Retry, ActionKind)) -> u32 {
    let (retry, kind) = rule;
    let plan = if kind == ActionKind::Session { meta.max_attempts } else { None };
    own.or(plan).unwrap_or(retry.attempts).max(1)
}

/// `base * 2^(n-1)`, at most `cap`; `n` counts from 1.
fn backoff(n: u32, base: Millis, cap: Millis) -> Millis {
    let doubled = base.0.saturating_mul(1 << n.saturating_sub(1).min(30));
    Millis(doubled.min(cap.0))
}

/// A failure with what is told of it.
pub(super) struct Setback {
    pub class: OutcomeClass,
    pub message: String,
    /// Attempts the task may have.
    pub allowed: u32,
    pub retry: Retry,
    pub action: ActionKind,
}

impl Engine {
    /// Decides what follows; the attempt itself is already over and journaled.
    pub(super) fn meet(&mut self, id: NodeId, attempt: AttemptId, setback: Setback) {
        let Setback { class, message, allowed, retry, action } = setback;
        let stopping = self.build.as_ref().map_or(Stopping::No, |build| build.stopping);
        let Some(run) = self.run_of(id) else { return };
        run.previous_error = Some(message.clone());
        run.resume = None;
        let configured = retry.on.get(class.as_str()).copied();
        let response = match (response_to(class), configured) {
            // A command's program is its own affair: sessions may go on.
            (Response::Hold, _) if action == ActionKind::Command => Response::GiveUp,
            (Response::Hold, _) => Response::Hold,
            // Nobody asked for a stop: the session broke off by itself, and may do so for ever.
            (Response::Ours, _) if stopping == Stopping::No => Response::Count,
            (_, Some(RetryStep::Stop)) => Response::GiveUp,
            (response, Some(RetryStep::Resume)) => {
                run.resume = Some(attempt);
                response
            }
            (response, _) => response,
        };
        let wait = match response {
            Response::GiveUp | Response::Hold => None,
            Response::Ours => Some(Millis(0)),
            Response::WaitOut => {
                run.n_transient += 1;
                (run.n_transient <= MAX_TRANSIENT)
                    .then(|| backoff(run.n_transient, retry.backoff_base, retry.backoff_cap))
            }
            Response::Count | Response::CountAtOnce => {
                run.n_tries += 1;
                let wait = if response == Response::Count {
                    backoff(run.n_tries, retry.backoff_base, retry.backoff_cap)
                } else {
                    Millis(0)
                };
                (run.n_tries < allowed).then_some(wait)
            }
        };
        if response == Response::Hold {
            self.hold(class, &message);
            return self.hold_task(id, message);
        }
        match wait {
            Some(_) if stopping != Stopping::No => self.hold_task(id, "stopped".to_owned()),
            Some(wait) => self.again(id, wait, message),
            None => self.give_up(id, class, message),
        }
    }

    fn again(&mut self, id: NodeId, wait: Millis, why: String) {
        let until = self.now + wait;
        let Some(build) = &mut self.build else { return };
        let task = build.graph.node(id).task.clone();
        build.schedule.set(id, State::BackingOff(until));
        build.runs.entry(id).or_default().not_before = Some(until);
        self.note_reason(id, why.clone());
        self.publish(Notice::TaskRetried { task, why, wait_ms: wait.0 });
    }

    pub(super) fn give_up(&mut self, id: NodeId, class: OutcomeClass, why: String) {
        let Some(build) = &self.build else { return };
        let task = build.graph.node(id).task.clone();
        let conflict = build.runs.get(&id).and_then(|run| run.conflict.as_ref());
        let help = conflict.filter(|_| class == OutcomeClass::Conflict).map(|conflict| {
            format!(
                "look at both sides: `git diff {}...{}`; then `orch retry {task}`",
                conflict.tip, conflict.kept_as
            )
        });
        self.note_reason(id, why.clone());
        self.note_given_up(id, class);
        self.write_failure(id, &why);
        self.publish(Notice::TaskFailed { task, why, help });
        self.settle(id, Settled::Failed(class));
    }

    fn note_given_up(&mut self, id: NodeId, class: OutcomeClass) {
        if let Some(run) = self.run_of(id) {
            run.gave_up = Some(class);
        }
    }

    /// The documents changed: what kept sessions from starting may be gone.
    pub(super) fn stop_holding(&mut self) {
        let Some(build) = &mut self.build else { return };
        if build.holding.take().is_none() {
            return;
        }
        for run in build.runs.values_mut() {
            run.gave_up = run.gave_up.filter(|&class| response_to(class) != Response::Hold);
        }
    }

    /// Queues what has waited long enough and asks to be woken for the rest.
    pub(super) fn wake_backed_off(&mut self) {
        let now = self.now;
        let Some(build) = &mut self.build else { return };
        let mut next: Option<Moment> = None;
        let waiting: Vec<(NodeId, Moment)> = build
            .runs
            .keys()
            .filter_map(|&id| match build.schedule.state(id) {
                State::BackingOff(until) => Some((id, until)),
                _ => None,
            })
            .collect();
        let mut held = Vec::new();
        for (id, until) in waiting {
            if build.stopping != Stopping::No {
                held.push(id);
            } else if until <= now {
                build.schedule.set(id, State::Queued);
                build.queue.insert(id);
            } else {
                next = Some(next.map_or(until, |it| it.min(until)));
            }
        }
        self.out.extend(next.map(Effect::WakeAt));
        for id in held {
            self.hold_task(id, "stopped".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let waits: Vec<u64> = (1..=7)
            .map(|n| backoff(n, Millis::seconds(5), Millis::seconds(120)).0 / 1000)
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120]);
        assert_eq!(backoff(u32::MAX, Millis(u64::MAX), Millis(9)), Millis(9));
    }
}
