//! Competitions: several sessions propose a task's result, each as an attempt of its own; what is done
//! is kept, and the winner becomes the task's attempt.

mod judge;
mod propose;

use crate::base::name::{AttemptId, ModelName};
use crate::engine::broken::{Must, Sound};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::jobs::ballot::labels;
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Proposed;
use crate::engine::why::{Wait, Why};

use super::attempt::{Attempt, Produced};
use super::{JobOf, Kind, Shop, Work};

const NO_CONTEST: &str = "a task with proposals has no competition";
const NO_ENTRY: &str = "a proposal is none of its competition";

/// Proposals that compete for being one attempt's result.
#[derive(Clone, Debug, Default)]
pub struct Contest {
    entries: Vec<Contender>,
    /// The session that judges at present, and how often one reached no verdict.
    judge: Option<AttemptId>,
    n_no_verdict: u32,
    /// Why the competition stops, once what runs is over: nothing is held against a proposal.
    setback: Option<(OutcomeClass, String)>,
}

/// One proposal.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    /// From 1.
    pub(super) number: u32,
    label: String,
    state: ContenderState,
    attempt: Option<AttemptId>,
    made: Produced,
    /// Its last text, where it wrote no file.
    answer: Option<String>,
    kept_as: Option<String>,
    /// It was made by an earlier build or attempt.
    recalled: Option<Box<Proposed>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ContenderState {
    Waiting,
    Running,
    /// Its session is done; it is merged and kept.
    Merging,
    Done,
    Out(OutcomeClass, String),
}

/// What an attempt knows of the competition that its result has won.
#[derive(Clone, Debug)]
pub struct Won {
    pub number: u32,
    pub kept_as: Option<String>,
    /// `B of A 6, B 9, C 4`.
    pub standing: String,
}

/// What a competition does next.
enum Move {
    Wait,
    Start(usize),
    SetBack(OutcomeClass, String),
    /// Nothing new starts: what is done is kept for the next build.
    Park(Why),
    /// The task is another by now: it is decided anew.
    SetAside,
    /// The service or the account lets nobody start now.
    WaitOutside(Why),
    Conclude,
}

impl Contest {
    /// Sessions at work.
    pub fn n_running(&self) -> u32 {
        let running = self.entries.iter().filter(|it| it.state == ContenderState::Running).count();
        u32::try_from(running).unwrap_or(u32::MAX) + u32::from(self.judge.is_some())
    }

    fn contenders(&self) -> impl Iterator<Item = &Contender> {
        self.entries.iter().filter(|it| it.state == ContenderState::Done)
    }

    fn is_busy(&self) -> bool {
        let is_busy =
            |it: &Contender| matches!(it.state, ContenderState::Running | ContenderState::Merging);
        self.judge.is_some() || self.entries.iter().any(is_busy)
    }

    /// The proposal that a job makes.
    #[track_caller]
    pub(super) fn entry_of(&self, id: AttemptId) -> Sound<&Contender> {
        self.entries.iter().find(|it| it.attempt == Some(id)).must(NO_ENTRY)
    }

    #[track_caller]
    fn entry_of_mut(&mut self, id: AttemptId) -> Sound<&mut Contender> {
        self.entries.iter_mut().find(|it| it.attempt == Some(id)).must(NO_ENTRY)
    }
}

impl Attempt {
    /// Its competition, where it is one.
    #[track_caller]
    pub fn contest(&self) -> Sound<&Contest> {
        self.contest.as_ref().must(NO_CONTEST)
    }
}

impl Contender {
    fn new(number: u32, label: String) -> Self {
        Self {
            number,
            label,
            state: ContenderState::Waiting,
            attempt: None,
            made: Produced::default(),
            answer: None,
            kept_as: None,
            recalled: None,
        }
    }
}

impl Shop<'_> {
    /// Makes a competition of an attempt whose task asks for one; false where it does not.
    pub(super) fn open_contest(&mut self, owner: AttemptId) -> Sound<bool> {
        let attempt = self.build.jobs.attempt(owner)?;
        let Some((count, _)) = attempt.recipe.judge else { return Ok(false) };
        let (key, node, task) = (attempt.key, attempt.node, attempt.task.clone());
        let mut outs = node.map(|it| self.build.board.run(it).outs.clone());
        // Where none is left of those that there were, all are asked for anew.
        let is_anew = outs.as_ref().is_some_and(|it| it.len() >= count as usize);
        if is_anew && let Some(node) = node {
            self.build.board.run(node).outs.clear();
            outs = None;
        }
        let past = self.ground.past.history.task(&task).filter(|_| !is_anew);
        let kept = past.map_or(&[][..], |it| &it.proposals);
        let entries = (1..).zip(labels(key, count)).map(|(number, label)| {
            let mut entry = Contender::new(number, label);
            let kept = kept.iter().find(|it| it.key == key && it.label == entry.label);
            match outs.as_ref().and_then(|it| it.get(&number)) {
                Some(why) => entry.state = ContenderState::Out(OutcomeClass::Rejected, why.clone()),
                None => entry.recalled = kept.map(|it| Box::new(it.clone())),
            }
            entry
        });
        let contest = Contest { entries: entries.collect(), ..Contest::default() };
        self.build.jobs.attempt_mut(owner)?.contest = Some(contest);
        self.recall_entries(owner)?;
        Ok(true)
    }

    /// Starts what waits and concludes what is complete; true where a competition came to something,
    /// so that other tasks may go on.
    pub fn advance_contests(&mut self) -> bool {
        let competing = self.build.jobs.attempts().filter(|(_, it)| it.contest.is_some());
        let owners: Vec<AttemptId> = competing.map(|(id, _)| id).collect();
        let mut has_moved = false;
        for owner in owners {
            let came_out = self.advance(owner).map(|moved| has_moved |= moved);
            self.heed(came_out, "going on with proposals", Work::Job(owner));
        }
        has_moved
    }

    fn advance(&mut self, owner: AttemptId) -> Sound<bool> {
        let mut has_moved = false;
        // It is over where it came to something.
        while let Some((attempt, contest)) = self.competing(owner) {
            let next = self.next_move(attempt, contest);
            has_moved |= !matches!(next, Move::Start(_) | Move::Wait);
            match next {
                Move::Start(at) => self.start_entry(owner, at)?,
                Move::Wait => break,
                Move::SetBack(class, message) => {
                    self.close_contest(owner, None)?;
                    self.set_back(owner, class, message)?;
                }
                Move::Park(why) => self.park_contest(owner, why)?,
                Move::SetAside => self.set_contest_aside(owner)?,
                Move::WaitOutside(why) => {
                    if let Some(node) = self.leave_contest(owner)? {
                        let build = &mut *self.build;
                        let (admission, board) = (&build.admission, &mut build.board);
                        admission.wait_for_limit(node, why, board, &mut self.ground);
                    }
                }
                Move::Conclude => self.conclude(owner)?,
            }
        }
        Ok(has_moved)
    }

    fn competing(&self, owner: AttemptId) -> Option<(&Attempt, &Contest)> {
        let attempt = self.build.jobs.attempt(owner).ok()?;
        Some((attempt, attempt.contest.as_ref()?))
    }

    fn next_move(&self, attempt: &Attempt, contest: &Contest) -> Move {
        let held = self.build.admission.holding().map(|it| Why::Held(it.clone()));
        // Nobody is told of a task that is gone.
        let gone = attempt.node.is_none().then_some(Why::Untold);
        let stopped = self.build.admission.is_stopping().then_some(Why::Stopped);
        if let Some((class, message)) = &contest.setback {
            return if contest.is_busy() {
                Move::Wait
            } else {
                Move::SetBack(*class, message.clone())
            };
        }
        if let Some(why) = gone.or(stopped).or(held) {
            return if contest.is_busy() { Move::Wait } else { Move::Park(why) };
        }
        if self.is_outdated(attempt) {
            return if contest.is_busy() { Move::Wait } else { Move::SetAside };
        }
        let model = attempt
            .node
            .and_then(|it| self.build.board.model_now(it, &attempt.recipe, self.ground.world).ok());
        let model = model.flatten();
        let has_to_ask = !contest.is_busy() && self.needs_a_session(contest);
        if let Some(why) = self.shut_out(model.as_ref()).filter(|_| has_to_ask) {
            return Move::WaitOutside(why);
        }
        let waiting = contest.entries.iter().position(|it| it.state == ContenderState::Waiting);
        match waiting {
            Some(at)
                if self.has_slot(attempt)
                    && self.build.admission.may_pass(model.as_ref(), self.ground.now()) =>
            {
                Move::Start(at)
            }
            Some(_) => Move::Wait,
            None if contest.is_busy() => Move::Wait,
            None if contest.contenders().count() < 2 || self.has_slot(attempt) => Move::Conclude,
            None => Move::Wait,
        }
    }

    /// Why no session of this model starts now.
    fn shut_out(&self, model: Option<&ModelName>) -> Option<Why> {
        let admission = &self.build.admission;
        let refused = admission.refused(model).map(|it| Why::Held(it.clone()));
        let waits = || admission.waits_for(model, self.ground.now());
        refused.or_else(|| waits().map(|it| Why::Waits(Wait::Throttled(it))))
    }

    fn has_slot(&self, attempt: &Attempt) -> bool {
        let throttles = &self.build.admission.throttles;
        let held = self.build.yard().held(throttles, self.ground.world);
        let pool = &attempt.recipe.rule.pool;
        let size = self.ground.world.config().pools.get(pool).copied();
        held.n < self.build.board.request.jobs.max(1) && !held.is_full(pool, size)
    }

    /// A proposal is missing, or a judge may have to be asked.
    fn needs_a_session(&self, contest: &Contest) -> bool {
        contest.entries.iter().any(|it| it.state == ContenderState::Waiting)
            || contest.contenders().count() > 1
    }

    /// Nothing more is paid for a task that is not asked for any more.
    fn set_contest_aside(&mut self, owner: AttemptId) -> Sound {
        if let Some(node) = self.leave_contest(owner)? {
            self.set_aside(node, Why::Unjudged);
        }
        Ok(())
    }

    /// Nothing was decided: the task is held, and what is done waits under its refs.
    fn park_contest(&mut self, owner: AttemptId, why: Why) -> Sound {
        if let Some(node) = self.leave_contest(owner)? {
            self.build.board.hold_task(node, why, &mut self.ground);
        }
        Ok(())
    }

    /// Ends the attempt that a competition is for; what became of its task is for the caller.
    fn leave_contest(&mut self, owner: AttemptId) -> Sound<Option<NodeId>> {
        self.close_contest(owner, None)?;
        let attempt = self.build.jobs.close(owner)?;
        self.ground.push(Effect::Drop { attempt: owner });
        Ok(attempt.node)
    }

    /// The competition is over; what its proposals left is dropped, but for the one that goes on.
    fn close_contest(&mut self, owner: AttemptId, winner: Option<AttemptId>) -> Sound {
        let contest = self.build.jobs.attempt_mut(owner)?.contest.take().must(NO_CONTEST)?;
        for id in contest.entries.iter().filter_map(|it| it.attempt) {
            self.build.jobs.close_helper(id);
            if Some(id) != winner {
                self.ground.push(Effect::Drop { attempt: id });
            }
        }
        Ok(())
    }

    /// A winner that a validator refuses makes room for the next best.
    pub(super) fn note_out(&mut self, node: NodeId, attempt: &Attempt, message: &str) {
        if let Some(won) = &attempt.made.won {
            self.build.board.run(node).outs.insert(won.number, message.to_owned());
        }
    }

    #[track_caller]
    fn contest_mut(&mut self, owner: AttemptId) -> Sound<&mut Contest> {
        self.build.jobs.attempt_mut(owner)?.contest.as_mut().must(NO_CONTEST)
    }

    #[track_caller]
    fn entry_mut(&mut self, of: JobOf) -> Sound<&mut Contender> {
        self.contest_mut(of.owner)?.entry_of_mut(of.id)
    }

    /// The job as a proposal; `None` where it is none.
    pub(super) fn proposal_of(&self, id: AttemptId) -> Option<JobOf> {
        match self.build.jobs.job(id)?.kind {
            Kind::Propose { owner } => Some(JobOf { owner, id }),
            _ => None,
        }
    }
}
