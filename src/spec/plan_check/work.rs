//! What a task asks for, held against who does it and what these may do.

use super::{Index, Known, KnownAgent, KnownRule, actors, is_over};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{RelPath, RuleName};
use crate::base::source::Span;
use crate::spec::glob::has_wildcard;
use crate::spec::plan::{NoChange, Task};
use crate::spec::rule::choose_among;

/// Where the CLI denies every write, whatever an agent may use, and nothing is put for it. What belongs below
/// `.claude/` is written elsewhere and lands there.
const GUARDED: [&str; 2] = [".vscode/", ".mcp.json"];

pub(super) fn check(index: &Index<'_>, known: &Known, found: &mut Vec<Diagnostic>) {
    for task in index.tasks.iter().filter(|task| !is_over(task)) {
        check_run(task, known, found);
        check_template(task, known, found);
        check_outputs(task, known, found);
        check_guarded(task, known, found);
        found.extend(told_to_write(task, known));
        found.extend(idle_coder(task, known));
    }
}

/// A command beside a key that only sessions have, or that makes it one.
fn check_run(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    if task.spec.run.is_none() {
        return;
    }
    let named = task.spec.rule.as_ref().and_then(|name| known.rules.get(name));
    if named.is_some_and(|rule| !rule.is_command) {
        let message = format!("`{}` starts a session: its `run` does nothing", task.id);
        found.push(
            Diagnostic::warning("plan::idle-run", message)
                .label(task.spans.rule.clone().unwrap_or_default(), "the rule of a session")
                .help("take `rule` out to have the command run, or `run` to have a session"),
        );
    } else if let Some(agent) = &task.spec.agent {
        let message = format!("`{}` runs a command: `{agent}` has no part in it", task.id);
        found.push(
            Diagnostic::warning("plan::idle-agent", message)
                .label(task.spans.agent.clone().unwrap_or_default(), "no session is started")
                .help("take `agent` out, or `run` to have a session do it"),
        );
    }
}

/// A rule whose prompt cannot be made for any task: each attempt would fail.
fn check_template(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    if known.rules.values().all(|rule| rule.flaw.is_none()) {
        return;
    }
    let Some((name, rule)) = actors::chosen_rule(task, known) else { return };
    let Some(flaw) = &rule.flaw else { return };
    let message = format!("the prompt of the rule `{name}` cannot be made for `{}`", task.id);
    found.push(
        Diagnostic::error("plan::unusable-rule", message)
            .label(rule_place(task), flaw.clone())
            .help("name another rule; what templates may use is in docs/FORMATS.md, \"Rules\""),
    );
}

fn rule_place(task: &Task) -> Span {
    task.spans.rule.clone().unwrap_or_else(|| task.spans.id.clone())
}

fn outputs_place(task: &Task) -> Span {
    task.spans.outputs.clone().unwrap_or_else(|| task.spans.id.clone())
}

fn outputs_of(task: &Task) -> impl Iterator<Item = &str> {
    task.spec.outputs.patterns.iter().map(String::as_str).filter(|it| !it.starts_with('!'))
}

/// Outputs that no work can bring about.
fn check_outputs(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    if outputs_of(task).next().is_none() {
        return;
    }
    for pattern in outputs_of(task) {
        if let Some((why, help)) = no_path(pattern) {
            let message = format!("the output `{pattern}` of `{}` {why}", task.id);
            let finding = Diagnostic::warning("plan::impossible-output", message);
            found.push(finding.label(outputs_place(task), "declared here").help(help));
        }
    }
    let Some((name, rule)) = actors::chosen_rule(task, known).filter(|(_, it)| !it.is_command)
    else {
        return;
    };
    found.extend(forbidden_output(task, name, rule));
    found.extend(unwritable_output(task, rule, known));
}

/// What people mean by a pattern that takes no file of theirs.
fn no_path(pattern: &str) -> Option<(&'static str, &'static str)> {
    if pattern.contains('\\') {
        return Some(("has a `\\`", "write `/` between folders"));
    }
    if pattern.starts_with("~/") || pattern.starts_with('$') || pattern.contains("://") {
        return Some(("is no path below the repository", "paths start at the repository's root"));
    }
    if pattern.contains(['<', '>']) {
        return Some(("has a `<` or `>`", "write a name, or `*` where it is not known yet"));
    }
    if pattern.trim() != pattern {
        return Some(("begins or ends with a blank", "take the blank out"));
    }
    None
}

fn forbidden_output(task: &Task, name: &RuleName, rule: &KnownRule) -> Option<Diagnostic> {
    let allowed = rule.allowed.as_ref()?.compile().ok()?;
    let paths = outputs_of(task).filter(|pattern| !has_wildcard(pattern));
    let path = paths.filter_map(RelPath::normalize).find(|path| !allowed.is_match(path))?;
    let message = format!("`{}` may not write its output `{path}`", task.id);
    let finding = Diagnostic::warning("plan::forbidden-output", message)
        .label(outputs_place(task), format!("the rule `{name}` does not allow it"))
        .help("name another `rule`, or leave `outputs` out: a report is an answer, and no file");
    Some(finding)
}

/// What the rule asks for is told elsewhere.
fn unwritable_output(task: &Task, rule: &KnownRule, known: &Known) -> Option<Diagnostic> {
    let name = task.spec.agent.as_ref().or(rule.agent.as_ref())?;
    let agent = known.agents.get(name)?;
    if agent.can_write || agent.is_unbound || agent.tools.is_empty() || rule.writes {
        return None;
    }
    let message = format!("`{}` cannot be done by `{name}`", task.id);
    let finding = Diagnostic::warning("plan::agent-lacks-tools", message)
        .label(outputs_place(task), "this agent has no tool that writes files")
        .help("name another agent, or leave `outputs` out: what it says is kept as its answer");
    Some(finding)
}

/// A task that tells of a file to be written, and whose agent can write none. What its rule or outputs
/// ask for is told elsewhere.
fn told_to_write(task: &Task, known: &Known) -> Option<Diagnostic> {
    let name = task.spec.agent.as_ref()?;
    let agent = known.agents.get(name)?;
    let is_able = agent.can_write || agent.is_unbound || agent.tools.is_empty();
    if is_able || task.spec.run.is_some() || outputs_of(task).next().is_some() {
        return None;
    }
    let path = file_to_write(&task.spec.description)?;
    actors::chosen_rule(task, known).filter(|(_, it)| !it.writes && !it.is_command)?;
    let message = format!("`{}` is to write `{path}`, and `{name}` cannot", task.id);
    let finding = Diagnostic::warning("plan::agent-lacks-tools", message)
        .label(
            task.spans.agent.clone().unwrap_or_default(),
            "this agent has no tool that writes files",
        )
        .help("name another agent, or ask for an answer instead of a file: it is kept");
    Some(finding)
}

/// Files that the CLI does not let the task's agent write.
fn check_guarded(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let declared =
        outputs_of(task).find(|it| is_guarded(it)).map(|path| (path, outputs_place(task)));
    let texts = [&task.spec.name, &task.spec.description].into_iter();
    let named = || {
        let path = texts.filter_map(|text| guarded_in(text)).next()?;
        Some((path, task.spans.id.clone()))
    };
    let Some((path, place)) = declared.or_else(named) else { return };
    let Some((_, rule)) = actors::chosen_rule(task, known).filter(|(_, it)| it.writes) else {
        return;
    };
    let name = task.spec.agent.as_ref().or(rule.agent.as_ref());
    if !name.and_then(|it| known.agents.get(it)).is_some_and(is_held) {
        return;
    }
    let message = format!("`{}` is to write `{path}`, which the CLI denies", task.id);
    found.push(
        Diagnostic::warning("plan::guarded-path", message)
            .label(place, "it is written by agents with `permission: bypass` only")
            .help("give it such an agent, or have a `run` make the file"),
    );
}

fn is_held(agent: &KnownAgent) -> bool {
    !agent.is_unbound
}

fn is_guarded(path: &str) -> bool {
    let path = path.trim_start_matches("./");
    GUARDED.iter().any(|it| if it.ends_with('/') { path.starts_with(it) } else { path == *it })
}

/// The first guarded path that a sentence says to write.
fn guarded_in(text: &str) -> Option<&str> {
    sentences(text).find_map(|sentence| {
        let said = sentence.iter().position(|word| is_verb(word))?;
        sentence[said..].iter().map(|word| bare(word)).find(|word| is_guarded(word))
    })
}

/// The first file that a sentence begins by telling to write, or goes on to.
fn file_to_write(text: &str) -> Option<&str> {
    const EXTENSIONS: &[&str] = &["md", "yaml", "yml", "json", "txt", "csv", "toml", "html"];
    let is_file = |word: &str| {
        let ending = word.rsplit_once('.').map(|(_, ending)| ending);
        word.contains('/') && ending.is_some_and(|it| EXTENSIONS.contains(&it))
    };
    sentences(text).find_map(|sentence| {
        let leads = |at: usize| at == 0 || matches!(sentence[at - 1], "and" | "then");
        let mut words = sentence.iter().enumerate();
        let (said, _) = words.find(|(at, word)| leads(*at) && is_verb(word))?;
        sentence[said..].iter().map(|word| bare(word)).find(|word| is_file(word))
    })
}

/// The words of each sentence, without the numbers and dashes of lists.
fn sentences(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let sentences = text.split('\n').flat_map(|line| line.split(". "));
    sentences.map(|sentence| {
        let is_mark = |word: &&str| !word.contains(char::is_alphabetic);
        sentence.split_whitespace().skip_while(is_mark).collect()
    })
}

fn is_verb(word: &str) -> bool {
    const VERBS: &[&str] = &[
        "create", "write", "add", "edit", "update", "modify", "rename", "move", "delete", "remove",
        "extend", "generate", "save", "append",
    ];
    VERBS.iter().any(|it| it.eq_ignore_ascii_case(word))
}

/// A word without what stands around a path.
fn bare(word: &str) -> &str {
    let is_around = |c: char| "`'\"()[]{}<>,;:*!?".contains(c);
    word.trim_matches(is_around)
        .trim_end_matches('.')
        .trim_matches(is_around)
        .trim_start_matches("./")
}

/// A look at things that is given to an agent whose sessions have to change a file.
fn idle_coder(task: &Task, known: &Known) -> Option<Diagnostic> {
    const OPENINGS: &[&str] = &["check for", "run the", "run all", "run full", "verify that all"];
    let agent = task.spec.agent.as_ref()?;
    let name = task.spec.name.to_lowercase();
    let is_plain = task.spec.rule.is_none() && task.spec.run.is_none();
    if !is_plain
        || task.spec.no_change == NoChange::Allowed
        || outputs_of(task).next().is_some()
        || !OPENINGS.iter().any(|it| name.starts_with(it))
    {
        return None;
    }
    let rules = || known.rules.iter().map(|(name, rule)| (name, rule.matches.as_ref()));
    let own = known.rules.get(&choose_among(rules(), &task.spec).rule)?;
    let mut spec = (*task.spec).clone();
    spec.agent = None;
    let other = choose_among(rules(), &spec).rule;
    if !own.writes || known.rules.get(&other)?.writes {
        return None;
    }
    let message = format!("`{}` only looks, and `{agent}` has to change a file", task.id);
    let finding = Diagnostic::warning("plan::nothing-to-change", message)
        .label(task.spans.agent.clone().unwrap_or_default(), "without a change it has failed")
        .help(format!("leave `agent` out, say `rule: {other}`, or `no_change: allowed`"));
    Some(finding)
}
