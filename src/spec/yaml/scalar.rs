//! What a scalar means by the YAML 1.1 rules that plans were written for.

use super::{Scalar, Style};

/// A scalar's meaning. Dates and `12:30` stay text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

impl Resolved {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text => "text",
        }
    }
}

impl Scalar<'_> {
    pub fn is_null(&self) -> bool {
        self.is_open() && is_null(&self.text)
    }

    /// Quoted, block and `!!str` scalars are text; plain ones mean what they look like.
    pub fn resolve(&self) -> Resolved {
        if self.is_open() { resolve(&self.text) } else { Resolved::Text }
    }

    fn is_open(&self) -> bool {
        self.style == Style::Plain && !self.tagged_text
    }
}

/// The meaning of plain text.
pub(super) fn resolve(text: &str) -> Resolved {
    if is_null(text) {
        return Resolved::Null;
    }
    let first = text.as_bytes()[0];
    if first.is_ascii_alphabetic() {
        return boolean_of(text).map_or(Resolved::Text, Resolved::Bool);
    }
    if !matches!(first, b'0'..=b'9' | b'-' | b'+' | b'.') {
        return Resolved::Text;
    }
    match int_of(text) {
        Some(int) => Resolved::Int(int),
        None => float_of(text).map_or(Resolved::Text, Resolved::Float),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

pub(super) fn boolean_of(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Decimal, `0x`, `0b` and octal by a leading zero, with `_` between digits.
pub(super) fn int_of(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let magnitude = if digits.contains('_') {
        i64::from_str_radix(&digits.replace('_', ""), radix)
    } else {
        i64::from_str_radix(digits, radix)
    };
    magnitude.ok().map(|value| if is_negative { -value } else { value })
}

pub(super) fn float_of(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['-', '+']);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let is_decimal = unsigned.contains('.')
        && unsigned
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'_' | b'e' | b'E' | b'-' | b'+'));
    if is_decimal { text.replace('_', "").parse().ok() } else { None }
}
