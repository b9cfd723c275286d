//! Validators and command lines: rules and tasks write them alike.

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, ValidatorName};
use crate::spec::plan::{CommandLine, Validator, ValidatorKind};
use crate::spec::yaml::{Fields, Node, Problems};

/// Every key of one validator.
pub(crate) const VALIDATOR_KEYS: &[&str] = &["name", "run", "agent", "inputs", "timeout"];

/// The value of `validators`; `None` where it is not written. Names are made unique.
pub(crate) fn validators_of(fields: &mut Fields<'_, '_>) -> Option<Vec<Validator>> {
    fields.node("validators")?;
    let mut validators: Vec<Validator> = Vec::new();
    for node in fields.list("validators") {
        if let Some(mut validator) = validator_of(node, fields.problems()) {
            validator.name = unique_name(&validator.name, &validators);
            validators.push(validator);
        }
    }
    Some(validators)
}

/// A list of words, or one text for the shell. Reported and `None` where it is neither, or empty.
pub(crate) fn command_line(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<CommandLine> {
    let node = fields.node(name)?;
    if let Some(line) = node.as_text() {
        if !line.trim().is_empty() {
            return Some(CommandLine::Shell(line.to_owned()));
        }
    } else {
        let words = fields.texts_in(name, node);
        if !words.is_empty() {
            let words = words.into_iter().map(|(word, _)| word.to_owned());
            return Some(CommandLine::Argv(words.collect()));
        }
        if node.as_sequence().is_none_or(|list| !list.items.is_empty()) {
            return None;
        }
    }
    fields.problems().bad_value(name, node, "a list of words, or one line for the shell");
    None
}

fn validator_of(node: &Node<'_>, problems: &Problems<'_>) -> Option<Validator> {
    let mut fields = Fields::of(node, "validator", problems)?;
    let name = fields.text("name").map(ToOwned::to_owned);
    let run = command_line("run", &mut fields);
    let agent = fields.text("agent").map(AgentName::new);
    let inputs = fields.globs("inputs");
    let timeout = fields.duration("timeout");
    let wrote_run = fields.span_of("run").is_some();
    debug_assert!(fields.reads_only(VALIDATOR_KEYS));
    fields.refuse_rest();
    let kind = match (run, agent) {
        (Some(run), None) => ValidatorKind::Command(run),
        (None, Some(agent)) if !wrote_run => ValidatorKind::Agent(agent),
        (None, _) if wrote_run => return None,
        _ => {
            problems.report(either_or(node, problems));
            return None;
        }
    };
    let name = ValidatorName::new(name.unwrap_or_else(|| default_name(&kind)));
    Some(Validator { name, kind, inputs, timeout })
}

fn either_or(node: &Node<'_>, problems: &Problems<'_>) -> Diagnostic {
    let message = "a validator has either `run` or `agent`";
    Diagnostic::error(problems.codes.bad_value, message)
        .label(node.span.clone(), "this validator")
        .help("`{ run: [cargo, test], name: tests }` or `{ agent: validator }`")
}

fn default_name(kind: &ValidatorKind) -> String {
    match kind {
        ValidatorKind::Agent(agent) => agent.to_string(),
        ValidatorKind::Command(CommandLine::Argv(words)) => words.join(" "),
        ValidatorKind::Command(CommandLine::Shell(line)) => {
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}

fn unique_name(name: &ValidatorName, taken: &[Validator]) -> ValidatorName {
    let is_free = |name: &str| taken.iter().all(|other| other.name.as_str() != name);
    if is_free(name.as_str()) {
        return name.clone();
    }
    // One more candidate than there are taken names: one of them is free.
    let numbered = (2..=taken.len() + 2).map(|number| format!("{name} {number}"));
    numbered.into_iter().find(|name| is_free(name)).map_or(name.clone(), ValidatorName::new)
}
