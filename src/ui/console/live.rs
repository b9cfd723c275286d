//! The live display on a terminal: a line for each running task, and a bar with counts below.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::measure::{Billing, Millis, Moment, Usd};
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Counts, Extent, Phase, Picture, RunningPicture, TaskPicture};
use crate::engine::stream::Progress;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::render::why::{countdown, doing_text, hold_text};
use crate::ui::render::words::{CALL, Names};
use crate::ui::report::counted;
use crate::ui::shell::{Paint, rows_of_terminal};
use crate::ui::text::{call_text, one_line, outgoing};

use super::{Detail, Screen, line};

const TICK: Duration = Duration::from_millis(125);

/// Redraws its lines in place; what is told once scrolls by above them.
pub struct Live {
    lines: MultiProgress,
    overall: Option<ProgressBar>,
    running: BTreeMap<TaskRef, ProgressBar>,
    /// Counts the running tasks that the terminal has no row for.
    more: Option<ProgressBar>,
    paint: Paint,
    detail: Detail,
    names: Names,
}

impl Live {
    /// On stderr; `None` where that cannot redraw lines, so that nothing of it would be seen.
    pub fn on_stderr(paint: Paint, detail: Detail) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        (!target.is_hidden()).then(|| Self::on(target, paint, detail))
    }

    fn on(target: ProgressDrawTarget, paint: Paint, detail: Detail) -> Self {
        Self {
            lines: MultiProgress::with_draw_target(target),
            overall: None,
            running: BTreeMap::new(),
            more: None,
            paint,
            detail,
            names: Names::default(),
        }
    }

    fn print(&self, text: Option<String>) {
        if let Some(text) = text {
            // A terminal that went away is no reason to stop a build.
            let _ = self.lines.println(outgoing(&text, self.paint.colored));
        }
    }

    fn show_running(&mut self, picture: &Picture, now: Moment) {
        let tasks: Vec<&TaskPicture> =
            picture.tasks.iter().filter(|task| task.running.is_some()).collect();
        let n_shown = n_shown(tasks.len(), rows_of_terminal());
        let mut gone = std::mem::take(&mut self.running);
        // Who has a line keeps it.
        let (old, new): (Vec<&TaskPicture>, Vec<_>) =
            tasks.iter().copied().partition(|task| gone.contains_key(&task.task));
        for task in old.into_iter().chain(new).take(n_shown) {
            let Some(running) = &task.running else { continue };
            let line = gone.remove(&task.task).unwrap_or_else(|| self.add_line(running, now));
            let text = running_line(task, running, picture.billing);
            line.set_message(outgoing(&text, false).into_owned());
            self.running.insert(task.task.clone(), line);
        }
        gone.into_values().for_each(|line| self.take_away(&line));
        self.count_more(tasks.len() - n_shown);
    }

    fn count_more(&mut self, n_more: usize) {
        if n_more == 0 {
            if let Some(line) = self.more.take() {
                self.take_away(&line);
            }
            return;
        }
        let line = self.more.take().unwrap_or_else(|| {
            let line = self.add_above_bar(ProgressBar::new_spinner());
            line.set_style(style_of("    {wide_msg}"));
            line
        });
        line.set_message(format!("and {n_more} more"));
        self.more = Some(line);
    }

    fn take_away(&self, line: &ProgressBar) {
        line.finish_and_clear();
        self.lines.remove(line);
    }

    fn add_line(&self, running: &RunningPicture, now: Moment) -> ProgressBar {
        let elapsed = Duration::from_millis((now - running.since).0);
        let line = self.add_above_bar(ProgressBar::new_spinner().with_elapsed(elapsed));
        line.set_style(style_of("  {spinner} {elapsed:>4} {wide_msg}"));
        line.enable_steady_tick(TICK);
        line
    }

    fn add_above_bar(&self, line: ProgressBar) -> ProgressBar {
        match self.more.as_ref().or(self.overall.as_ref()) {
            Some(below) => self.lines.insert_before(below, line),
            None => self.lines.add(line),
        }
    }

    fn show_overall(&mut self, picture: &Picture, now: Moment) {
        let Counts { wanted, accepted, failed, blocked, .. } = picture.counts;
        if accepted + failed + blocked >= wanted && picture.counts.running == 0 {
            // Nothing is left to be counted down: a build that stays rests.
            if let Some(bar) = self.overall.take() {
                self.take_away(&bar);
            }
            return;
        }
        let overall = self.overall.get_or_insert_with(|| {
            let bar = self.lines.add(ProgressBar::new(0));
            bar.set_style(style_of("  {bar:24} {wide_msg}").progress_chars("━╸ "));
            bar
        });
        overall.set_length(u64::from(wanted));
        overall.set_position(u64::from(accepted + failed + blocked));
        overall.set_message(outgoing(&overall_line(picture, now), false).into_owned());
    }
}

/// How many running tasks have a line of their own on a terminal of so many rows: the bar is always
/// there, one row stays free, and where not all have one there is a line that counts the others.
fn n_shown(n_running: usize, rows: usize) -> usize {
    let room = rows.saturating_sub(2);
    if n_running <= room { n_running } else { room.saturating_sub(1) }
}

/// The template is ours and constant; a wrong one only loses the layout.
fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `demo//1.2 Add parser (attempt 2) · Edit src/parser.rs · $0.0312`
fn running_line(task: &TaskPicture, running: &RunningPicture, billing: Billing) -> String {
    let mut head = task.task.to_string();
    if !task.name.is_empty() {
        head = format!("{head} {}", one_line(&task.name));
    }
    if running.number > 1 {
        head = format!("{head} (attempt {})", running.number);
    }
    let doing = call_text(&doing_text(&running.doing), CALL);
    let doing = match running.phase {
        Phase::Merging => "merging".to_owned(),
        Phase::Validating if doing.is_empty() => "validating".to_owned(),
        Phase::Working | Phase::Validating => doing,
        Phase::Landing => "landing".to_owned(),
    };
    let cost = (running.cost != Usd::ZERO).then(|| billing.text(running.cost));
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
        parts.push(picture.billing.text(picture.cost));
    }
    if let Some(waiting) = &picture.waiting {
        parts.push(countdown(waiting, now));
        return parts.join(" · ");
    }
    match (&picture.holding, time_left(&picture.counts, now - picture.started)) {
        (Some(hold), _) => parts.push(hold_text(hold)),
        (None, Some(left)) => parts.push(format!("about {left} left")),
        (None, None) => {}
    }
    parts.join(" · ")
}

/// What is left at the pace so far; `None` before anything ran, and while nothing does, when a guess would
/// be a lie.
fn time_left(counts: &Counts, elapsed: Millis) -> Option<Millis> {
    let worked = u64::from(counts.ran + counts.replayed + counts.failed);
    let decided = counts.accepted + counts.skipped + counts.failed + counts.blocked;
    let left = u64::from(counts.wanted.saturating_sub(decided));
    (counts.ran > 0 && counts.running > 0 && left > 0)
        .then(|| Millis(elapsed.0.saturating_mul(left) / worked))
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

    fn say(&mut self, notice: &Notice, now: Moment) {
        let text = line::notice_text(notice, &self.names, self.detail, self.paint);
        self.print(text.map(|text| self.detail.dated(&text, now, self.paint)));
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.print(Some(line::diagnoses_text(documents, self.paint)));
    }

    fn caution(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.print(Some(line::cautions_text(documents, self.paint)));
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress, now: Moment) {
        if self.detail == Detail::Streams {
            let text = line::progress_text(task, progress, self.paint);
            self.print(text.map(|text| self.detail.dated(&text, now, self.paint)));
        }
    }
}

impl Screen for Live {
    fn close(&mut self, _summary: Option<&Summary>) -> io::Result<()> {
        for line in self.running.values().chain(&self.more).chain(&self.overall) {
            line.finish_and_clear();
        }
        self.running.clear();
        self.more = None;
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
            running_line(task, &RunningPicture { phase, cost, ..running }, Billing::Billed)
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
        picture.holding = Some(sample::hold());
        assert!(overall_line(&picture, sample::NOW).ends_with("usage limit until 15:00"));
    }

    #[test]
    fn nothing_is_estimated_before_something_ran() {
        let counts = Counts { wanted: 5, ..Counts::default() };
        assert_eq!(time_left(&counts, Millis(9000)), None);
        let counts = Counts { wanted: 5, accepted: 1, ran: 1, running: 1, ..counts };
        assert_eq!(time_left(&counts, Millis(9000)), Some(Millis(36_000)));
        let resting = Counts { running: 0, ..counts };
        assert_eq!(time_left(&resting, Millis(9000)), None);
    }

    #[test]
    fn a_whole_build_can_be_shown_where_no_terminal_is() {
        let mut live = Live::on(ProgressDrawTarget::hidden(), Paint::PLAIN, Detail::Streams);
        sample::play(&mut live);
        assert_eq!(live.running.len(), 1);
        assert!(live.overall.is_some());
        live.show(&Picture::default(), sample::NOW);
        assert!(live.running.is_empty());
        assert!(live.overall.is_none(), "nothing is said to run while nothing does");
    }

    #[test]
    fn the_bar_has_a_row_however_many_run() {
        let check = n_shown;
        assert_eq!(check(16, 40), 16);
        assert_eq!((check(10, 12), check(11, 12), check(16, 12)), (10, 9, 9));
        assert_eq!((check(1, 3), check(2, 3), check(5, 1)), (1, 0, 0));
    }

    #[test]
    fn who_has_a_line_keeps_it_and_the_others_are_counted() {
        let mut live = Live::on(ProgressDrawTarget::hidden(), Paint::PLAIN, Detail::Events);
        let mut picture = sample::picture();
        let rows = rows_of_terminal();
        let first = picture.tasks[1].clone();
        picture.tasks = (0..rows + 3)
            .map(|n| TaskPicture { task: sample::task(&format!("demo//{n}")), ..first.clone() })
            .collect();
        let late = picture.tasks.remove(0);
        live.show(&picture, sample::NOW);
        assert_eq!(live.running.len(), rows - 3);
        let more = live.more.as_ref().map(ProgressBar::message);
        assert_eq!(more.as_deref(), Some("and 5 more"));
        let shown: Vec<TaskRef> = live.running.keys().cloned().collect();
        picture.tasks.insert(0, late);
        live.show(&picture, sample::NOW);
        assert_eq!(live.running.keys().cloned().collect::<Vec<_>>(), shown);
        picture.tasks.truncate(2);
        live.show(&picture, sample::NOW);
        assert!(live.more.is_none());
    }
}
