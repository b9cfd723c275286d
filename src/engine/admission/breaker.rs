//! The circuit breaker: after failures of the service in a row, of whichever tasks, no session
//! starts for a while; then one finds out whether it is there again.

use crate::base::measure::{Millis, Moment};
use crate::base::name::AttemptId;
use crate::spec::config::BreakerConfig;

use crate::engine::admission::circuit::Circuit;
use crate::engine::outcome::OutcomeClass;
use crate::engine::why::{Barrier, Outage};

/// What the end of a session says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Failed,
    /// It was there until the session's own end.
    Answered,
    Unknown,
}

impl Service {
    pub fn of(class: OutcomeClass) -> Self {
        use OutcomeClass as C;
        match class {
            C::Throttled | C::Overloaded | C::ServerError | C::Network => Self::Failed,
            C::PlanLimit | C::Auth | C::Billing | C::LaunchFailure | C::Aborted | C::Killed => {
                Self::Unknown
            }
            C::Stalled | C::TimedOut | C::CommandFailed | C::Unknown => Self::Unknown,
            // The CLI itself may have refused.
            C::LaunchRefused => Self::Unknown,
            _ => Self::Answered,
        }
    }
}

/// How the service answered one session; `said` is the failure in words.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub attempt: AttemptId,
    pub service: Service,
    pub said: &'a str,
}

/// Closed, open or half-open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures since the service last answered.
    n_failures: u32,
    pub circuit: Circuit,
}

/// What an end has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    None,
    Opened,
    /// The probe failed, too.
    StillOpen,
    /// As before, for longer than anybody wants to wait.
    Hopeless,
    Closed,
}

impl Breaker {
    /// A session ended.
    pub fn hear(&mut self, answer: Answer<'_>, now: Moment, config: &BreakerConfig) -> Turn {
        let Answer { attempt, service, said } = answer;
        let was_probe = self.circuit.is_probe(attempt);
        match service {
            Service::Answered => {
                self.n_failures = 0;
                if self.circuit.close() { Turn::Closed } else { Turn::None }
            }
            Service::Failed => {
                self.n_failures = self.n_failures.saturating_add(1);
                self.failed(was_probe, said, now, config)
            }
            Service::Unknown if was_probe => {
                self.circuit.recall();
                Turn::None
            }
            Service::Unknown => Turn::None,
        }
    }

    fn failed(&mut self, was_probe: bool, said: &str, now: Moment, config: &BreakerConfig) -> Turn {
        let is_open = self.circuit.tripped().is_some();
        let is_due = config.threshold > 0 && self.n_failures >= config.threshold;
        if is_open && !was_probe || !is_open && !is_due {
            return Turn::None;
        }
        let outage = Outage { n_failures: self.n_failures, said: said.to_owned() };
        self.circuit.trip(Barrier::Outage(outage), now, now + config.reset);
        let open_for = self.circuit.tripped().map_or(Millis(0), |tripped| now - tripped.since);
        match (is_open, open_for > config.patience) {
            (false, _) => Turn::Opened,
            (true, false) => Turn::StillOpen,
            (true, true) => Turn::Hopeless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { threshold: 3, reset: Millis(300_000), patience: Millis(700_000) };

    /// Ends of sessions one by one, a second apart: `!` failed, `.` answered, `?` unknown; a digit is
    /// so many minutes, after which the next one is the probe.
    fn check(ends: &str) -> Vec<Turn> {
        let (mut breaker, mut now, mut changes) = (Breaker::default(), Moment(0), Vec::new());
        for (n, end) in ends.chars().enumerate() {
            let attempt = AttemptId(n as u64);
            if let Some(minutes) = end.to_digit(10) {
                now = now + Millis::seconds(60 * u64::from(minutes));
                breaker.circuit.send(AttemptId(n as u64 + 1), now);
                continue;
            }
            let service = match end {
                '!' => Service::Failed,
                '.' => Service::Answered,
                _ => Service::Unknown,
            };
            now = now + Millis::seconds(1);
            changes.push(breaker.hear(
                Answer { attempt, service, said: "overloaded" },
                now,
                &CONFIG,
            ));
        }
        changes
    }

    #[test]
    fn three_in_a_row_open_it_and_one_success_closes_it() {
        use Turn::{Closed, Hopeless, None, Opened, StillOpen};
        assert_eq!(check("!!.!!"), [None; 5]);
        assert_eq!(check("!?!!"), [None, None, None, Opened]);
        assert_eq!(check("!!!!"), [None, None, Opened, None], "what runs may end");
        assert_eq!(check("!!!5."), [None, None, Opened, Closed]);
        assert_eq!(check("!!!5!6."), [None, None, Opened, StillOpen, Closed]);
        assert_eq!(check("!!!6!6!")[4], Hopeless);
        assert_eq!(check("!!!5?!"), [None, None, Opened, None, None], "no news, and no probe");
    }
}
