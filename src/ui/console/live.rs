//! The live display on a terminal: a line for each running task, and a bar with counts below.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Counts, Extent, Phase, Picture, RunningPicture, TaskPicture};
use crate::engine::stream::Progress;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::report::counted;
use crate::ui::shell::Paint;
use crate::ui::text::{one_line, without_worktree};

use super::words::{self, Names};
use super::{Detail, Screen};

const TICK: Duration = Duration::from_millis(125);

/// Redraws its lines in place; what is told once scrolls by above them.
pub struct Live {
    lines: MultiProgress,
    overall: Option<ProgressBar>,
    running: BTreeMap<TaskRef, ProgressBar>,
    paint: Paint,
    detail: Detail,
    names: Names,
}

impl Live {
    /// On stderr, which must be a terminal.
    pub fn on_stderr(paint: Paint, detail: Detail) -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            overall: None,
            running: BTreeMap::new(),
            paint,
            detail,
            names: Names::default(),
        }
    }

    fn print(&self, text: Option<String>) {
        if let Some(text) = text {
            // A terminal that went away is no reason to stop a build.
            let _ = self.lines.println(text);
        }
    }

    fn show_running(&mut self, picture: &Picture, now: Moment) {
        let mut gone = std::mem::take(&mut self.running);
        for task in &picture.tasks {
            let Some(running) = &task.running else { continue };
            let line = gone.remove(&task.task).unwrap_or_else(|| self.add_line(running, now));
            line.set_message(running_line(task, running));
            self.running.insert(task.task.clone(), line);
        }
        for line in gone.into_values() {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
    }

    fn add_line(&self, running: &RunningPicture, now: Moment) -> ProgressBar {
        let elapsed = Duration::from_millis((now - running.since).0);
        let line = ProgressBar::new_spinner().with_elapsed(elapsed);
        let line = match &self.overall {
            Some(overall) => self.lines.insert_before(overall, line),
            None => self.lines.add(line),
        };
        line.set_style(style_of("  {spinner} {elapsed:>4} {wide_msg}"));
        line.enable_steady_tick(TICK);
        line
    }

    fn show_overall(&mut self, picture: &Picture, now: Moment) {
        let Counts { wanted, accepted, failed, blocked, .. } = picture.counts;
        if accepted + failed + blocked >= wanted && picture.counts.running == 0 {
            return;
        }
        let overall = self.overall.get_or_insert_with(|| {
            let bar = self.lines.add(ProgressBar::new(0));
            bar.set_style(style_of("  {bar:24} {wide_msg}").progress_chars("━╸ "));
            bar
        });
        overall.set_length(u64::from(wanted));
        overall.set_position(u64::from(accepted + failed + blocked));
        overall.set_message(overall_line(picture, now));
    }
}

/// The template is ours and constant; a wrong one only loses the layout.
fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `demo//1.2 Add parser (attempt 2) · Edit src/parser.rs · $0.0312`
fn running_line(task: &TaskPicture, running: &RunningPicture) -> String {
    let mut head = task.task.to_string();
    if !task.name.is_empty() {
        head = format!("{head} {}", one_line(&task.name));
    }
    if running.number > 1 {
        head = format!("{head} (attempt {})", running.number);
    }
    let doing = match running.phase {
        Phase::Working => without_worktree(&one_line(&running.doing)),
        Phase::Merging => "merging".to_owned(),
        Phase::Validating if running.doing.is_empty() => "validating".to_owned(),
        Phase::Validating => one_line(&running.doing),
        Phase::Landing => "landing".to_owned(),
    };
    let cost = (running.cost != Usd::ZERO).then(|| running.cost.to_string());
    let parts = [Some(head), Some(doing).filter(|doing| !doing.is_empty()), cost];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// `3/7 tasks · 1 running · 1 failed · 1 blocked · $1.92 · about 1m02s left`
fn overall_line(picture: &Picture, now: Moment) -> String {
    let Counts { wanted, accepted, failed, blocked, running, .. } = picture.counts;
    let mut parts = vec![format!("{accepted}/{}", counted(wanted as usize, "task"))];
    let counts = [(running, "running"), (failed, "failed"), (blocked, "blocked")];
    parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    if picture.cost != Usd::ZERO {
        parts.push(picture.cost.to_string());
    }
    if let Some(waiting) = &picture.waiting {
        parts.push(waiting.countdown(now));
        return parts.join(" · ");
    }
    match (&picture.holding, time_left(&picture.counts, now - picture.started)) {
        (Some(why), _) => parts.push(why.clone()),
        (None, Some(left)) => parts.push(format!("about {left} left")),
        (None, None) => {}
    }
    parts.join(" · ")
}

/// What is left at the pace so far; `None` before anything ran, when a guess would be a lie.
fn time_left(counts: &Counts, elapsed: Millis) -> Option<Millis> {
    let worked = u64::from(counts.ran + counts.replayed + counts.failed);
    let decided = counts.accepted + counts.skipped + counts.failed + counts.blocked;
    let left = u64::from(counts.wanted.saturating_sub(decided));
    (counts.ran > 0 && left > 0).then(|| Millis(elapsed.0.saturating_mul(left) / worked))
}

impl Surface for Live {
    fn show(&mut self, picture: &Picture, now: Moment) {
        self.names.learn(picture);
        self.show_overall(picture, now);
        self.show_running(picture, now);
    }

    fn extent(&self) -> Extent {
        Extent::Busy
    }

    fn say(&mut self, notice: &Notice, _now: Moment) {
        self.print(words::notice_text(notice, &self.names, self.detail, self.paint));
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.print(Some(words::diagnoses_text(documents, self.paint)));
    }

    fn caution(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.print(Some(words::cautions_text(documents, self.paint)));
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress) {
        if self.detail == Detail::Streams {
            self.print(words::progress_text(task, progress, self.paint));
        }
    }
}

impl Screen for Live {
    fn close(&mut self, _summary: Option<&Summary>) -> io::Result<()> {
        for line in self.running.values().chain(&self.overall) {
            line.finish_and_clear();
        }
        self.running.clear();
        self.lines.clear()
    }
}

impl Drop for Live {
    /// A build that ends early must not leave its lines on the terminal.
    fn drop(&mut self) {
        let _ = self.close(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    #[test]
    fn a_running_task_shows_what_it_does_and_costs() {
        let picture = sample::picture();
        let task = &picture.tasks[1];
        let check = |phase, cost| {
            let running = task.running.clone().unwrap();
            running_line(task, &RunningPicture { phase, cost, ..running })
        };
        assert_eq!(
            check(Phase::Working, Usd::from_dollars(0.0312)),
            "demo//1.2 Add parser (attempt 2) · Edit src/parser.rs · $0.0312"
        );
        assert_eq!(check(Phase::Landing, Usd::ZERO), "demo//1.2 Add parser (attempt 2) · landing");
    }

    #[test]
    fn the_bar_counts_and_estimates() {
        let mut picture = sample::picture();
        assert_eq!(
            overall_line(&picture, sample::NOW),
            "3/7 tasks · 1 running · 1 failed · 1 blocked · $1.92 · about 1m02s left"
        );
        picture.holding = Some("usage limit until 15:00".to_owned());
        assert!(overall_line(&picture, sample::NOW).ends_with("usage limit until 15:00"));
    }

    #[test]
    fn nothing_is_estimated_before_something_ran() {
        let counts = Counts { wanted: 5, ..Counts::default() };
        assert_eq!(time_left(&counts, Millis(9000)), None);
        let counts = Counts { wanted: 5, accepted: 1, ran: 1, ..counts };
        assert_eq!(time_left(&counts, Millis(9000)), Some(Millis(36_000)));
    }

    #[test]
    fn a_whole_build_can_be_shown_where_no_terminal_is() {
        let mut live = Live::on_stderr(Paint::PLAIN, Detail::Streams);
        live.lines.set_draw_target(ProgressDrawTarget::hidden());
        sample::play(&mut live);
        assert_eq!(live.running.len(), 1);
        live.show(&Picture::default(), sample::NOW);
        assert!(live.running.is_empty());
    }
}
