//! The words of a build: what each notice and each step of a session says, without any layout.

use std::collections::BTreeMap;

use crate::base::measure::{Billing, Millis};
use crate::base::name::{PlanName, TaskRef};
use crate::engine::broken::Fault;
use crate::engine::effect::{Notice, Warning};
use crate::engine::outcome::Verdict;
use crate::engine::picture::{Picture, TaskState};
use crate::engine::record::Score;
use crate::engine::record::SmokeOutcome;
use crate::engine::stream::Progress;
use crate::host::journal;
use crate::host::surface::CheckedDocument;
use crate::ui::render::obstacle::obstacle_text;
use crate::ui::report;
use crate::ui::shell::Tone;
use crate::ui::text::{call_text, one_line, path_text, visible};

use super::why::{
    barrier_text, bought_again_text, finished_text, help_text, hold_text, label_of, reopened_text,
    shortage_text, used_up_text, why_text,
};

/// Longest detail of a tool call, in columns.
pub const CALL: usize = 80;

/// What is said once, as a surface lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Said also where only what went wrong is wanted.
    pub is_problem: bool,
    pub tone: Tone,
    /// One word for the kind, of at most six characters: `done`, `FAIL`.
    pub label: &'static str,
    /// One line or several. It holds what sessions said: a surface makes it fit for itself.
    pub text: String,
}

fn news(tone: Tone, label: &'static str, text: String) -> Words {
    Words { is_problem: false, tone, label, text }
}

fn problem(tone: Tone, label: &'static str, text: String) -> Words {
    Words { is_problem: true, tone, label, text }
}

/// Names of tasks that are at work or will be, and what amounts are: notices carry ids and numbers only.
#[derive(Debug, Default)]
pub struct Names {
    names: BTreeMap<TaskRef, String>,
    /// What amounts are.
    billing: Billing,
}

impl Names {
    /// Learns what is new. Tasks that are up to date are never spoken of, so a build with nothing
    /// to do costs nothing here.
    pub fn learn(&mut self, picture: &Picture) {
        self.billing = picture.billing;
        for task in &picture.tasks {
            let is_quiet = matches!(task.state, TaskState::UpToDate | TaskState::Skipped);
            if !is_quiet && !self.names.contains_key(&task.task) {
                self.names.insert(task.task.clone(), task.name.clone());
            }
        }
    }

    /// `demo//1.2  Add parser`.
    fn of(&self, task: &TaskRef) -> String {
        named(task, self.names.get(task).map_or("", String::as_str))
    }
}

fn named(task: &TaskRef, name: &str) -> String {
    match one_line(name) {
        name if name.is_empty() => task.to_string(),
        name => format!("{task}  {name}"),
    }
}

/// The notice in words.
pub fn notice_words(notice: &Notice, names: &Names) -> Words {
    let billing = names.billing;
    use Tone::{Active, Bad, Caution, Good};
    match notice {
        Notice::TaskStarted { task, name, number, reason } => {
            let reason = why_text(reason, billing);
            let text = format!("{}  (attempt {number}): {reason}", named(task, name));
            news(Active, "run", text)
        }
        Notice::TaskFinished { task, how } => {
            news(Good, "done", format!("{task}  {}", finished_text(how, billing)))
        }
        Notice::TaskRetried { task, why, wait } => {
            let wait = match *wait {
                Millis(0) => "again now".to_owned(),
                wait => format!("again in {wait}"),
            };
            news(Caution, "retry", format!("{task}  {}; {wait}", why_text(why, billing)))
        }
        Notice::TaskFailed { task, why, help } => {
            let help = help.as_ref().map(|help| format!("\nhelp: {}", help_text(help, task)));
            let (why, help) = (why_text(why, billing), help.unwrap_or_default());
            problem(Bad, "FAIL", format!("{}: {why}{help}", names.of(task)))
        }
        Notice::TaskHeld { task, why } => {
            problem(Caution, "hold", format!("{task}  {}", why_text(why, billing)))
        }
        Notice::TaskAsked { task, question, options } => {
            problem(Caution, "ask", asked_text(task, question, options))
        }
        Notice::TaskBlocked { task, by } => problem(Caution, "block", format!("{task}  by {by}")),
        Notice::Validated { task, validator, verdict, findings } => {
            let is_problem = *verdict != Verdict::Pass;
            let validator = path_text(validator);
            let mut text = format!("{task}  {validator}: {}", verdict.as_str());
            for finding in findings {
                text.push_str(&format!("\n- {finding}"));
            }
            Words { is_problem, tone: tone_of_verdict(*verdict), label: "check", text }
        }
        Notice::Judged { task, winner, scores, reasons, kept } => {
            let mut text = judged_text(task, winner, scores, reasons);
            for name in kept {
                text.push_str(&format!("\nkept: git show {name}"));
            }
            news(Good, "judge", text)
        }
        Notice::Parked { task, obstacle } => {
            problem(Caution, "park", format!("{task}  {}", obstacle_text(obstacle)))
        }
        Notice::PlanChanged(change) => {
            problem(Caution, "plan", format!("{}  {change}", change.task))
        }
        Notice::SmokeStarted { plans } => news(Active, "smoke", names_of(plans)),
        Notice::SmokeEnded { plans, outcome, message, tail } => {
            let is_problem = *outcome != SmokeOutcome::Passed;
            let head = format!("{}  {}: {message}", names_of(plans), outcome.as_str());
            let text = smoke_text(head, tail, plans);
            Words { is_problem, tone: tone_of_smoke(*outcome), label: "smoke", text }
        }
        Notice::Rested { accepted, wanted } => {
            let tone = if accepted == wanted { Good } else { Caution };
            let text = format!("{accepted} of {wanted} tasks are up to date; waiting for changes");
            news(tone, "rest", text)
        }
        Notice::Waiting { why, until } => {
            let why = barrier_text(why);
            let text = format!("{why}; no session starts before {until}, then one tries");
            problem(Caution, "wait", text)
        }
        Notice::Resumed { why } => {
            problem(Good, "go on", format!("{}; sessions start again", reopened_text(why)))
        }
        Notice::Warning(warning) => problem(Caution, "warn", warning_text(warning, billing)),
        Notice::Fault(fault) => problem(Bad, "FAULT", fault_text(fault)),
    }
}

/// A warning in words.
pub fn warning_text(warning: &Warning, billing: Billing) -> String {
    match warning {
        Warning::Said(text) => text.clone(),
        Warning::OfTask(task, text) => format!("{task}: {text}"),
        Warning::SessionsHeld(hold) => format!("no further session starts: {}", hold_text(hold)),
        Warning::ModelHeld(hold) => {
            format!("no session of that model starts: {}", hold_text(hold))
        }
        Warning::LimitDoubted(used_up) => {
            format!("{}; one session finds out", used_up_text(used_up))
        }
        Warning::LimitNear { window, permille, at_once } => {
            let share = permille.map_or("most".to_owned(), |it| format!("{} %", it / 10));
            let label = label_of(window);
            format!(
                "{share} of the {label} limit is used: no more than {at_once} at once from now on"
            )
        }
        Warning::BudgetReached(shortage) => shortage_text(shortage, billing),
        Warning::PlanUntouched(task) => {
            format!("{task} says that it changed the plan, and the plan is as it was")
        }
        Warning::PlanChangeLeftOut { task, why } => format!(
            "the cached result of {task} is taken without what it changed in the plan: {why}"
        ),
        Warning::StatusUnwritten { task, why } => {
            format!("the status of {task} could not be written into its plan: {why}")
        }
        Warning::PlanStopped { plan, n_failed } => format!(
            "{n_failed} tasks of {plan} failed in a row: no more of it starts in this build \
             (`circuit_breaker_threshold`)"
        ),
        Warning::BoughtAgain { amount, causes } => bought_again_text(*amount, causes, billing),
        Warning::AcceptedUnkeyed(task) => {
            format!("{task} has no key at present: that it is accepted came to nothing")
        }
        Warning::AnswerUnasked { task, answer } => {
            format!("{task} asks nothing: the answer `{answer}` came to nothing")
        }
    }
}

/// What went wrong inside of orch, what that means, and what a report needs.
fn fault_text(fault: &Fault) -> String {
    let Fault { broken, doing, task } = fault;
    let log = task.as_ref().map_or(String::new(), |task| format!("`orch log {task}`, "));
    format!(
        "this is a fault of orch, not of your work: {doing}, {} ({})\n\
         nothing new starts, what runs may end, and the build fails; nothing that was accepted is lost\n\
         please report it with these lines, `orch --version`, `orch doctor`, {log}and the end of \
         `.orch/{}`",
        broken.what,
        fault.place(),
        journal::FILE,
    )
}

/// That documents are wrong, or that nothing is any more. What is wrong is in their diagnostics.
pub fn diagnoses_words(documents: &[CheckedDocument]) -> Words {
    if documents.is_empty() {
        return problem(Tone::Good, "right", "all documents are right again".to_owned());
    }
    let summary = report::summary_of(documents);
    problem(Tone::Bad, "wrong", format!("{summary}; nothing new starts from what is wrong"))
}

/// That there are warnings of documents.
pub fn cautions_words(documents: &[CheckedDocument]) -> Words {
    let summary = report::summary_of(documents);
    problem(Tone::Caution, "warn", format!("{summary}; the build goes on"))
}

/// What a session asks, and how it is answered.
fn asked_text(task: &TaskRef, question: &str, options: &[String]) -> String {
    let mut text = format!("{task}  {question}");
    for (n, option) in options.iter().enumerate() {
        text.push_str(&format!("\n{}. {option}", n + 1));
    }
    text.push_str(&format!("\n`orch answer {task} TEXT` goes on with it"));
    text
}

/// Who won, and why.
fn judged_text(task: &TaskRef, winner: &str, scores: &[(String, Score)], reasons: &str) -> String {
    let scores: Vec<String> =
        scores.iter().map(|(label, score)| format!("{label} {score}")).collect();
    let scores =
        if scores.is_empty() { String::new() } else { format!(" ({})", scores.join(", ")) };
    let mut text = format!("{task}  proposal {winner} goes on{scores}");
    if let Some(first) = reasons.lines().next().filter(|_| !scores.is_empty()) {
        text.push_str(&format!("\n{first}"));
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

/// `demo, other`.
fn names_of(plans: &[PlanName]) -> String {
    plans.iter().map(|plan| plan.as_str()).collect::<Vec<_>>().join(", ")
}

pub fn tone_of_smoke(outcome: SmokeOutcome) -> Tone {
    match outcome {
        SmokeOutcome::Passed | SmokeOutcome::Unchanged => Tone::Good,
        SmokeOutcome::Failed => Tone::Bad,
        SmokeOutcome::Skipped | SmokeOutcome::Stopped | SmokeOutcome::Absent => Tone::Caution,
    }
}

fn tone_of_verdict(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Warn => Tone::Caution,
        Verdict::Fail => Tone::Bad,
    }
}

/// A step of a session; `None` where there is nothing to read.
pub fn progress_words(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Started { session, model } => {
            let session = session.as_ref().map_or("?", |session| session.as_str());
            let model = model.as_ref().map_or("?", |model| model.as_str());
            format!("session {session}, model {model}")
        }
        Progress::Said(text) => one_line(text),
        Progress::UsedTool { tool, detail } => {
            format!("{tool} {}", call_text(detail, CALL))
        }
        Progress::Cost(_) => return None,
        Progress::Retrying { attempt, wait, error } => {
            format!("the CLI tries again in {wait} (try {attempt}): {}", one_line(error))
        }
        Progress::Output(text) | Progress::Complaint(text) => visible(text).trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::broken::Broken;

    #[test]
    fn a_fault_of_orch_says_where_it_is_and_what_a_report_needs() {
        let broken = Broken::of("an attempt is not there");
        let task = Some(TaskRef::new("demo", "1"));
        let fault = Fault { broken, doing: "judging an attempt", task };
        let words = notice_words(&Notice::Fault(fault.clone()), &Names::default());
        assert!(words.is_problem && words.tone == Tone::Bad);
        insta::assert_snapshot!(words.text.replace(&fault.place(), "FILE:LINE"), @"
        this is a fault of orch, not of your work: judging an attempt, an attempt is not there (FILE:LINE)
        nothing new starts, what runs may end, and the build fails; nothing that was accepted is lost
        please report it with these lines, `orch --version`, `orch doctor`, `orch log demo//1`, and the end of `.orch/journal-v1`
        ");
    }
}
