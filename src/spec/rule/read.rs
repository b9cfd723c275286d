//! From a rule file's text to its draft.

use crate::base::diagnostic::{Diagnostic, Parsed, Severity};
use crate::base::measure::Usd;
use crate::base::name::{AgentName, EnvName, PoolName, RuleName};
use crate::base::source::{Source, Span};
use crate::spec::agent::stem;
use crate::spec::plan::{command_line, proposals, validators};
use crate::spec::rebuild;
use crate::spec::sandbox;
use crate::spec::yaml::{self, Codes, Fields, Problems, codes};

use super::Match;
use super::draft::{Bound, LimitParts, Parts, RuleDraft};
use super::judges::{JudgeParts, globs_of};
use super::keys::RULE;
use super::occasion::NotifyParts;
use super::retry::retry_of;
use super::template::{self, Template};

/// A key that is not read changes what runs, so what was meant to be one is an error.
const CODES: Codes = Codes { typo: Severity::Error, ..codes!("rule") };

/// Reads a rule file. `prompts` gives the text of a template by its path as written.
pub fn parse(source: &Source, prompts: &dyn Fn(&str) -> Option<String>) -> Parsed<RuleDraft> {
    let problems = Problems::new(&source.path, &CODES);
    let mut draft = RuleDraft {
        name: RuleName::new(stem(source.path.file_name())),
        extends: None,
        file: source.path.clone(),
        name_span: 0..0,
        extends_span: 0..0,
        agents: Vec::new(),
        parts: Parts::default(),
    };
    let parsed = yaml::parse(source);
    match &parsed.value {
        Some(node) => {
            if let Some(fields) = Fields::of(node, &RULE, &problems) {
                read(fields, &mut draft, prompts);
            }
        }
        None if parsed.diagnostics.is_empty() => problems.report(empty()),
        None => {}
    }
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(problems.into_found());
    Parsed { value: draft, diagnostics }
}

fn empty() -> Diagnostic {
    Diagnostic::error(CODES.missing_key, "the rule file is empty")
        .label(0..0, "nothing here")
        .help("start with `rule: name` and `extends: implement`")
}

fn read(
    mut fields: Fields<'_, '_>,
    draft: &mut RuleDraft,
    prompts: &dyn Fn(&str) -> Option<String>,
) {
    read_name(&mut fields, draft);
    draft.extends = fields.text("extends").map(RuleName::new);
    draft.extends_span = fields.span_of("extends").unwrap_or_default();
    draft.agents = agents_of(&mut fields);
    draft.parts = Parts {
        describe: fields.text("describe").map(|text| text.trim().to_owned()),
        matches: fields.fields("match").map(match_of),
        version: fields.count("version"),
        rebuild_on: rebuild::read_on(&mut fields),
        action: fields.choice("action"),
        agent: fields.text("agent").map(AgentName::new),
        validators: validators(&mut fields, "validators"),
        judges: JudgeParts::read(&mut fields),
        env: env_of(&mut fields),
        retry: fields.fields("retry").map(retry_of).unwrap_or_default(),
        limits: fields.fields("limits").map(limits_of).unwrap_or_default(),
        report: fields.flag("report"),
        pool: fields.text("pool").map(PoolName::new),
        needs_tools: tools_of(&mut fields),
        proposals: proposals(&mut fields),
        run: command_line(&mut fields, "run"),
        sandbox: sandbox::read(&mut fields),
        notify: NotifyParts::read(&mut fields),
        ..Parts::default()
    };
    read_files(&mut fields, &mut draft.parts);
    read_prompt(&mut fields, draft, prompts);
    fields.rest();
}

fn agents_of(fields: &mut Fields<'_, '_>) -> Vec<(AgentName, Span)> {
    let own = fields.node("agent");
    let proposals = fields.node("proposals").and_then(|node| node.as_mapping());
    let judge = proposals.and_then(|proposals| proposals.get("judge"));
    let named = |node: &yaml::Node<'_>| {
        let name = node.as_text()?.trim();
        Some((AgentName::new(name), node.span.clone()))
    };
    own.into_iter().chain(judge).filter_map(named).collect()
}

fn read_name(fields: &mut Fields<'_, '_>, draft: &mut RuleDraft) {
    draft.name_span = fields.span_of("rule").unwrap_or_default();
    let Some(name) = fields.text("rule").filter(|name| !name.is_empty()) else { return };
    if name != draft.name.as_str() {
        let message = format!("rule `{name}` stands in `{}`", draft.file.file_name());
        fields.problems().report(
            Diagnostic::warning("rule::file-name", message)
                .label(draft.name_span.clone(), "this name counts")
                .help(format!("call the file `{name}.yaml`, or the rule `{}`", draft.name)),
        );
    }
    draft.name = RuleName::new(name);
}

fn match_of(mut fields: Fields<'_, '_>) -> Match {
    let texts = |texts: Vec<(&str, _)>| -> Vec<String> {
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    let phrases = texts(fields.texts("phrases"));
    let agents = texts(fields.texts("agents")).iter().map(AgentName::new).collect();
    let priority = fields.integer("priority").unwrap_or_default();
    fields.rest();
    let priority = priority.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    Match { phrases, agents, priority }
}

fn read_files(fields: &mut Fields<'_, '_>, parts: &mut Parts) {
    if let Some(mut inputs) = fields.fields("inputs") {
        parts.declared = globs_of(&mut inputs, "declared");
        parts.discovered = inputs.flag("discovered");
        inputs.rest();
    }
    if let Some(mut outputs) = fields.fields("outputs") {
        parts.allowed = globs_of(&mut outputs, "allowed");
        parts.must_change = outputs.flag("must_change");
        parts.keep = globs_of(&mut outputs, "keep");
        outputs.rest();
    }
}

fn env_of(fields: &mut Fields<'_, '_>) -> Option<Vec<EnvName>> {
    fields.node("env")?;
    Some(fields.env_names("env"))
}

fn tools_of(fields: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    fields.node("needs_tools")?;
    Some(fields.comma_texts("needs_tools"))
}

fn limits_of(mut fields: Fields<'_, '_>) -> LimitParts {
    let limits = LimitParts {
        wall: bound(&mut fields, "wall", |fields, name| fields.duration(name)),
        stall: bound(&mut fields, "stall", |fields, name| fields.duration(name)),
        turns: bound(&mut fields, "turns", |fields, name| fields.count(name)),
        usd: bound(&mut fields, "usd", |fields, name| fields.number(name).map(Usd::from_dollars)),
    };
    fields.rest();
    limits
}

fn bound<'n, 's, T>(
    fields: &mut Fields<'n, 's>,
    name: &'static str,
    read: impl Fn(&mut Fields<'n, 's>, &'static str) -> Option<T>,
) -> Bound<T> {
    match fields.node(name).and_then(|node| node.as_text()) {
        Some("none") => Bound::Unbounded,
        _ => read(fields, name).map_or(Bound::Unsaid, Bound::At),
    }
}

fn read_prompt(
    fields: &mut Fields<'_, '_>,
    draft: &mut RuleDraft,
    prompts: &dyn Fn(&str) -> Option<String>,
) {
    let span = fields.span_of("prompt").unwrap_or_default();
    let Some(written) = fields.text("prompt") else { return };
    let path = is_path(written).then_some(written);
    let text = match path {
        None => Some(written.to_owned()),
        Some(path) => prompts(path),
    };
    let Some(text) = text else {
        fields.problems().report(
            Diagnostic::error("rule::unknown-prompt", format!("there is no prompt `{written}`"))
                .label(span, "this file")
                .help("a path relative to the rules folder, or the text itself after `prompt: |`"),
        );
        return;
    };
    let has_item = is_about_items(draft);
    let template = Template { path, text: &text, span, has_item };
    for problem in template::problems_of(&template) {
        fields.problems().report(problem);
    }
    draft.parts.prompt = Some(text);
}

/// A prompt of one word that ends like a text file is the name of one.
fn is_path(prompt: &str) -> bool {
    !prompt.contains(char::is_whitespace)
        && [".md", ".txt", ".j2"].iter().any(|ending| prompt.ends_with(ending))
}

fn is_about_items(draft: &RuleDraft) -> bool {
    let names = [Some(&draft.name), draft.extends.as_ref()];
    names.into_iter().flatten().any(|name| name.as_str().ends_with("-item"))
}
