//! Reading one task.

use std::sync::Arc;

use super::read::read_status;
use super::shared::{command_line, placed_validators, proposals};
use super::{Dependency, Pin, Task, TaskRecord, TaskSpans, TaskSpec, keys};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, RuleName, SectionId, TaskId};
use crate::base::source::Span;
use crate::spec::yaml::{Fields, Node, Problems, Resolved};

/// Where a task stands in the plan.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub section: &'a SectionId,
    pub section_name: &'a str,
}

/// Reads a task; without an id it is none.
pub(super) fn read<'n>(
    node: &'n Node<'_>,
    place: Place<'_>,
    problems: &'n Problems<'n>,
) -> Option<Task> {
    let mut fields = Fields::of(node, &keys::TASK, problems)?;
    let id = read_id(&mut fields);
    let record = read_record(&mut fields);
    let (depends_on, depends_spans) = read_depends_on(&mut fields);
    let (validators, validator_spans) = match placed_validators(&mut fields, "validators") {
        Some(placed) => {
            let (validators, spans) = placed.into_iter().unzip();
            (Some(validators), spans)
        }
        None => (None, Vec::new()),
    };
    let spans = TaskSpans {
        task: fields.span(),
        id: fields.span_of("id").unwrap_or_default(),
        status: fields.span_of("status"),
        agent: fields.span_of("agent"),
        rule: fields.span_of("rule"),
        depends_on: depends_spans,
        parallel_group: fields.span_of("parallel_group"),
        outputs: fields.span_of("outputs"),
        proposals: fields.span_of("proposals"),
        validators: validator_spans,
    };
    let spec = TaskSpec { depends_on, validators, ..read_spec(fields, place) };
    Some(Task { id: id?, spec: Arc::new(spec), record, spans })
}

fn read_spec(mut fields: Fields<'_, '_>, place: Place<'_>) -> TaskSpec {
    let name = fields.required_text("name", "say in a few words what it is to do");
    TaskSpec {
        name: name.unwrap_or_default().to_owned(),
        description: fields.text("description").unwrap_or_default().to_owned(),
        section: Some(place.section.clone()),
        section_name: place.section_name.to_owned(),
        agent: named(&mut fields, "agent").map(AgentName::new),
        rule: named(&mut fields, "rule").map(RuleName::new),
        run: command_line(&mut fields, "run"),
        depends_on: Vec::new(),
        parallel_group: named(&mut fields, "parallel_group").map(str::to_owned),
        exclusive_resources: owned(&mut fields, "exclusive_resources"),
        inputs: fields.globs("inputs"),
        outputs: fields.globs("outputs"),
        validators: None,
        model: fields.model(),
        env: fields.env_names("env"),
        timeout: fields.time_limit("timeout"),
        max_attempts: fields.count("max_attempts"),
        proposals: proposals(&mut fields),
        no_change: fields.choice("no_change").unwrap_or_default(),
        cache: fields.choice("cache").unwrap_or_default(),
        pin: read_pin(&mut fields),
        extra: fields.rest(),
    }
}

/// An empty name is none.
fn named<'n>(fields: &mut Fields<'n, '_>, name: &'static str) -> Option<&'n str> {
    fields.text(name).map(str::trim).filter(|text| !text.is_empty())
}

fn owned(fields: &mut Fields<'_, '_>, name: &'static str) -> Vec<String> {
    fields.texts(name).into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn read_id(fields: &mut Fields<'_, '_>) -> Option<TaskId> {
    let help = "give it an id that no other task has, in quotes: `id: '1.1'`";
    let text = fields.required_text("id", help)?;
    if let Some(node) = fields.node("id") {
        advise_quotes(fields.problems(), node, text);
        check_id(fields.problems(), node, text);
    }
    Some(TaskId::new(text))
}

/// Ids stand in commit trailers and on command lines, where these could not be told apart.
fn check_id(problems: &Problems<'_>, node: &Node<'_>, text: &str) {
    let (why, is_error) = if text.contains("//") {
        ("`//` stands between a plan and an id", true)
    } else if text.contains(char::is_control) {
        ("it holds a line end or another control character", true)
    } else if text.trim() != text {
        ("it begins or ends with a blank", true)
    } else if text.contains(['*', '?']) {
        ("`*` and `?` select several tasks on a command line", false)
    } else {
        return;
    };
    let make = if is_error { Diagnostic::error } else { Diagnostic::warning };
    problems.report(
        make("plan::bad-id", format!("the id {text:?} cannot be told apart: {why}"))
            .label(node.span.clone(), "this id")
            .help("letters, digits, `.`, `-` and `_`: `id: '1.1'`"),
    );
}

/// Other readers take `1.10` for the number 1.1.
fn advise_quotes(problems: &Problems<'_>, node: &Node<'_>, text: &str) {
    let meaning = node.as_scalar().map(|scalar| scalar.resolve());
    if matches!(meaning, Some(Resolved::Int(_) | Resolved::Float(_))) {
        problems.report(
            Diagnostic::advice("plan::unquoted-id", format!("the id {text} is not in quotes"))
                .label(node.span.clone(), "other programs read a number here")
                .help(format!("write `id: '{text}'`")),
        );
    }
}

fn read_depends_on(fields: &mut Fields<'_, '_>) -> (Vec<Dependency>, Vec<Span>) {
    let both = (fields.span_of("depends_on"), fields.span_of("dependencies"));
    if let (Some(one), Some(other)) = both {
        fields.problems().report(
            Diagnostic::error("plan::two-dependency-keys", "`depends_on` and `dependencies`")
                .label(other, "this is not read")
                .label(one, "this is")
                .help("the two are the same key: write one list under `depends_on`"),
        );
    }
    let Some((name, node)) = fields.first_node(&["depends_on", "dependencies"]) else {
        return Default::default();
    };
    let texts = fields.texts_in(name, node);
    let problems = fields.problems();
    let read = texts.into_iter().filter_map(|(text, span)| {
        let dependency = Dependency::parse(text);
        if dependency.is_none() {
            problems.report(half_a_name(text, span.clone()));
        }
        Some((dependency?, span))
    });
    read.unzip()
}

fn half_a_name(text: &str, span: Span) -> Diagnostic {
    Diagnostic::error("plan::bad-value", format!("`depends_on` cannot be `{text}`"))
        .label(span, "a plan stands before `//`, and a task behind it")
        .help("`other//1.1` is a task of another plan, `other//*` all of them")
}

fn read_pin(fields: &mut Fields<'_, '_>) -> Option<Pin> {
    let text = fields.text("pin")?;
    let pin = Pin::parse(text);
    if let (None, Some(node)) = (&pin, fields.node("pin")) {
        let help = "the `output` of a result as `orch show` of the task prints it, or its first digits, 4 at least";
        fields.problems().bad_value("pin", node, help);
    }
    pin
}

fn read_record(fields: &mut Fields<'_, '_>) -> TaskRecord {
    TaskRecord {
        status: read_status(fields),
        attempts: fields.count("attempts").unwrap_or(0),
        result_message: fields.text("result_message").map(str::to_owned),
        last_error: fields.text("last_error").map(str::to_owned),
        validation_findings: fields.text("validation_findings").map(str::to_owned),
        validation_attempts: fields.count("validation_attempts").unwrap_or(0),
        last_attempt: fields.text("last_attempt").map(str::to_owned),
        completed_at: fields.text("completed_at").map(str::to_owned),
        model_used: fields.text("model_used").map(str::to_owned),
    }
}
