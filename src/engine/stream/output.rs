//! Lines of plain output among events: what was written to stderr stands in a transcript as a line of
//! JSON of orch's own, behind the lines of stdout that came before it.

use serde_json::Value;

const STDERR: &str = r#"{"type":"output","stream":"stderr","text":"#;
const STDOUT: &str = r#"{"type":"output","stream":"stdout","text":"#;

/// A line of stderr as a transcript keeps it, without a line end.
pub fn stderr_line(text: &str) -> String {
    format!("{STDERR}{}}}", Value::from(text))
}

/// A line of stdout that is no JSON, for readers that want nothing else.
pub fn stdout_line(text: &str) -> String {
    format!("{STDOUT}{}}}", Value::from(text))
}

/// The text of a line that [`stderr_line`] made.
pub fn stderr_in(line: &str) -> Option<String> {
    let text = line.trim_end().strip_prefix(STDERR)?.strip_suffix('}')?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stderr_is_known_again() {
        for text in ["", "error: \"x\" {\\n}\u{1b}[31m", "ü"] {
            let line = stderr_line(text);
            assert_eq!(stderr_in(&line).as_deref(), Some(text));
            assert!(serde_json::from_str::<Value>(&line).unwrap().is_object());
            assert_eq!(stderr_in(&stdout_line(text)), None);
        }
        assert_eq!(stderr_in(r#"{"type":"output","stream":"stderr"}"#), None);
    }
}
