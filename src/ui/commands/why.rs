//! `orch why`: why a task is up to date, would run, waits or failed, down to the changed input.

mod changes;

use std::fmt::Write as _;

use serde::Serialize;

use crate::base::digest::{Difference, differences};
use crate::base::measure::Billing;
use crate::base::name::{ActionKey, TaskRef};
use crate::engine::effect::Explained;
use crate::engine::outcome::OutcomeClass;
use crate::engine::picture::{TaskPicture, TaskState};
use crate::engine::record::AttemptEnded;
use crate::engine::world::action::is_of_recipe;
use crate::ui::args::SomeTargetsArgs;
use crate::ui::exit::Exit;
use crate::ui::json::AttemptJson;
use crate::ui::project::Project;
use crate::ui::render::states;
use crate::ui::render::why::{clash_text, why_text};
use crate::ui::report::counted;
use crate::ui::shell::{Failure, Paint, Ran, Shell, Tone};
use crate::ui::text::{one_line, path_text};

use super::selection::{Selection, task_in};
use changes::words_of;

/// How many differences of one task are named for people. JSON has all.
const NAMED: usize = 30;

pub fn run(
    args: &SomeTargetsArgs,
    project: &mut dyn Project,
    shell: &mut Shell,
    folder: &str,
) -> Ran {
    let selection = Selection::of(project, &args.targets, folder)?.with_failures();
    for (number, name) in selection.tasks().iter().enumerate() {
        let Some(task) = task_in(&selection.picture, name) else { continue };
        let billing = selection.picture.billing;
        let reasons = Reasons { billing, ..Reasons::of(project, name)? };
        let text = match shell.is_json() {
            true => crate::ui::json::line_of(&WhyJson::of(task, &reasons)),
            false if number > 0 => format!("\n{}", text_of(task, &reasons, shell.out_paint())),
            false => text_of(task, &reasons, shell.out_paint()),
        };
        shell.data(&text)?;
    }
    Ok(Exit::Success)
}

/// What is known about a task's key and its past.
#[derive(Clone, Debug, Default)]
struct Reasons {
    present: Option<Explained>,
    last: Option<Explained>,
    attempts: Vec<AttemptEnded>,
    billing: Billing,
}

impl Reasons {
    fn of(project: &mut dyn Project, task: &TaskRef) -> Result<Self, Failure> {
        Ok(Self {
            present: project.explain(task)?,
            last: project.last_explained(task)?,
            attempts: project.attempts_of(task)?,
            billing: Billing::default(),
        })
    }

    /// What is different between then and now; `None` where there is nothing to compare.
    fn differences(&self) -> Option<Vec<Difference>> {
        let (present, last) = (self.present.as_ref()?, self.last.as_ref()?);
        Some(differences(&last.manifest, &present.manifest))
    }

    fn last_failure(&self) -> Option<&AttemptEnded> {
        self.attempts.iter().rfind(|attempt| attempt.validator.is_none())
    }
}

fn text_of(task: &TaskPicture, reasons: &Reasons, paint: Paint) -> String {
    let mut text = String::new();
    let state = states::word_of(task.state);
    let head = paint.paint(Tone::Strong, &task.task);
    let _ = writeln!(text, "{head}  {}: {state}", one_line(&task.name));
    let reason = one_line(&why_text(&task.reason, reasons.billing));
    if !reason.is_empty() && reason != state {
        let _ = writeln!(text, "  because  {reason}");
    }
    if !task.chosen.is_empty() {
        let by = task.agent.as_ref().map(|agent| format!(", by {agent}")).unwrap_or_default();
        let (rule, by) = (path_text(&task.rule), path_text(by));
        let _ = writeln!(text, "  rule     {rule}{by}: {}", one_line(&task.chosen));
    }
    for clash in &task.apart {
        let _ =
            writeln!(text, "  apart    not at once with others: {}", one_line(&clash_text(clash)));
    }
    push_differences(&mut text, reasons, paint);
    match task.state {
        TaskState::Failed(_) => push_failure(&mut text, reasons),
        TaskState::Ready => push_cut_off(&mut text, reasons),
        _ => {}
    }
    for warning in &task.warnings {
        let _ = writeln!(text, "  warning  {}", one_line(warning));
    }
    let _ = writeln!(text, "  key      {}", keys_of(task.state, reasons));
    text
}

fn push_differences(text: &mut String, reasons: &Reasons, paint: Paint) {
    let Some(differences) = reasons.differences() else { return };
    for difference in differences.iter().take(NAMED) {
        let (tone, word) = match difference {
            _ if is_of_recipe(difference.section()) => (Tone::Faint, "recipe "),
            Difference::Changed { .. } => (Tone::Caution, "changed"),
            Difference::Added { .. } => (Tone::Good, "added  "),
            Difference::Removed { .. } => (Tone::Bad, "removed"),
        };
        let _ = writeln!(text, "  {}  {}", paint.paint(tone, word), words_of(difference));
    }
    if differences.len() > NAMED {
        let more = counted(differences.len() - NAMED, "more difference");
        let _ = writeln!(text, "           ... and {more} (all of them: --format json)");
    }
}

fn part(mut all: Vec<Difference>, of_recipe: bool) -> Vec<Difference> {
    all.retain(|it| is_of_recipe(it.section()) == of_recipe);
    all
}

fn push_failure(text: &mut String, reasons: &Reasons) {
    let Some(attempt) = reasons.last_failure() else { return };
    let message = one_line(&attempt.message);
    let _ = writeln!(text, "  attempt  {}: {message} ({})", attempt.number, attempt.duration);
    let _ = writeln!(text, "  look     orch log {}", attempt.task);
    let _ = writeln!(text, "  again    orch retry {}", attempt.task);
}

/// A session that was ended from outside was paid for, too.
fn push_cut_off(text: &mut String, reasons: &Reasons) {
    let last = reasons.last_failure().filter(|it| it.outcome == OutcomeClass::Aborted);
    let Some(attempt) = last else { return };
    let (message, cost) = (one_line(&attempt.message), reasons.billing.text(attempt.cost));
    let _ = writeln!(text, "  attempt  {}: {message}, {cost}", attempt.number);
    let _ = writeln!(text, "  look     orch log {}", attempt.task);
}

fn keys_of(state: TaskState, reasons: &Reasons) -> String {
    let short = |key: &ActionKey| key.0.short();
    match (&reasons.present, &reasons.last) {
        (Some(present), Some(last)) if present.key == last.key => {
            format!("{}, as at the last accepted result", short(&present.key))
        }
        (Some(present), Some(last)) => {
            format!("{}, was {} at the last accepted result", short(&present.key), short(&last.key))
        }
        // As in a fresh clone: git or the plan tells of it, and nothing else does.
        (Some(present), None) if state == TaskState::UpToDate => {
            format!("{}, of which nothing more is recorded here", short(&present.key))
        }
        (Some(present), None) => format!("{}, never accepted", short(&present.key)),
        (None, Some(last)) => {
            format!("not known before what it needs is; last accepted {}", short(&last.key))
        }
        (None, None) => "not known before what it needs is".to_owned(),
    }
}

#[derive(Serialize)]
struct WhyJson<'a> {
    task: String,
    name: &'a str,
    #[serde(flatten)]
    state: TaskState,
    reason: String,
    rule: String,
    chosen: &'a str,
    apart: Vec<String>,
    key: Option<ActionKey>,
    last_key: Option<ActionKey>,
    differences: Option<Vec<Difference>>,
    /// In how it was made, which does not make it stale by itself.
    recipe_differences: Option<Vec<Difference>>,
    warnings: &'a [String],
    attempts: Vec<AttemptJson<'a>>,
}

impl<'a> WhyJson<'a> {
    fn of(task: &'a TaskPicture, reasons: &'a Reasons) -> Self {
        Self {
            task: task.task.to_string(),
            name: &task.name,
            state: task.state,
            reason: why_text(&task.reason, reasons.billing),
            rule: task.rule.to_string(),
            chosen: &task.chosen,
            apart: task.apart.iter().map(clash_text).collect(),
            key: reasons.present.as_ref().map(|explained| explained.key),
            last_key: reasons.last.as_ref().map(|explained| explained.key),
            differences: reasons.differences().map(|all| part(all, false)),
            recipe_differences: reasons.differences().map(|all| part(all, true)),
            warnings: &task.warnings,
            attempts: reasons.attempts.iter().map(AttemptJson::of).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::{Digest, Manifest, Recorded};
    use crate::base::measure::{Millis, Moment, Usd};
    use crate::base::name::AttemptId;
    use crate::ui::console::sample;

    fn explained(name: &str, entries: &[(&str, &str)]) -> Explained {
        let mut manifest = Recorded::default();
        manifest.section("inputs");
        for (name, value) in entries {
            manifest.entry(name, value.as_bytes());
        }
        Explained { key: ActionKey(Digest::of(name.as_bytes())), manifest }
    }

    fn check(id: usize, reasons: &Reasons) -> String {
        text_of(&sample::picture().tasks[id], reasons, Paint::PLAIN)
    }

    #[test]
    fn changed_inputs_are_named() {
        let last = Some(explained("old", &[("src/a.rs", "1"), ("src/b.rs", "2"), ("c", "3")]));
        let present = Some(explained("new", &[("src/a.rs", "9"), ("c", "3"), ("d", "4")]));
        let reasons = Reasons { present, last, attempts: Vec::new(), billing: Billing::default() };
        insta::assert_snapshot!(check(6, &reasons), @r#"
            other//b  Tidy: would run
              because  never built
              changed  inputs src/a.rs: 1 -> 9
              added    inputs d
              removed  inputs src/b.rs
              key      b20ab0a020a4, was 96a4257289f9 at the last accepted result
            "#);
    }

    #[test]
    fn a_failure_names_the_attempt_and_what_to_do() {
        let attempt = AttemptEnded {
            at: Moment(0),
            attempt: AttemptId(7),
            task: sample::task("demo//2.1"),
            key: ActionKey(Digest::of(b"k")),
            recipe: None,
            number: 3,
            validator: None,
            outcome: OutcomeClass::NoStatus,
            message: "left no status file".to_owned(),
            cost: Usd::ZERO,
            spend: Default::default(),
            model: None,
            session: None,
            transcript: None,
            prompt: None,
            duration: Millis(62_000),
            slack_messages: Vec::new(),
            is_uncounted: false,
        };
        let reasons = Reasons { attempts: vec![attempt], ..Reasons::default() };
        insta::assert_snapshot!(check(3, &reasons), @r#"
            demo//2.1  Wire up: failed
              because  left no status file (3 attempts)
              attempt  3: left no status file (1m02s)
              look     orch log demo//2.1
              again    orch retry demo//2.1
              key      not known before what it needs is
            "#);
    }

    #[test]
    fn what_only_git_tells_of_was_not_never_accepted() {
        let reasons = Reasons { present: Some(explained("k", &[])), ..Reasons::default() };
        let mut task = sample::picture().tasks[0].clone();
        let key = |task: &TaskPicture| {
            let text = text_of(task, &reasons, Paint::PLAIN);
            text.lines().last().unwrap_or_default().trim().to_owned()
        };
        task.state = TaskState::UpToDate;
        assert!(key(&task).ends_with(", of which nothing more is recorded here"));
        task.state = TaskState::Ready;
        assert!(key(&task).ends_with(", never accepted"));
    }

    #[test]
    fn an_equal_key_says_so() {
        let same = Some(explained("same", &[("a", "1")]));
        let reasons = Reasons {
            present: same.clone(),
            last: same,
            attempts: Vec::new(),
            billing: Billing::default(),
        };
        insta::assert_snapshot!(check(0, &reasons), @r#"
            demo//1.1  Set up: up to date
              warning  no test for the empty file
              key      83fe82573ab5, as at the last accepted result
            "#);
    }
}
