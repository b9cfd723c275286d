//! What an attempt that was not accepted leaves to the next one: its session where that goes on in
//! its own worktree, else its files. Both were paid for.

use crate::base::name::{AttemptId, SessionId, TaskRef};
use crate::engine::admission::Origin;
use crate::engine::broken::Sound;
use crate::engine::decide::TaskRun;
use crate::engine::effect::{Base, Effect};
use crate::engine::outcome::OutcomeClass;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::past::history::{LeftOff, TaskHistory};
use crate::spec::rule::{ActionKind, Beginning, Retry, RetryStep};

use super::Shop;
use super::attempt::Attempt;
use super::ballot::ref_below;
use super::resume::End;

impl Shop<'_> {
    /// Keeps what the attempt left for the next one, and lets go of the rest.
    pub(super) fn hand_on(&mut self, id: AttemptId, attempt: &Attempt) {
        let run = attempt.node.and_then(|node| self.build.board.known_run(node));
        match run.and_then(|run| run.resume.clone()) {
            Some(session) => self.ground.push(Effect::Park { attempt: id, session }),
            None if leaves_files(attempt) => self.ground.push(Effect::Leave {
                attempt: id,
                key: attempt.key,
                kept_as: ref_of(attempt),
            }),
            None => {}
        }
        self.ground.push(Effect::Drop { attempt: id });
    }

    /// Keeps what the session made before its end is on record: were orch killed between that and a landing,
    /// it would be paid for again.
    pub(super) fn leave_early(&mut self, id: AttemptId, evidence: &Evidence) -> Sound {
        let attempt = self.build.jobs.attempt(id)?;
        if !evidence.patch.is_empty() && leaves_files(attempt) {
            let (key, kept_as) = (attempt.key, ref_of(attempt));
            self.ground.push(Effect::Leave { attempt: id, key, kept_as });
        }
        Ok(())
    }

    /// The task has a result: what attempts before it left is of no use any more.
    pub(super) fn forget_left(&mut self, attempt: &Attempt) {
        if is_of_one_session(attempt) {
            self.ground.push(Effect::Forget { kept_as: ref_of(attempt) });
        }
    }

    /// What the attempt's session goes on with in the worktree that an earlier one left; `None` where
    /// it begins anew.
    pub(super) fn interrupted<'a>(
        &'a self,
        attempt: &Attempt,
        run: &'a TaskRun,
    ) -> Option<(SessionId, End<'a>)> {
        let findings = &run.findings[..];
        if let Some(session) = &run.resume {
            let (class, why) = run.last_end.as_ref()?;
            return Some((session.clone(), End { class: *class, why, findings }));
        }
        let past = self.ground.past.history.task(&attempt.task)?;
        let left = past.left_off.as_ref().filter(|it| it.key == attempt.key)?;
        // What this build has tried since says better how to go on.
        let is_first = run.last_end.is_none() && is_of_one_session(attempt);
        let findings = past.findings_of(attempt.key);
        let end = End { class: left.class, why: &left.message, findings };
        let goes_on = is_first && goes_on_later(left, &attempt.recipe.rule.retry);
        goes_on.then(|| (left.session.clone(), end))
    }

    /// Where files that an earlier attempt left may be.
    pub(super) fn left_before(&self, attempt: &Attempt, run: &TaskRun) -> Option<Base> {
        let past = self.ground.past.history.task(&attempt.task);
        let has_failed = run.last_end.is_some() || past.is_some_and(|it| has_failed(it, attempt));
        // What collided is made again on what landed, but for a landing that was set aside for that.
        let may_merge = run.conflict.is_none() || past.is_some_and(|it| it.is_lost);
        let may_be = has_failed && may_merge && leaves_files(attempt);
        may_be.then(|| Base::Left { kept_as: ref_of(attempt), key: attempt.key })
    }
}

/// `refs/orch/attempts/PLAN/TASK`.
fn ref_of(attempt: &Attempt) -> String {
    left_by(&attempt.task)
}

/// The ref that has what attempts of a task left.
pub fn left_by(task: &TaskRef) -> String {
    ref_below("attempts", task)
}

fn leaves_files(attempt: &Attempt) -> bool {
    attempt.origin == Origin::Ran
        && attempt.recipe.rule.retry.from == Beginning::Left
        && is_of_one_session(attempt)
}

/// Neither a command, which begins anew, nor a competition.
fn is_of_one_session(attempt: &Attempt) -> bool {
    attempt.recipe.rule.action == ActionKind::Session && attempt.recipe.judge.is_none()
}

fn has_failed(past: &TaskHistory, attempt: &Attempt) -> bool {
    // A landing that is gone from the branch may have been set aside.
    past.is_lost
        || past.is_open(attempt.key)
        || past.last_failure.as_ref().is_some_and(|it| it.key == attempt.key)
}

/// The session was broken off, or is to go on by the ladder of its rule.
fn goes_on_later(left: &LeftOff, retry: &Retry) -> bool {
    let step = retry.step(left.class, 1);
    left.class == OutcomeClass::Aborted || matches!(step, RetryStep::Resume | RetryStep::Wait)
}

/// True where a session whose result is refused by a validator is to mend it itself.
pub(super) fn mends_what_is_rejected(attempt: &Attempt) -> bool {
    let steps = attempt.recipe.rule.retry.on.get(&OutcomeClass::Rejected);
    let is_asked = steps.is_some_and(|it| it.contains(&RetryStep::Resume));
    is_asked && attempt.made.has_worked && is_of_one_session(attempt)
}
