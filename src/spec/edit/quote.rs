//! Writing a text as a YAML scalar on one line.

use crate::spec::yaml::{Layout, Resolved, Scalar, Style};

/// `text` in the style it had, or the plainest one that keeps it text for every reader.
pub(super) fn written(text: &str, style: Style, layout: Layout) -> String {
    match style {
        _ if text.chars().any(needs_escape) => double_quoted(text),
        Style::DoubleQuoted => double_quoted(text),
        Style::SingleQuoted => single_quoted(text),
        _ if is_plain(text, layout) => text.to_owned(),
        _ => single_quoted(text),
    }
}

/// Line breaks, tabs, and what YAML does not take as it is.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Starts with a letter, so that it is neither number nor date nor indicator, and holds nothing that
/// could end it.
fn is_plain(text: &str, layout: Layout) -> bool {
    let is_inner = |c: char| {
        c.is_alphanumeric()
            || matches!(c, ' ' | '_' | '-' | '.' | '/' | '(' | ')' | '+' | '=' | ';' | '\'' | '"')
            || (matches!(c, ',') && !layout.is_flow())
    };
    let resolved = || {
        let scalar = Scalar { text: text.into(), style: Style::Plain, tagged_text: false };
        scalar.resolve()
    };
    text.starts_with(char::is_alphabetic)
        && !text.ends_with(' ')
        && text.chars().all(is_inner)
        && resolved() == Resolved::Text
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if needs_escape(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
