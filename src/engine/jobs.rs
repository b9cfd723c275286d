//! Attempts, from their launch to their landing: of tasks, validators, proposals and judges.

mod accept;
mod ask;
pub mod attempt;
pub mod ballot;
mod closing;
mod contest;
pub mod documents;
mod ended;
mod expect;
mod fault;
mod items;
mod journal;
mod launch;
pub mod left;
mod lifecycle;
mod needs;
mod plan;
mod resume;
mod retry;
mod review;
pub mod smoke;
mod spend;
mod start;
mod warnings;

pub use accept::take_status_written;
pub use fault::{Faults, Work};
pub use lifecycle::{Job, JobOf, Jobs, Kind, Stage};

use crate::base::measure::Moment;
use crate::engine::admission::{Admission, Running, Yard};
use crate::engine::decide::{Board, Mode};
use crate::engine::effect::BuildRequest;
use crate::engine::ground::Ground;
use crate::engine::money::Money;
use crate::engine::why::Obstacle;

use attempt::Attempt;
use smoke::Smokes;

/// One build under way.
pub struct Build {
    pub board: Board,
    pub admission: Admission,
    pub money: Money,
    pub jobs: Jobs,
    pub smokes: Smokes,
    pub faults: Faults,
    pub started: Moment,
    /// Why the newest landing that waits under a ref does so.
    pub parked: Option<Obstacle>,
    pub is_finished: bool,
}

impl Build {
    /// A build at its start: all that is wanted waits.
    pub fn new(request: BuildRequest, mode: Mode, ground: &mut Ground<'_>) -> Self {
        let money = Money::new(request.budget);
        let board = Board::new(request, mode, ground.world, ground.now());
        let mut admission = Admission::default();
        admission.restore_limits(&board, ground);
        board.adopt_left_out(ground.world);
        Self {
            board,
            admission,
            money,
            jobs: Jobs::default(),
            smokes: Smokes::default(),
            faults: Faults::default(),
            started: ground.now(),
            parked: None,
            is_finished: false,
        }
    }

    /// All that is wanted waits again, but for what runs.
    pub fn restart(&mut self, ground: &Ground<'_>) {
        self.admission.forget_nodes();
        if self.is_finished {
            self.admission.rebuying.forget_all();
        }
        self.board.restart(ground.world);
        for (id, attempt) in self.jobs.attempts_mut() {
            attempt.node = self.board.seat(&attempt.task, id);
        }
        self.is_finished = false;
    }

    /// All tasks, and what runs of them.
    fn yard(&self) -> Yard<'_> {
        yard_of(&self.board, &self.jobs)
    }
}

fn yard_of<'a>(board: &'a Board, jobs: &'a Jobs) -> Yard<'a> {
    let running = jobs.attempts().map(|(id, attempt)| attempt.as_running(id));
    Yard { board, running: running.collect::<Vec<Running<'a>>>() }
}

/// A build at work on its attempts, for as long as something happens.
pub struct Shop<'a> {
    pub ground: Ground<'a>,
    pub build: &'a mut Build,
}
