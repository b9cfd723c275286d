//! Taking in documents and history.

mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use salsa::Setter;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, PlanName, RelPath, RuleName, TaskRef};
use crate::base::source::{Source, Span};
use crate::engine::event::Documents;
use crate::engine::past::history::History;
use crate::engine::world::db::{
    self, AgentText, Database, Library, PlanText, Slot, agent_of, compiled_of, findings_of,
    graph_of, known_of, plan_of, recipe_of, rules_of,
};
use crate::spec::agent::stem;
use crate::spec::config::Config;
use crate::spec::plan::Compiled;
use crate::spec::plan_check::Known;
use crate::spec::rule::{self, ActionKind, Rule, RuleDraft};

use super::Engine;

/// Setting an input wakes its readers, so only what differs is set.
macro_rules! set_if_changed {
    ($input:expr, $db:ident, $field:ident, $set:ident, $value:expr) => {{
        let value = $value;
        if *$input.$field($db) != value {
            $input.$set($db).to(value);
        }
    }};
}

impl Engine {
    pub(super) fn take_documents(&mut self, mut documents: Documents) {
        self.committed.clone_from(&documents.committed);
        self.frozen = std::mem::take(&mut documents.frozen);
        self.set_documents(documents);
        self.make_slots();
        self.forget_written();
        self.touch();
        if let Some(build) = &mut self.build {
            build.has_new_plan |= build.attempts.values().any(|it| it.plan_change.is_some());
        }
    }

    /// Everything that would be wrong with these documents. They are the engine's until it is given
    /// others by `DocumentsRead`, which must come next.
    pub fn diagnose(&mut self, documents: Documents) -> Vec<Diagnostic> {
        self.set_documents(documents);
        self.diagnostics()
    }

    fn set_documents(&mut self, documents: Documents) {
        let library = self.world.library(&self.db);
        let shared = self.shared_documents();
        let plans = self.plan_texts(&documents.plans, documents.compiled);
        let agents = self.agent_texts(documents.agents);
        let named = |path: &RelPath| AgentName::new(stem(path.file_name()));
        let unread = documents.unread_agents.iter().map(|(path, why)| (named(path), why.clone()));
        let unread: BTreeMap<AgentName, String> = unread.collect();
        let mut rules = crate::spec::builtin::rules();
        rules.extend(documents.rules);
        let prompts: BTreeMap<String, String> = documents
            .prompts
            .iter()
            .map(|it| (it.path.as_str().to_owned(), it.text.to_string()))
            .collect();
        let env: BTreeMap<String, String> = documents.env.into_iter().collect();
        let db = &mut self.db;
        set_if_changed!(library, db, plans, set_plans, plans);
        set_if_changed!(library, db, agents, set_agents, agents);
        set_if_changed!(library, db, unread_agents, set_unread_agents, unread);
        set_if_changed!(library, db, rules, set_rules, rules);
        set_if_changed!(library, db, prompts, set_prompts, prompts);
        set_if_changed!(library, db, env, set_env, env);
        set_if_changed!(library, db, config, set_config, documents.config);
        if self.shared_documents() != shared {
            self.stop_holding();
        }
    }

    /// The documents as they are now, without what reading them came to.
    pub(super) fn documents(&self) -> Documents {
        let (db, library) = (&self.db, self.world.library(&self.db));
        let config = library.config(db).clone();
        let source = |(path, text): (&String, &String)| {
            Some(Source::new(RelPath::new(path)?, text.as_str()))
        };
        let file = |name: &AgentName| RelPath::new(format!("{}/{name}.md", config.agents_dir));
        let unread = library.unread_agents(db).iter();
        let (builtin_agents, builtin_rules) =
            (crate::spec::builtin::agents().len(), crate::spec::builtin::rules().len());
        let agents = library.agents(db).iter().skip(builtin_agents);
        Documents {
            plans: library.plans(db).iter().map(|it| it.source(db).clone()).collect(),
            agents: agents.map(|it| it.source(db).clone()).collect(),
            unread_agents: unread
                .filter_map(|(name, why)| Some((file(name)?, why.clone())))
                .collect(),
            rules: library.rules(db).iter().skip(builtin_rules).cloned().collect(),
            prompts: library.prompts(db).iter().filter_map(source).collect(),
            config,
            ..Documents::default()
        }
    }

    /// Plans of at least so many bytes, with what reading them came to, where nothing is wrong with
    /// them and it was not known before.
    pub fn newly_compiled(&self, from_bytes: usize) -> Vec<(&Source, Compiled)> {
        let library = self.world.library(&self.db);
        let texts = library.plans(&self.db).iter();
        let large = texts.filter(|it| it.source(&self.db).text.len() >= from_bytes);
        let compiled = |text: &PlanText| {
            let compiled = compiled_of(&self.db, library, *text)?;
            let is_new = text.compiled(&self.db).as_ref() != Some(&compiled);
            is_new.then(|| (text.source(&self.db), compiled))
        };
        large.filter_map(compiled).collect()
    }

    /// What every session rests on: the config, agents and rules, as they are now.
    fn shared_documents(&self) -> (Config, Vec<Source>, Vec<Source>) {
        let library = self.world.library(&self.db);
        let agents = library.agents(&self.db).iter().map(|it| it.source(&self.db).clone());
        (library.config(&self.db).clone(), agents.collect(), library.rules(&self.db).clone())
    }

    /// Statuses that the plans say by now are no longer to be written.
    fn forget_written(&mut self) {
        let mut lines = std::mem::take(&mut self.past.lines);
        lines.retain(|task, status| {
            self.slots.get(task).is_some_and(|slot| self.record_of(*slot).status != status)
        });
        self.past.lines = lines;
    }

    /// Plan inputs by path: an edited file keeps its input, so that only its readers wake.
    fn plan_texts(
        &mut self,
        sources: &[Source],
        mut compiled: BTreeMap<RelPath, Compiled>,
    ) -> Vec<PlanText> {
        let library = self.world.library(&self.db);
        let known: BTreeMap<RelPath, PlanText> = library
            .plans(&self.db)
            .iter()
            .map(|text| (text.path(&self.db).clone(), *text))
            .collect();
        let text_of = |source: &Source| match known.get(&source.path) {
            Some(&text) => {
                if text.source(&self.db) != source {
                    text.set_source(&mut self.db).to(source.clone());
                    text.set_compiled(&mut self.db).to(compiled.remove(&source.path));
                }
                text
            }
            None => {
                let compiled = compiled.remove(&source.path);
                PlanText::new(&self.db, source.path.clone(), source.clone(), compiled)
            }
        };
        sources.iter().map(text_of).collect()
    }

    fn agent_texts(&mut self, own: Vec<Source>) -> Vec<AgentText> {
        let library = self.world.library(&self.db);
        let known: BTreeMap<RelPath, AgentText> = library
            .agents(&self.db)
            .iter()
            .map(|text| (text.source(&self.db).path.clone(), *text))
            .collect();
        let text_of = |source: Source| match known.get(&source.path) {
            Some(&text) => {
                if *text.source(&self.db) != source {
                    text.set_source(&mut self.db).to(source);
                }
                text
            }
            None => AgentText::new(&self.db, source),
        };
        crate::spec::builtin::agents().into_iter().chain(own).map(text_of).collect()
    }

    /// One slot for each task, linked to the slots of what it needs.
    fn make_slots(&mut self) {
        let library = self.world.library(&self.db);
        let graph = graph_of(&self.db, library).clone();
        let texts: BTreeMap<PlanName, PlanText> = library
            .plans(&self.db)
            .iter()
            .map(|text| (plan_of(&self.db, *text).value.name.clone(), *text))
            .collect();
        for (_, node) in graph.nodes() {
            let text = texts[&node.task.plan];
            match self.slots.get(&node.task) {
                Some(&slot) if slot.plan(&self.db) != text => {
                    slot.set_plan(&mut self.db).to(text);
                }
                Some(_) => {}
                None => {
                    let output = self.accepted_output(&node.task);
                    let slot = Slot::new(&self.db, node.task.clone(), text, output, Arc::new([]));
                    self.slots.insert(node.task.clone(), slot);
                }
            }
        }
        for (_, node) in graph.nodes() {
            let needs: Arc<[Slot]> =
                node.needs.iter().map(|it| self.slots[&graph.node(*it).task]).collect();
            let slot = self.slots[&node.task];
            if *slot.needs(&self.db) != needs {
                slot.set_needs(&mut self.db).to(needs);
            }
        }
    }

    fn accepted_output(&self, task: &TaskRef) -> Option<crate::base::name::OutputDigest> {
        self.past.history.task(task)?.accepted.as_ref().map(|it| it.output)
    }

    pub(super) fn take_history(&mut self, history: History) {
        self.past.history = history.live();
        let slots: Vec<(TaskRef, Slot)> =
            self.slots.iter().map(|(task, slot)| (task.clone(), *slot)).collect();
        for (task, slot) in slots {
            let output = self.accepted_output(&task);
            if slot.output(&self.db) != output {
                slot.set_output(&mut self.db).to(output);
            }
        }
        let paths: Vec<RelPath> = self.entries.keys().cloned().collect();
        for path in paths {
            self.refresh_touches(&path);
        }
        self.touch();
    }
}

/// Everything wrong with every document: parsing first, then each plan as a whole.
pub(super) fn diagnostics_of(db: &Database, library: Library) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for text in library.agents(db) {
        all.extend(agent_of(db, *text).diagnostics.iter().cloned());
    }
    all.extend(same_agents(db, library));
    let rules = rules_of(db, library);
    all.extend(rules.diagnostics.iter().cloned());
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
    all
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

/// What `db` calls a recipe, for the other parts of the engine.
pub(super) fn recipe(engine: &Engine, slot: Slot) -> Option<&db::Recipe> {
    recipe_of(&engine.db, engine.world.library(&engine.db), slot).as_ref()
}
