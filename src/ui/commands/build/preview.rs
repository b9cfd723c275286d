//! `orch build -n`: what would run, why, and what it is likely to cost. Touches nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::base::measure::{Billing, Usd};
use crate::base::name::TaskRef;
use crate::engine::effect::{Amount, BuildRequest, Intent};
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::engine::why::Why;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::render::why::why_text;
use crate::ui::report::counted;
use crate::ui::shell::{Paint, Ran, Shell, Tone};
use crate::ui::text::{one_line, visible};

/// With a `project`, what would run is shown with its prompt or command and its validators.
pub fn run(
    request: &BuildRequest,
    picture: &Picture,
    project: Option<&mut dyn Project>,
    shell: &mut Shell,
) -> Ran {
    let mut preview = Preview::of(request, picture);
    if let Some(project) = project {
        for run in &mut preview.would_run {
            run.given = project.intent_of(run.of)?.map(Given::of);
        }
    }
    let text = match shell.is_json() {
        true => crate::ui::json::line_of(&preview),
        false => preview.text(shell.out_paint()),
    };
    shell.data(&text)?;
    Ok(Exit::Success)
}

/// What a build would do.
#[derive(Debug, Serialize)]
struct Preview<'a> {
    targets: usize,
    up_to_date: usize,
    /// Accepted results that land again, without a session.
    would_replay: Vec<WouldRun<'a>>,
    would_run: Vec<WouldRun<'a>>,
    /// Wanted, but nothing could start them: failed before, blocked or suspended.
    held: Vec<WouldRun<'a>>,
    likely_cost_usd: Option<Usd>,
    /// Beside that, of sessions of which nothing like them was ever paid.
    guessed_cost_usd: Option<Usd>,
    /// What the build may spend, as far as that is bounded for all of it.
    budget_usd: Option<Usd>,
    #[serde(skip)]
    billing: Billing,
}

#[derive(Debug, Serialize)]
struct WouldRun<'a> {
    #[serde(skip)]
    of: &'a TaskRef,
    task: String,
    name: &'a str,
    /// It waits for others of the list; equal output of theirs would leave it up to date.
    only_if_needed: bool,
    /// It failed before, and is not tried again unasked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    reason: String,
    likely_cost_usd: Option<Usd>,
    guessed_cost_usd: Option<Usd>,
    #[serde(flatten)]
    given: Option<Given>,
}

/// What it would be given.
#[derive(Debug, Serialize)]
struct Given {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    validators: Vec<Validation>,
}

#[derive(Debug, Serialize)]
struct Validation {
    name: String,
    does: String,
}

impl Given {
    fn of(intent: Intent) -> Self {
        let validators = intent.validations();
        let validators = validators.map(|(name, does)| Validation { name: name.to_owned(), does });
        Self {
            validators: validators.collect(),
            run: intent.command.as_ref().map(ToString::to_string),
            prompt: intent.prompt,
        }
    }

    /// Below the line of its task.
    fn push_to(&self, text: &mut String, paint: Paint) {
        let prompt = self.prompt.as_deref().map(visible).unwrap_or_default();
        for line in prompt.trim().lines() {
            let _ = writeln!(text, "    {} {line}", paint.paint(Tone::Faint, '|'));
        }
        if let Some(line) = &self.run {
            let _ = writeln!(text, "    $ {}", one_line(line));
        }
        for it in &self.validators {
            let _ = writeln!(text, "    validator {} {}", one_line(&it.name), one_line(&it.does));
        }
    }
}

impl<'a> Preview<'a> {
    fn of(request: &BuildRequest, picture: &'a Picture) -> Self {
        let billing = picture.billing;
        let mut wanted = wanted_tasks(request, picture);
        leave_out_before(request, &mut wanted);
        let (mut would_run, mut would_replay) = (Vec::new(), Vec::new());
        let (mut held, mut up_to_date) = (Vec::new(), 0);
        for task in &wanted {
            let is_forced = request.force.contains(&task.task);
            match task.state {
                _ if is_forced => {
                    would_run.push(WouldRun::of(task, why_text(&Why::Forced, billing)))
                }
                _ if request.renews_recipes && task.has_other_recipe => {
                    would_run.push(WouldRun::of(task, why_text(&Why::RecipeChanged, billing)));
                }
                TaskState::Ready if matches!(task.reason, Why::InCache) => {
                    let run = WouldRun::of(task, why_text(&task.reason, billing));
                    let free = WouldRun { likely_cost_usd: None, guessed_cost_usd: None, ..run };
                    would_replay.push(free);
                }
                TaskState::Ready | TaskState::Waiting | TaskState::BackingOff => {
                    would_run.push(WouldRun::of(task, why_text(&task.reason, billing)));
                }
                TaskState::Running => would_run.push(WouldRun::of(task, "running now".to_owned())),
                TaskState::Failed(_)
                | TaskState::Held
                | TaskState::Blocked
                | TaskState::Suspended => {
                    held.push(WouldRun::of(task, why_text(&task.reason, billing)));
                }
                TaskState::UpToDate | TaskState::Done(_) | TaskState::Skipped => up_to_date += 1,
            }
        }
        if request.amount == Amount::OneTask {
            would_run.truncate(1);
        }
        let likely_cost_usd = sum_of(would_run.iter().filter_map(|run| run.likely_cost_usd));
        let guessed_cost_usd = sum_of(would_run.iter().filter_map(|run| run.guessed_cost_usd));
        let budgets = [request.budget.limit(), picture.budget];
        let budget_usd = budgets.into_iter().flatten().min();
        let targets = wanted.len();
        Self {
            targets,
            up_to_date,
            would_replay,
            would_run,
            held,
            likely_cost_usd,
            guessed_cost_usd,
            budget_usd,
            billing,
        }
    }

    fn text(&self, paint: Paint) -> String {
        let money = |amount: Usd| self.billing.text(amount);
        let mut text = String::new();
        for run in &self.would_replay {
            let _ = writeln!(text, "{}  {}", paint.paint(Tone::Good, "replay   "), run.words());
        }
        for run in &self.would_run {
            let (tone, head) = match run.only_if_needed {
                true => (Tone::Faint, "may run  "),
                false => (Tone::Active, "would run"),
            };
            let guess =
                run.guessed_cost_usd.map(|cost| format!("  (about {}, a guess)", money(cost)));
            let likely = run.likely_cost_usd.map(|cost| format!("  (about {})", money(cost)));
            let cost = likely.or(guess).unwrap_or_default();
            let _ = writeln!(text, "{}  {}{cost}", paint.paint(tone, head), run.words());
            if let Some(given) = &run.given {
                given.push_to(&mut text, paint);
            }
        }
        for run in &self.held {
            let (tone, head) = match run.failed {
                true => (Tone::Bad, "failed   "),
                false => (Tone::Caution, "held     "),
            };
            let _ = writeln!(text, "{}  {}", paint.paint(tone, head), run.words());
        }
        let _ = write!(text, "{}", counted(self.targets, "task"));
        let _ =
            write!(text, ": {} would run, {} up to date", self.would_run.len(), self.up_to_date);
        if !self.would_replay.is_empty() {
            let _ = write!(text, ", {} from the cache", self.would_replay.len());
        }
        let n_failed = self.held.iter().filter(|it| it.failed).count();
        for (n, what) in [(n_failed, "failed"), (self.held.len() - n_failed, "held")] {
            if n > 0 {
                let _ = write!(text, ", {n} {what}");
            }
        }
        let _ = match (self.likely_cost_usd, self.guessed_cost_usd) {
            (None, None) => Ok(()),
            (Some(cost), None) => {
                write!(text, "; at most about {}, by what was paid before", money(cost))
            }
            (None, Some(guess)) => {
                write!(
                    text,
                    "; about {}: a guess (`budget.guess`), nothing like it was paid yet",
                    money(guess)
                )
            }
            (Some(cost), Some(guess)) => write!(
                text,
                "; at most about {}, by what was paid before and, for {} of it, by `budget.guess`",
                money(cost + guess),
                money(guess)
            ),
        };
        if let Some(budget) = self.budget_usd {
            let _ = write!(text, "; {} may be spent", money(budget));
        }
        text + "\n"
    }
}

impl<'a> WouldRun<'a> {
    fn of(task: &'a TaskPicture, reason: String) -> Self {
        Self {
            of: &task.task,
            task: task.task.to_string(),
            name: &task.name,
            only_if_needed: task.state == TaskState::Waiting,
            failed: matches!(task.state, TaskState::Failed(_)),
            reason,
            likely_cost_usd: task.likely_cost,
            guessed_cost_usd: task.guessed_cost,
            given: None,
        }
    }

    fn words(&self) -> String {
        let name = one_line(self.name);
        let head = [self.task.as_str(), name.as_str()].join("  ");
        format!("{}: {}", head.trim_end(), one_line(&self.reason))
    }
}

fn sum_of(costs: impl Iterator<Item = Usd>) -> Option<Usd> {
    costs.reduce(|sum, cost| sum + cost)
}

/// The targets with all they need, or everything active; in the picture's order.
fn wanted_tasks<'a>(request: &BuildRequest, picture: &'a Picture) -> Vec<&'a TaskPicture> {
    let mut wanted: BTreeSet<&TaskRef> = BTreeSet::new();
    let is_active = |task: &&TaskPicture| task.is_wanted && request.asks_for_all_of(&task.task);
    let mut open: Vec<&TaskRef> = match &request.targets {
        Some(targets) => targets.iter().collect(),
        None => picture.tasks.iter().filter(is_active).map(|it| &it.task).collect(),
    };
    let by_name: std::collections::BTreeMap<&TaskRef, &TaskPicture> =
        picture.tasks.iter().map(|task| (&task.task, task)).collect();
    while let Some(task) = open.pop() {
        if wanted.insert(task) && !request.only {
            open.extend(by_name.get(task).into_iter().flat_map(|task| &task.depends_on));
        }
    }
    picture.tasks.iter().filter(|task| wanted.contains(&task.task)).collect()
}

/// What stands before the task that is resumed from is not run.
fn leave_out_before(request: &BuildRequest, wanted: &mut Vec<&TaskPicture>) {
    let Some(from) = &request.resume_from else { return };
    let Some(at) = wanted.iter().position(|task| task.task == *from) else { return };
    let mut position = 0;
    wanted.retain(|task| {
        position += 1;
        position > at || task.task.plan != from.plan
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::quota::Quota;
    use crate::ui::console::sample;

    fn check(request: &BuildRequest) -> String {
        Preview::of(request, &sample::picture()).text(Paint::PLAIN)
    }

    #[test]
    fn everything_active_is_previewed() {
        insta::assert_snapshot!(check(&BuildRequest::default()), @r#"
            would run  demo//1.2  Add parser: running now  (about $0.96)
            would run  other//b  Tidy: never built  (about $0.96)
            failed     demo//2.1  Wire up: left no status file (3 attempts)
            held       demo//2.2  Document: demo//2.1 failed
            7 tasks: 2 would run, 3 up to date, 1 failed, 1 held; at most about $1.92, by what was paid before
            "#);
    }

    #[test]
    fn a_target_brings_what_it_needs_unless_only_it_is_wanted() {
        let targets = Some(vec![sample::task("demo//1.3")]);
        let force = vec![sample::task("demo//1.3")];
        let request = BuildRequest { targets, force, ..BuildRequest::default() };
        insta::assert_snapshot!(check(&request), @r#"
            would run  demo//1.3  Größe prüfen: forced  (about $0.96)
            2 tasks: 1 would run, 1 up to date; at most about $0.96, by what was paid before
            "#);
        let budget = Quota::of(Some(Usd::from_dollars(0.5)));
        let text = check(&BuildRequest { budget, ..request.clone() });
        assert!(text.ends_with("by what was paid before; $0.50 may be spent\n"), "{text}");
        let text = check(&BuildRequest { only: true, ..request });
        assert!(text.contains("1 task: 1 would run, 0 up to date"), "{text}");
    }
}
