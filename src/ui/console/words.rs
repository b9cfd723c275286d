//! The words of a build: one line for each notice and each step of a session.

use std::collections::BTreeMap;

use crate::base::measure::Millis;
use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::Notice;
use crate::engine::picture::{Picture, TaskState};
use crate::engine::record::Score;
use crate::engine::record::SmokeOutcome;
use crate::engine::stream::Progress;
use crate::host::surface::CheckedDocument;
use crate::ui::report::{self, Look};
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::{one_line, visible, without_worktree};

use super::Detail;

/// Columns of a diagnostic among a build's lines.
const WIDTH: usize = 100;

/// Names of tasks that are at work or will be: notices carry ids only.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<TaskRef, String>);

impl Names {
    /// Learns what is new. Tasks that are up to date are never spoken of, so a build with nothing
    /// to do costs nothing here.
    pub fn learn(&mut self, picture: &Picture) {
        for task in &picture.tasks {
            let is_quiet = matches!(task.state, TaskState::UpToDate | TaskState::Skipped);
            if !is_quiet && !self.0.contains_key(&task.task) {
                self.0.insert(task.task.clone(), task.name.clone());
            }
        }
    }

    /// `demo//1.2  Add parser`.
    fn of(&self, task: &TaskRef) -> String {
        named(task, self.0.get(task).map_or("", String::as_str))
    }
}

fn named(task: &TaskRef, name: &str) -> String {
    match one_line(name) {
        name if name.is_empty() => task.to_string(),
        name => format!("{task}  {name}"),
    }
}

/// The notice as lines; `None` where so little detail is wanted that it is left out.
pub fn notice_text(notice: &Notice, names: &Names, detail: Detail, paint: Paint) -> Option<String> {
    if detail == Detail::Problems && !is_problem(notice) {
        return None;
    }
    Some(match notice {
        Notice::TaskStarted { task, name, number, reason } => {
            let rest = format!("{}  (attempt {number}): {reason}", named(task, name));
            line(paint.paint(Tone::Active, "run   "), &rest)
        }
        Notice::TaskFinished { task, how } => {
            line(paint.paint(Tone::Good, "done  "), &format!("{task}  {how}"))
        }
        Notice::TaskRetried { task, why, wait_ms } => {
            let wait = match wait_ms {
                0 => "again now".to_owned(),
                wait => format!("again in {}", Millis(*wait)),
            };
            line(paint.paint(Tone::Caution, "retry "), &format!("{task}  {why}; {wait}"))
        }
        Notice::TaskFailed { task, why, help } => {
            let mut text = format!("{}: {why}", names.of(task));
            if let Some(help) = help {
                text.push_str(&format!("\nhelp: {help}"));
            }
            line(paint.paint(Tone::Bad, "FAIL  "), &text)
        }
        Notice::TaskHeld { task, why } => {
            line(paint.paint(Tone::Caution, "hold  "), &format!("{task}  {why}"))
        }
        Notice::TaskAsked { task, question, options } => {
            let mut text = format!("{task}  {question}");
            for (n, option) in options.iter().enumerate() {
                text.push_str(&format!("\n{}. {option}", n + 1));
            }
            text.push_str(&format!("\n`orch answer {task} TEXT` goes on with it"));
            line(paint.paint(Tone::Caution, "ask   "), &text)
        }
        Notice::TaskBlocked { task, by } => {
            line(paint.paint(Tone::Caution, "block "), &format!("{task}  by {by}"))
        }
        Notice::Validated { task, validator, verdict, findings } => {
            let tone = tone_of_verdict(verdict);
            let mut text = format!("{task}  {validator}: {verdict}");
            for finding in findings {
                text.push_str(&format!("\n- {finding}"));
            }
            line(paint.paint(tone, "check "), &text)
        }
        Notice::Judged { task, winner, scores, reasons, kept } => line(
            paint.paint(Tone::Good, "judge "),
            &judged_text(task, (winner, scores), reasons, kept),
        ),
        Notice::Parked { task, reason } => {
            line(paint.paint(Tone::Caution, "park  "), &format!("{task}  {reason}"))
        }
        Notice::PlanChanged(told) => {
            line(paint.paint(Tone::Caution, "plan  "), &format!("{}  {told}", told.task))
        }
        Notice::SmokeStarted { plans } => {
            line(paint.paint(Tone::Active, "smoke "), &names_of(plans))
        }
        Notice::SmokeEnded { plans, outcome, message, tail } => {
            let head = format!("{}  {}: {message}", names_of(plans), outcome.as_str());
            line(paint.paint(tone_of_smoke(*outcome), "smoke "), &smoke_text(head, tail, plans))
        }
        Notice::Rested { accepted, wanted } => {
            let tone = if accepted == wanted { Tone::Good } else { Tone::Caution };
            let text = format!("{accepted} of {wanted} tasks are up to date; waiting for changes");
            line(paint.paint(tone, "rest  "), &text)
        }
        Notice::Waiting { why, until } => {
            let text = format!("{why}; no session starts before {until}, then one tries");
            line(paint.paint(Tone::Caution, "wait  "), &text)
        }
        Notice::Resumed { why } => {
            line(paint.paint(Tone::Good, "go on "), &format!("{why}; sessions start again"))
        }
        Notice::Warning(text) => line(paint.paint(Tone::Caution, "warn  "), text),
    })
}

/// Everything wrong with the documents, or that nothing is any more.
pub fn diagnoses_text(documents: &[CheckedDocument], paint: Paint) -> String {
    if documents.is_empty() {
        return line(paint.paint(Tone::Good, "right "), "all documents are right again");
    }
    let text = report::text_of(documents, Look { paint, width: WIDTH });
    let summary = report::summary_of(documents);
    let rest = format!("{summary}; nothing new starts from what is wrong");
    format!("{text}{}", line(paint.paint(Tone::Bad, "wrong "), &rest))
}

/// Warnings of documents.
pub fn cautions_text(documents: &[CheckedDocument], paint: Paint) -> String {
    let text = report::text_of(documents, Look { paint, width: WIDTH });
    let summary = format!("{}; the build goes on", report::summary_of(documents));
    format!("{text}{}", line(paint.paint(Tone::Caution, "warn  "), &summary))
}

/// A head, and the text beside it; further lines of the text below its first.
fn line(head: String, text: &str) -> String {
    format!("  {head}{}", visible(text).trim_end().replace('\n', "\n        "))
}

/// Who won, and where the others are.
fn judged_text(
    task: &TaskRef,
    (winner, scores): (&str, &[(String, Score)]),
    reasons: &str,
    kept: &[String],
) -> String {
    let scores: Vec<String> =
        scores.iter().map(|(label, score)| format!("{label} {score}")).collect();
    let scores =
        if scores.is_empty() { String::new() } else { format!(" ({})", scores.join(", ")) };
    let mut text = format!("{task}  proposal {winner} goes on{scores}");
    if let Some(first) = reasons.lines().next().filter(|_| !scores.is_empty()) {
        text.push_str(&format!("\n{first}"));
    }
    for name in kept {
        text.push_str(&format!("\nkept: git show {name}"));
    }
    text
}

/// The end of what was said, and where all of it is.
fn smoke_text(head: String, tail: &[String], plans: &[PlanName]) -> String {
    let text = with_tail(head, tail);
    match plans.first().filter(|_| !tail.is_empty()) {
        Some(plan) => format!("{text}\nall of it: orch log {plan} --smoke"),
        None => text,
    }
}

/// The end of an output, line by line below a text.
fn with_tail(mut text: String, tail: &[String]) -> String {
    for line in tail {
        text.push_str(&format!("\n| {line}"));
    }
    text
}

fn is_problem(notice: &Notice) -> bool {
    match notice {
        Notice::TaskFailed { .. }
        | Notice::TaskHeld { .. }
        | Notice::TaskAsked { .. }
        | Notice::TaskBlocked { .. }
        | Notice::Parked { .. }
        | Notice::PlanChanged(_)
        | Notice::Waiting { .. }
        | Notice::Resumed { .. }
        | Notice::Warning(_) => true,
        Notice::SmokeEnded { outcome, .. } => *outcome != SmokeOutcome::Passed,
        Notice::Validated { verdict, .. } => !verdict.eq_ignore_ascii_case("pass"),
        Notice::TaskStarted { .. }
        | Notice::TaskFinished { .. }
        | Notice::TaskRetried { .. }
        | Notice::SmokeStarted { .. }
        | Notice::Judged { .. }
        | Notice::Rested { .. } => false,
    }
}

/// `demo, other`.
pub fn names_of(plans: &[PlanName]) -> String {
    plans.iter().map(|plan| plan.as_str()).collect::<Vec<_>>().join(", ")
}

pub fn tone_of_smoke(outcome: SmokeOutcome) -> Tone {
    match outcome {
        SmokeOutcome::Passed | SmokeOutcome::Unchanged => Tone::Good,
        SmokeOutcome::Failed => Tone::Bad,
        SmokeOutcome::Skipped | SmokeOutcome::Stopped | SmokeOutcome::Absent => Tone::Caution,
    }
}

fn tone_of_verdict(verdict: &str) -> Tone {
    match verdict.to_ascii_uppercase().as_str() {
        "PASS" => Tone::Good,
        "WARN" => Tone::Caution,
        _ => Tone::Bad,
    }
}

/// A step of a session as one line; `None` where there is nothing to read.
pub fn progress_text(task: &TaskRef, progress: &Progress, paint: Paint) -> Option<String> {
    let words = match progress {
        Progress::Started { session, model } => {
            let session = session.as_ref().map_or("?", |session| session.as_str());
            let model = model.as_ref().map_or("?", |model| model.as_str());
            format!("session {session}, model {model}")
        }
        Progress::Said(text) => one_line(text),
        Progress::UsedTool { tool, detail } => {
            format!("{tool} {}", without_worktree(&one_line(detail)))
        }
        Progress::Cost(_) => return None,
        Progress::Retrying { attempt, wait, error } => {
            format!("the CLI tries again in {wait} (try {attempt}): {}", one_line(error))
        }
        Progress::Output(text) | Progress::Complaint(text) => visible(text).trim_end().to_owned(),
    };
    let head = paint.paint(Tone::Faint, format!("  |     {task}"));
    Some(format!("{head}  {words}"))
}
