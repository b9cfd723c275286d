//! Calls by which a session looks at what is there, apart from those by which it writes, reports or keeps
//! notes to itself.

use std::collections::BTreeSet;

/// More tools than any release of the CLI has.
const TOOLS_LIMIT: usize = 256;

/// How often a session looked, how often it saw something, and by which tools anything was done.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    pub n_asked: u32,
    pub n_seen: u32,
    /// Of calls that were answered without an error.
    pub tools: BTreeSet<String>,
}

impl Looks {
    /// A call as `Tool(detail)`.
    pub fn asked(&mut self, call: &str) {
        self.n_asked += u32::from(is_look(call));
    }

    /// The same, answered without an error.
    pub fn answered(&mut self, call: &str) {
        self.n_seen += u32::from(is_look(call));
        let tool = call.split('(').next().unwrap_or(call);
        if self.tools.len() < TOOLS_LIMIT && !self.tools.contains(tool) {
            self.tools.insert(tool.to_owned());
        }
    }
}

/// True for a call, as `Tool(detail)`, that may show something of what a session works on.
pub fn is_look(call: &str) -> bool {
    let (tool, detail) = call.split_once('(').unwrap_or((call, ""));
    match tool {
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => false,
        "TodoWrite" | "TodoRead" | "TaskCreate" | "TaskUpdate" | "TaskList" | "TaskGet" => false,
        "EnterPlanMode" | "ExitPlanMode" | "AskUserQuestion" | "ToolSearch" => false,
        "StructuredOutput" => false,
        "Bash" => !is_report(detail),
        _ => true,
    }
}

/// A command that writes the session's status and does nothing else before.
fn is_report(command: &str) -> bool {
    const WRITERS: [&str; 5] = ["cat >", "cat <<", "echo ", "printf ", "mkdir "];
    command.contains("status.json") && WRITERS.iter().any(|it| command.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_reports_are_no_looks() {
        for call in
            ["Read(a)", "Grep(x)", "Bash(cargo test)", "mcp__tracker__list()", "Agent(look)"]
        {
            assert!(is_look(call), "{call}");
        }
        for call in [
            "TodoWrite()",
            "TaskCreate(read it)",
            "Write(.orch/task/status.json)",
            "StructuredOutput()",
            "Bash(cat > .orch/task/status.json <<'E')",
            "AskUserQuestion(what?)",
        ] {
            assert!(!is_look(call), "{call}");
        }
    }
}
