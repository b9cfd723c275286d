//! Plans that their own sessions change: looked at before anything of the attempt is taken.

use std::collections::BTreeSet;

use crate::base::name::{AttemptId, PlanName, TaskId, TaskRef};
use crate::base::source::Source;
use crate::engine::broken::Sound;
use crate::engine::effect::{Notice, Warning};
use crate::engine::graph::Breach;
use crate::engine::ground::Ground;
use crate::engine::outcome::evidence::{DocumentsLeft, Evidence, PlanEdit, StatusFile};
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::plan_change::{Bounds, PlanChange};
use crate::spec::edit::Outline;
use crate::spec::plan::{Dependency, parse};
use crate::spec::rule::{ActionKind, tools_of};

use super::attempt::Attempt;
use super::{Build, Shop};
use crate::engine::admission::Origin;
use crate::engine::past::Past;
use crate::engine::why::Why;
use crate::engine::world::World;

impl Shop<'_> {
    /// Work that is done is done only if what it changed in its plan can be taken, too.
    pub(super) fn judge_plan_edit(
        &mut self,
        id: AttemptId,
        evidence: &Evidence,
        judgement: Judgement,
    ) -> Sound<Judgement> {
        if only_says_so(evidence) {
            let warning = Warning::PlanUntouched(self.build.jobs.attempt(id)?.task.clone());
            self.ground.publish(Notice::Warning(warning));
        }
        match &evidence.plan_edit {
            Some(edit) if judgement.class == OutcomeClass::Done => {
                let attempt = self.build.jobs.attempt(id)?;
                match self.change_of(attempt, edit.clone(), evidence.documents.as_deref()) {
                    Ok(change) => {
                        self.build.jobs.attempt_mut(id)?.made.plan_change = change;
                        Ok(judgement)
                    }
                    Err(message) => {
                        Ok(Judgement { class: OutcomeClass::PlanRefused, message, ..judgement })
                    }
                }
            }
            _ => Ok(judgement),
        }
    }

    /// What the session changed in its plan; `Err` says what is wrong with it, for the session.
    fn change_of(
        &self,
        attempt: &Attempt,
        edit: PlanEdit,
        documents: Option<&DocumentsLeft>,
    ) -> Result<Option<PlanChange>, String> {
        let path = self.ground.world.plan_path(attempt.slot).clone();
        let refused = |why: &[String]| {
            format!(
                "the plan as you left it cannot be taken; nothing of it was. Correct it or put it \
                 back:\n- {}",
                why.join("\n- ")
            )
        };
        let left = edit.left.map_err(|why| refused(&[why]))?;
        let (laid, left) = (Source::new(path.clone(), edit.laid), Source::new(path, left));
        let Ground { world, past, .. } = &self.ground;
        let bounds = self.build.plan_bounds_of(attempt, world, past);
        let known = match documents {
            Some(documents) => &World::known_with(documents.after.documents.clone()),
            None => self.ground.world.known(),
        };
        let change = PlanChange::between(&laid, &left, &bounds, known);
        let change = change.map_err(|why| refused(&why))?;
        // Where other documents changed, too, all of them were looked at together.
        if documents.is_none_or(|it| it.before == it.after) {
            let broken = world.newly_broken(&left.path, &parse(&left).value);
            let said = |(task, on, _): (TaskRef, Dependency, Breach)| {
                format!("{task} depends on `{on}`, which is no task that it could wait for")
            };
            let broken: Vec<String> = broken.into_iter().map(said).collect();
            if !broken.is_empty() {
                return Err(refused(&broken));
            }
        }
        if let Some(change) = &change {
            let present = self.ground.world.plan_source(attempt.slot);
            change.apply(present, &bounds, known).map_err(|why| refused(&why))?;
        }
        Ok(change)
    }

    /// The plan is another by now. A cached result lands without its change, which is told; a fresh
    /// one has to be made on the plan as it is.
    pub fn take_plan_refused(&mut self, id: AttemptId, why: String) -> Sound {
        let attempt = self.build.jobs.attempt_mut(id)?;
        if attempt.origin != Origin::Replayed {
            let why = format!("what it changed in the plan does not fit the plan any more: {why}");
            return self.set_back(id, OutcomeClass::Conflict, why);
        }
        attempt.made.plan_change = None;
        let task = attempt.task.clone();
        self.ground.publish(Notice::Warning(Warning::PlanChangeLeftOut { task, why }));
        self.land(id)
    }

    /// There is no plan to change: what was made is kept, and lands in a build that has the plan.
    pub fn take_plan_gone(&mut self, id: AttemptId, message: String) -> Sound {
        self.hold_candidate(id, Why::Ended { class: OutcomeClass::Conflict, message })
    }
}

impl Build {
    /// What the attempt's session may not touch: what is finished, and what runs.
    pub fn plan_bounds_of(&self, attempt: &Attempt, world: &World, past: &Past) -> Bounds {
        let plan = &attempt.task.plan;
        let is_here = |task: &TaskRef| task.plan == *plan && *task != attempt.task;
        let running = self.jobs.attempts().map(|(_, it)| &it.task).filter(|it| is_here(it));
        let value = world.plan(attempt.slot);
        let is_finished = |id: &TaskId, is_done: bool| {
            let task = TaskRef { plan: plan.clone(), task: id.clone() };
            let is_accepted = past.history.task(&task).is_some_and(|it| it.accepted.is_some());
            is_here(&task) && (is_done || is_accepted)
        };
        let finished = value.tasks().filter(|it| is_finished(&it.id, it.record.status.is_done()));
        let recipe = &attempt.recipe;
        let tools = tools_of(&recipe.rule, recipe.agent.as_deref());
        Bounds {
            guarded: value
                .tasks()
                .filter(|it| is_guarded(plan, &it.id, world))
                .map(|it| it.id.clone())
                .collect(),
            own: attempt.task.task.clone(),
            finished: finished.map(|it| it.id.clone()).collect(),
            running: running.map(|it| it.task.clone()).collect::<BTreeSet<TaskId>>(),
            may_run: recipe.rule.action == ActionKind::Command
                || tools.iter().any(|it| it.starts_with("Bash")),
        }
    }
}

/// It has validators, its rule's and its plan's too, or is a command.
fn is_guarded(plan: &PlanName, id: &TaskId, world: &World) -> bool {
    let task = TaskRef { plan: plan.clone(), task: id.clone() };
    let Some(slot) = world.slot(&task) else { return false };
    let Some(recipe) = world.recipe(slot) else { return false };
    recipe.rule.action == ActionKind::Command || !world.validators(slot, recipe).is_empty()
}

/// True where a session left its plan with another meaning, or unreadable.
pub(super) fn changes_plan(evidence: &Evidence) -> bool {
    let Some(edit) = &evidence.plan_edit else { return false };
    let Some(path) = crate::base::name::RelPath::new("plan.yaml") else { return false };
    let outline =
        |text: &std::sync::Arc<str>| Outline::of(&Source::new(path.clone(), text.clone()));
    match &edit.left {
        Ok(left) => outline(&edit.laid) != outline(left),
        Err(_) => true,
    }
}

/// It says that it changed the plan, and did not.
fn only_says_so(evidence: &Evidence) -> bool {
    let StatusFile::Given(report) = &evidence.status_file else { return false };
    report.plan_modified && evidence.plan_edit.is_none()
}
