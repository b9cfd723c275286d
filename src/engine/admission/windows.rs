//! The windows of the account: a window of the plan that is used up keeps every session out that counts
//! in it, until its reset; a minute later one finds out whether it is open.

use std::collections::BTreeMap;

use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, ModelName};
use crate::spec::config::{LimitWait, LimitsConfig};

use crate::engine::admission::circuit::{Circuit, Passage};
use crate::engine::limits::{Limit, Window};
use crate::engine::stream::WindowUse;
use crate::engine::why::{Barrier, Unawaited, UsedUp};

/// Windows do not open to the second.
const AFTER_RESET: Millis = Millis::seconds(60);
/// The wait where nothing says when the window resets.
const UNSAID: Millis = Millis::seconds(3600);
/// The wait where the reset that was told is over already, and one has found that it is not.
const OVERDUE: Millis = Millis::seconds(300);
/// From so many thousandths on sessions run one by one.
const ALMOST_FULL: u16 = 950;

/// One circuit for each window that is or was used up, and the windows that soon will be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    circuits: BTreeMap<Window, Circuit>,
    near: BTreeMap<Window, Near>,
}

/// A window of which little is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Near {
    permille: Option<u16>,
    until: Option<Moment>,
}

/// When the first session may try after a limit that was met at `at`, as far as it tells.
pub fn opens_at(resets_at: Option<u64>, at: Moment) -> Moment {
    match resets_at.map(|seconds| Moment(seconds.saturating_mul(1000))) {
        None => at + UNSAID,
        Some(reset) => reset + AFTER_RESET,
    }
}

/// True where the reset is in the past: one session may find out at once.
pub fn is_past(resets_at: Option<u64>, now: Moment) -> bool {
    resets_at.is_some_and(|seconds| Moment(seconds.saturating_mul(1000)) <= now)
}

/// The limit as it is told of at this moment.
pub fn used_up(limit: &Limit, now: Moment) -> UsedUp {
    let Limit { window, resets_at, .. } = limit.clone();
    UsedUp { window, resets_at, is_over: is_past(resets_at, now) }
}

/// As [`opens_at`], for the build that met it just now: a reset in the past makes no loop.
fn opens_again_at(resets_at: Option<u64>, now: Moment, is_probe: bool) -> Moment {
    match (is_past(resets_at, now), is_probe) {
        (true, true) => now + OVERDUE,
        (true, false) => now,
        (false, _) => opens_at(resets_at, now),
    }
}

/// True where a session of the model counts in the window. Nobody knows which model it is where none
/// is named.
pub fn concerns(window: &Window, model: Option<&ModelName>) -> bool {
    let (Some(own), Some(model)) = (window.model(), model) else { return true };
    model.as_str().to_lowercase().split(|it: char| !it.is_alphanumeric()).any(|word| word == own)
}

/// Whether a build waits for a reset at `until`, having waited `n_waited` times before.
///
/// # Errors
/// Why not.
pub fn may_wait(
    config: &LimitsConfig,
    now: Moment,
    until: Moment,
    n_waited: u32,
) -> Result<(), Unawaited> {
    match config.wait {
        LimitWait::Never => Err(Unawaited::Never),
        _ if n_waited >= config.max_auto_resumes => Err(Unawaited::TooOften(n_waited)),
        LimitWait::UpTo if until - now > Millis(config.longest.0 + AFTER_RESET.0) => {
            Err(Unawaited::TooFar(config.longest))
        }
        LimitWait::UpTo | LimitWait::Always => Ok(()),
    }
}

impl Windows {
    /// A session met the limit. `None` where that is known; else when the first may try again.
    pub fn hit(&mut self, attempt: AttemptId, limit: &Limit, now: Moment) -> Option<Moment> {
        let circuit = self.circuits.entry(limit.window.clone()).or_default();
        let is_probe = circuit.is_probe(attempt);
        let is_past = is_past(limit.resets_at, now);
        let is_news = circuit.tripped().is_none_or(|tripped| {
            is_probe || tripped.probe.is_none() && tripped.until <= now && !is_past
        });
        let until = opens_again_at(limit.resets_at, now, is_probe);
        is_news.then(|| {
            circuit.trip(Barrier::UsedUp(used_up(limit, now)), now, until);
            until
        })
    }

    /// What an earlier run of orch met.
    pub fn restore(&mut self, used_up: UsedUp, since: Moment, until: Moment) {
        let circuit = self.circuits.entry(used_up.window.clone()).or_default();
        circuit.trip(Barrier::UsedUp(used_up), since, until);
    }

    /// A person wants to know: whatever was said, one may find out now.
    pub fn hurry(&mut self, now: Moment) {
        self.circuits.values_mut().for_each(|it| it.hurry(now));
    }

    /// The probe's session came through, as far as `met`, the limit that it met if any. The windows
    /// that are open now.
    pub fn came_through(&mut self, attempt: AttemptId, met: Option<&Window>) -> Vec<Window> {
        let probed = |(window, circuit): &(&Window, &mut Circuit)| {
            circuit.is_probe(attempt) && met != Some(*window)
        };
        let open = self.circuits.iter_mut().filter(probed).map(|(window, circuit)| {
            circuit.close();
            window.clone()
        });
        open.collect()
    }

    /// The probe brought no news.
    pub fn recall(&mut self, attempt: AttemptId) {
        self.circuits.values_mut().filter(|it| it.is_probe(attempt)).for_each(Circuit::recall);
    }

    pub fn is_probe(&self, attempt: AttemptId) -> bool {
        self.circuits.values().any(|it| it.is_probe(attempt))
    }

    /// The circuits that a session of this model goes through; all where it is any session.
    pub fn circuits(&self, model: Option<&ModelName>) -> impl Iterator<Item = &Circuit> {
        let concerned = move |(window, _): &(&Window, &Circuit)| concerns(window, model);
        self.circuits.iter().filter(concerned).map(|(_, circuit)| circuit)
    }

    pub fn all(&self) -> impl Iterator<Item = &Circuit> {
        self.circuits.values()
    }

    pub fn send(&mut self, attempt: AttemptId, model: Option<&ModelName>, now: Moment) {
        for (window, circuit) in &mut self.circuits {
            if concerns(window, model) && circuit.passage(now) == Passage::Probe {
                circuit.send(attempt, now);
            }
        }
    }

    /// How far a window is used, as a session heard it. True where it is near its limit and was not
    /// known to be.
    pub fn heard(&mut self, heard: &WindowUse) -> bool {
        let window = Window::parse(&heard.window);
        if !heard.is_near_limit() {
            self.near.remove(&window);
            return false;
        }
        let until = heard.resets_at.map(|seconds| Moment(seconds.saturating_mul(1000)));
        self.near.insert(window, Near { permille: heard.permille, until }).is_none()
    }

    /// How many sessions of the model may run at once, of `jobs`; `None`: as many as there are.
    pub fn at_once(&self, model: Option<&ModelName>, jobs: u32, now: Moment) -> Option<u32> {
        let is_near = |(window, near): &(&Window, &Near)| {
            concerns(window, model) && near.until.is_none_or(|until| until > now)
        };
        let bound = |near: &Near| match near.permille {
            Some(ALMOST_FULL..) => 1,
            _ => (jobs / 2).max(1),
        };
        self.near.iter().filter(is_near).map(|(_, near)| bound(near)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::render::why::unawaited_text;

    #[test]
    fn a_window_of_one_model_concerns_that_model() {
        let check = |window: &str, model: &str| {
            let model = (model != "-").then(|| ModelName::new(model));
            concerns(&Window::parse(window), model.as_ref())
        };
        assert!(check("five_hour", "opus") && check("seven_day", "-"));
        assert!(check("seven_day_opus", "claude-opus-4-5") && check("seven_day_opus", "-"));
        assert!(!check("seven_day_opus", "sonnet"));
    }

    #[test]
    fn the_first_tries_a_minute_after_the_reset() {
        let check = |resets_at: Option<u64>, is_probe| {
            opens_again_at(resets_at, Moment(1_000_000), is_probe).0 / 1000
        };
        assert_eq!(check(Some(5000), false), 5060);
        assert_eq!(check(None, true), 1000 + 3600);
        assert_eq!(check(Some(900), false), 1000, "one finds out at once");
        assert_eq!(check(Some(900), true), 1300, "no reset in the past makes a loop");
    }

    #[test]
    fn whether_a_build_waits_is_for_the_settings_to_say() {
        let check = |wait: LimitWait, hours: u64, n_waited: u32| {
            let config = LimitsConfig { wait, ..LimitsConfig::default() };
            let until = Moment(3_600_000 * hours + AFTER_RESET.0);
            may_wait(&config, Moment(0), until, n_waited)
                .err()
                .map(unawaited_text)
                .unwrap_or_default()
        };
        assert_eq!(check(LimitWait::UpTo, 6, 0), "");
        assert_eq!(
            check(LimitWait::UpTo, 7, 0),
            "that is further away than 6h00m (`limits.hours`)"
        );
        assert_eq!(check(LimitWait::Always, 100, 9), "");
        assert_eq!(
            check(LimitWait::Always, 1, 10),
            "it waited 10 times before (`limits.max_auto_resumes`)"
        );
        assert_eq!(check(LimitWait::Never, 0, 0), "`limits.wait` is `never`");
    }

    #[test]
    fn near_a_limit_fewer_sessions_run_at_once() {
        let mut windows = Windows::default();
        let heard = |status: &str, permille| WindowUse {
            window: "five_hour".to_owned(),
            status: status.to_owned(),
            permille: Some(permille),
            resets_at: Some(100),
        };
        assert_eq!(windows.at_once(None, 8, Moment(0)), None);
        assert!(windows.heard(&heard("allowed_warning", 910)));
        assert!(!windows.heard(&heard("allowed_warning", 920)), "told once");
        assert_eq!(windows.at_once(None, 8, Moment(0)), Some(4));
        assert_eq!(windows.at_once(None, 1, Moment(0)), Some(1));
        windows.heard(&heard("allowed_warning", 960));
        assert_eq!(windows.at_once(None, 8, Moment(0)), Some(1));
        assert_eq!(windows.at_once(None, 8, Moment(100_000)), None, "the window is new");
        windows.heard(&heard("allowed", 10));
        assert_eq!(windows.at_once(None, 8, Moment(0)), None);
    }
}
