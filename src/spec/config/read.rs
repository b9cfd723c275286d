//! From the two settings files to [`Config`]: the original's first, `orch.yaml` over it.

use crate::base::diagnostic::{Diagnostic, Parsed, Severity};
use crate::base::name::{PoolName, RelPath};
use crate::base::source::{Source, Span};
use crate::spec::glob::is_not_work;
use crate::spec::keys::Keys;
use crate::spec::yaml::{self, Codes, Fields, Problems, codes};
use crate::spec::{rebuild, sandbox};

use super::keys::{CONFIG, LINK, ORIGINAL};
use super::pipeline;
use super::schedule::{read_dev_server, read_schedule};
use super::{Config, Link, SessionConfig, WorktreeConfig, breaker, limits, models, notices};
use crate::spec::smoke::Smoke;

const CODES: Codes = codes!("config");

/// Reads `.claude/orchestrator-config.yaml` and `orch.yaml`; what neither says gets its default.
/// What is wrong in the first is only a warning: the original went on without it, too.
pub fn parse(claude: Option<&Source>, native: Option<&Source>) -> Parsed<Config> {
    let mut config = Config::default();
    let mut diagnostics = Vec::new();
    if let Some(source) = claude {
        let found = read(source, &ORIGINAL, |fields| read_original(fields, &mut config));
        diagnostics.extend(found.into_iter().map(at_most_a_warning));
    }
    if let Some(source) = native {
        diagnostics.extend(read(source, &CONFIG, |fields| read_native(fields, &mut config)));
    }
    Parsed { value: config, diagnostics }
}

fn read(
    source: &Source,
    keys: &'static Keys,
    take: impl FnOnce(Fields<'_, '_>),
) -> Vec<Diagnostic> {
    let problems = Problems::new(&source.path, &CODES);
    let parsed = yaml::parse(source);
    let node = parsed.value.as_ref().filter(|node| !node.is_null());
    if let Some(fields) = node.and_then(|node| Fields::of(node, keys, &problems)) {
        take(fields);
    }
    let mut found = parsed.diagnostics;
    found.extend(problems.into_found());
    found
}

fn at_most_a_warning(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.severity = diagnostic.severity.min(Severity::Warning);
    diagnostic
}

fn read_original(mut fields: Fields<'_, '_>, config: &mut Config) {
    read_shared(&mut fields, config);
    fields.rest();
}

fn read_native(mut fields: Fields<'_, '_>, config: &mut Config) {
    read_shared(&mut fields, config);
    if let Some(dir) = folder(&mut fields, "rules_dir") {
        config.rules_dir = dir;
    }
    if fields.node("plans_dirs").is_some() {
        config.plans_dirs = paths(&mut fields, "plans_dirs");
    }
    if let Some(session) = fields.fields("session") {
        read_session(session, &mut config.session);
    }
    if let Some(worktree) = fields.fields("worktree") {
        read_worktree(worktree, &mut config.worktree);
    }
    read_pools(&mut fields, config);
    if let Some(fields) = fields.fields("models") {
        config.models = models::read(fields);
    }
    if let Some(fields) = fields.fields("breaker") {
        config.breaker = breaker::read(fields);
    }
    if let Some(fields) = fields.fields("limits") {
        config.limits = limits::read(fields);
    }
    config.jobs = fields.count("jobs").or(config.jobs);
    if let Some(mut budget) = fields.fields("budget") {
        super::budget::read(&mut budget, &mut config.budget);
        budget.rest();
    }

    rebuild::read(&mut fields, &mut config.rebuild);
    if let Some(sandboxing) = sandbox::read(&mut fields) {
        config.sandbox = sandboxing;
    }
    read_schedule(&mut fields, &mut config.schedule);
    pipeline::read(&mut fields, &mut config.pipeline);
    config.smoke = Smoke::read(&mut fields);
    read_dev_server(&mut fields, config);
    if let Some(fields) = fields.fields("notify") {
        config.notify = notices::read(fields);
    }
    fields.rest();
}

/// The keys that both files have.
fn read_shared(fields: &mut Fields<'_, '_>, config: &mut Config) {
    let mut take = |name: &'static str, setting: &mut String| {
        if let Some(text) = fields.text(name) {
            *setting = text.trim().to_owned();
        }
    };
    take("build_command", &mut config.build_command);
    take("test_command", &mut config.test_command);
    take("dev_server_command", &mut config.dev_server_command);
    if let Some(port) = port(fields, "dev_server_port") {
        config.dev_server_port = port;
    }
    if let Some(dir) = folder(fields, "agents_dir") {
        config.agents_dir = dir;
    }
}

/// A port; the table has its bounds.
pub(super) fn port(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<u16> {
    u16::try_from(fields.count(name)?).ok()
}

/// A folder below the root, in normal form; `.` is the root itself and refused.
fn folder(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<String> {
    let path = fields.text(name)?;
    let normal = RelPath::normalize(path).map(String::from);
    if normal.is_none()
        && let Some(node) = fields.node(name)
    {
        fields.problems().bad_value(name, node, "a path below the root of the repository");
    }
    normal
}

fn paths(fields: &mut Fields<'_, '_>, name: &'static str) -> Vec<String> {
    let texts = fields.texts(name);
    let known = texts.into_iter().filter_map(|(text, span)| path(fields, name, text, span));
    known.collect()
}

/// A path below the root that is neither git's nor orch's own.
fn path(fields: &Fields<'_, '_>, name: &str, text: &str, span: Span) -> Option<String> {
    let message = |shown: &str| format!("`{name}` cannot hold `{shown}`");
    let problem = match RelPath::normalize(text) {
        Some(path) if !is_not_work(path.as_str()) => return Some(path.into()),
        Some(path) => Diagnostic::error(CODES.bad_value, message(path.as_str()))
            .label(span, "git's or orch's own")
            .help("each worktree has its own; take it out"),
        None => Diagnostic::error(CODES.bad_value, message(text))
            .label(span, "not below the root")
            .help("a path below the root of the repository"),
    };
    fields.problems().report(problem);
    None
}

/// A list of paths, each alone or with what may be done there.
fn links(fields: &mut Fields<'_, '_>) -> Vec<Link> {
    let Some(node) = fields.node("link") else { return Vec::new() };
    let alone = std::slice::from_ref(node);
    let nodes = node.as_sequence().map_or(alone, |it| &it.items[..]);
    let mut links = Vec::new();
    for node in nodes {
        let (texts, is_writable) = match node.as_mapping() {
            None => (fields.texts_in("link", node), false),
            Some(_) => {
                let Some(mut inner) = Fields::of(node, &LINK, fields.problems()) else { continue };
                let text = inner.required_text("path", "the path below the root that is linked");
                let Some(text) = text else { continue };
                let span = inner.span_of("path").unwrap_or_else(|| inner.span());
                let is_writable = inner.flag("write").unwrap_or(false);
                inner.rest();
                (vec![(text, span)], is_writable)
            }
        };
        let paths = texts.into_iter().filter_map(|(text, span)| path(fields, "link", text, span));
        links.extend(paths.map(|path| Link { path, is_writable }));
    }
    links
}

fn read_session(mut fields: Fields<'_, '_>, session: &mut SessionConfig) {
    session.claude = match fields.node("claude") {
        Some(node) if node.as_sequence().is_none() => fields
            .text("claude")
            .map(|line| line.split_whitespace().map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
        _ => fields.texts("claude").into_iter().map(|(word, _)| word.to_owned()).collect(),
    };
    session.scripted = folder(&mut fields, "scripted");
    session.env = fields.env_names("env");
    session.model = fields.model();
    session.wall = fields.time_limit("wall");
    fields.rest();
}

fn read_worktree(mut fields: Fields<'_, '_>, worktree: &mut WorktreeConfig) {
    worktree.setup = fields.text("setup").map(ToOwned::to_owned);
    worktree.link = links(&mut fields);
    worktree.copy = paths(&mut fields, "copy");
    worktree.keep = paths(&mut fields, "keep");
    fields.rest();
}

fn read_pools(fields: &mut Fields<'_, '_>, config: &mut Config) {
    let Some(node) = fields.node("pools") else { return };
    let Some(mapping) = node.as_mapping() else {
        fields.problems().wrong_type("pools", node, "a mapping of names to sizes");
        return;
    };
    for entry in &mapping.entries {
        let size = entry.value.as_text().and_then(|text| text.trim().parse().ok());
        match size.filter(|size| *size > 0) {
            Some(size) => {
                config.pools.insert(PoolName::new(&entry.key), size);
            }
            None => {
                let help = "the size of a pool is a whole number, at least 1";
                fields.problems().bad_value(&entry.key, &entry.value, help);
            }
        }
    }
}
