//! Usage limits of a plan: which window is used up, and when it resets. The reset is read from the
//! CLI's event where there is one, else from the words of its message.

mod calendar;
mod lexer;
mod reset;
mod window;
mod zone;

use serde::{Deserialize, Serialize};

pub use window::Window;

use reset::Reset;

use crate::base::measure::Moment;
use crate::engine::stream::{RateLimit, class_of_message, clean};
use crate::spec::outcome::OutcomeClass;

/// Clocks and messages are off by so many seconds.
const SLACK: u64 = 10 * 60;

/// A usage limit that was hit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub window: Window,
    /// Seconds since 1970; absent where nothing says it.
    pub resets_at: Option<u64>,
    /// The reset was told without a year: it is the next such moment.
    #[serde(skip)]
    pub recurs: bool,
    /// How the reset was read and what was assumed for it, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Limit {
    /// The limit as one can be that was met at `at`: no window is longer than it lasts. A moment
    /// that comes round again and is further away than that was the one before, and is over.
    #[must_use]
    pub fn bounded(self, at: Moment) -> Self {
        let bound = (at + self.window.longest()).0 / 1000;
        let is_over = |reset: u64| self.recurs && reset > bound + SLACK;
        let within = |reset| if is_over(reset) { at.0 / 1000 } else { bound.min(reset) };
        Self { resets_at: self.resets_at.map(within), ..self }
    }
}

/// When and where a message was read: what `resets 3pm` is relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    pub now: Moment,
    /// The IANA name of the machine's zone; one that is not known is UTC.
    pub zone: String,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: Moment(0), zone: "UTC".to_owned() }
    }
}

/// The limit that a message of the CLI tells of; `None` where it tells of none. A time of day
/// without date is its next occurrence after `now`, a date without year likewise, but for one that
/// has just passed: that reset is over. A moment with year, or in seconds since 1970, is given as it
/// stands, past or not.
pub fn limit_of_message(text: &str, now: Moment, local_zone: &str) -> Option<Limit> {
    let text = clean(text);
    let class = class_of_message(&text)?;
    if !matches!(class, OutcomeClass::PlanLimit | OutcomeClass::Billing) {
        return None;
    }
    let reset = reset::reset_in(&text, now, local_zone);
    // Spending limits have no end of their own, but some messages name the plan's.
    if class == OutcomeClass::Billing && reset.at.is_none() {
        return None;
    }
    let window = window::window_of_message(&text, reset.is_dated);
    let Reset { at, recurs, notes, .. } = reset;
    Some(Limit { window, resets_at: at, recurs, notes })
}

/// As seconds this lies in the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// The limit of a rejected request: what its event says, and what it leaves open by its message.
pub fn limit_of(event: Option<&RateLimit>, message: &str, clock: &Clock) -> Limit {
    let said = limit_of_message(message, clock.now, &clock.zone).unwrap_or_default();
    let Some(event) = event else { return said };
    let window = match event.window.as_deref() {
        Some(name) => Window::of_event(name, &said.window),
        None => said.window,
    };
    match event.resets_at {
        Some(at) => {
            let notes = vec!["the reset is that of the rate_limit_event".to_owned()];
            // Some versions count milliseconds.
            let at = if at > MILLISECONDS { at / 1000 } else { at };
            Limit { window, resets_at: Some(at), recurs: false, notes }
        }
        None => Limit { window, ..said },
    }
}

#[cfg(test)]
mod tests;
