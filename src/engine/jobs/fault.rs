//! Broken invariants in a build: told once for each place. What they were met at is broken off and
//! kept, nothing new starts, the rest ends as it would, and the build has failed.

use std::collections::BTreeSet;

use crate::base::name::{AttemptId, TaskRef};
use crate::engine::admission::Stopping;
use crate::engine::broken::{Broken, Fault, Sound};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::why::Why;

use super::{Job, Shop};

/// The places that were told of in one build.
#[derive(Debug, Default)]
pub struct Faults(BTreeSet<Broken>);

impl Faults {
    /// True where nothing was wrong inside of orch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was at work.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Job(AttemptId),
    Task(NodeId),
}

impl Shop<'_> {
    /// True where an attempt lives; false where it was closed meanwhile, which its host may not know.
    pub fn is_awaited(&self, id: AttemptId) -> Sound<bool> {
        if id.0 > self.ground.past.n_attempts() {
            return Err(Broken::of("something is told of an attempt that never was"));
        }
        Ok(self.build.jobs.job(id).is_some())
    }

    /// Takes in how a piece of work came out.
    pub fn heed(&mut self, came_out: Sound, doing: &'static str, at: Work) {
        let Err(broken) = came_out else { return };
        let task = self.task_at(at);
        if self.build.faults.0.insert(broken) {
            self.ground.publish(Notice::Fault(Fault { broken, doing, task }));
        }
        self.build.admission.stop(Stopping::Asked);
        let jobs = match at {
            Work::Job(id) => vec![id],
            Work::Task(node) => self.build.jobs.attempts_at(node),
        };
        jobs.into_iter().for_each(|id| self.break_off(id));
        self.hold_left_alone(at);
    }

    fn task_at(&self, at: Work) -> Option<TaskRef> {
        match at {
            Work::Job(id) => {
                self.build.jobs.attempt(self.owner_at(id)).ok().map(|it| it.task.clone())
            }
            Work::Task(id) => Some(self.build.board.task(id).clone()),
        }
    }

    fn owner_at(&self, id: AttemptId) -> AttemptId {
        self.build.jobs.job(id).and_then(Job::owner).unwrap_or(id)
    }

    /// Ends an attempt and all that works for it. What it made must not land, and must not be lost.
    fn break_off(&mut self, id: AttemptId) {
        let owner = self.owner_at(id);
        for helper in self.build.jobs.helpers_of(owner) {
            self.build.jobs.close_helper(helper);
            self.ground.push(Effect::Stop { attempt: helper });
            self.ground.push(Effect::Drop { attempt: helper });
        }
        if let Ok(attempt) = self.build.jobs.close(owner) {
            self.ground.past.lines.forget(&attempt.task);
            self.ground.push(Effect::Stop { attempt: owner });
            if !attempt.made.patch.is_empty() {
                self.ground.push(Effect::Keep { attempt: owner, task: attempt.task });
            }
            self.ground.push(Effect::Drop { attempt: owner });
        }
    }

    /// Holds what would wait for ever for an attempt that is gone.
    fn hold_left_alone(&mut self, at: Work) {
        let (board, jobs) = (&self.build.board, &self.build.jobs);
        let is_alone = |id: &NodeId| match (board.schedule.state(*id), at) {
            (State::Settled(_), _) => false,
            (State::Active(attempt), _) if jobs.attempt(attempt).is_err() => true,
            (_, at) => matches!(at, Work::Task(it) if it == *id),
        };
        let alone: Vec<NodeId> = board.graph.ids().filter(is_alone).collect();
        for id in alone {
            self.build.board.hold_task(id, Why::BrokenOff, &mut self.ground);
        }
    }
}
