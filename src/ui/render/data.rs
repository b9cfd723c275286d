//! What happens in a build as data: the name of each event and its fields, as docs/FORMATS.md has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::measure::Billing;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Picture, TaskPicture};
use crate::engine::record::Score;
use crate::engine::stream::Progress;
use crate::host::surface::CheckedDocument;
use crate::ui::render::obstacle::obstacle_text;

use super::why::{barrier_text, finished_text, help_text, reopened_text, why_text};
use super::words::warning_text;
use crate::ui::text::without_worktree;

/// The event's name and its fields, an object.
pub type Event = (&'static str, Value);

/// What the build is about.
pub fn wanted_data(picture: &Picture) -> Event {
    let plans: Vec<&str> = picture.plans.iter().map(|plan| plan.name.as_str()).collect();
    ("wanted", json!({ "plans": plans, "wanted": picture.counts.wanted }))
}

/// Where a task stands.
pub fn state_data(task: &TaskPicture, billing: Billing) -> Event {
    let fields = json!({
        "task": task.task.to_string(), "state": task.state.as_str(),
        "detail": task.state.detail(), "reason": why_text(&task.reason, billing), "key": task.key,
        "cost_usd": task.cost, "commit": task.commit,
    });
    ("state", fields)
}

/// Everything wrong with the documents.
pub fn diagnoses_data(documents: &[CheckedDocument]) -> Event {
    ("diagnosed", json!({ "documents": values_of(documents) }))
}

/// Warnings of documents.
pub fn cautions_data(documents: &[CheckedDocument]) -> Event {
    ("cautioned", json!({ "documents": values_of(documents) }))
}

/// A notice: its event and fields.
pub fn notice_data(notice: &Notice, billing: Billing) -> Event {
    let name = |task: &TaskRef| task.to_string();
    match notice {
        Notice::TaskStarted { task, name: title, number, reason } => {
            let fields = json!({
                "task": name(task), "name": title, "attempt": number, "reason": why_text(reason, billing),
            });
            ("task-started", fields)
        }
        Notice::TaskFinished { task, how } => {
            ("task-finished", json!({"task": name(task), "how": finished_text(how, billing)}))
        }
        Notice::TaskRetried { task, why, wait } => (
            "task-retried",
            json!({"task": name(task), "why": why_text(why, billing), "wait_ms": wait}),
        ),
        Notice::TaskFailed { task, why, help } => {
            let help = help.as_ref().map(|it| help_text(it, task));
            (
                "task-failed",
                json!({"task": name(task), "why": why_text(why, billing), "help": help}),
            )
        }
        Notice::TaskHeld { task, why } => {
            ("task-held", json!({"task": name(task), "why": why_text(why, billing)}))
        }
        Notice::TaskAsked { task, question, options } => {
            let fields = json!({"task": name(task), "question": question, "options": options});
            ("task-asked", fields)
        }
        Notice::TaskBlocked { task, by } => {
            ("task-blocked", json!({"task": name(task), "by": name(by)}))
        }
        Notice::Validated { task, validator, verdict, findings } => {
            let fields = json!({
                "task": name(task), "validator": validator, "verdict": verdict,
                "findings": findings,
            });
            ("validated", fields)
        }
        Notice::Judged { task, winner, scores, reasons, kept } => {
            let scores: BTreeMap<&str, Score> =
                scores.iter().map(|(label, score)| (label.as_str(), *score)).collect();
            let fields = json!({
                "task": name(task), "winner": winner, "scores": scores, "reasons": reasons,
                "kept": kept,
            });
            ("judged", fields)
        }
        Notice::Parked { task, obstacle } => {
            ("parked", json!({"task": name(task), "reason": obstacle_text(obstacle)}))
        }
        Notice::PlanChanged(change) => ("plan-changed", json!(change)),
        Notice::SmokeStarted { plans } => ("smoke-started", json!({"plans": plans})),
        Notice::SmokeEnded { plans, outcome, message, tail } => {
            let fields = json!({
                "plans": plans, "outcome": outcome, "message": message, "tail": tail,
            });
            ("smoke-ended", fields)
        }
        Notice::Rested { accepted, wanted } => {
            ("rested", json!({"accepted": accepted, "wanted": wanted}))
        }
        Notice::Waiting { why, until } => {
            ("waiting", json!({"why": barrier_text(why), "until_ms": until}))
        }
        Notice::Resumed { why } => ("resumed", json!({"why": reopened_text(why)})),
        Notice::Warning(warning) => ("warning", json!({"message": warning_text(warning, billing)})),
        Notice::Fault(fault) => {
            let fields = json!({
                "task": fault.task.as_ref().map(name), "what": fault.broken.what,
                "doing": fault.doing, "place": fault.place(),
            });
            ("fault", fields)
        }
    }
}

/// A step of a session.
pub fn progress_data(task: &TaskRef, progress: &Progress) -> Event {
    let (step, mut fields) = progress_fields(progress);
    fields["task"] = json!(task.to_string());
    fields["step"] = json!(step);
    ("progress", fields)
}

fn values_of(documents: &[CheckedDocument]) -> Vec<Value> {
    let lines = crate::ui::report::json_lines(documents);
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn progress_fields(progress: &Progress) -> (&'static str, Value) {
    match progress {
        Progress::Started { session, model } => {
            ("started", json!({"session": session, "model": model}))
        }
        Progress::Said(text) => ("said", json!({"text": text})),
        Progress::UsedTool { tool, detail } => {
            ("tool", json!({"tool": tool, "detail": without_worktree(detail)}))
        }
        Progress::Cost(cost) => ("cost", json!({"cost_usd": cost})),
        Progress::Retrying { attempt, wait, error } => {
            ("retrying", json!({"try": attempt, "wait_ms": wait, "error": error}))
        }
        Progress::Output(text) => ("output", json!({"stream": "stdout", "text": text})),
        Progress::Complaint(text) => ("output", json!({"stream": "stderr", "text": text})),
    }
}
