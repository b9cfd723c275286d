//! Zones by name, from the table that is built in: nothing of the machine is read.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Offsets, in minutes, of short names that the table of zones does not have.
const SHORT_NAMES: &[(&str, i32)] = &[
    ("z", 0),
    ("pst", -480),
    ("pdt", -420),
    ("mdt", -360),
    ("cst", -360),
    ("cdt", -300),
    ("edt", -240),
    ("bst", 60),
    ("cest", 120),
    ("eest", 180),
    ("msk", 180),
    ("ist", 330),
    ("sgt", 480),
    ("hkt", 480),
    ("jst", 540),
    ("kst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
];

/// The zone of this name in any case: of the table, links too, a short name, or `utc+5:30`.
pub fn zone_named(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    let known = SHORT_NAMES.iter().find(|(short, _)| name.eq_ignore_ascii_case(short));
    known
        .and_then(|(_, minutes)| fixed(*minutes))
        .or_else(|| TimeZoneDatabase::bundled().get(name).ok())
        .or_else(|| offset_named(name))
}

/// `utc+2`, `gmt-03:30`, `+0530`.
fn offset_named(name: &str) -> Option<TimeZone> {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix("utc").or(name.strip_prefix("gmt")).unwrap_or(&name);
    let (sign, digits) = match rest.trim().split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours <= 14 && minutes < 60)
        .then(|| sign * (i32::from(hours) * 60 + i32::from(minutes)))
        .and_then(fixed)
}

/// A zone that many minutes east of Greenwich.
fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed)
}
