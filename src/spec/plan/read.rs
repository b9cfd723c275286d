//! From a plan's text to its value: the document, `meta` and the sections.

use super::task::{self, Place};
use super::{Meta, Plan, Section, Status, Validation, escalation, keys};
use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::name::{AgentName, PlanName, RelPath, SectionId};
use crate::base::source::Source;
use crate::spec::quota;
use crate::spec::smoke::Smoke;
use crate::spec::yaml::{self, Codes, Fields, Node, Problems, Resolved, codes};

static CODES: Codes = codes!("plan");

const SHAPE: &str = "a plan has `meta` and `sections`; a section has `id`, `name` and `tasks`";

/// Reads a plan with everything that is wrong in its text. What holds between tasks is
/// `plan_check`'s.
pub fn parse(source: &Source) -> Parsed<Plan> {
    let tree = yaml::parse(source);
    let problems = Problems::new(&source.path, &CODES);
    let mut plan =
        Plan { name: name_of(&source.path), meta: Meta::default(), sections: Vec::new() };
    match &tree.value {
        Some(root) => read_root(root, &problems, &mut plan),
        None if tree.diagnostics.is_empty() => problems.report(
            Diagnostic::error("plan::empty", "the plan is empty")
                .label(0..0, "nothing here")
                .help(SHAPE),
        ),
        None => {}
    }
    check_name(&problems, &plan.name);
    let mut diagnostics = tree.diagnostics;
    diagnostics.extend(problems.into_found());
    diagnostics.sort_by_key(|it| it.labels.first().map_or(0, |label| label.span.start));
    Parsed { value: plan, diagnostics }
}

/// A plan is named by its file.
pub(crate) fn name_of(path: &RelPath) -> PlanName {
    let file = path.file_name();
    let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml"));
    PlanName::new(stem.unwrap_or(file))
}

/// Tasks are told by it, a line each.
fn check_name(problems: &Problems<'_>, name: &PlanName) {
    if name.as_str().contains(char::is_control) {
        let message = "the plan's file name holds a line end or another control character";
        problems
            .report(Diagnostic::error("plan::bad-id", message).help("give the file another name"));
    }
}

fn read_root<'n>(root: &'n Node<'_>, problems: &'n Problems<'n>, plan: &mut Plan) {
    let Some(mut fields) = Fields::of(root, &keys::PLAN, problems) else { return };
    if let Some(meta) = fields.fields("meta") {
        plan.meta = read_meta(meta);
    }
    if fields.node("sections").is_none() {
        fields.missing("sections", SHAPE);
    }
    for node in fields.list("sections") {
        plan.sections.extend(read_section(node, problems));
    }
    fields.rest();
}

fn read_meta(mut fields: Fields<'_, '_>) -> Meta {
    Meta {
        title: fields.text("name").map(str::to_owned),
        description: fields.text("description").map(str::to_owned),
        plan_doc: fields.text("plan_doc").filter(|path| !path.is_empty()).map(str::to_owned),
        created: fields.text("created").map(str::to_owned),
        source_item: fields.text("source_item").map(str::to_owned),
        max_attempts: fields.count("max_attempts_default"),
        order: fields.choice("order").unwrap_or_default(),
        validation: read_validation(&mut fields),
        backoff_base: fields.duration("backoff_base"),
        backoff_max: fields.duration("backoff_max"),
        budget: fields.fields("budget").map(quota::read).unwrap_or_default(),
        breaker_threshold: fields.count("circuit_breaker_threshold"),
        breaker_reset: fields.duration("circuit_breaker_reset_timeout"),
        escalation: escalation::read(&mut fields),
        status: fields.text("status").map(str::to_owned),
        smoke: Smoke::read(&mut fields),
        extra: fields.rest(),
    }
}

/// `validation: false` is the same as none.
fn read_validation(fields: &mut Fields<'_, '_>) -> Option<Validation> {
    let node = fields.node("validation")?;
    if node.as_scalar().is_some_and(|scalar| scalar.resolve() == Resolved::Bool(false)) {
        return None;
    }
    let mut validation = fields.fields("validation")?;
    let run_after = agents(&mut validation, "run_after", "coder");
    let validators = agents(&mut validation, "validators", "validator");
    let read = Validation {
        enabled: validation.flag("enabled").unwrap_or(false),
        run_after,
        validators,
        max_attempts: validation.count("max_validation_attempts").unwrap_or(1),
    };
    validation.rest();
    Some(read)
}

fn agents(fields: &mut Fields<'_, '_>, name: &'static str, default: &str) -> Vec<AgentName> {
    if fields.node(name).is_none() {
        return vec![AgentName::new(default)];
    }
    fields.texts(name).into_iter().map(|(agent, _)| AgentName::new(agent)).collect()
}

fn read_section<'n>(node: &'n Node<'_>, problems: &'n Problems<'n>) -> Option<Section> {
    let mut fields = Fields::of(node, &keys::SECTION, problems)?;
    let id = fields.required_text("id", "give it an id that no other section has: `id: phase-1`");
    let name = fields.required_text("name", "say what it is about: `name: Phase 1 - Parser`");
    let id = SectionId::new(id.unwrap_or_default());
    let name = name.unwrap_or_default().to_owned();
    let status = read_status(&mut fields);
    let nodes = fields.list("tasks");
    let mut tasks = Vec::with_capacity(nodes.len());
    for node in nodes {
        tasks.extend(task::read(node, Place { section: &id, section_name: &name }, problems));
    }
    let span = fields.span();
    fields.rest();
    Some(Section { id, name, status, tasks, span })
}

/// The `status` of a section or task; a word that is none is an error.
pub(super) fn read_status(fields: &mut Fields<'_, '_>) -> Status {
    fields.choice("status").unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
