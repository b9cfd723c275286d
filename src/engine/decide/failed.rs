//! What failed before: a session is bought again only where somebody asks for it, and a plan in which
//! one task after the other fails is stopped.

use crate::base::measure::Usd;
use crate::base::name::TaskRef;
use crate::engine::effect::{Notice, Warning};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::GivenUp;
use crate::engine::why::{Help, Why};
use crate::engine::world::World;
use crate::spec::plan::Status;
use crate::spec::rule::ActionKind;

use super::{Board, Mode, is_set_back};

/// Failed tasks in a row that stop a plan which says nothing of it.
const THRESHOLD: u32 = 3;

impl Board {
    /// Settles a task whose session failed for good in an earlier build, under this key and recipe, and
    /// that nobody asks for. True where it is one.
    pub fn settle_if_failed_before(&mut self, id: NodeId, ground: &mut Ground<'_>) -> bool {
        let Some(failure) = self.failed_before(id, ground) else { return false };
        let GivenUp { key, class, message, recipe, .. } = failure;
        let why = Why::FailedBefore(message);
        self.note_reason(id, why.clone());
        if self.mode == Mode::Build {
            let task = self.task(id).clone();
            let run = self.run(id);
            (run.key, run.recipe, run.gave_up) = (Some(key), recipe, Some(class));
            let help = Some(Help::AskAgain);
            ground.publish(Notice::TaskFailed { task, why, help });
        }
        self.settle(id, Settled::Failed(class));
        true
    }

    fn failed_before(&self, id: NodeId, ground: &Ground<'_>) -> Option<GivenUp> {
        let slot = self.slot(id);
        let past = ground.past.history.task(self.task(id))?;
        let key = ground.world.key(slot)?;
        let failure = past.given_up_as(key, ground.world.recipe_digest(slot))?;
        // What cost nothing is not bought.
        let is_paid = failure.cost > Usd::ZERO;
        // What was begun again since is brought to its end.
        let is_cut_off = past.left_off.as_ref().is_some_and(|it| it.is_cut_off(key));
        let is_session = ground.world.recipe(slot)?.rule.action == ActionKind::Session;
        let is_set_back = past.written == Some(Status::Failed)
            && is_set_back(slot, &ground.world.record(slot), ground);
        let is_it = is_session && !is_cut_off && is_paid && is_of_the_work(failure.class);
        (is_it && !is_set_back && !self.is_asked_for(id)).then(|| failure.clone())
    }

    /// A person, or the plan itself, has it run whatever became of it before. What `orch retry` and
    /// `orch reset` ask for is no failure of before any more: one that is remembered came after them.
    fn is_asked_for(&self, id: NodeId) -> bool {
        let Some(run) = self.known_run(id) else { return false };
        let is_asked = matches!(
            run.reason,
            Why::Forced | Why::SetBack | Why::RecipeChanged | Why::NeverCached | Why::Answered(_)
        );
        run.is_asked_for || is_asked
    }

    /// A task was given up: one more in a row of its plan.
    pub(super) fn count_failure(
        &mut self,
        id: NodeId,
        class: OutcomeClass,
        ground: &mut Ground<'_>,
    ) {
        let slot = self.slot(id);
        let is_session =
            ground.world.recipe(slot).is_some_and(|it| it.rule.action == ActionKind::Session);
        if !is_session || !is_of_the_work(class) {
            return;
        }
        let plan = self.task(id).plan.clone();
        let n = self.in_a_row.entry(plan.clone()).or_default();
        *n += 1;
        if *n == threshold_of(id, self, ground.world) {
            let n_failed = self.in_a_row[&plan];
            ground.publish(Notice::Warning(Warning::PlanStopped { plan, n_failed }));
        }
    }

    /// A task of the plan came to a result.
    pub fn break_row(&mut self, task: &TaskRef) {
        self.in_a_row.remove(&task.plan);
    }

    /// Why nothing more of the task's plan starts.
    pub fn stopped_plan(&self, id: NodeId, world: &World) -> Option<Why> {
        let n_failed = *self.in_a_row.get(&self.task(id).plan)?;
        let threshold = threshold_of(id, self, world);
        (threshold > 0 && n_failed >= threshold).then_some(Why::PlanStopped { n_failed })
    }
}

fn threshold_of(id: NodeId, board: &Board, world: &World) -> u32 {
    world.meta(board.slot(id)).breaker_threshold.unwrap_or(THRESHOLD)
}

/// What the session did was not right; nothing else was in its way.
fn is_of_the_work(class: OutcomeClass) -> bool {
    class.is_about_the_task()
        && class.counts_as_attempt()
        && !matches!(class, OutcomeClass::LaunchRefused | OutcomeClass::CommandFailed)
}
