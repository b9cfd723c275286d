//! From what a clock on the wall shows to moments. Where clocks jump ahead, a time that no clock
//! shows is as far behind the jump as it would be after it; where they go back, both are tried.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::base::measure::Moment;

/// A message shows minutes: its moment may lie up to a minute behind what it shows.
const MINUTE: i64 = 60;

/// A message is read a while after it was written: a time of day that has passed by so little is
/// over, and not tomorrow's.
const JUST_PASSED: i64 = 10 * 60;

/// As `JUST_PASSED`, of a date without year: next year's is further away than any window lasts.
const DATE_PASSED: i64 = 7 * 86_400;

/// A day as a message tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// None, or today.
    Next,
    Tomorrow,
    On(Weekday),
    /// Month and day.
    Dated(i8, i8),
    Exact(Date),
}

/// The moment, in seconds since 1970, at which a clock in `zone` shows `time` on `day`: one that has
/// just passed, else the first one after `now`; as it stands where the year is told.
pub fn moment_of(day: Day, time: Time, zone: &TimeZone, now: Moment) -> Option<u64> {
    let now = i64::try_from(now.0 / 1000).ok()?;
    let today = Timestamp::from_second(now).ok()?.to_zoned(zone.clone()).date();
    if let Day::Exact(date) = day {
        return seconds(moments(date, time, zone).into_iter().next()?);
    }
    let days = candidates(day, today);
    let all = days.into_iter().flat_map(|date| moments(date, time, zone));
    let passed = match day {
        Day::Dated(..) => DATE_PASSED,
        _ => JUST_PASSED,
    };
    let at = all.filter(|at| at + passed > now).min()?;
    let is_this_minute = at <= now && at + MINUTE > now;
    seconds(if is_this_minute { at + MINUTE } else { at })
}

fn seconds(at: i64) -> Option<u64> {
    u64::try_from(at).ok()
}

/// Days that may be meant, around today.
fn candidates(day: Day, today: Date) -> Vec<Date> {
    let after = |days: i32| today.checked_add(days.days()).ok();
    match day {
        Day::Next => (-1..=2).filter_map(after).collect(),
        Day::Tomorrow => after(1).into_iter().collect(),
        Day::On(weekday) => {
            (-1..=7).filter_map(after).filter(|it| it.weekday() == weekday).collect()
        }
        Day::Dated(month, day) => {
            // Eight years on there was a 29th of February, even around 2100.
            let years = (-1..=8).filter_map(|more| today.year().checked_add(more));
            years.filter_map(|year| Date::new(year, month, day).ok()).collect()
        }
        Day::Exact(date) => vec![date],
    }
}

/// The one or two moments at which a clock shows this, earlier first.
fn moments(date: Date, time: Time, zone: &TimeZone) -> Vec<i64> {
    let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(time));
    let is_fold = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
    let first = ambiguous.clone().compatible().ok();
    let second = is_fold.then(|| ambiguous.later().ok()).flatten();
    first.into_iter().chain(second).map(|it| it.timestamp().as_second()).collect()
}
