//! The last lines of a build: what is done, what is not and because of what, time and money.

use std::fmt::Write as _;

use crate::base::measure::{Billing, Millis, Usd};
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::engine::why::Parked;
use crate::host::surface::Summary;
use crate::ui::exit::Exit;
use crate::ui::render::obstacle::parked_text;
use crate::ui::report::counted;
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::one_line;

use super::states;
use super::why::why_text;
use super::words::tone_of_smoke;

/// How many unfinished tasks are named one by one.
const NAMED: usize = 20;

/// What a build did not finish, for its summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Wanted tasks that failed, are blocked, held or suspended.
    pub unfinished: Vec<TaskPicture>,
    /// Why landings wait under a ref.
    pub parked: Option<Parked>,
    /// What amounts are.
    pub billing: Billing,
}

impl Leftover {
    pub fn of(picture: &Picture) -> Self {
        let is_unfinished = |task: &&TaskPicture| {
            let state = task.state;
            let is_open = matches!(
                state,
                TaskState::Failed(_) | TaskState::Blocked | TaskState::Suspended | TaskState::Held
            );
            task.is_wanted && is_open
        };
        Self {
            unfinished: picture.tasks.iter().filter(is_unfinished).cloned().collect(),
            parked: picture.parked.clone(),
            billing: picture.billing,
        }
    }
}

/// The summary as text that ends in a newline.
pub fn summary_text(summary: &Summary, leftover: &Leftover, paint: Paint) -> String {
    let mut text = String::new();
    push_unfinished(&mut text, leftover, paint);
    for change in &summary.plan_changes {
        let head = paint.paint(Tone::Caution, "plan changed");
        let _ = writeln!(text, "{head}: {} {}", change.task, one_line(&change.to_string()));
    }
    if let Some(parked) = &leftover.parked {
        let head = paint.paint(Tone::Caution, "parked");
        let _ = writeln!(
            text,
            "{head}: {}; `orch land` takes what waits onto the branch",
            one_line(&parked_text(parked))
        );
    }
    for smoke in &summary.smoke {
        let word = paint.paint(tone_of_smoke(smoke.outcome), smoke.outcome.as_str());
        let _ = writeln!(text, "{}  smoke test {word}: {}", smoke.plan, one_line(&smoke.message));
    }
    let exit = Exit::from_code(summary.exit);
    let is_idle = summary.up_to_date + summary.skipped == summary.targets
        && summary.accepted == summary.up_to_date;
    if exit == Exit::Success && summary.targets == 0 {
        text.push_str("nothing to do: there is no task; `orch new plan NAME` starts a plan\n");
        return text;
    }
    if exit == Exit::Success && is_idle {
        let (tone, head) = match leftover.parked.is_some() {
            // The checkout is not what the results are.
            true => (Tone::Caution, "done, and not in the checkout yet"),
            false => (Tone::Good, "up to date"),
        };
        let head = paint.paint(tone, head);
        let mut tasks = counted(summary.up_to_date as usize, "task");
        if summary.skipped > 0 {
            let _ = write!(tasks, ", {} skipped", summary.skipped);
        }
        let _ = writeln!(text, "{head}: {tasks} ({})", time_of(summary.wall_ms));
        return text;
    }
    let tone = if exit == Exit::Success { Tone::Good } else { Tone::Bad };
    let head = paint.paint(tone, exit.meaning());
    let tasks = counted(summary.targets as usize, "task");
    let _ = write!(text, "{head}: {} of {tasks}", summary.accepted);
    for (separator, parts) in [(": ", counts_of(summary)), ("; ", costs_of(summary, exit))] {
        if !parts.is_empty() {
            let _ = write!(text, "{separator}{}", parts.join(", "));
        }
    }
    text.push('\n');
    text
}

fn counts_of(summary: &Summary) -> Vec<String> {
    let counts = [
        (summary.ran, "ran"),
        (summary.replayed, "replayed"),
        (summary.up_to_date, "up to date"),
        (summary.skipped, "skipped"),
        (summary.failed, "failed"),
        (summary.blocked, "blocked"),
        (summary.held, "held"),
    ];
    counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect()
}

fn costs_of(summary: &Summary, exit: Exit) -> Vec<String> {
    let sessions = (summary.sessions > 0).then(|| counted(summary.sessions as usize, "session"));
    let billing = Billing::of(summary.is_api_equivalent);
    let cost = (summary.cost_usd != Usd::ZERO).then(|| billing.text(summary.cost_usd));
    let code = (exit != Exit::Success).then(|| format!("exit {}", summary.exit));
    [sessions, cost, Some(time_of(summary.wall_ms)), code].into_iter().flatten().collect()
}

/// Two decimals below ten seconds: a build with nothing to do takes hundredths.
fn time_of(wall_ms: u64) -> String {
    match wall_ms {
        0..10_000 => format!("{}.{:02}s", wall_ms / 1000, wall_ms % 1000 / 10),
        _ => Millis(wall_ms).to_string(),
    }
}

fn push_unfinished(text: &mut String, leftover: &Leftover, paint: Paint) {
    let Leftover { unfinished, billing, .. } = leftover;
    for task in unfinished.iter().take(NAMED) {
        let tone = match task.state {
            TaskState::Failed(_) => Tone::Bad,
            _ => Tone::Caution,
        };
        let state = states::word_of(task.state);
        let words = states::with_reason(state, &one_line(&why_text(&task.reason, *billing)));
        let (head, rest) = words.split_at(state.len());
        let name = format!("{}  {}", task.task, one_line(&task.name));
        let _ = writeln!(text, "{}  {}{rest}", name.trim_end(), paint.paint(tone, head));
    }
    if unfinished.len() > NAMED {
        let more = unfinished.len() - NAMED;
        let _ = writeln!(text, "... and {more} more: `orch status`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    fn check(summary: Summary, picture: &Picture) -> String {
        summary_text(&summary, &Leftover::of(picture), Paint::PLAIN)
    }

    #[test]
    fn nothing_to_do_says_so() {
        let summary =
            Summary { targets: 6, accepted: 6, up_to_date: 6, wall_ms: 34, ..Summary::default() };
        assert_eq!(check(summary, &Picture::default()), "up to date: 6 tasks (0.03s)\n");
        let summary = Summary { wall_ms: 7, ..Summary::default() };
        assert_eq!(
            check(summary, &Picture::default()),
            "nothing to do: there is no task; `orch new plan NAME` starts a plan\n"
        );
    }

    #[test]
    fn a_finished_build_says_what_it_did() {
        let summary = Summary {
            targets: 6,
            accepted: 6,
            up_to_date: 4,
            ran: 2,
            sessions: 3,
            cost_usd: Usd::from_dollars(0.87),
            wall_ms: 185_000,
            ..Summary::default()
        };
        assert_eq!(
            check(summary, &Picture::default()),
            "done: 6 of 6 tasks: 2 ran, 4 up to date; 3 sessions, $0.87, 3m05s\n"
        );
    }

    #[test]
    fn an_unfinished_build_names_what_is_missing() {
        let summary = Summary {
            targets: 7,
            accepted: 3,
            up_to_date: 1,
            ran: 1,
            failed: 1,
            blocked: 1,
            sessions: 4,
            cost_usd: Usd::from_dollars(1.92),
            wall_ms: 62_000,
            exit: 1,
            ..Summary::default()
        };
        let mut picture = sample::picture();
        picture.parked = Some(sample::parked());
        insta::assert_snapshot!(check(summary, &picture), @r#"
            demo//2.1  Wire up  failed: left no status file (3 attempts)
            demo//2.2  Document  blocked: demo//2.1 failed
            parked: you have changes of your own in `src/a.rs`; `orch land` takes what waits onto the branch
            not finished: 3 of 7 tasks: 1 ran, 1 up to date, 1 failed, 1 blocked; 4 sessions, $1.92, 1m02s, exit 1
            "#);
    }

    #[test]
    fn a_stopped_build_never_reads_as_up_to_date() {
        let summary = Summary { exit: 3, ..Summary::default() };
        assert_eq!(check(summary, &Picture::default()), "stopped: 0 of 0 tasks; 0.00s, exit 3\n");
    }
}
