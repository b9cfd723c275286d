//! The one map of what lives, each by the id of its attempt, and the stages that each goes through.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::AttemptId;

use super::Attempt;

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
    pub fn open(&mut self, id: AttemptId, kind: Kind) {
        let is_new = self.live.insert(id, Job { stage: Stage::Opened, kind }).is_none();
        debug_assert!(is_new, "ids of attempts are never used twice");
    }

    /// Its stage is this one from now on; never an earlier one than it had.
    pub fn reach(&mut self, id: AttemptId, stage: Stage) {
        if let Some(job) = self.live.get_mut(&id) {
            debug_assert!(job.stage <= stage, "{:?} after {:?}", stage, job.stage);
            job.stage = stage;
        }
    }

    pub fn job(&self, id: AttemptId) -> Option<&Job> {
        self.live.get(&id)
    }

    /// The attempt that a job works for, itself where it is one.
    pub fn attempt_of(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        let owner = self.live.get(&id)?.owner().unwrap_or(id);
        self.attempt_mut(owner)
    }

    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        match &self.live.get(&id)?.kind {
            Kind::Work(attempt) => Some(attempt),
            _ => None,
        }
    }

    pub fn attempt_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        match &mut self.live.get_mut(&id)?.kind {
            Kind::Work(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// Ends a task's attempt and gives it away.
    pub fn close(&mut self, id: AttemptId) -> Option<Attempt> {
        self.attempt(id)?;
        match self.live.remove(&id)?.kind {
            Kind::Work(attempt) => Some(*attempt),
            _ => None,
        }
    }

    /// Ends a job that works for another.
    pub fn close_helper(&mut self, id: AttemptId) {
        if self.attempt(id).is_none() {
            self.live.remove(&id);
        }
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
