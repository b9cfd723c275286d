//! What follows an attempt that was not accepted: again, later, or given up.

use std::collections::BTreeMap;

use crate::base::digest::{Fingerprint, Manifest};
use crate::base::measure::{Millis, Moment};
use crate::base::name::{ActionKey, AttemptId, SessionId, TaskRef};
use crate::engine::effect::{Effect, Notice};
use crate::engine::event::Conflict;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::{Provenance, Record};
use crate::spec::plan::Meta;
use crate::spec::rule::{ActionKind, Retry, RetryStep};

use super::{Engine, Stopping};

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
    /// A person asked for it again: what its validators said before is asked anew.
    pub is_asked_for: bool,
    /// What its blocking was last blamed on.
    pub blocked_by: Option<TaskRef>,
    /// How it was accepted under this key in this build.
    pub accepted: Option<Provenance>,
    /// Attempts that counted, and those that did not.
    pub n_tries: u32,
    pub n_transient: u32,
    /// Attempts that met what is for all of the tasks: limits, and as probes.
    pub n_unheld: u32,
    /// How often an attempt ended so, for the ladder's next step.
    pub n_of: BTreeMap<OutcomeClass, u32>,
    /// How often the ladder asked for the next model, and for more thought.
    pub n_escalations: u32,
    pub n_efforts: u32,
    /// When its inputs were last looked at, where that was for it alone.
    pub seen_at: Option<Moment>,
    /// FAIL verdicts in this build.
    pub n_rejections: u32,
    /// Why it runs or does not, one line.
    pub reason: String,
    /// What differs from its last accepted result.
    pub changed: Vec<String>,
    /// What the last attempt that counted failed by.
    pub previous_error: Option<String>,
    /// How the last attempt ended, and why: what a session that goes on is told.
    pub last_end: Option<(OutcomeClass, String)>,
    pub findings: Vec<String>,
    pub conflict: Option<Conflict>,
    /// Proposals, by number, that need not be asked for again under this key: why.
    pub outs: BTreeMap<u32, String>,
    /// The attempt whose session goes on.
    pub resume: Option<AttemptId>,
    pub resume_session: Option<SessionId>,
    pub cost: crate::base::measure::Usd,
    pub warnings: Vec<String>,
}

/// What a person can do about a session that is refused for what it asks for.
const REFUSED_HELP: &str = "a model is named by the task, its agent, the plan or `session.model`; \
    `permission: bypass` needs another user than root, or IS_SANDBOX=1 in a real sandbox";

/// False for failures that another key would meet, too: limits, and what orch itself ended.
pub(super) fn is_about_the_task(class: OutcomeClass) -> bool {
    use OutcomeClass as C;
    !matches!(class, C::PlanLimit | C::Auth | C::Billing | C::LaunchFailure | C::Aborted | C::Asked)
}

/// How many attempts a task has: its own number, its plan's (sessions), its rule's.
pub(super) fn attempts_allowed(own: Option<u32>, meta: &Meta, rule: (&Retry, ActionKind)) -> u32 {
    let (retry, kind) = rule;
    let plan = if kind == ActionKind::Session { meta.max_attempts } else { None };
    own.or(plan).unwrap_or(retry.attempts).max(1)
}

/// `base * 2^(n-1)`, at most `cap`, of which up to half is taken off again by chance, so that what
/// failed together does not come back together; `n` counts from 1. The chance is in `seed`.
fn backoff(n: u32, (base, cap): (Millis, Millis), seed: &[u8]) -> Millis {
    let doubled = base.0.saturating_mul(1 << n.saturating_sub(1).min(30)).min(cap.0);
    let mut drawn = Fingerprint::new("orch backoff v1");
    drawn.entry("seed", seed);
    drawn.entry("number", &n.to_le_bytes());
    let draw = u64::from_le_bytes(*drawn.finish().as_bytes().first_chunk().unwrap_or(&[0; 8]));
    Millis(doubled - draw % (doubled / 2 + 1))
}

/// A failure with what is told of it.
pub(super) struct Setback {
    pub class: OutcomeClass,
    pub message: String,
    /// Attempts the task may have.
    pub allowed: u32,
    pub retry: Retry,
    pub action: ActionKind,
    /// The attempt's session can go on where it stopped: it had begun to work, and its worktree is
    /// as it left it.
    pub is_resumable: bool,
    /// Nothing new is to start.
    pub is_stopping: bool,
    /// It was to find out whether the service is there again.
    pub was_probe: bool,
}

/// What is left to be done of a setback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Done,
    /// The task is to be parked until a person has said how it goes on after this failure.
    Asks(String),
}

/// What the ladder wants now.
struct Rung {
    step: RetryStep,
    /// The attempt is held against the task.
    counts: bool,
}

impl Rung {
    fn of(run: &mut TaskRun, setback: &Setback) -> Self {
        let class = setback.class;
        let nth = run.n_of.entry(class).or_default();
        *nth += 1;
        let step = setback.retry.step(class, *nth);
        let was_resumed = run.resume.is_some();
        let step = match (step, setback.action) {
            // A session that cannot be taken up again is begun anew; only that is at fault.
            _ if class == OutcomeClass::LaunchFailure && was_resumed => RetryStep::Now,
            // A command's program is its own affair: sessions may go on.
            (RetryStep::Hold, ActionKind::Command) => RetryStep::Stop,
            (RetryStep::Escalate | RetryStep::Effort, ActionKind::Command) => RetryStep::Fresh,
            (RetryStep::Resume, _) if !setback.is_resumable => RetryStep::Now,
            (step, _) => step,
        };
        let counts = match class {
            // Nobody asked for a stop: the session broke off by itself, and may do so for ever.
            OutcomeClass::Aborted => !setback.is_stopping,
            // Told what is allowed, the same attempt goes on.
            OutcomeClass::PermissionDenied if step == RetryStep::Resume => false,
            class => setback.retry.counts(class),
        };
        Self { step, counts }
    }

    /// How long to wait; `None` where there is no further attempt.
    fn wait(&self, run: &mut TaskRun, setback: &Setback, seed: &[u8]) -> Option<Millis> {
        let retry = &setback.retry;
        let (n, is_left) = match self.counts {
            true => {
                run.n_tries += 1;
                (run.n_tries, run.n_tries < setback.allowed)
            }
            // What a probe finds is for all of the tasks, and held against none.
            false => {
                let is_of_all = setback.was_probe || setback.class == OutcomeClass::PlanLimit;
                run.n_transient += u32::from(!is_of_all);
                run.n_unheld += u32::from(is_of_all);
                (run.n_transient.max(1), run.n_transient <= retry.waits)
            }
        };
        let wait = match self.step {
            RetryStep::Stop | RetryStep::Ask | RetryStep::Hold => return None,
            RetryStep::Now | RetryStep::Resume => Millis(0),
            RetryStep::Fresh | RetryStep::Escalate | RetryStep::Effort | RetryStep::Wait => {
                backoff(n, (retry.backoff_base, retry.backoff_cap), seed)
            }
        };
        is_left.then_some(wait)
    }
}

impl Engine {
    /// Decides what follows; the attempt itself is already over and journaled.
    pub(super) fn meet(&mut self, id: NodeId, attempt: AttemptId, setback: Setback) -> Met {
        let stopping = self.build.as_ref().map_or(Stopping::No, |build| build.stopping);
        let Some(run) = self.run_of(id) else { return Met::Done };
        let rung = Rung::of(run, &setback);
        if rung.counts {
            run.previous_error = Some(setback.message.clone());
        }
        run.last_end = Some((setback.class, setback.message.clone()));
        let goes_on = matches!(rung.step, RetryStep::Resume | RetryStep::Wait);
        run.resume = (goes_on && setback.is_resumable).then_some(attempt);
        run.n_escalations += u32::from(rung.step == RetryStep::Escalate);
        run.n_efforts += u32::from(rung.step == RetryStep::Effort);
        let seed = run.key.map(|key| *key.0.as_bytes()).unwrap_or_default();
        let wait = rung.wait(run, &setback, &seed);
        let Setback { class, message, .. } = setback;
        let is_over = matches!(rung.step, RetryStep::Hold | RetryStep::Ask | RetryStep::Stop);
        match wait {
            _ if class == OutcomeClass::PlanLimit && !is_over && stopping == Stopping::No => {
                self.wait_for_limit(id, message);
            }
            _ if rung.step == RetryStep::Hold => {
                self.hold(class, &message);
                self.hold_task(id, message);
            }
            None if rung.step == RetryStep::Ask => return Met::Asks(message),
            Some(_) if stopping != Stopping::No => self.hold_task(id, "stopped".to_owned()),
            Some(wait) => self.again(id, wait, message),
            None => self.give_up(id, class, message),
        }
        Met::Done
    }

    pub(super) fn again(&mut self, id: NodeId, wait: Millis, why: String) {
        let until = self.step.now + wait;
        let Some(build) = &mut self.build else { return };
        let task = build.graph.node(id).task.clone();
        build.schedule.set(id, State::BackingOff(until));
        build.runs.entry(id).or_default().not_before = Some(until);
        self.note_reason(id, why.clone());
        self.step.publish(Notice::TaskRetried { task, why, wait_ms: wait.0 });
    }

    pub(super) fn give_up(&mut self, id: NodeId, class: OutcomeClass, why: String) {
        let Some(build) = &self.build else { return };
        let task = build.graph.node(id).task.clone();
        let conflict = build.runs.get(&id).and_then(|run| run.conflict.as_ref());
        let help = match (class, conflict) {
            (OutcomeClass::Conflict, Some(conflict)) => Some(format!(
                "look at both sides: `git diff {}...{}`; then `orch retry {task}`",
                conflict.tip, conflict.kept_as
            )),
            (OutcomeClass::LaunchRefused, _) => Some(format!("{REFUSED_HELP}; then `orch build`")),
            _ => None,
        };
        if let Some(key) = build.runs.get(&id).and_then(|run| run.key) {
            let (at, task, message) = (self.step.now, task.clone(), why.clone());
            let record = Record::GaveUp { at, task, key, class, message };
            self.past.append(record, &mut self.step);
        }
        self.note_reason(id, why.clone());
        self.note_given_up(id, class);
        self.write_failure(id, &why);
        self.step.publish(Notice::TaskFailed { task, why, help });
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
        build.doors.turned_away.clear();
        if build.holding.take().is_none() {
            return;
        }
        for run in build.runs.values_mut() {
            run.gave_up = run.gave_up.filter(|&class| is_about_the_task(class));
        }
    }

    /// Queues what has waited long enough and asks to be woken for the rest.
    pub(super) fn wake_backed_off(&mut self) {
        let now = self.step.now;
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
        let next = next.into_iter().chain(self.next_opening()).min();
        self.step.extend(next.map(Effect::WakeAt));
        for id in held {
            self.hold_task(id, "stopped".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap_and_is_never_shorter_than_half() {
        let waits = |seed: &[u8]| -> Vec<u64> {
            let bounds = (Millis::seconds(5), Millis::seconds(120));
            (1..=7).map(|n| backoff(n, bounds, seed).0).collect()
        };
        for seed in 0..200_u8 {
            for (wait, most) in waits(&[seed]).into_iter().zip([5, 10, 20, 40, 80, 120, 120]) {
                assert!((most * 500..=most * 1000).contains(&wait), "{wait} of {most} s");
            }
        }
        assert_eq!(waits(b"a"), waits(b"a"), "chance is in the seed alone");
        assert_ne!(waits(b"a"), waits(b"b"));
        assert!(backoff(u32::MAX, (Millis(u64::MAX), Millis(9)), b"").0 <= 9);
    }
}
