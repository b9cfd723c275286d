//! Moments as people read them: in the machine's zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::measure::Moment;

/// `2026-01-31 15:04:05`.
pub fn moment_text(moment: Moment) -> String {
    text_of(moment, "%Y-%m-%d %H:%M:%S").unwrap_or_else(|| "at an unknown time".to_owned())
}

/// `15:04:05`.
pub fn clock_text(moment: Moment) -> String {
    text_of(moment, "%H:%M:%S").unwrap_or_else(|| "--:--:--".to_owned())
}

fn text_of(moment: Moment, format: &str) -> Option<String> {
    let time = Timestamp::from_millisecond(i64::try_from(moment.0).ok()?).ok()?;
    Some(time.to_zoned(TimeZone::system()).strftime(format).to_string())
}
