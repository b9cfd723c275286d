//! What `orch init --claude` writes for Claude Code: the files of the plugin, at the places of a project's own.

use crate::spec::builtin::CHECKLISTS;

macro_rules! plugin {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../claude/", $name)))),*]
    };
}

const SKILLS: &[(&str, &str)] = plugin!(
    "skills/implement/SKILL.md",
    "skills/implement/strategy.md",
    "skills/implement/design-template.md",
    "skills/implement/sample-plan.yaml",
    "skills/coding-rules/SKILL.md",
);

/// Each with its path below the root. Links between them hold, since their folders lie as in the plugin.
pub fn files() -> Vec<(String, &'static str)> {
    let skills = SKILLS.iter().map(|(name, text)| (format!(".claude/{name}"), *text));
    let lists = CHECKLISTS.iter().map(|(name, text)| (format!(".claude/checklists/{name}"), *text));
    skills.chain(lists).collect()
}

/// Said where files of the user's stood in the way.
pub const KEPT: &str = "to have this version of a file that was left, move yours away and run \
    `orch init --claude` again";

pub const NEXT: &str = "\
next:
  git add .claude && git commit   so that others have it, too
  claude, then /implement         work through a plan by hand";
