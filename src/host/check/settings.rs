//! The project's own settings of the CLI, which hold for its sessions: tools that they deny altogether.

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;

use super::tree::Tree;

/// The file, which the CLI reads in each worktree.
pub(super) const SETTINGS: &str = ".claude/settings.json";

/// Tools that most work cannot be done without.
const NEEDED: &[&str] = &["Write", "Edit", "Read", "Bash"];

/// A warning where sessions are denied such a tool, whatever their agents declare.
pub(super) fn denied(tree: &Tree<'_>) -> Option<Diagnostic> {
    tree.open().find(|(_, task)| task.spec.run.is_none())?;
    let path = RelPath::new(SETTINGS)?;
    let text = std::fs::read(tree.root.join(path.as_str())).ok()?;
    // What the CLI makes of a file that is no JSON is its own to say.
    let settings: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let denied = settings.get("permissions")?.get("deny")?.as_array()?;
    let denied: Vec<&str> = denied.iter().filter_map(serde_json::Value::as_str).collect();
    let tools: Vec<&str> = NEEDED.iter().copied().filter(|it| is_denied(it, &denied)).collect();
    let tools = match &tools[..] {
        [] => return None,
        tools => tools.join("`, `"),
    };
    let message = format!("no session may use `{tools}`: `permissions.deny` has it");
    let finding = Diagnostic::warning("config::denied-tool", message);
    let help = "what the project's settings deny is denied to sessions, whatever their agents list: take it out, \
                or deny paths, as in `Edit(./secrets/**)`";
    Some(finding.in_file(&path).help(help))
}

fn is_denied(tool: &str, denied: &[&str]) -> bool {
    let scope = |rule: &'_ str| rule.trim().strip_prefix(tool).map(|it| it.trim().to_owned());
    let is_whole = |it: &String| matches!(it.as_str(), "" | "(*)" | "(**)" | "(./**)" | "(/**)");
    denied.iter().filter_map(|rule| scope(rule)).any(|it| is_whole(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_denied_altogether_is_told() {
        assert!(is_denied("Write", &["Read(./.env)", "Write"]));
        assert!(is_denied("Edit", &["Edit(**)"]));
        assert!(!is_denied("Edit", &["Edit(./secrets/**)", "Write"]));
        assert!(!is_denied("Read", &["ReadMcpResource"]));
    }
}
