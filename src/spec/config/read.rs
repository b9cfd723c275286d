//! From the two settings files to [`Config`]: the original's first, `orch.yaml` over it.

use crate::base::diagnostic::{Diagnostic, Parsed, Severity};
use crate::base::name::{PoolName, RelPath};
use crate::base::source::Source;
use crate::spec::glob::is_not_work;
use crate::spec::keys::Keys;
use crate::spec::yaml::{self, Codes, Fields, Problems, codes};
use crate::spec::{rebuild, sandbox};

use super::keys::{CONFIG, ORIGINAL};
use super::schedule::{read_dev_server, read_schedule};
use super::{Config, SessionConfig, WorktreeConfig, breaker, limits, models};
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
    config.smoke = Smoke::read(&mut fields);
    read_dev_server(&mut fields, config);
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
    let mut paths = Vec::new();
    for (path, span) in fields.texts(name) {
        match RelPath::normalize(path) {
            Some(path) if is_not_work(path.as_str()) => fields.problems().report(
                Diagnostic::error(CODES.bad_value, format!("`{name}` cannot hold `{path}`"))
                    .label(span, "git's or orch's own")
                    .help("each worktree has its own; take it out"),
            ),
            Some(path) => paths.push(path.into()),
            None => fields.problems().report(
                Diagnostic::error(CODES.bad_value, format!("`{name}` cannot hold `{path}`"))
                    .label(span, "not below the root")
                    .help("a path below the root of the repository"),
            ),
        }
    }
    paths
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
    worktree.link = paths(&mut fields, "link");
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
