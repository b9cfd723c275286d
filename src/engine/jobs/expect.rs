//! What an attempt has to leave, by its task, its rule and its tools.

use crate::base::name::RelPath;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::kept::lost_files;
use crate::engine::outcome::{AttemptKind, Expectation, ReportPlace};
use crate::spec::plan::NoChange;
use crate::spec::rule::{ActionKind, Rule, tools_of};

use super::attempt::Attempt;
use super::plan::changes_plan;

/// A task whose files have landed before may find them right as they are.
pub(super) fn expectation_of(
    attempt: &Attempt,
    evidence: &Evidence,
    owns_files: bool,
    has_made: &dyn Fn(&RelPath) -> bool,
) -> Expectation {
    let recipe = &attempt.recipe;
    // What a task itself has brought about it may move and take away.
    let mut lost = lost_files(&recipe.rule.outputs.keep, &recipe.spec, &evidence.patch);
    lost.retain(|path| !has_made(path));
    let task_id = attempt.task.task.clone();
    let is_command = recipe.rule.action == ActionKind::Command;
    let no_change_allowed = match recipe.spec.no_change {
        NoChange::Allowed => true,
        NoChange::Refused => false,
        NoChange::ByRule => is_command || owns_files || !recipe.rule.outputs.must_change,
    } || changes_plan(evidence);
    let tools = tools_of(&recipe.rule, recipe.agent.as_deref());
    let has_file_tool = tools.iter().any(|tool| matches!(name_of(tool), "Write" | "Edit"));
    let base = if is_command {
        Expectation::of_command(task_id)
    } else {
        Expectation::of_session(task_id)
    };
    Expectation {
        plan: Some(attempt.task.plan.clone()),
        kind: if is_command { AttemptKind::Command } else { AttemptKind::Session },
        report: if has_file_tool { ReportPlace::StatusFile } else { ReportPlace::StatusFileOrText },
        needed_tools: needed_tools(&base, &tools),
        no_change_allowed,
        stray_writes: stray_writes(attempt, evidence),
        lost_files: lost,
        ..base
    }
}

/// A rule of which nothing comes but what its session says: it writes no file, and its answer is kept.
pub(super) fn is_reader(rule: &Rule) -> bool {
    let writes_none = rule.outputs.allowed.as_ref().is_some_and(|it| it.patterns.is_empty());
    rule.action == ActionKind::Session && rule.is_report && writes_none
}

/// Tools that the session was given whole. A denial of another, or of a call outside of
/// `Bash(git *)`, is what was meant to happen.
fn needed_tools(base: &Expectation, tools: &[String]) -> Vec<String> {
    base.needed_tools.iter().filter(|needed| tools.contains(needed)).cloned().collect()
}

fn name_of(tool: &str) -> &str {
    tool.split('(').next().unwrap_or(tool).trim()
}

/// How many denied calls are told one by one.
const SHOWN_DENIALS: usize = 5;

/// Denied calls, as warnings: the result is whole without them.
pub(super) fn denials(evidence: &Evidence) -> Vec<String> {
    let denied: Vec<&String> =
        evidence.stream.iter().flat_map(|facts| &facts.permission_denials).collect();
    let line_of = |call: &&String| format!("denied, and done without: {}", one_line(call));
    let mut warnings: Vec<String> = denied.iter().take(SHOWN_DENIALS).map(line_of).collect();
    let n_more = denied.len().saturating_sub(SHOWN_DENIALS);
    if n_more > 0 {
        warnings.push(format!("denied: {n_more} more calls"));
    }
    warnings
}

/// A call's first line: a denied script is as long as it is.
fn one_line(call: &str) -> String {
    match call.split_once('\n') {
        Some((first, _)) => format!("{first} …)"),
        None => call.to_owned(),
    }
}

/// What was written outside the rule's allowed outputs.
fn stray_writes(attempt: &Attempt, evidence: &Evidence) -> Vec<RelPath> {
    let Some(allowed) = &attempt.recipe.rule.outputs.allowed else { return Vec::new() };
    let Ok(matcher) = allowed.compile() else { return Vec::new() };
    evidence.patch.paths().filter(|path| !matcher.is_match(path)).cloned().collect()
}
