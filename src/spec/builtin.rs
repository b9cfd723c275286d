//! Agents, rules and prompts that are compiled in; a project's own of the same name replace them.

use crate::base::name::RelPath;
use crate::base::source::Source;

use super::agent::stem;

/// The agent that reads the backlog item which a plan was made from.
pub const ITEM_READER: &str = "issue-verifier";

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../", $folder, "/", $name)))),*]
    };
}

const AGENTS: &[(&str, &str)] = embedded!("agents":
    "code-reviewer.md",
    "coder.md",
    "design-author.md",
    "design-judge.md",
    "issue-verifier.md",
    "planner.md",
    "qa-auditor.md",
    "spec-verifier.md",
    "systems-designer.md",
    "ux-designer.md",
    "ux-reviewer.md",
    "validator.md",
);

const RULES: &[(&str, &str)] = embedded!("rules":
    "analysis.yaml",
    "analyze-item.yaml",
    "approve-item.yaml",
    "archive-item.yaml",
    "command.yaml",
    "defaults.yaml",
    "defect.yaml",
    "compete.yaml",
    "design.yaml",
    "extend-plan.yaml",
    "feature.yaml",
    "implement.yaml",
    "judge.yaml",
    "notify.yaml",
    "plan-item.yaml",
    "qa-audit.yaml",
    "review.yaml",
    "smoke.yaml",
    "spec-review.yaml",
    "ux-review.yaml",
    "validate.yaml",
    "verify-item.yaml",
    "verify.yaml",
);

const PROMPTS: &[(&str, &str)] = embedded!("rules":
    "prompts/analyze-item.md",
    "prompts/compete.md",
    "prompts/design.md",
    "prompts/extend-plan.md",
    "prompts/implement.md",
    "prompts/judge.md",
    "prompts/plan-item.md",
    "prompts/review.md",
    "prompts/validate.md",
    "prompts/verify-item.md",
);

/// What the agent of audits asks of what was built, by the name of each file.
pub const CHECKLISTS: &[(&str, &str)] = embedded!("claude/checklists":
    "crud-operations.md",
    "data-display.md",
    "navigation.md",
);

/// The agent that goes through the checklists. It has them in its own text, since worktrees hold
/// only what is committed.
const AUDITOR: &str = "qa-auditor";

/// The folder that built-in documents seem to lie in, so that messages can name them.
pub const FOLDER: &str = "(built-in)";

/// The built-in agents by name.
pub fn agents() -> Vec<Source> {
    let mut agents = sources("agents", AGENTS);
    for auditor in agents.iter_mut().filter(|it| stem(it.path.file_name()) == AUDITOR) {
        let parts = CHECKLISTS.iter().fold(auditor.text.to_string(), |text, (_, list)| {
            format!("{}\n\n{list}", text.trim_end())
        });
        *auditor = Source::new(auditor.path.clone(), parts);
    }
    agents
}

/// The built-in rules by name, `extends` not applied.
pub fn rules() -> Vec<Source> {
    sources("rules", RULES)
}

/// The text of a built-in prompt by its path as rules write it, such as `prompts/review.md`.
pub fn prompt(path: &str) -> Option<&'static str> {
    PROMPTS.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

fn sources(folder: &str, files: &[(&str, &'static str)]) -> Vec<Source> {
    let source = |(name, text): &(&str, &'static str)| {
        // The names above are literals in normal form, so none is lost.
        let path = RelPath::new(format!("{FOLDER}/{folder}/{name}"))?;
        Some(Source::new(path, *text))
    };
    files.iter().filter_map(source).collect()
}

#[cfg(test)]
mod tests;
