//! Times and sizes as people type them.

use crate::base::measure::Millis;
use crate::spec::text::duration_of;

/// `12h`, `30d`, `1h 30m`.
pub fn time_of(text: &str) -> Result<Millis, String> {
    duration_of(text).ok_or_else(|| "not a time such as `12h` or `30d`".to_owned())
}

/// Bytes, with K, M, G or T for powers of 1024.
pub fn size_of(text: &str) -> Result<u64, String> {
    let units = ["", "K", "M", "G", "T"];
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_uppercase();
    let unit = unit.trim_end_matches('B').trim_end_matches('I');
    let power = units.iter().position(|known| *known == unit);
    let bytes = digits.parse::<u64>().ok().zip(power);
    let bytes = bytes.and_then(|(number, power)| number.checked_mul(1024u64.pow(power as u32)));
    bytes.ok_or_else(|| "not a size such as `500M` or `2G`".to_owned())
}
