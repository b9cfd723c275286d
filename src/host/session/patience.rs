//! When a family is to be ended, and how far that has gone. Silence alone is no reason: what counts
//! is that nothing at all goes on where something should.

use std::time::Duration;

use tokio::time::Instant;

use super::Stop;
use super::watch::Watched;
use crate::engine::outcome::evidence::Ending;
use crate::engine::stream::Pace;
use crate::host::process::Family;

/// Later than any deadline.
const NEVER: Duration = Duration::from_secs(365 * 86_400);
/// How often at most and at least signs of life are looked for.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));

/// How long a session may take to begin, and to end after its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To its first event.
    pub start: Duration,
    /// From its result to its exit.
    pub linger: Duration,
    /// From the polite to the forced end.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(120),
            linger: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// The clock of one family.
pub struct Clock {
    wall: Instant,
    stall: Option<Duration>,
    patience: Patience,
    pace: Pace,
    last_heard: Instant,
    look_at: Instant,
    /// Why the family is being ended.
    pub reason: Option<Ending>,
    force_at: Instant,
    is_forced: bool,
}

impl Clock {
    pub fn start(watched: &Watched) -> Self {
        let now = Instant::now();
        let (is_session, known_wait) = (watched.is_session, Default::default());
        Self {
            wall: now + watched.wall.unwrap_or(NEVER),
            stall: watched.stall,
            patience: watched.patience,
            pace: if is_session { Pace::NotStarted } else { Pace::Working { known_wait } },
            last_heard: now,
            look_at: now,
            reason: None,
            force_at: now + NEVER,
            is_forced: false,
        }
    }

    /// Something came from the family.
    pub fn heard(&mut self) {
        self.last_heard = Instant::now();
    }

    /// Where the stream stands now.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// How long nothing may go on.
    fn limit(&self) -> Option<Duration> {
        match self.pace {
            Pace::NotStarted => Some(self.patience.start),
            Pace::Working { known_wait } => {
                self.stall.map(|stall| stall + Duration::from_millis(known_wait.0))
            }
            Pace::Over => Some(self.patience.linger),
        }
    }

    fn silent_at(&self) -> Instant {
        self.last_heard + self.limit().unwrap_or(NEVER)
    }

    /// When [`Self::tick`] is next due.
    pub fn deadline(&self) -> Instant {
        match (&self.reason, self.is_forced) {
            (None, _) => self.wall.min(self.silent_at()).min(self.look_at()),
            (Some(_), false) => self.force_at,
            (Some(_), true) => Instant::now() + NEVER,
        }
    }

    fn look_at(&self) -> Instant {
        match self.pace {
            Pace::Over => Instant::now() + NEVER,
            _ if self.limit().is_none() => Instant::now() + NEVER,
            _ => self.look_at,
        }
    }

    /// True where it is time to look for signs of life.
    pub fn is_to_look(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.reason.is_none() && now >= self.look_at();
        if is_due {
            let every = self.limit().unwrap_or(NEVER) / 4;
            self.look_at = now + every.clamp(LOOK_EVERY.0, LOOK_EVERY.1);
        }
        is_due
    }

    /// What is paid for and told is not taken back: after the result it only lingers.
    fn reason_to_end(&self, wish: Stop, now: Instant) -> Option<Ending> {
        let is_silent = now >= self.silent_at();
        let is_late = now >= self.wall;
        match self.pace {
            Pace::Over if wish > Stop::No || is_late || is_silent => Some(Ending::Lingered),
            _ if wish > Stop::No => Some(Ending::Cancelled),
            _ if is_late => Some(Ending::TimedOut),
            Pace::NotStarted if is_silent => Some(Ending::NeverStarted),
            Pace::Working { .. } if is_silent => Some(Ending::Stalled),
            _ => None,
        }
    }

    /// Ends the family where that is due.
    pub fn tick(&mut self, wish: Stop, family: &mut Family) {
        let now = Instant::now();
        if self.reason.is_none() {
            let Some(reason) = self.reason_to_end(wish, now) else { return };
            self.reason = Some(reason);
            self.force_at = now + self.patience.grace;
            family.terminate();
        }
        if !self.is_forced && (wish == Stop::AtOnce || now >= self.force_at) {
            self.is_forced = true;
            family.kill();
        }
    }
}
