//! When the loop does what it does from time to time.

use std::time::{Duration, Instant};

use crate::base::measure::Moment;

/// How often the display is refreshed and stops are looked for.
pub const TICK: Duration = Duration::from_millis(100);

/// Gathered status lines are written at least this often.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// How often the engine is told what the machine has, while something waits to start.
const MACHINE_EVERY: Duration = Duration::from_secs(5);

/// What is due when.
pub struct Pace {
    began: Instant,
    last_status: Instant,
    machine_seen: Instant,
    wake_at: Option<Moment>,
    /// Something happened that was not shown yet.
    has_news: bool,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self { began: now, last_status: now, machine_seen: now, wake_at: None, has_news: true }
    }
}

impl Pace {
    /// Milliseconds since the build began.
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The engine wants to be woken: of several wishes the earliest counts, the others come again.
    pub fn wake(&mut self, at: Moment) {
        self.wake_at = Some(self.wake_at.map_or(at, |it| it.min(at)));
    }

    pub fn wake_at(&self) -> Option<Moment> {
        self.wake_at
    }

    pub fn woken(&mut self) {
        self.wake_at = None;
    }

    pub fn is_machine_due(&self) -> bool {
        self.machine_seen.elapsed() >= MACHINE_EVERY
    }

    pub fn machine_seen(&mut self) {
        self.machine_seen = Instant::now();
    }

    /// True where status lines are due; they count as written then.
    pub fn take_status_due(&mut self) -> bool {
        let is_due = self.last_status.elapsed() >= STATUS_EVERY;
        if is_due {
            self.last_status = Instant::now();
        }
        is_due
    }

    pub fn note_news(&mut self) {
        self.has_news = true;
    }

    /// True where something happened since this was last asked.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_wishes_to_be_woken_the_earliest_counts() {
        let mut pace = Pace::default();
        [7, 5, 9].into_iter().for_each(|at| pace.wake(Moment(at)));
        assert_eq!(pace.wake_at(), Some(Moment(5)));
        pace.woken();
        assert_eq!(pace.wake_at(), None);
    }

    #[test]
    fn news_are_shown_once_and_the_first_picture_is_news() {
        let mut pace = Pace::default();
        assert!(pace.take_news() && !pace.take_news());
        pace.note_news();
        assert!(pace.take_news());
    }
}
