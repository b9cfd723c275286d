//! Parts that tasks and rules write alike: command lines and validators.

use super::{CommandLine, Proposals, Validator, ValidatorKind, keys};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, ValidatorName};
use crate::base::source::Span;
use crate::spec::text::slug;
use crate::spec::yaml::{Fields, Node, Resolved};

/// What to run: a list is words, a text is a line for `sh -c`. An empty one is an error.
pub fn command_line(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<CommandLine> {
    let node = fields.node(name)?;
    let command = if node.as_sequence().is_some() {
        let words = fields.texts_in(name, node).into_iter().map(|(word, _)| word.to_owned());
        CommandLine::Argv(words.collect())
    } else if is_number(node) {
        fields.problems().wrong_type(name, node, "a list of words, or a line for the shell");
        return None;
    } else {
        CommandLine::Shell(fields.text(name)?.to_owned())
    };
    let is_empty = match &command {
        CommandLine::Argv(words) => words.first().is_none_or(|word| word.is_empty()),
        CommandLine::Shell(line) => line.trim().is_empty(),
    };
    if is_empty {
        let help = "a list of words `[cargo, test]`, or a line for the shell";
        fields.problems().bad_value(name, node, help);
        return None;
    }
    Some(command)
}

/// Who judges where nobody is named.
const JUDGE: &str = "design-judge";

/// `proposals: { count: 3, judge: AGENT }`. `None` where the key is not written, or is wrong.
pub fn proposals(fields: &mut Fields<'_, '_>) -> Option<Proposals> {
    let mut own = fields.fields("proposals")?;
    let count = own.count("count");
    let judge = own.text("judge").map_or(JUDGE, str::trim);
    let judge = AgentName::new(if judge.is_empty() { JUDGE } else { judge });
    if own.span_of("count").is_none() {
        own.missing("count", "how many sessions propose a result: `count: 3`");
    }
    own.rest();
    Some(Proposals { count: count?, judge })
}

fn is_number(node: &Node<'_>) -> bool {
    let meaning = node.as_scalar().map(|scalar| scalar.resolve());
    matches!(meaning, Some(Resolved::Int(_) | Resolved::Float(_)))
}

/// A list of validators: an agent's name, or a mapping with `run` or `agent`. `None` where the key is
/// not written; an empty list is `Some`. Names are unique: a second one is an error.
pub fn validators(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Vec<Validator>> {
    let placed = placed_validators(fields, name)?;
    Some(placed.into_iter().map(|(validator, _)| validator).collect())
}

/// [`validators`], each with its place.
pub(super) fn placed_validators(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
) -> Option<Vec<(Validator, Span)>> {
    fields.node(name)?;
    let mut read: Vec<(Validator, Span)> = Vec::new();
    for node in fields.list(name) {
        let Some(validator) = validator(fields, node) else { continue };
        if read.iter().any(|(other, _)| other.name == validator.name) {
            let help = "give them names of their own: `name: unit tests`";
            let message = format!("two validators are called `{}`", validator.name);
            let code = fields.problems().codes.bad_value;
            fields.problems().report(
                Diagnostic::error(code, message).label(node.span.clone(), "the second").help(help),
            );
        }
        read.push((validator, node.span.clone()));
    }
    Some(read)
}

fn validator<'n>(fields: &Fields<'n, '_>, node: &'n Node<'_>) -> Option<Validator> {
    if let Some(agent) = node.as_text() {
        let kind = ValidatorKind::Agent(AgentName::new(agent));
        return Some(Validator {
            name: ValidatorName::new(agent),
            kind,
            inputs: Default::default(),
            timeout: None,
            baseline: None,
        });
    }
    let mut own = Fields::of(node, &keys::VALIDATOR, fields.problems())?;
    let run = command_line(&mut own, "run");
    let agent = own.text("agent").map(AgentName::new);
    let kind = match (run, agent) {
        (Some(_), Some(_)) => {
            let message = "a validator with both `run` and `agent`";
            own.problems().report(
                Diagnostic::error(own.problems().codes.bad_value, message)
                    .label(node.span.clone(), "which one?")
                    .help("make two validators of it"),
            );
            return None;
        }
        (Some(run), None) => ValidatorKind::Command(run),
        (None, Some(agent)) => ValidatorKind::Agent(agent),
        (None, None) => {
            if own.span_of("run").is_none() {
                own.missing("run", "a command as `run: [cargo, test]`, or an `agent`");
            }
            return None;
        }
    };
    let name = own.text("name").map_or_else(|| default_name(&kind), str::to_owned);
    let inputs = own.globs("inputs");
    let timeout = own.time_limit("timeout");
    let baseline = own.flag("baseline");
    own.rest();
    Some(Validator { name: ValidatorName::new(name), kind, inputs, timeout, baseline })
}

/// The agent's name, or the command's words as a slug.
fn default_name(kind: &ValidatorKind) -> String {
    match kind {
        ValidatorKind::Agent(agent) => agent.to_string(),
        ValidatorKind::Command(CommandLine::Argv(words)) => slug(&words.join(" ")),
        ValidatorKind::Command(CommandLine::Shell(line)) => slug(line),
    }
}
