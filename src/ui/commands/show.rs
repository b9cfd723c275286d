//! `orch show`: a task's result: files, verdicts, attempts, provenance.

mod prompt;

use std::fmt::Write as _;

use serde::Serialize;

use crate::base::file::FileChange;
use crate::base::measure::{Billing, Usd};
use crate::base::name::TaskRef;
use crate::engine::picture::{TaskPicture, TaskState};
use crate::engine::record::{AcceptedResult, AttemptEnded, Judged};
use crate::engine::report::Report;
use crate::ui::args::ShowArgs;
use crate::ui::exit::Exit;
use crate::ui::json::picture::TaskJson;
use crate::ui::json::{AttemptJson, JudgedJson, ResultJson};
use crate::ui::judging::telling;
use crate::ui::project::Project;
use crate::ui::render::states;
use crate::ui::render::time::moment_text;
use crate::ui::shell::{Failure, Paint, Ran, Shell, Tone};
use crate::ui::text::{one_line, path_text, visible};
use crate::ui::transcript::{OutputLine, output_of};

use super::selection::{Selection, task_in};

/// Lines of output that are shown; `orch log` has all.
const OUTPUT_SHOWN: usize = 20;

pub fn run(args: &ShowArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let selection = Selection::of(project, &args.targets, folder)?.with_failures();
    if args.prompt {
        return prompt::run(&selection.tasks(), args.attempt, project, shell);
    }
    for (number, name) in selection.tasks().iter().enumerate() {
        let Some(task) = task_in(&selection.picture, name) else { continue };
        let (result, judged) = (project.result_of(name)?, project.judged_of(name)?);
        let report = project.report_of(name)?;
        let attempts = project.attempts_of(name)?;
        let output = output_shown(&attempts, name, project)?;
        let billing = selection.picture.billing;
        let shown = Shown { task, result, report, judged, attempts, output, billing };
        let text = match shell.is_json() {
            true => crate::ui::json::line_of(&ShownJson::of(&shown)),
            false if number > 0 => format!("\n{}", text_of(&shown, shell.out_paint())),
            false => text_of(&shown, shell.out_paint()),
        };
        shell.data(&text)?;
    }
    Ok(Exit::Success)
}

/// The end of what was said beside events where it is decided how the task stands.
fn output_shown(
    attempts: &[AttemptEnded],
    task: &TaskRef,
    project: &mut dyn Project,
) -> Result<Vec<OutputLine>, Failure> {
    for at in telling(attempts) {
        let transcript = project.transcript(task, u32::try_from(at + 1).ok(), 0)?;
        let output =
            transcript.map(|it| output_of(&it.bytes, it.speaker, OUTPUT_SHOWN)).unwrap_or_default();
        if !output.is_empty() {
            return Ok(output);
        }
    }
    Ok(Vec::new())
}

struct Shown<'a> {
    task: &'a TaskPicture,
    result: Option<AcceptedResult>,
    report: Option<String>,
    judged: Option<Judged>,
    attempts: Vec<AttemptEnded>,
    /// The end of it, of the log that tells most.
    output: Vec<OutputLine>,
    billing: Billing,
}

#[derive(Serialize)]
struct ShownJson<'a> {
    task: TaskJson<'a>,
    result: Option<ResultJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged: Option<JudgedJson<'a>>,
    attempts: Vec<AttemptJson<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    output: &'a [OutputLine],
}

impl<'a> ShownJson<'a> {
    fn of(shown: &'a Shown<'_>) -> Self {
        Self {
            task: TaskJson::of(shown.task, shown.billing),
            result: shown.result.as_ref().map(ResultJson::of),
            report: shown.report.as_deref(),
            judged: shown.judged.as_ref().map(JudgedJson::of),
            attempts: shown.attempts.iter().map(AttemptJson::of).collect(),
            output: &shown.output,
        }
    }
}

fn text_of(shown: &Shown, paint: Paint) -> String {
    let task = shown.task;
    let mut text = String::new();
    let head = paint.paint(Tone::Strong, &task.task);
    let state = states::word_of(task.state);
    let _ = writeln!(text, "{head}  {}: {state}", one_line(&task.name));
    let agent = task.agent.as_deref().map_or(String::new(), |agent| format!(", agent {agent}"));
    let _ = writeln!(text, "  rule      {}{}", path_text(&task.rule), path_text(agent));
    if let Some(commit) = &task.commit {
        let _ = writeln!(text, "  commit    {commit}  (git show {commit})");
    }
    match &shown.result {
        Some(result) => push_result(&mut text, result, shown.billing, paint),
        None if task.state == TaskState::UpToDate => {
            text.push_str("  result    nothing more is recorded here\n");
        }
        None => text.push_str("  result    none accepted\n"),
    }
    let report = shown.report.as_deref().filter(|_| shown.result.is_none());
    push_report(&mut text, report);
    if let Some(judged) = &shown.judged {
        push_judged(&mut text, judged, shown.billing, paint);
    }
    push_attempts(&mut text, &shown.attempts, shown.billing, paint);
    for (number, line) in shown.output.iter().enumerate() {
        let head = if number == 0 { "output" } else { "" };
        let said = visible(&line.text);
        let tone = if line.stream == "stderr" { Tone::Caution } else { Tone::Faint };
        let _ = writeln!(text, "  {head:9} {}", paint.paint(tone, said.trim_end()));
    }
    text
}

fn push_result(text: &mut String, result: &AcceptedResult, billing: Billing, paint: Paint) {
    let mut how = vec![moment_text(result.at), result.duration.to_string()];
    if result.cost != Usd::ZERO {
        how.push(billing.text(result.cost));
    }
    how.extend(result.model.as_ref().map(|model| format!("model {model}")));
    how.extend(result.session.as_ref().map(|session| format!("session {session}")));
    let _ = writeln!(text, "  accepted  {}", how.join(", "));
    let _ = writeln!(text, "  key       {}", result.key);
    let _ = writeln!(text, "  output    {}", result.output);
    if let Some(message) = &result.message {
        let _ = writeln!(
            text,
            "  says      {}",
            visible(message).trim().replace('\n', "\n            ")
        );
    }
    push_report(text, result.report.as_ref().map(Report::text));
    let changes = result.patch.changes();
    if changes.is_empty() {
        text.push_str("  files     none changed\n");
    }
    if let Some(change) = &result.plan_change {
        let _ = writeln!(text, "  plan      {}", one_line(&change.summary()));
    }
    for (number, change) in changes.iter().enumerate() {
        let head = if number == 0 { "files" } else { "" };
        let _ = writeln!(text, "  {head:9} {} {}", letter_of(change), path_text(&change.path));
    }
    for verdict in &result.verdicts {
        let word = verdict.verdict.as_str();
        let _ = writeln!(text, "  verdict   {word} {}", path_text(&verdict.validator));
        for finding in &verdict.findings {
            let _ = writeln!(text, "            {}", paint.paint(Tone::Caution, one_line(finding)));
        }
    }
}

fn push_report(text: &mut String, report: Option<&str>) {
    let Some(report) = report else { return };
    let said = visible(report);
    let _ = writeln!(text, "  report    {}", said.trim().replace('\n', "\n            "));
}

/// Who won the competition, and who was behind the labels.
fn push_judged(text: &mut String, judged: &Judged, billing: Billing, paint: Paint) {
    let judge = match (&judged.judge, &judged.judge_model) {
        (None, _) => "unopposed".to_owned(),
        (Some(_), None) => "by its judge".to_owned(),
        (Some(_), Some(model)) => format!("by its judge, model {model}"),
    };
    let _ = writeln!(text, "  judged    proposal {} {judge}", judged.winner);
    for entrant in &judged.entrants {
        let mut facts: Vec<String> = entrant.score.iter().map(ToString::to_string).collect();
        facts.extend(entrant.model.as_ref().map(|model| format!("model {model}")));
        facts.extend((entrant.cost != Usd::ZERO).then(|| billing.text(entrant.cost)));
        facts.extend(entrant.session.as_ref().map(|session| format!("session {session}")));
        facts.extend(entrant.out.as_ref().map(|why| format!("out: {}", one_line(why))));
        let is_kept = entrant.label != judged.winner;
        facts.extend(entrant.kept_as.as_ref().filter(|_| is_kept).cloned());
        let _ = writeln!(text, "  {:9} {}", format!("prop. {}", entrant.label), facts.join(", "));
    }
    let _ = writeln!(text, "            {}", paint.paint(Tone::Faint, one_line(&judged.reasons)));
}

/// As git has it: added, deleted, modified.
fn letter_of(change: &FileChange) -> char {
    match (&change.before, &change.after) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ => 'M',
    }
}

fn push_attempts(text: &mut String, attempts: &[AttemptEnded], billing: Billing, paint: Paint) {
    for (at, attempt) in attempts.iter().enumerate() {
        let outcome = attempt.outcome.as_str();
        let who = attempt.validator.as_ref().map_or_else(
            || format!("attempt {}", attempt.number),
            |validator| format!("{} on attempt {}", path_text(validator), attempt.number),
        );
        let cost = match attempt.cost {
            Usd::ZERO => String::new(),
            cost => format!(", {}", billing.text(cost)),
        };
        let _ = writeln!(
            text,
            "  log {:<4}  {who}: {outcome} after {}{cost}",
            at + 1,
            attempt.duration
        );
        if !attempt.message.is_empty() {
            let message = paint.paint(Tone::Faint, one_line(&attempt.message));
            let _ = writeln!(text, "            {message}");
        }
        for message in &attempt.slack_messages {
            let _ = writeln!(text, "  slack     {}", one_line(&told_on_slack(message)));
        }
    }
    let total: Usd = attempts.iter().map(|attempt| attempt.cost).sum();
    if total != Usd::ZERO {
        let _ = writeln!(text, "  cost      {} over all attempts", billing.text(total));
    }
}

/// `idea: its title`; anything else as it came.
fn told_on_slack(message: &serde_json::Value) -> String {
    let field = |name: &str| message.get(name).and_then(serde_json::Value::as_str);
    match (field("type"), field("title")) {
        (Some(kind), Some(title)) => format!("{kind}: {title}"),
        _ => message.to_string(),
    }
}
