//! What keeps sessions from running although no task is to blame: a limit, the login, the program.

use crate::base::measure::{Millis, Moment};
use crate::engine::effect::{Notice, Warning};
use crate::engine::ground::Ground;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::why::Hold;

use super::Admission;

impl Admission {
    /// The failure that holds sessions back; `None` where they may start.
    pub fn held_by(&self) -> Option<OutcomeClass> {
        let refused = self.throttles.refused.first().map(|_| OutcomeClass::PlanLimit);
        self.holding.as_ref().map(Hold::class).or(refused)
    }

    /// No new session starts in this build; sessions that wait are held.
    pub fn hold(&mut self, why: Hold, ground: &mut Ground<'_>) {
        if self.holding.is_none() {
            self.holding = Some(why.clone());
            ground.publish(Notice::Warning(Warning::SessionsHeld(why)));
        }
    }

    /// The documents changed: what kept sessions from starting may be gone. True where something did.
    pub fn stop_holding(&mut self) -> bool {
        self.throttles.turned_away.clear();
        self.holding.take().is_some()
    }
}

/// A plan limit's message with its window and the moment it resets, as far as they are known.
pub fn with_reset(judgement: Judgement, now: Moment) -> Judgement {
    let Some(limit) = judgement.limit.clone().map(|it| it.bounded(now)) else { return judgement };
    // Older versions of the CLI write the moment behind a bar.
    let text = judgement.message.split('|').next().unwrap_or_default().trim();
    let resets = limit.resets_at.map(|seconds| {
        let at = Moment(seconds.saturating_mul(1000));
        let wait = at - now;
        if wait == Millis(0) { format!("reset {at}") } else { format!("resets {at}, in {wait}") }
    });
    let window = limit.window.label().map(|it| format!("{it} window"));
    let parts: Vec<String> = window.into_iter().chain(resets).collect();
    let message = match parts.is_empty() {
        true => text.to_owned(),
        false => format!("{text} ({})", parts.join(" ")),
    };
    Judgement { message, ..judgement }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::limits::Clock;
    use crate::engine::outcome::classify_message;

    #[test]
    fn a_limit_says_its_window_and_how_long_it_lasts() {
        let now = Moment(1_795_366_800_000);
        let check = |text: &str| {
            let clock = Clock { now, zone: "Europe/Berlin".to_owned() };
            with_reset(classify_message(text, &clock), now).message
        };
        insta::assert_snapshot!(check("You've hit your session limit · resets 7pm"), @"You've hit your session limit · resets 7pm (five-hour window resets 2026-11-22 18:00 UTC, in 1h00m)");
        insta::assert_snapshot!(check("Claude AI usage limit reached|1795366000"), @"Claude AI usage limit reached (reset 2026-11-22 16:46 UTC)");
        insta::assert_snapshot!(check("Opus weekly limit reached"), @"Opus weekly limit reached (weekly opus window)");
        insta::assert_snapshot!(check("API Error: 529 Overloaded"), @"API Error: 529 Overloaded");
    }
}
