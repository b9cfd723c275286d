//! What follows an attempt that was not accepted: again, later, or given up.

use crate::base::digest::{Fingerprint, Manifest};
use crate::base::measure::{Millis, Moment};
use crate::base::name::SessionId;
use crate::engine::decide::TaskRun;
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::outcome::OutcomeClass;
use crate::engine::why::{Hold, Why};
use crate::engine::world::Recipe;
use crate::spec::plan::Meta;
use crate::spec::rule::{ActionKind, Retry, RetryStep};

use super::Shop;

/// How many attempts a task has: its own number, its plan's (sessions), its rule's.
pub(super) fn attempts_allowed(recipe: &Recipe, meta: &Meta) -> u32 {
    let is_session = recipe.rule.action == ActionKind::Session;
    let plan = meta.max_attempts.filter(|_| is_session);
    recipe.spec.max_attempts.or(plan).unwrap_or(recipe.rule.retry.attempts).max(1)
}

/// `base * 2^(n-1)`, at most the cap, of which up to half is taken off again by chance, so that what
/// failed together does not come back together; `n` counts from 1. The chance is in `seed`.
fn backoff(n: u32, retry: &Retry, seed: &[u8]) -> Millis {
    let doublings = n.saturating_sub(1).min(30);
    let doubled = retry.backoff_base.0.saturating_mul(1 << doublings).min(retry.backoff_cap.0);
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
    /// The attempt's session where it can go on: it had begun to work, and its worktree is as it left
    /// it.
    pub resumable: Option<SessionId>,
    /// Nothing new is to start.
    pub is_stopping: bool,
    /// It was to find out whether the service is there again.
    pub was_probe: bool,
    /// The program of sessions is nowhere.
    pub lacks_cli: bool,
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
            // It was ended on request, and not for what it did.
            _ if class == OutcomeClass::Aborted && setback.is_stopping => RetryStep::Resume,
            (RetryStep::Resume, _) if setback.resumable.is_none() => RetryStep::Now,
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
                backoff(n, retry, seed)
            }
        };
        is_left.then_some(wait)
    }
}

impl Shop<'_> {
    /// Decides what follows; the attempt itself is already over and journaled.
    pub(super) fn meet(&mut self, id: NodeId, setback: Setback) -> Met {
        let is_stopping = self.build.admission.is_stopping();
        let run = self.build.board.run(id);
        let rung = Rung::of(run, &setback);
        if rung.counts {
            run.previous_error = Some(setback.message.clone());
        }
        run.last_end = Some((setback.class, setback.message.clone()));
        let goes_on = matches!(rung.step, RetryStep::Resume | RetryStep::Wait);
        run.resume = setback.resumable.clone().filter(|_| goes_on);
        run.n_escalations += u32::from(rung.step == RetryStep::Escalate);
        run.n_efforts += u32::from(rung.step == RetryStep::Effort);
        let seed = run.key.map(|key| *key.0.as_bytes()).unwrap_or_default();
        let wait = rung.wait(run, &setback, &seed);
        let Setback { class, message, lacks_cli, .. } = setback;
        let ended = || Why::Ended { class, message: message.clone() };
        let is_over = matches!(rung.step, RetryStep::Hold | RetryStep::Ask | RetryStep::Stop);
        match wait {
            _ if class == OutcomeClass::PlanLimit && !is_over && !is_stopping => {
                self.build.admission.wait_for_limit(
                    id,
                    ended(),
                    &mut self.build.board,
                    &mut self.ground,
                );
            }
            _ if rung.step == RetryStep::Hold => {
                let why = match lacks_cli {
                    true => Hold::NoCli(message.clone()),
                    false => Hold::Ended { class, message: message.clone() },
                };
                self.build.admission.hold(why, &mut self.ground);
                self.build.board.hold_task(id, ended(), &mut self.ground);
            }
            None if rung.step == RetryStep::Ask => return Met::Asks(message),
            Some(_) if is_stopping => {
                self.build.board.hold_task(id, Why::Stopped, &mut self.ground)
            }
            Some(wait) => self.build.board.again(id, wait, ended(), &mut self.ground),
            None => self.build.board.give_up(id, class, message, &mut self.ground),
        }
        Met::Done
    }

    /// Queues what has waited long enough and asks to be woken for the rest.
    pub fn wake_backed_off(&mut self) {
        let now = self.ground.now();
        let board = &mut self.build.board;
        let mut next: Option<Moment> = None;
        let backing_off = board.runs().filter_map(|(id, _)| match board.schedule.state(id) {
            State::BackingOff(until) => Some((id, until)),
            _ => None,
        });
        let waiting: Vec<(NodeId, Moment)> = backing_off.collect();
        let mut held = Vec::new();
        for (id, until) in waiting {
            if self.build.admission.is_stopping() {
                held.push(id);
            } else if until <= now {
                board.queue(id);
            } else {
                next = Some(next.map_or(until, |it| it.min(until)));
            }
        }
        let opening = self.build.admission.next_opening(board.schedule.has_queued(), now);
        let next = next.into_iter().chain(opening).min();
        self.ground.step.extend(next.map(Effect::WakeAt));
        for id in held {
            self.build.board.hold_task(id, Why::Stopped, &mut self.ground);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap_and_is_never_shorter_than_half() {
        let within =
            |backoff_base, backoff_cap| Retry { backoff_base, backoff_cap, ..Retry::default() };
        let waits = |seed: &[u8]| -> Vec<u64> {
            let retry = within(Millis::seconds(5), Millis::seconds(120));
            (1..=7).map(|n| backoff(n, &retry, seed).0).collect()
        };
        for seed in 0..200_u8 {
            for (wait, most) in waits(&[seed]).into_iter().zip([5, 10, 20, 40, 80, 120, 120]) {
                assert!((most * 500..=most * 1000).contains(&wait), "{wait} of {most} s");
            }
        }
        assert_eq!(waits(b"a"), waits(b"a"), "chance is in the seed alone");
        assert_ne!(waits(b"a"), waits(b"b"));
        assert!(backoff(u32::MAX, &within(Millis(u64::MAX), Millis(9)), b"").0 <= 9);
    }
}
