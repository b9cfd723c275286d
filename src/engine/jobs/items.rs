//! What stages of a backlog item have to leave beside what any task has to: a plan that fits the item, a
//! verification that rests on what its session did.

use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::ground::Ground;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass, uncited};
use crate::engine::past::history::TaskHistory;
use crate::spec::agent::stem;
use crate::spec::item::Item;
use crate::spec::item::kind::PLAN;
use crate::spec::item::stages::{StageId, Staging, item_of};
use crate::spec::plan::{Plan, Status, Task};

use super::Shop;
use super::attempt::Attempt;

impl Shop<'_> {
    /// Work that is done is done only if it is what the item's stage is for.
    pub(super) fn judge_stage(
        &self,
        attempt: &Attempt,
        evidence: &Evidence,
        judgement: Judgement,
    ) -> Judgement {
        let stage = self.ground.world.item(attempt.slot);
        let Some((item, staging)) = stage.filter(|_| judgement.class == OutcomeClass::Done) else {
            return judgement;
        };
        let id = StageId::of(&attempt.task.task);
        let found = if id.stage == PLAN {
            let found = self.flaw_of_plan(attempt, evidence, (item, staging));
            found.map(|it| (OutcomeClass::OutputMismatch, it))
        } else if staging.kind.reopens.as_deref() == Some(id.stage) {
            let criteria: Vec<String> = item.criteria.iter().map(|it| it.id.clone()).collect();
            let stream = evidence.stream.as_ref();
            stream.and_then(|it| uncited(it, &criteria)).map(|it| (OutcomeClass::NoVerdict, it))
        } else {
            None
        };
        match found {
            Some((class, message)) => Judgement { class, message, ..judgement },
            None => judgement,
        }
    }

    /// Why a plan that was made of an item is none for it.
    fn flaw_of_plan(
        &self,
        attempt: &Attempt,
        evidence: &Evidence,
        (item, staging): (&Item, &Staging),
    ) -> Option<String> {
        let world = &self.ground.world;
        let slug = item_of(&attempt.task.plan)?;
        let file = staging.plan_file(slug, StageId::of(&attempt.task.task).cycle);
        let documents = evidence.documents.as_deref().map(|it| &it.after.documents);
        let written = documents.and_then(|it| it.plans.iter().find(|it| it.path.as_str() == file));
        let before = evidence.documents.as_deref().map(|it| &it.before.documents);
        let before = before.and_then(|it| it.plans.iter().find(|it| it.path.as_str() == file));
        let read = |source: &Source| crate::spec::plan::parse(source).value;
        let path = RelPath::new(&file)?;
        let plan = written.map(read).or_else(|| world.plan_at(&path).cloned());
        let Some(plan) = plan else { return Some(format!("there is no plan at `{file}`")) };
        if let Some(task) = claimed(before.map(read).as_ref(), &plan) {
            return Some(format!(
                "`{file}` says that task {} is over: only orch does, leave its status as it was",
                task.id
            ));
        }
        let own = world.plan_path(attempt.slot);
        let named = plan.meta.source_item.as_deref().and_then(RelPath::normalize);
        if named.as_ref() != Some(own) {
            return Some(format!("`{file}` does not name the item: `meta.source_item: {own}`"));
        }
        if !self.ends_in_verification(&plan) {
            return Some(format!(
                "`{file}` has no last task that verifies the whole: one of `rule: verify`, or with `run` or \
                 validators"
            ));
        }
        let missing =
            item.criteria.iter().find(|it| !plan.tasks().any(|task| aims_at(task, &it.id)));
        missing.map(|it| {
            format!(
                "no task of `{file}` aims at criterion {} ({}): `target_acs: [\"{}\"]`",
                it.id, it.text, it.id
            )
        })
    }

    /// The plan that a stage makes; `None` for any other task.
    pub(super) fn plan_made_by(&self, attempt: &Attempt) -> Option<RelPath> {
        let (_, staging) = self.ground.world.item(attempt.slot)?;
        let id = StageId::of(&attempt.task.task);
        let slug = item_of(&attempt.task.plan).filter(|_| id.stage == PLAN)?;
        RelPath::new(staging.plan_file(slug, id.cycle))
    }

    /// A plan that is made anew may have lost what it said of tasks that are done: orch says it again, and
    /// nobody has set them back.
    pub(super) fn keep_statuses(&mut self, attempt: &Attempt) {
        let Some(path) = self.plan_made_by(attempt) else { return };
        let plan = PlanName::new(stem(path.file_name()));
        let Ground { past, .. } = &mut self.ground;
        let is_done = |past: &TaskHistory| past.written.is_some_and(Status::is_done);
        let done = past.history.tasks_of(&plan).filter(|(_, past)| is_done(past));
        let done: Vec<TaskRef> = done.map(|(task, _)| task.clone()).collect();
        for task in done {
            past.lines.expect(task, Status::Completed);
        }
    }

    fn ends_in_verification(&self, plan: &Plan) -> bool {
        let Some(last) = plan.tasks().last() else { return false };
        let spec = &last.spec;
        let by_plan =
            plan.meta.validation.as_ref().is_some_and(|it| it.enabled && !it.validators.is_empty());
        let has_own = spec.validators.as_ref().is_some_and(|it| !it.is_empty());
        let rule = self.ground.world.rule_for(spec);
        let by_rule = rule.is_some_and(|it| it.is_report || !it.validators.is_empty());
        spec.run.is_some() || has_own || by_rule || by_plan
    }
}

/// A task that is over by the plan's word, and was not before.
fn claimed<'p>(before: Option<&Plan>, after: &'p Plan) -> Option<&'p Task> {
    let was = |task: &Task| {
        let before = before.and_then(|it| it.tasks().find(|it| it.id == task.id));
        before.map(|it| it.record.status).unwrap_or_default()
    };
    after.tasks().find(|it| it.record.status != Status::Pending && it.record.status != was(it))
}

fn aims_at(task: &Task, criterion: &str) -> bool {
    let aims = task.spec.extra.get("target_acs").map(String::as_str).unwrap_or_default();
    let words = aims.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
    words.map(|it| it.trim_matches('.')).any(|it| it.eq_ignore_ascii_case(criterion))
}
