//! `orch status`: where everything stands.

use std::fmt::Write as _;

use crate::base::measure::{Billing, Moment, Usd};
use crate::base::name::PlanName;
use crate::engine::picture::{Picture, PlanPicture, QuestionPicture, TaskPicture, TaskState};
use crate::engine::why::ItemHold;
use crate::host::clock::now;
use crate::spec::item::Standing;
use crate::spec::item::stages::item_of;
use crate::ui::args::TargetsArgs;
use crate::ui::exit::Exit;
use crate::ui::json::picture::PictureJson;
use crate::ui::project::Project;
use crate::ui::render::obstacle::parked_text;
use crate::ui::render::states::{with_reason, word_of};
use crate::ui::render::why::{clash_text, countdown, doing_text, hold_text, item_text, why_text};
use crate::ui::render::words::{CALL, tone_of_smoke};
use crate::ui::report::counted;
use crate::ui::shell::{Paint, Ran, Shell, Tone};
use crate::ui::text::{call_text, columns_of, cut, fill, one_line, path_text};

use super::selection::Selection;

/// On a terminal names are cut, so that reasons line up, but never to fewer columns than these.
const NAME_WIDTH: usize = 36;
/// Most columns that are left to the rest of a line for that.
const REASON_WIDTH: usize = 50;

pub fn run(args: &TargetsArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let picture = Selection::of(project, &args.targets, folder)?.narrowed().with_failures();
    let text = match shell.is_json() {
        true => crate::ui::json::line_of(&PictureJson::of(&picture)),
        false => {
            let name_width = match shell.is_out_terminal() {
                true => name_width_of(&picture, now(), shell.width()),
                false => usize::MAX,
            };
            text_of(&picture, Look { now: now(), paint: shell.out_paint(), name_width })
        }
    };
    shell.data(&text)?;
    let faulty = project.faulty()?;
    if !faulty.is_empty() {
        let files: Vec<String> = faulty.iter().map(|document| path_text(&document.path)).collect();
        shell.warn(&format!("errors in {}: `orch check` shows them", files.join(", ")))?;
    }
    Ok(Exit::Success)
}

/// What a terminal of so many columns has for names beside the longest other parts of a line.
fn name_width_of(picture: &Picture, now: Moment, width: usize) -> usize {
    let rest = |task: &TaskPicture| columns_of(&words_of(task, picture.billing, now));
    let rest = picture.tasks.iter().map(rest).max().unwrap_or(0).min(REASON_WIDTH);
    let id = picture.tasks.iter().map(|task| columns_of(task.task.task.as_str())).max();
    let beside = "  ✓ ID  NAME  REST".chars().count() - "IDNAMEREST".len();
    width.saturating_sub(beside + id.unwrap_or(0) + rest).max(NAME_WIDTH)
}

/// How the table is shown.
#[derive(Clone, Copy)]
pub struct Look {
    pub now: Moment,
    pub paint: Paint,
    /// Longest name, in columns.
    pub name_width: usize,
}

/// A table for each plan, and a line that counts.
pub fn text_of(picture: &Picture, look: Look) -> String {
    let Look { now, paint, .. } = look;
    let mut text = String::new();
    if picture.plans.is_empty() {
        text.push_str("no plans; `orch new plan NAME` starts one\n");
    }
    for plan in in_order(picture) {
        push_plan(&mut text, plan, picture, look);
    }
    if let Some(hold) = &picture.holding {
        let head = paint.paint(Tone::Caution, "holding");
        let _ = writeln!(text, "{head}: {}", hold_text(hold));
    }
    if let Some(waiting) = &picture.waiting {
        let head = paint.paint(Tone::Caution, "waiting");
        let _ = writeln!(text, "{head}: {}", countdown(waiting, now));
    }
    if let Some(parked) = &picture.parked {
        let head = paint.paint(Tone::Caution, "parked");
        let _ = writeln!(
            text,
            "{head}: {}; `orch land` takes what waits onto the branch",
            one_line(&parked_text(parked))
        );
    }
    let active: Vec<&TaskPicture> = picture.tasks.iter().filter(|it| it.is_wanted).collect();
    let _ = writeln!(text, "{}", counts_of(&active, picture.billing));
    let n_other = picture.tasks.iter().filter(|task| task.has_other_recipe).count();
    if n_other > 0 {
        let _ = writeln!(
            text,
            "{} made by another recipe: `orch why TASK` says what differs, `orch build --recipe` makes \
             them again",
            counted(n_other, "result")
        );
    }
    text
}

/// Items that a person has to look at come first, then what is active, then what rests.
fn in_order(picture: &Picture) -> Vec<&PlanPicture> {
    let needs_somebody = |plan: &PlanPicture| match &plan.rests {
        Some(ItemHold::Standing(it)) => {
            matches!(it, Standing::Done | Standing::Failed | Standing::Unclear)
        }
        Some(_) => false,
        None => tasks_of(picture, &plan.name).any(|it| matches!(it.state, TaskState::Failed(_))),
    };
    let place = |plan: &&PlanPicture| match item_of(&plan.name) {
        Some(_) if needs_somebody(plan) => 0,
        _ if plan.rests.is_none() => 1,
        _ => 2,
    };
    let mut plans: Vec<&PlanPicture> = picture.plans.iter().collect();
    plans.sort_by_key(place);
    plans
}

fn push_plan(text: &mut String, plan: &PlanPicture, picture: &Picture, look: Look) {
    let Look { now, paint, name_width } = look;
    let title =
        plan.title.as_deref().map_or(String::new(), |title| format!("  {}", one_line(title)));
    let path = paint.paint(Tone::Faint, format!("({})", path_text(&plan.path)));
    let _ = writeln!(text, "{}{title}  {path}", paint.paint(Tone::Strong, path_text(&plan.name)));
    if let Some(rests) = &plan.rests {
        let _ = writeln!(text, "  {}\n", paint.paint(Tone::Faint, item_text(rests)));
        return;
    }
    if let Some(smoke) = &plan.smoke {
        let word = paint.paint(tone_of_smoke(smoke.outcome), smoke.outcome.as_str());
        let _ = writeln!(text, "  smoke test {word}: {}", one_line(&smoke.message));
    }
    let tasks: Vec<&TaskPicture> = tasks_of(picture, &plan.name).collect();
    let id_width = tasks.iter().map(|task| columns_of(task.task.task.as_str())).max();
    let names = tasks.iter().map(|task| columns_of(&one_line(&task.name))).max();
    let name_width = names.unwrap_or(0).min(name_width);
    for task in tasks {
        let id = fill(task.task.task.as_str(), id_width.unwrap_or(0));
        let name = fill(&cut(&one_line(&task.name), name_width), name_width);
        let line = format!(
            "  {} {id}  {name}  {}",
            glyph_of(task.state, paint),
            words_of(task, picture.billing, now)
        );
        let _ = writeln!(text, "{}", line.trim_end());
        if let Some(question) = &task.question {
            push_question(text, task, question);
        }
        for clash in &task.apart {
            let clash = format!("not at once with others: {}", one_line(&clash_text(clash)));
            let _ = writeln!(text, "      {}", paint.paint(Tone::Faint, clash));
        }
        for warning in &task.warnings {
            let _ = writeln!(text, "      {}", paint.paint(Tone::Caution, one_line(warning)));
        }
    }
    text.push('\n');
}

fn push_question(text: &mut String, task: &TaskPicture, question: &QuestionPicture) {
    for (n, option) in question.options.iter().enumerate() {
        let _ = writeln!(text, "      {}. {}", n + 1, one_line(option));
    }
    let _ = writeln!(text, "      `orch answer {} TEXT` goes on with it", task.task);
}

fn tasks_of<'a>(picture: &'a Picture, plan: &'a PlanName) -> impl Iterator<Item = &'a TaskPicture> {
    picture.tasks.iter().filter(move |task| task.task.plan == *plan)
}

/// One character for each kind of state; words beside it say the same.
pub fn glyph_of(state: TaskState, paint: Paint) -> String {
    let (tone, glyph) = match state {
        TaskState::UpToDate | TaskState::Done(_) => (Tone::Good, "✓"),
        TaskState::Running => (Tone::Active, "▶"),
        TaskState::Ready => (Tone::Active, "○"),
        TaskState::Waiting => (Tone::Faint, "·"),
        TaskState::BackingOff => (Tone::Caution, "↻"),
        TaskState::Skipped => (Tone::Faint, "–"),
        TaskState::Failed(_) => (Tone::Bad, "✗"),
        TaskState::Held => (Tone::Caution, "◌"),
        TaskState::Blocked => (Tone::Caution, "⊘"),
        TaskState::Suspended => (Tone::Caution, "‖"),
    };
    paint.paint(tone, glyph)
}

/// `failed: left no status file  $1.50`
fn words_of(task: &TaskPicture, billing: Billing, now: Moment) -> String {
    let state = word_of(task.state);
    let reason = one_line(&why_text(&task.reason, billing));
    let mut words = match &task.running {
        Some(running) => {
            format!(
                "{state} {}: {}",
                now - running.since,
                call_text(&doing_text(&running.doing), CALL)
            )
        }
        None => with_reason(state, &reason),
    };
    let cost = task.cost + task.running.as_ref().map_or(Usd::ZERO, |running| running.cost);
    if cost != Usd::ZERO {
        let _ = write!(words, "  {}", billing.text(cost));
    }
    words
}

/// `7 tasks: 1 up to date, 1 running, 1 failed; $2.35`
fn counts_of(tasks: &[&TaskPicture], billing: Billing) -> String {
    const ORDER: [&str; 14] = [
        "up to date",
        "done",
        "replayed",
        "adopted",
        "accepted",
        "running",
        "tries again",
        "would run",
        "waits",
        "failed",
        "held",
        "blocked",
        "suspended",
        "skipped",
    ];
    let counts = ORDER.iter().filter_map(|word| {
        let count = tasks.iter().filter(|task| word_of(task.state) == *word).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    let counts: Vec<String> = counts.collect();
    let mut text = counted(tasks.len(), "task");
    if !counts.is_empty() {
        let _ = write!(text, ": {}", counts.join(", "));
    }
    let cost: Usd = tasks.iter().map(|task| task.cost).sum();
    if cost != Usd::ZERO {
        let _ = write!(text, "; {}", billing.text(cost));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    const LOOK: Look = Look { now: sample::NOW, paint: Paint::PLAIN, name_width: NAME_WIDTH };

    #[test]
    fn every_state_has_a_line() {
        let mut picture = sample::picture();
        picture.holding = Some(sample::hold());
        picture.parked = Some(sample::parked());
        insta::assert_snapshot!(text_of(&picture, LOOK), @r#"
            demo  A demo  (plans/demo.yaml)
              ✓ 1.1  Set up        up to date  $0.42
                  no test for the empty file
              ▶ 1.2  Add parser    running 1m02s: Edit src/parser.rs  $0.0312
              ✓ 1.3  Größe prüfen  done: ran in 41s  $1.50
              ✗ 2.1  Wire up       failed: left no status file (3 attempts)
              ⊘ 2.2  Document      blocked: demo//2.1 failed

            other  (plans/other.yaml)
              – a        skipped in the plan
              ○ b  Tidy  would run: never built

            holding: usage limit until 15:00
            parked: you have changes of your own in `src/a.rs`; `orch land` takes what waits onto the branch
            7 tasks: 1 up to date, 1 done, 1 running, 1 would run, 1 failed, 1 blocked, 1 skipped; $1.92
            "#);
    }

    #[test]
    fn wide_characters_keep_the_columns() {
        let mut picture = sample::picture();
        picture.tasks.truncate(3);
        for (task, name) in picture.tasks.iter_mut().zip(["解析器を追加", "Tidy 🎉", "Add parser"])
        {
            name.clone_into(&mut task.name);
        }
        let text = text_of(&picture, Look { name_width: 10, ..LOOK });
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(" 1.")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
              ✓ 1.1  解析器を…   up to date  $0.42
              ▶ 1.2  Tidy 🎉     running 1m02s: Edit src/parser.rs  $0.0312
              ✓ 1.3  Add parser  done: ran in 41s  $1.50
            "#);
    }

    #[test]
    fn names_take_the_room_that_a_terminal_has() {
        let mut picture = sample::picture();
        let of = |picture: &Picture| {
            [40, 80, 160].map(|width| name_width_of(picture, sample::NOW, width))
        };
        assert_eq!(of(&picture), [36, 36, 107]);
        picture.tasks.truncate(1);
        assert_eq!(of(&picture), [36, 52, 132]);
    }

    #[test]
    fn a_repository_without_plans_says_how_to_start() {
        let text = text_of(&Picture::default(), LOOK);
        assert_eq!(text, "no plans; `orch new plan NAME` starts one\n0 tasks\n");
    }
}
