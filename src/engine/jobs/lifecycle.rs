//! The one map of what lives, each by the id of its attempt, and the stages that each goes through.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::AttemptId;
use crate::engine::broken::{Broken, Must, Sound};
use crate::engine::graph::NodeId;

use super::Attempt;

/// What it means that a task's attempt is not found.
const NOT_LIVE: &str = "an attempt at work is not among those that live";

/// How far a job is. Each goes through these in order; what is closed is not in the map any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It has its id, and nothing of it runs.
    Opened,
    Running,
    /// Its process is gone; what it left is being looked at.
    Ended,
    /// It is known what it came to.
    Judged,
}

/// What a job is for.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A task's own attempt.
    Work(Box<Attempt>),
    /// A validator of the owner's result.
    Validate { owner: AttemptId },
    /// A proposal in the owner's competition.
    Propose { owner: AttemptId },
    /// The judge of the owner's competition.
    Judge { owner: AttemptId },
}

/// A job by its id, with the attempt that it is for: itself, or the one that it works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOf {
    pub owner: AttemptId,
    pub id: AttemptId,
}

impl JobOf {
    /// A task's own attempt.
    pub fn own(id: AttemptId) -> Self {
        Self { owner: id, id }
    }
}

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    pub stage: Stage,
    pub kind: Kind,
}

impl Job {
    /// The attempt that it works for; `None` where it is one itself.
    pub fn owner(&self) -> Option<AttemptId> {
        match self.kind {
            Kind::Work(_) => None,
            Kind::Validate { owner } | Kind::Propose { owner } | Kind::Judge { owner } => {
                Some(owner)
            }
        }
    }
}

/// Everything that lives in one build.
#[derive(Debug, Default)]
pub struct Jobs {
    live: BTreeMap<AttemptId, Job>,
    /// Those that were told to end.
    stopped: BTreeSet<AttemptId>,
}

impl Jobs {
    #[track_caller]
    pub fn open(&mut self, id: AttemptId, kind: Kind) -> Sound {
        match self.live.insert(id, Job { stage: Stage::Opened, kind }) {
            None => Ok(()),
            Some(_) => Err(Broken::of("the id of an attempt is used twice")),
        }
    }

    /// Its stage is this one from now on; never an earlier one than it had.
    #[track_caller]
    pub fn reach(&mut self, id: AttemptId, stage: Stage) -> Sound {
        let job = self.live.get_mut(&id).must(NOT_LIVE)?;
        if job.stage > stage {
            return Err(Broken::of("a job goes back to an earlier stage"));
        }
        job.stage = stage;
        Ok(())
    }

    pub fn job(&self, id: AttemptId) -> Option<&Job> {
        self.live.get(&id)
    }

    #[track_caller]
    pub fn attempt(&self, id: AttemptId) -> Sound<&Attempt> {
        match self.live.get(&id).map(|it| &it.kind) {
            Some(Kind::Work(attempt)) => Ok(attempt),
            _ => Err(Broken::of(NOT_LIVE)),
        }
    }

    #[track_caller]
    pub fn attempt_mut(&mut self, id: AttemptId) -> Sound<&mut Attempt> {
        match self.live.get_mut(&id).map(|it| &mut it.kind) {
            Some(Kind::Work(attempt)) => Ok(attempt),
            _ => Err(Broken::of(NOT_LIVE)),
        }
    }

    /// Ends a task's attempt and gives it away.
    #[track_caller]
    pub fn close(&mut self, id: AttemptId) -> Sound<Attempt> {
        self.attempt(id)?;
        match self.live.remove(&id).map(|it| it.kind) {
            Some(Kind::Work(attempt)) => Ok(*attempt),
            _ => Err(Broken::of(NOT_LIVE)),
        }
    }

    /// Ends a job that works for another, where it lives.
    pub fn close_helper(&mut self, id: AttemptId) {
        if self.job(id).is_some_and(|it| it.owner().is_some()) {
            self.live.remove(&id);
        }
    }

    /// The jobs that work for an attempt.
    pub fn helpers_of(&self, owner: AttemptId) -> Vec<AttemptId> {
        let helpers = self.live.iter().filter(|(_, job)| job.owner() == Some(owner));
        helpers.map(|(id, _)| *id).collect()
    }

    /// The tasks' own attempts.
    pub fn attempts(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.live.iter().filter_map(|(id, job)| match &job.kind {
            Kind::Work(attempt) => Some((*id, &**attempt)),
            _ => None,
        })
    }

    pub fn attempts_mut(&mut self) -> impl Iterator<Item = (AttemptId, &mut Attempt)> {
        self.live.iter_mut().filter_map(|(id, job)| match &mut job.kind {
            Kind::Work(attempt) => Some((*id, &mut **attempt)),
            _ => None,
        })
    }

    /// The attempts of a task.
    pub fn attempts_at(&self, node: NodeId) -> Vec<AttemptId> {
        self.attempts().filter(|(_, it)| it.node == Some(node)).map(|(id, _)| id).collect()
    }

    pub fn n_attempts(&self) -> u32 {
        u32::try_from(self.attempts().count()).unwrap_or(u32::MAX)
    }

    /// What lives and has not been told to end, a smoke test too; all of it is from now on.
    pub fn take_unstopped(&mut self, smoke: Option<AttemptId>) -> Vec<AttemptId> {
        let is_live = |job: &Job| match job.kind {
            Kind::Work(_) => true,
            _ => job.stage <= Stage::Running,
        };
        let live = self.live.iter().filter(|(_, job)| is_live(job)).map(|(id, _)| *id);
        let new: Vec<AttemptId> =
            live.chain(smoke).filter(|id| !self.stopped.contains(id)).collect();
        self.stopped.extend(new.iter().copied());
        new
    }
}
