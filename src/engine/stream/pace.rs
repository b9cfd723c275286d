//! Where a stream stands: whether silence is to be expected now, and for how long.

use std::collections::BTreeMap;

use crate::base::measure::Millis;

/// What the CLI's Bash tool allows a command without a time-out of its own, and at most.
const BASH_DEFAULT: Millis = Millis::seconds(120);
const BASH_MOST: Millis = Millis::seconds(600);

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// No event yet.
    NotStarted,
    /// Something is under way; silence is normal for this long before it means anything.
    Working { known_wait: Millis },
    /// The last event was the final result, and nothing runs in the background.
    Over,
}

/// Follows the events.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    has_begun: bool,
    is_over: bool,
    /// Until the API is asked again.
    retry: Option<Millis>,
    /// Commands under way, with the time the CLI gives them.
    commands: BTreeMap<String, Millis>,
}

impl Pacer {
    pub fn pace(&self) -> Pace {
        match (self.has_begun, self.is_over) {
            (false, _) => Pace::NotStarted,
            (true, true) => Pace::Over,
            (true, false) => {
                let longest = self.commands.values().copied().max();
                let known_wait = longest.max(self.retry).unwrap_or_default();
                Pace::Working { known_wait }
            }
        }
    }

    /// Any event: what was waited for has come.
    pub fn event(&mut self) {
        self.has_begun = true;
        self.is_over = false;
        self.retry = None;
    }

    pub fn retry(&mut self, wait: Millis) {
        self.retry = Some(wait);
    }

    /// A tool was called; `timeout` in milliseconds, where the call has one.
    pub fn tool(&mut self, id: &str, name: &str, timeout: Option<u64>) {
        if name == "Bash" {
            let wait = timeout.map_or(BASH_DEFAULT, Millis).min(BASH_MOST);
            self.commands.insert(id.to_owned(), wait);
        }
    }

    pub fn answer(&mut self, id: &str) {
        self.commands.remove(id);
    }

    pub fn result(&mut self, has_background: bool) {
        self.commands.clear();
        self.is_over = !has_background;
    }
}

#[cfg(test)]
mod tests {
    use super::super::StreamReader;
    use super::*;
    use crate::base::measure::Usd;

    #[test]
    fn silence_is_expected_while_the_cli_waits_and_after_nothing_else() {
        let check = |lines: &[&str]| {
            let mut reader = StreamReader::new(Usd::ZERO);
            reader.feed(format!("{}\n", lines.join("\n")).as_bytes());
            match reader.pace() {
                Pace::Working { known_wait } => format!("working {}", known_wait.0),
                other => format!("{other:?}"),
            }
        };
        let init = r#"{"type":"system","subtype":"init"}"#;
        let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":7000}"#;
        let bash = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"make","timeout":300000}}]}}"#;
        let read = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"r","name":"Read","input":{}}]}}"#;
        let answer =
            r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t"}]}}"#;
        let result = r#"{"type":"result","subtype":"success"}"#;
        let background = r#"{"type":"system","subtype":"task_started","task_id":"b"}"#;
        assert_eq!(check(&[]), "NotStarted");
        assert_eq!(check(&["noise"]), "NotStarted");
        assert_eq!(check(&[init]), "working 0");
        assert_eq!(check(&[init, retry]), "working 7000");
        assert_eq!(check(&[init, retry, read]), "working 0");
        assert_eq!(check(&[init, bash]), "working 300000");
        assert_eq!(check(&[init, bash, answer]), "working 0");
        assert_eq!(check(&[init, result]), "Over");
        assert_eq!(check(&[init, background, result]), "working 0");
        assert_eq!(check(&[init, result, init]), "working 0");
    }
}
