//! A picture as JSON, with its reasons in words.

use serde::Serialize;

use crate::base::measure::{Billing, Moment, Usd};
use crate::base::name::{ActionKey, CommitId, ModelName, TaskRef};
use crate::engine::picture::{
    Counts, Phase, Picture, PlanPicture, QuestionPicture, RunningPicture, TaskPicture, TaskState,
};
use crate::spec::plan::Status;
use crate::ui::render::obstacle::parked_text;
use crate::ui::render::why::{
    barrier_text, clash_text, doing_text, hold_text, item_text, why_text,
};

/// Where everything stands.
#[derive(Serialize)]
pub struct PictureJson<'a> {
    plans: Vec<PlanJson<'a>>,
    tasks: Vec<TaskJson<'a>>,
    counts: Counts,
    cost_usd: Usd,
    budget_usd: Option<Usd>,
    started_ms: Moment,
    holding: Option<String>,
    waiting: Option<WaitingJson>,
    parked: Option<String>,
    is_finished: bool,
}

#[derive(Serialize)]
struct PlanJson<'a> {
    #[serde(flatten)]
    plan: &'a PlanPicture,
    /// Why it is built only where it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    rests: Option<String>,
}

impl<'a> PlanJson<'a> {
    fn of(plan: &'a PlanPicture) -> Self {
        Self { plan, rests: plan.rests.as_ref().map(item_text) }
    }
}

#[derive(Serialize)]
struct WaitingJson {
    why: String,
    until: Moment,
    is_tried: bool,
}

/// One task.
#[derive(Serialize)]
pub struct TaskJson<'a> {
    task: String,
    name: &'a str,
    section: &'a str,
    rule: &'a str,
    agent: Option<&'a str>,
    status: Status,
    #[serde(flatten)]
    state: TaskState,
    reason: String,
    key: Option<ActionKey>,
    attempts: u32,
    cost_usd: Usd,
    likely_cost_usd: Option<Usd>,
    guessed_cost_usd: Option<Usd>,
    model: Option<&'a ModelName>,
    commit: Option<&'a CommitId>,
    has_other_recipe: bool,
    depends_on: Vec<String>,
    is_wanted: bool,
    running: Option<RunningJson<'a>>,
    chosen: &'a str,
    apart: Vec<String>,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<&'a QuestionPicture>,
}

#[derive(Serialize)]
struct RunningJson<'a> {
    number: u32,
    since_ms: Moment,
    phase: Phase,
    doing: String,
    cost_usd: Usd,
    session: Option<&'a str>,
}

impl<'a> PictureJson<'a> {
    pub fn of(picture: &'a Picture) -> Self {
        let waiting = picture.waiting.as_ref().map(|it| WaitingJson {
            why: barrier_text(&it.why),
            until: it.until,
            is_tried: it.is_tried,
        });
        Self {
            plans: picture.plans.iter().map(PlanJson::of).collect(),
            tasks: picture.tasks.iter().map(|task| TaskJson::of(task, picture.billing)).collect(),
            counts: picture.counts,
            cost_usd: picture.cost,
            budget_usd: picture.budget,
            started_ms: picture.started,
            holding: picture.holding.as_ref().map(hold_text),
            waiting,
            parked: picture.parked.as_ref().map(parked_text),
            is_finished: picture.is_finished,
        }
    }
}

impl<'a> TaskJson<'a> {
    pub fn of(task: &'a TaskPicture, billing: Billing) -> Self {
        Self {
            task: task.task.to_string(),
            name: &task.name,
            section: &task.section,
            rule: task.rule.as_str(),
            agent: task.agent.as_deref(),
            status: task.status,
            state: task.state,
            reason: why_text(&task.reason, billing),
            key: task.key,
            attempts: task.attempts,
            cost_usd: task.cost,
            likely_cost_usd: task.likely_cost,
            guessed_cost_usd: task.guessed_cost,
            model: task.model.as_ref(),
            commit: task.commit.as_ref(),
            has_other_recipe: task.has_other_recipe,
            depends_on: task.depends_on.iter().map(TaskRef::to_string).collect(),
            is_wanted: task.is_wanted,
            running: task.running.as_ref().map(RunningJson::of),
            chosen: &task.chosen,
            apart: task.apart.iter().map(clash_text).collect(),
            warnings: &task.warnings,
            question: task.question.as_ref(),
        }
    }
}

impl<'a> RunningJson<'a> {
    fn of(running: &'a RunningPicture) -> Self {
        Self {
            number: running.number,
            since_ms: running.since,
            phase: running.phase,
            doing: doing_text(&running.doing),
            cost_usd: running.cost,
            session: running.session.as_deref(),
        }
    }
}
