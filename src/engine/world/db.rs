//! The salsa database: documents, file states, lineage and results in; keys out. The only user of
//! salsa. Queries never recurse along the task graph: a key reads its dependencies' *outputs*,
//! which are inputs, so depth is constant and an equal output wakes nobody.

mod actors;
mod keys;
mod parts;

pub use actors::{agents_of, known_of};
pub use keys::{
    Wording, earlier_key_of, key_of, model_of, narrow_key_of, prompt_of, recipe_digest_of, render,
    with_action, with_making,
};
pub use parts::{beside_of, compiled_of};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::file::FileState;
use crate::base::name::{AgentName, OutputDigest, RelPath, RuleName, TaskId, TaskRef};
use crate::base::source::Source;
use crate::spec::agent::Agent;
use crate::spec::config::Config;
use crate::spec::glob::GlobSet;
use crate::spec::item::Item;
use crate::spec::item::kind::is_kind;
use crate::spec::item::stages::{self, Staging};
use crate::spec::plan::{CommandLine, Compiled, Meta, Plan, TaskSpec};
use crate::spec::rule::{ActionKind, Rule};

use super::beside::{Links, scripts_among};
use crate::engine::graph::{Graph, NodeSet};
use crate::engine::past::view::{Touch, view};

/// A plan file. The path stands apart from the text, so that readers of one do not wake for the other.
#[salsa::input(debug)]
pub struct PlanText {
    pub path: RelPath,
    pub source: Source,
    /// What reading the source came to in an earlier run.
    pub compiled: Option<Compiled>,
    /// Set where the file is a backlog item.
    pub staging: Option<Staging>,
}

/// An agent file.
#[salsa::input]
pub struct AgentText {
    pub source: Source,
}

/// Everything else that people write; there is one.
#[salsa::input]
pub struct Library {
    pub agents: Vec<AgentText>,
    /// Names of files of agents that are no text, with the reason.
    pub unread_agents: BTreeMap<AgentName, String>,
    pub rules: Vec<Source>,
    pub prompts: BTreeMap<String, String>,
    pub config: Config,
    pub env: BTreeMap<String, String>,
    pub plans: Vec<PlanText>,
}

/// One path that some key may read.
#[salsa::input]
pub struct FileEntry {
    pub path: RelPath,
    #[returns(copy)]
    pub state: Option<FileState>,
    pub touches: Arc<[Touch]>,
}

/// Which known paths a set of patterns takes, by path.
#[salsa::input]
pub struct Listing {
    pub files: Arc<[FileEntry]>,
}

/// All listings by their patterns, and single files by path; there is one.
#[salsa::input]
pub struct Files {
    pub listings: BTreeMap<GlobSet, Listing>,
    pub singles: BTreeMap<RelPath, FileEntry>,
    pub links: Links,
}

/// A task, and what it last gave.
#[salsa::input(debug)]
pub struct Slot {
    pub task: TaskRef,
    #[returns(copy)]
    pub plan: PlanText,
    #[returns(copy)]
    pub output: Option<OutputDigest>,
    /// Slots of the real dependencies.
    pub needs: Arc<[Slot]>,
}

/// The database. Nothing but its storage steers a query.
#[salsa::db]
#[derive(Clone)]
pub struct Database {
    storage: salsa::Storage<Self>,
}

#[salsa::db]
impl salsa::Database for Database {}

impl Default for Database {
    fn default() -> Self {
        Self { storage: salsa::Storage::new(None) }
    }
}

/// Names of the queries that were executed, in order.
pub type QueryLog = Arc<Mutex<Vec<String>>>;

impl Database {
    /// A database that notes every query it executes: how tests prove incrementality.
    pub fn observed() -> (Self, QueryLog) {
        let log = QueryLog::default();
        let sink = Arc::clone(&log);
        let note = move |event: salsa::Event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind {
                let shown = format!("{database_key:?}");
                let name = shown.split('(').next().unwrap_or_default().to_owned();
                if let Ok(mut names) = sink.lock() {
                    names.push(name);
                }
            }
        };
        (Self { storage: salsa::Storage::new(Some(Box::new(note))) }, log)
    }
}

#[salsa::tracked]
pub fn plan_of(db: &dyn salsa::Database, text: PlanText) -> Parsed<Arc<Plan>> {
    if let Some(staging) = text.staging(db) {
        let plan = stages::plan_of(text.source(db), item_of(db, text), staging);
        return Parsed { value: Arc::new(plan), diagnostics: Vec::new() };
    }
    if let Some(compiled) = text.compiled(db) {
        return Parsed { value: Arc::clone(&compiled.plan), diagnostics: Vec::new() };
    }
    let parsed = crate::spec::plan::parse(text.source(db));
    Parsed { value: Arc::new(parsed.value), diagnostics: parsed.diagnostics }
}

/// A backlog item, whatever its file is.
#[salsa::tracked]
pub fn item_of(db: &dyn salsa::Database, text: PlanText) -> Arc<Item> {
    Arc::new(crate::spec::item::parse(text.source(db)).value)
}

/// The specifications of a plan's tasks: no status, no span.
#[salsa::tracked]
pub fn specs_of(db: &dyn salsa::Database, text: PlanText) -> BTreeMap<TaskId, Arc<TaskSpec>> {
    let plan = &plan_of(db, text).value;
    plan.tasks().map(|task| (task.id.clone(), Arc::clone(&task.spec))).collect()
}

#[salsa::tracked]
pub fn meta_of(db: &dyn salsa::Database, text: PlanText) -> Arc<Meta> {
    Arc::new(plan_of(db, text).value.meta.clone())
}

#[salsa::tracked]
pub fn agent_of(db: &dyn salsa::Database, text: AgentText) -> Parsed<Arc<Agent>> {
    let parsed = crate::spec::agent::parse(text.source(db));
    Parsed { value: Arc::new(parsed.value), diagnostics: parsed.diagnostics }
}

#[salsa::tracked]
pub fn rules_of(
    db: &dyn salsa::Database,
    library: Library,
) -> Parsed<BTreeMap<RuleName, Arc<Rule>>> {
    let prompts = library.prompts(db);
    let prompt = |name: &str| {
        prompts.get(name).cloned().or_else(|| crate::spec::builtin::prompt(name).map(str::to_owned))
    };
    let (mut drafts, mut diagnostics) = (Vec::new(), Vec::new());
    for source in library.rules(db).iter().filter(|it| !is_kind(it)) {
        let parsed = crate::spec::rule::parse(source, &prompt);
        drafts.push(parsed.value);
        diagnostics.extend(parsed.diagnostics);
    }
    let resolved = crate::spec::rule::resolve(drafts);
    diagnostics.extend(resolved.diagnostics);
    let value = resolved.value.into_iter().map(|(name, rule)| (name, Arc::new(rule))).collect();
    Parsed { value, diagnostics }
}

/// What is wrong with a plan as a whole.
#[salsa::tracked]
pub fn findings_of(db: &dyn salsa::Database, library: Library, text: PlanText) -> Vec<Diagnostic> {
    if text.staging(db).is_some() {
        return Vec::new();
    }
    let known = known_of(db, library);
    if text.compiled(db).as_ref().is_some_and(|it| it.clean_for == known.digest()) {
        return Vec::new();
    }
    crate::spec::plan_check::check(text.source(db), &plan_of(db, text).value, known)
}

/// The graph of all plans; equal after edits that change no dependency.
#[salsa::tracked]
pub fn graph_of(db: &dyn salsa::Database, library: Library) -> Arc<Graph> {
    Arc::new(Graph::new(library.plans(db).iter().map(|text| &*plan_of(db, *text).value)))
}

#[salsa::tracked]
pub fn spec_of(db: &dyn salsa::Database, slot: Slot) -> Option<Arc<TaskSpec>> {
    specs_of(db, slot.plan(db)).get(&slot.task(db).task).cloned()
}

/// How a task is built: the rule that takes it, and the agent that does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub spec: Arc<TaskSpec>,
    pub rule: Arc<Rule>,
    /// Which words or keys chose the rule.
    pub why: String,
    pub agent: Option<Arc<Agent>>,
    /// How many sessions propose a result, and who judges them; `None` where one does it.
    pub judge: Option<(u32, Arc<Agent>)>,
    /// The scripts that its command names.
    pub scripts: GlobSet,
}

impl Recipe {
    /// What a command task runs: its own `run`, else its rule's.
    pub fn command(&self) -> Option<&CommandLine> {
        self.spec.run.as_ref().or(self.rule.run.as_ref())
    }
}

/// `None` while the task, its rule or its agent is unknown: the documents' diagnostics say so.
#[salsa::tracked]
pub fn recipe_of(db: &dyn salsa::Database, library: Library, slot: Slot) -> Option<Recipe> {
    let spec = spec_of(db, slot).clone()?;
    let rules = &rules_of(db, library).value;
    let chosen = crate::spec::rule::choose(rules, &spec);
    let rule = Arc::clone(rules.get(&chosen.rule)?);
    let name = match rule.action {
        ActionKind::Command => None,
        ActionKind::Session => spec.agent.clone().or_else(|| rule.agent.clone()),
    };
    let agent = match name {
        Some(name) => Some(Arc::clone(&agent_of(db, *agents_of(db, library).get(&name)?).value)),
        None => None,
    };
    let judge = parts::judge_of(db, library, &rule, &spec)?;
    let why = chosen.why.to_string();
    let command = spec.run.as_ref().or(rule.run.as_ref());
    let scripts = command.filter(|_| rule.action == ActionKind::Command).map(scripts_among);
    let scripts = scripts.unwrap_or_default();
    Some(Recipe { spec, rule, why, agent, judge, scripts })
}

/// Declared inputs as the task sees them; absent ones are left out.
#[salsa::tracked]
pub fn inputs_of(
    db: &dyn salsa::Database,
    roots: Roots,
    slot: Slot,
) -> Arc<[(RelPath, FileState)]> {
    let Some(recipe) = recipe_of(db, roots.library(db), slot) else { return Arc::new([]) };
    let listings = roots.files(db).listings(db);
    let mut seen: BTreeMap<RelPath, FileState> = BTreeMap::new();
    for globs in [&recipe.spec.inputs, &recipe.rule.inputs.declared] {
        for file in listings.get(globs).into_iter().flat_map(|it| it.files(db).iter()) {
            if let Some(state) = seen_by(db, roots, *file, slot) {
                seen.insert(file.path(db).clone(), state);
            }
        }
    }
    seen.into_iter().collect()
}

/// The three roots a key is read from; there is one.
#[salsa::input]
pub struct Roots {
    #[returns(copy)]
    pub library: Library,
    #[returns(copy)]
    pub files: Files,
}

/// A file's content for a task, through the view.
pub fn seen_by(
    db: &dyn salsa::Database,
    roots: Roots,
    file: FileEntry,
    slot: Slot,
) -> Option<FileState> {
    let touches = file.touches(db);
    if touches.is_empty() {
        return file.state(db);
    }
    let graph = graph_of(db, roots.library(db));
    let upstream = upstream_of(db, roots.library(db), slot);
    view(file.state(db), touches, |by| graph.id_of(by).is_some_and(|by| upstream.contains(by)))
}

/// Every task that comes before this one, by need or by order.
#[salsa::tracked]
pub fn upstream_of(db: &dyn salsa::Database, library: Library, slot: Slot) -> NodeSet {
    let graph = graph_of(db, library);
    graph.id_of(slot.task(db)).map(|id| graph.upstream_of(id)).unwrap_or_default()
}
