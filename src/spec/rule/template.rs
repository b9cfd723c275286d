//! Prompt templates: their syntax and variables are checked before anything runs.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior};

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::text::nearest;

/// What every prompt template may use. A whole object (`task`) may be used too.
pub const VARIABLES: &[&str] = &[
    "task.id",
    "task.name",
    "task.description",
    "task.ref",
    "section.id",
    "section.name",
    "plan.name",
    "plan.title",
    "plan.path",
    "plan.doc",
    "plan.source_item",
    "config.build_command",
    "config.test_command",
    "config.dev_server_command",
    "agent.name",
    "status_file",
    "plan_copy",
    "can_write",
];

/// What templates of `plan-item`, `verify-item` and `archive-item` may use besides.
pub const ITEM_VARIABLES: &[&str] = &[
    "item.kind",
    "item.path",
    "item.slug",
    "item.cycle",
    "item.plan",
    "item.design",
    "item.criteria",
    "item.criterion",
];

/// Functions of the template language that look like variables to its analysis.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace", "debug"];

/// A template with the place that names it.
pub(super) struct Template<'a> {
    /// The path as written, or nothing for inline text.
    pub path: Option<&'a str>,
    pub text: &'a str,
    pub span: Span,
    pub has_item: bool,
}

/// What is wrong with a template. Labels point at the rule's `prompt`.
pub(super) fn problems_of(template: &Template<'_>) -> Vec<Diagnostic> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    match environment.template_from_str(template.text) {
        Err(error) => vec![broken(template, &error)],
        Ok(parsed) => {
            let names: BTreeSet<String> = parsed.undeclared_variables(true).into_iter().collect();
            let unknown = names.iter().filter(|name| !is_known(name, template.has_item));
            unknown.map(|name| unknown_variable(template, name)).collect()
        }
    }
}

fn known(has_item: bool) -> impl Iterator<Item = &'static str> {
    let item = if has_item { ITEM_VARIABLES } else { &[] };
    VARIABLES.iter().chain(item).copied()
}

fn is_known(name: &str, has_item: bool) -> bool {
    FUNCTIONS.contains(&name)
        || known(has_item).any(|variable| {
            let rest = variable.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
}

fn broken(template: &Template<'_>, error: &minijinja::Error) -> Diagnostic {
    let place = place_of(template, error.line());
    let reason = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    Diagnostic::error("rule::template", format!("the prompt is no template: {reason}{place}"))
        .label(template.span.clone(), "in this prompt")
        .help("`{{ task.name }}` puts in a value, `{% if plan.doc %}...{% endif %}` a choice")
}

fn unknown_variable(template: &Template<'_>, name: &str) -> Diagnostic {
    let line = template.text.lines().position(|line| line.contains(name)).map(|at| at + 1);
    let place = place_of(template, line);
    let help = match nearest(name, known(template.has_item)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let names: Vec<&str> = known(template.has_item).collect();
            format!("there are {}", names.join(", "))
        }
    };
    let message = format!("a prompt has no variable `{name}`{place}");
    Diagnostic::error("rule::unknown-variable", message)
        .label(template.span.clone(), "in this prompt")
        .help(help)
}

fn place_of(template: &Template<'_>, line: Option<usize>) -> String {
    match (template.path, line) {
        (Some(path), Some(line)) => format!(" ({path}, line {line})"),
        (Some(path), None) => format!(" ({path})"),
        (None, Some(line)) => format!(" (line {line} of it)"),
        (None, None) => String::new(),
    }
}
