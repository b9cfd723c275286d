//! What is wrong with the documents, all of it.

mod across;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, PlanName, RelPath, RuleName};
use crate::base::source::{Source, Span};
use crate::spec::item::kind::kinds_of;
use crate::spec::plan_check::Known;
use crate::spec::rule::{self, ActionKind, Rule, RuleDraft};

use super::World;
use super::db::{
    Database, Library, PlanText, agent_of, findings_of, graph_of, known_of, plan_of, rules_of,
};
use across::Across;

pub use across::{holds_its_tasks_alone, stops_its_document, waits_for_faulty};

impl World {
    /// Every finding about every document, by file.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        diagnostics_of(&self.db, self.library())
    }
}

/// Everything wrong with every document: parsing first, then each plan as a whole.
fn diagnostics_of(db: &Database, library: Library) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for text in library.agents(db) {
        all.extend(agent_of(db, *text).diagnostics.iter().cloned());
    }
    all.extend(same_agents(db, library));
    let rules = rules_of(db, library);
    all.extend(rules.diagnostics.iter().cloned());
    all.extend(kinds_of(library.rules(db)).diagnostics);
    let known = known_of(db, library);
    all.extend(rules.value.values().filter_map(|rule| lost_agent(rule, known, library.rules(db))));
    let mut names: BTreeMap<&PlanName, &RelPath> = BTreeMap::new();
    for text in library.plans(db) {
        let parsed = plan_of(db, *text);
        all.extend(parsed.diagnostics.iter().cloned());
        let source = text.source(db);
        all.extend(findings_of(db, library, *text).iter().cloned());
        if let Some(other) = names.insert(&parsed.value.name, &source.path) {
            all.push(same_name(&parsed.value.name, other, &source.path));
        }
    }
    all.extend(across(db, library));
    all
}

fn across(db: &Database, library: Library) -> Vec<Diagnostic> {
    let texts = library.plans(db).iter();
    let plan = |text: &PlanText| &*plan_of(db, *text).value;
    let is_faulty = |text: &&PlanText| {
        let own = plan_of(db, **text).diagnostics.iter();
        own.chain(findings_of(db, library, **text)).any(Diagnostic::is_error)
    };
    let faulty: BTreeSet<&PlanName> =
        texts.clone().filter(is_faulty).map(|it| &plan(it).name).collect();
    let plans = texts.map(|it| (it.source(db), plan(it))).collect();
    let mut found = Across::of(graph_of(db, library), plans, faulty).findings();
    // What items wait for is told of them elsewhere: nobody wrote these tasks.
    let items = library.plans(db).iter().filter(|it| it.staging(db).is_some());
    let items: BTreeSet<&RelPath> = items.map(|it| it.path(db)).collect();
    found.retain(|it| it.file.as_ref().is_none_or(|file| !items.contains(file)));
    found
}

/// Files of the project that another one of the same name replaces.
fn same_agents(db: &Database, library: Library) -> Vec<Diagnostic> {
    let own = &library.agents(db)[crate::spec::builtin::agents().len()..];
    let mut names: BTreeMap<&AgentName, &RelPath> = BTreeMap::new();
    let mut found = Vec::new();
    for text in own {
        let (name, path) = (&agent_of(db, *text).value.name, &text.source(db).path);
        if let Some(other) = names.insert(name, path) {
            let message = format!("two agents are called `{name}`: {other} and {path}");
            let help = format!("{path} counts; give the other one a `name` of its own");
            let finding = Diagnostic::warning("agent::same-name", message);
            found.push(finding.in_file(other).help(help));
        }
    }
    found
}

/// A rule for sessions whose agent nobody has written: its tasks could never run.
fn lost_agent(rule: &Rule, known: &Known, files: &[Source]) -> Option<Diagnostic> {
    let named = rule.agent.iter().chain(rule.proposals.as_ref().map(|it| &it.judge));
    let mut named = named.filter(|_| rule.action == ActionKind::Session);
    let wanted = named.find(|name| !known.agents.contains_key(*name))?;
    let names = known.agents.keys().map(AgentName::as_str);
    let help = match crate::spec::text::nearest(wanted.as_str(), names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("`orch new agent {wanted}` starts one"),
    };
    let message = format!("rule `{}` names the agent `{wanted}`, which does not exist", rule.name);
    let finding = Diagnostic::error("rule::unknown-agent", message).help(help);
    Some(match place_of(wanted, &rule.name, files) {
        Some((file, span)) => finding.in_file(&file).label(span, "no file of this name"),
        None => finding,
    })
}

/// Where the project's rule, or one that it extends, names the agent.
fn place_of(agent: &AgentName, rule: &RuleName, files: &[Source]) -> Option<(RelPath, Span)> {
    let drafts: Vec<RuleDraft> =
        files.iter().rev().map(|it| rule::parse(it, &|_| Some(String::new())).value).collect();
    let mut next = Some(rule.clone());
    // No chain is longer than there are rules, unless they extend one another in a circle.
    for _ in 0..drafts.len() {
        let draft = drafts.iter().find(|it| Some(&it.name) == next.as_ref())?;
        if let Some((_, span)) = draft.agents.iter().find(|(name, _)| name == agent) {
            return Some((draft.file.clone(), span.clone()));
        }
        next.clone_from(&draft.extends);
    }
    None
}

fn same_name(name: &PlanName, one: &RelPath, other: &RelPath) -> Diagnostic {
    Diagnostic::error(
        "plan::same-name",
        format!("two plans are called `{name}`: {one} and {other}"),
    )
    .in_file(other)
    .help("a plan is named by its file; rename one of the files")
}
