//! Calls that the CLI denied, without those of which the very same call was allowed later.

use std::collections::BTreeMap;

/// What is known of denials so far; a call is `Tool(detail)`.
#[derive(Debug, Default)]
pub struct Denied {
    /// By the id of the tool use.
    denied: BTreeMap<String, String>,
    /// Calls that failed once, and whether the same call was answered well later.
    failed: BTreeMap<String, bool>,
}

impl Denied {
    /// The CLI says that it denied a call. It does so twice, and by its event without what was
    /// asked for.
    pub fn add(&mut self, id: String, call: String) {
        let add = self.denied.entry(id).or_default();
        if call.len() > add.len() {
            *add = call;
        }
    }

    /// A call was answered.
    pub fn answered(&mut self, call: String) {
        if let Some(is_overcome) = self.failed.get_mut(&call) {
            *is_overcome = true;
        }
    }

    /// A call was answered by an error, which `said` this.
    pub fn failed(&mut self, id: String, call: String, said: &str) {
        if is_denied_by_settings(&call, said) {
            self.add(id, call.clone());
        }
        self.failed.insert(call, false);
    }

    pub fn into_calls(self) -> Vec<String> {
        let is_overcome = |call: &String| self.failed.get(call) == Some(&true);
        self.denied.into_values().filter(|call| !is_overcome(call)).collect()
    }
}

/// Older versions of the CLI tell of a file that the settings deny in the tool's answer alone, which
/// is the CLI's own for tools that take files.
fn is_denied_by_settings(call: &str, said: &str) -> bool {
    const FILE_TOOLS: [&str; 7] =
        ["Read(", "Edit(", "Write(", "MultiEdit(", "NotebookEdit(", "Grep(", "Glob("];
    said.contains("denied by your permission settings")
        && FILE_TOOLS.iter().any(|it| call.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(called: &str, said: &str, then: Option<&str>) -> Vec<String> {
        let mut denied = Denied::default();
        denied.failed("1".to_owned(), called.to_owned(), said);
        if let Some(call) = then {
            denied.answered(call.to_owned());
        }
        denied.into_calls()
    }

    #[test]
    fn a_denial_is_known_by_the_clis_own_words_and_overcome_by_the_same_call() {
        let said =
            "<tool_use_error>File is in a directory that is denied by your permission settings.";
        assert_eq!(check("Read(a)", said, None), ["Read(a)"]);
        assert_eq!(check("Read(a)", said, Some("Read(b)")), ["Read(a)"]);
        assert!(check("Read(a)", said, Some("Read(a)")).is_empty());
        assert!(check("Bash(cat log)", said, None).is_empty(), "a command may quote anything");
        assert!(check("Read(a)", "File does not exist.", None).is_empty());
    }

    #[test]
    fn of_two_reports_the_one_that_says_more_counts() {
        let mut denied = Denied::default();
        denied.add("1".to_owned(), "Write()".to_owned());
        denied.add("1".to_owned(), "Write(a)".to_owned());
        denied.add("1".to_owned(), "Write()".to_owned());
        assert_eq!(denied.into_calls(), ["Write(a)"]);
    }
}
