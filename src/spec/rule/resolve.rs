//! From drafts to rules: later drafts replace earlier ones of the same name, `extends` is applied.

use std::collections::BTreeMap;

use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::name::RuleName;
use crate::spec::sandbox::{Sandbox, Sandboxing};
use crate::spec::text::nearest;

use super::draft::{Parts, RuleDraft};
use super::{ActionKind, NOTIFY, Rule};

/// Drafts of one name, the built-in first; the last one counts.
type Layers<'d> = BTreeMap<&'d RuleName, Vec<&'d RuleDraft>>;

/// The document that holds what is so where no rule says otherwise. It is no rule itself; a
/// project's own is laid over the built-in one.
pub const DEFAULTS: &str = "defaults";

/// Applies `extends`. Drafts come in order of precedence: built-ins first, the project's own last.
pub fn resolve(drafts: Vec<RuleDraft>) -> Parsed<BTreeMap<RuleName, Rule>> {
    let mut layers = Layers::new();
    for draft in &drafts {
        layers.entry(&draft.name).or_default().push(draft);
    }
    let mut rules = BTreeMap::new();
    let mut diagnostics = Vec::new();
    let defaults = layers.remove(&RuleName::new(DEFAULTS)).unwrap_or_default();
    let defaults = defaults
        .into_iter()
        .fold(Parts::default(), |parts, draft| draft.parts.clone().over(parts, true));
    for (name, drafts) in &layers {
        let chain = chain_of(drafts, &layers, &mut diagnostics);
        let parts = merged(&chain, &defaults);
        let rule = parts.clone().into_rule((*name).clone());
        if rule.action == ActionKind::Session && rule.prompt.trim().is_empty() {
            diagnostics.extend(chain.first().map(|draft| no_prompt(draft)));
        }
        if rule.action == ActionKind::Session && is_cut_off(&rule) {
            diagnostics.extend(chain.first().map(|draft| no_network(draft)));
        }
        diagnostics.extend(notifying_problem(&rule, &chain, &parts));
        rules.insert((*name).clone(), rule);
    }
    Parsed { value: rules, diagnostics }
}

/// The draft that counts, what it extends, what that extends, and so on. Where that leads nowhere or
/// in a circle the chain ends, reported.
fn chain_of<'d>(
    drafts: &[&'d RuleDraft],
    layers: &Layers<'d>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<&'d RuleDraft> {
    let mut chain: Vec<&RuleDraft> = drafts.last().copied().into_iter().collect();
    while let Some(&child) = chain.last() {
        let Some(wanted) = &child.extends else { break };
        let Some(parent) = parent_of(child, wanted, layers) else {
            if chain.len() == 1 {
                diagnostics.push(unknown_parent(child, wanted, layers));
            }
            break;
        };
        if let Some(at) = chain.iter().position(|seen| std::ptr::eq(*seen, parent)) {
            // The rules that only lead into the circle are not at fault.
            if at == 0 {
                diagnostics.push(circle(&chain));
            }
            break;
        }
        chain.push(parent);
    }
    chain
}

/// A rule that extends its own name means the one it replaces.
fn parent_of<'d>(
    child: &RuleDraft,
    wanted: &RuleName,
    layers: &Layers<'d>,
) -> Option<&'d RuleDraft> {
    let drafts = layers.get(wanted)?;
    if wanted != &child.name {
        return drafts.last().copied();
    }
    let at = drafts.iter().position(|draft| std::ptr::eq(*draft, child))?;
    drafts.get(at.checked_sub(1)?).copied()
}

fn merged(chain: &[&RuleDraft], defaults: &Parts) -> Parts {
    let mut below: Option<&RuleDraft> = None;
    chain.iter().rev().fold(defaults.clone(), |parts, draft| {
        let is_same_rule = below.is_some_and(|parent| parent.name == draft.name);
        below = Some(draft);
        draft.parts.clone().over(parts, is_same_rule)
    })
}

fn unknown_parent(child: &RuleDraft, wanted: &RuleName, layers: &Layers<'_>) -> Diagnostic {
    let names = layers.keys().map(|name| name.as_str()).filter(|name| *name != child.name.as_str());
    let help = match nearest(wanted.as_str(), names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if wanted == &child.name => "there is no built-in rule of this name".to_owned(),
        None => "built-in rules are `implement`, `review`, `command` and others".to_owned(),
    };
    let message = format!("rule `{}` extends `{wanted}`, which does not exist", child.name);
    Diagnostic::error("rule::unknown-rule", message)
        .in_file(&child.file)
        .label(child.extends_span.clone(), "no such rule")
        .help(help)
}

fn circle(chain: &[&RuleDraft]) -> Diagnostic {
    let first = chain[0];
    let mut names: Vec<&str> = chain.iter().map(|draft| draft.name.as_str()).collect();
    names.push(first.name.as_str());
    let message = format!("rules extend one another in a circle: {}", names.join(" -> "));
    Diagnostic::error("rule::extends-cycle", message)
        .in_file(&first.file)
        .label(first.extends_span.clone(), "leads back to this rule")
        .help("take one `extends` out")
}

/// What is wrong with a rule that is to tell people something.
fn notifying_problem(rule: &Rule, chain: &[&RuleDraft], parts: &Parts) -> Option<Diagnostic> {
    let draft = chain.first()?;
    let name = &rule.name;
    let is_of_kind = chain.iter().any(|it| it.name.as_str() == NOTIFY);
    let is_built_in = name.as_str() == NOTIFY && chain.len() == 1;
    let error = |message: String, help: &str| {
        Diagnostic::error("rule::bad-value", message)
            .in_file(&draft.file)
            .label(draft.name_span.clone(), "this rule")
            .help(help)
    };
    match &rule.notify {
        None if parts.notify.lacks_occasion() || (is_of_kind && !is_built_in) => Some(error(
            format!("rule `{name}` does not say what it tells of"),
            "name the events: `on: [task-failed, question]`",
        )),
        Some(_) if !is_of_kind => Some(error(
            format!("rule `{name}` tells of events and does not extend `notify`"),
            "say `extends: notify`",
        )),
        Some(notify) if rule.run.is_none() && !notify.has_means() => Some(error(
            format!("rule `{name}` does not say how it tells"),
            "give it a `webhook`, a `run`, `desktop: true` or `bell: true`",
        )),
        Some(_) if rule.matches.is_some() => Some(error(
            format!("rule `{name}` tells people of events and can take no tasks"),
            "take `match` out",
        )),
        _ => None,
    }
}

fn is_cut_off(rule: &Rule) -> bool {
    matches!(&rule.sandbox, Some(Sandboxing::Bwrap(Sandbox { network: Some(false), .. })))
}

fn no_network(draft: &RuleDraft) -> Diagnostic {
    let message = format!("rule `{}` runs a session without the network it needs", draft.name);
    Diagnostic::error("rule::bad-value", message)
        .in_file(&draft.file)
        .label(draft.name_span.clone(), "this rule")
        .help("leave `sandbox.network` out: only commands can do without")
}

fn no_prompt(draft: &RuleDraft) -> Diagnostic {
    let message = format!("rule `{}` runs a session and has no prompt", draft.name);
    Diagnostic::error("rule::no-prompt", message)
        .in_file(&draft.file)
        .label(draft.name_span.clone(), "this rule")
        .help("give it a `prompt`, or let it extend a rule that has one: `extends: implement`")
}
