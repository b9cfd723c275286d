//! Documents that are not a session's to change: other plans, rules, agents, and what decides how
//! sessions and orch itself work. A task's own plan is none of them.

use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::outcome::evidence::{Evidence, OtherDocument};
use crate::engine::plan_change::statuses_set;
use crate::spec::config::{Config, stop_files_of};
use crate::spec::plan::TaskSpec;
use crate::spec::rule::ActionKind;

use super::Shop;
use super::attempt::Attempt;

mod errors;

pub use errors::first_error_made;

/// Folders and files that decide how sessions, git or orch work.
const SETTINGS: &[&str] = &[
    "orch.yaml",
    ".claude/orchestrator-config.yaml",
    ".mcp.json",
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".claude/hooks",
    ".githooks",
    ".husky",
];

/// What a document is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plan,
    Agent,
    Rule,
    Settings,
}

impl Shop<'_> {
    /// What an attempt did to documents that is no part of a result, one finding each.
    pub(super) fn documents_touched(&self, attempt: &Attempt, evidence: &Evidence) -> Vec<String> {
        let mut findings = match attempt.recipe.rule.action {
            ActionKind::Session => self.foreign_changes(attempt, evidence),
            _ => Vec::new(),
        };
        let config = self.ground.world.config();
        let others = evidence.other_documents.iter();
        let made = self.plan_made_by(attempt);
        let plans = others.filter(|it| config.is_plan(&it.path) && Some(&it.path) != made.as_ref());
        findings.extend(plans.filter_map(status_finding));
        findings.extend(self.error_made(attempt, evidence));
        findings.extend(self.stop_files_written(evidence));
        findings
    }

    /// Stop files in what an attempt left: landed, one would stop every build that has the commit.
    fn stop_files_written(&self, evidence: &Evidence) -> Vec<String> {
        let config = self.ground.world.config();
        let stops = stop_files_of(&config.plans_dirs);
        let is_stop = |path: &RelPath| stops.iter().any(|it| path.is_within(it));
        let changes = evidence.patch.changes().iter();
        let written = changes.filter(|it| it.after.is_some() && is_stop(&it.path));
        written.map(|it| format!("wrote the stop file `{}`, which is no result", it.path)).collect()
    }

    /// What a session did to documents that its task neither declares nor names.
    fn foreign_changes(&self, attempt: &Attempt, evidence: &Evidence) -> Vec<String> {
        let config = self.ground.world.config();
        let own = self.ground.world.plan_path(attempt.slot);
        let others = evidence.patch.changes().iter().filter(|change| change.path != *own);
        let mut findings = Vec::new();
        for change in others {
            let path = &change.path;
            let kind =
                kind_of(path, config).or(self.ground.world.plan_at(path).map(|_| Kind::Plan));
            let Some(kind) = kind else { continue };
            let is_by_rule = kind != Kind::Settings && is_allowed(attempt, path);
            if !is_by_rule && !may_change(path, kind, &attempt.recipe.spec) {
                let done = if change.after.is_none() { "deleted" } else { "changed" };
                findings.push(format!("{done} `{path}`, {}", kind.why_not()));
            }
        }
        findings
    }
}

impl Kind {
    fn why_not(self) -> &'static str {
        match self {
            Self::Plan => {
                "which is another plan: that needs a task that declares it as an output or names it"
            }
            Self::Agent => {
                "which is an agent: that needs a task that declares it as an output or names it"
            }
            Self::Rule => {
                "which is a rule: that needs a task that declares it as an output or names it"
            }
            Self::Settings => "which is settings: that needs a task that declares it as an output",
        }
    }
}

fn kind_of(path: &RelPath, config: &Config) -> Option<Kind> {
    let is_below = |folder: &str| path.is_within(folder.trim_end_matches('/'));
    let has_ending = |endings: &[&str]| endings.iter().any(|it| path.as_str().ends_with(it));
    let is_settings = SETTINGS.iter().any(|it| path.as_str() == *it || is_below(it))
        || path.as_str().starts_with(".claude/settings");
    match () {
        () if is_settings => Some(Kind::Settings),
        () if is_below(&config.agents_dir) && has_ending(&[".md"]) => Some(Kind::Agent),
        () if is_rule(path, &config.rules_dir) => Some(Kind::Rule),
        () if config.is_plan(path) => Some(Kind::Plan),
        () => None,
    }
}

/// Rules lie in their folder itself, templates below `prompts`.
fn is_rule(path: &RelPath, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    let is_yaml = [".yaml", ".yml"].iter().any(|it| path.as_str().ends_with(it));
    path.parent() == Some(folder) && is_yaml || path.is_within(&format!("{folder}/prompts"))
}

fn may_change(path: &RelPath, kind: Kind, task: &TaskSpec) -> bool {
    let is_declared = task.outputs.compile().is_ok_and(|outputs| outputs.is_match(path));
    let text = format!("{}\n{}", task.name, task.description);
    is_declared || kind != Kind::Settings && names(&text, path)
}

/// The task's rule lists what may be written, and this is of it.
fn is_allowed(attempt: &Attempt, path: &RelPath) -> bool {
    let allowed = attempt.recipe.rule.outputs.allowed.as_ref();
    allowed.is_some_and(|it| it.compile().is_ok_and(|it| it.is_match(path)))
}

/// The text has the whole path as a word of its own.
fn names(text: &str, path: &RelPath) -> bool {
    let is_of_word = |it: char| it.is_alphanumeric() || "-_/.".contains(it);
    text.match_indices(path.as_str()).any(|(at, wanted)| {
        let (before, behind) = (&text[..at], &text[at + wanted.len()..]);
        let before = before.strip_suffix("./").unwrap_or(before);
        let behind = behind.trim_start_matches('.');
        !before.ends_with(is_of_word) && !behind.starts_with(is_of_word)
    })
}

/// Tasks of another plan that an attempt gave a status.
fn status_finding(plan: &OtherDocument) -> Option<String> {
    let path = &plan.path;
    let source = |text: &std::sync::Arc<str>| Source::new(path.clone(), text.clone());
    let set =
        statuses_set(plan.before.as_ref().map(source).as_ref(), &source(plan.after.as_ref()?));
    let set: Vec<&str> = set.iter().map(|it| it.as_str()).collect();
    let which = if set.len() == 1 { "task" } else { "tasks" };
    (!set.is_empty()).then(|| {
        format!(
            "gave a status to {which} {} of `{path}`: it has none to give there",
            set.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::glob::GlobSet;

    fn check(path: &str, text: &str, outputs: &[&str]) -> Option<bool> {
        let path = RelPath::new(path).unwrap();
        let task = TaskSpec {
            description: text.to_owned(),
            outputs: GlobSet::new(outputs.iter().copied()),
            ..TaskSpec::default()
        };
        let kind = kind_of(&path, &Config::default())?;
        Some(may_change(&path, kind, &task))
    }

    #[test]
    fn a_document_is_changed_where_the_task_declares_or_names_it() {
        assert_eq!(check("src/plans.rs", "", &[]), None);
        assert_eq!(check("plans/done/a.yaml", "", &[]), None, "no plan lies there");
        for path in ["plans/a.yaml", ".claude/plans/a.yml", ".claude/agents/x.md", "rules/r.yaml"] {
            assert_eq!(check(path, "Tidy up the plans.", &[]), Some(false), "{path}");
            assert_eq!(check(path, &format!("Write `{path}`."), &[]), Some(true), "{path}");
            assert_eq!(check(path, "", &[path]), Some(true), "{path}");
        }
        assert_eq!(check("plans/a.yaml", "As in plans/a.yaml.", &[]), Some(true));
        for text in
            ["Keep data.yaml.", "Mend a.yaml.", "Mend old/plans/a.yaml.", "In plans/a.yaml5."]
        {
            assert_eq!(check("plans/a.yaml", text, &[]), Some(false), "{text}");
        }
        assert_eq!(check("rules/prompts/p.md", "", &[]), Some(false));
    }

    #[test]
    fn settings_are_changed_only_where_they_are_declared() {
        for path in [
            "orch.yaml",
            ".mcp.json",
            ".claude/settings.json",
            ".claude/settings.local.json",
            ".claude/hooks/x.sh",
            ".claude/orchestrator-config.yaml",
            ".husky/pre-commit",
        ] {
            assert_eq!(check(path, &format!("Write {path}."), &[]), Some(false), "{path}");
            assert_eq!(check(path, "", &[path]), Some(true), "{path}");
        }
    }
}
