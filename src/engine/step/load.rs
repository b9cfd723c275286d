//! Taking in documents, history and files; beginning a build.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::diagnostic::Diagnostic;
use crate::base::file::FileState;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::db::{
    self, AgentText, Database, FileEntry, Library, Listing, PlanText, Slot, agent_of, agents_of,
    graph_of, inputs_of, meta_of, plan_of, recipe_of, rules_of,
};
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::Documents;
use crate::engine::graph::{Graph, NodeId};
use crate::engine::history::History;
use crate::engine::lineage::Lineage;
use crate::engine::record::Record;
use crate::engine::schedule::{AfterFailure, Schedule, State};
use crate::spec::glob::GlobSet;
use crate::spec::agent::Agent;
use crate::spec::plan_check::Known;

use super::review::validators_of;
use super::{Build, Engine, Mode, Stopping};

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
    pub(super) fn take_documents(&mut self, documents: Documents) {
        let library = self.world.library(&self.db);
        let plans = self.plan_texts(&documents.plans);
        let agents = self.agent_texts(documents.agents);
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
        set_if_changed!(library, db, rules, set_rules, rules);
        set_if_changed!(library, db, prompts, set_prompts, prompts);
        set_if_changed!(library, db, env, set_env, env);
        set_if_changed!(library, db, config, set_config, documents.config);
        self.make_slots();
        self.replan();
    }

    /// Plan inputs by path: an edited file keeps its input, so that only its readers wake.
    fn plan_texts(&mut self, sources: &[Source]) -> Vec<PlanText> {
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
                }
                text
            }
            None => PlanText::new(&self.db, source.path.clone(), source.clone()),
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
                    let slot =
                        Slot::new(&self.db, node.task.clone(), text, output, Arc::new([]));
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
        self.history.task(task)?.accepted.as_ref().map(|it| it.output)
    }

    pub(super) fn take_history(&mut self, records: &[Record], lineage: &Lineage) {
        self.history = History::new(records, lineage);
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
    }

    pub(super) fn refresh_touches(&mut self, path: &RelPath) {
        let Some(&entry) = self.entries.get(path) else { return };
        if **entry.touches(&self.db) != *self.history.touches(path) {
            let touches = self.history.touches(path).into();
            entry.set_touches(&mut self.db).to(touches);
        }
    }

    /// Starts a build: all that is wanted waits, and the files that keys read are asked for.
    pub(super) fn begin(&mut self, request: BuildRequest, mode: Mode) {
        let graph = Arc::new(graph_of(&self.db, self.world.library(&self.db)).clone());
        let nodes = graph.nodes().map(|(_, node)| self.slots[&node.task]).collect();
        let wanted = wanted_of(&graph, &request);
        let after = after_failure(&request);
        self.build = Some(Build {
            schedule: Schedule::new(&graph, &wanted, after),
            request,
            mode,
            graph,
            nodes,
            runs: BTreeMap::new(),
            attempts: BTreeMap::new(),
            reviews: BTreeMap::new(),
            queue: BTreeSet::new(),
            has_scanned: false,
            stopping: Stopping::No,
            holding: None,
            started: self.now,
            cost: crate::base::measure::Usd::ZERO,
            n_sessions: 0,
            is_finished: false,
            parked: None,
        });
        self.rescan();
    }

    /// Documents changed under a running build: states are decided anew, running attempts stay.
    fn replan(&mut self) {
        if self.build.is_none() {
            return;
        }
        let graph = Arc::new(graph_of(&self.db, self.world.library(&self.db)).clone());
        let nodes: Vec<Slot> = graph.nodes().map(|(_, node)| self.slots[&node.task]).collect();
        let Some(build) = &mut self.build else { return };
        let wanted = wanted_of(&graph, &build.request);
        let mut schedule = Schedule::new(&graph, &wanted, after_failure(&build.request));
        let mut runs = BTreeMap::new();
        for (old, run) in std::mem::take(&mut build.runs) {
            if let Some(id) = graph.id_of(&build.graph.node(old).task) {
                runs.insert(id, run);
            }
        }
        for (id, attempt) in &mut build.attempts {
            match graph.id_of(&attempt.task) {
                Some(node) if !matches!(schedule.state(node), State::Settled(_)) => {
                    attempt.node = Some(node);
                    schedule.set(node, State::Active(*id));
                }
                _ => attempt.node = None,
            }
        }
        build.queue.clear();
        build.graph = graph;
        build.nodes = nodes;
        build.schedule = schedule;
        build.runs = runs;
        build.is_finished = false;
        self.rescan();
    }

    /// Asks for the present content of everything that keys and verdicts read.
    pub(super) fn rescan(&mut self) {
        let Some(build) = &mut self.build else { return };
        build.has_scanned = false;
        let (globs, paths) = self.wanted_files();
        self.out.push(Effect::Scan { globs, paths });
    }

    fn wanted_files(&self) -> (Vec<GlobSet>, Vec<RelPath>) {
        let library = self.world.library(&self.db);
        let (mut globs, mut paths) = (BTreeSet::new(), BTreeSet::new());
        let Some(build) = &self.build else { return (Vec::new(), Vec::new()) };
        for &slot in &build.nodes {
            let Some(recipe) = recipe_of(&self.db, library, slot) else { continue };
            globs.insert(recipe.spec.inputs.clone());
            globs.insert(recipe.rule.inputs.declared.clone());
            let meta = meta_of(&self.db, slot.plan(&self.db));
            paths.extend(meta.plan_doc.as_deref().and_then(RelPath::normalize));
            let validators = validators_of(recipe, meta);
            if validators.is_empty() {
                continue;
            }
            globs.extend(validators.into_iter().map(|it| it.inputs));
            if let Some(task) = self.history.task(slot.task(&self.db)) {
                paths.extend(task.owned.keys().cloned());
            }
        }
        globs.remove(&GlobSet::default());
        (globs.into_iter().collect(), paths.into_iter().collect())
    }

    pub(super) fn take_files(&mut self, found: &[(RelPath, Option<FileState>)]) {
        let states: BTreeMap<&RelPath, Option<FileState>> =
            found.iter().map(|(path, state)| (path, *state)).collect();
        let stale: Vec<RelPath> =
            self.entries.keys().filter(|path| !states.contains_key(path)).cloned().collect();
        for (path, state) in &states {
            self.set_entry(path, *state);
        }
        for path in stale {
            self.set_entry(&path, None);
        }
        self.make_listings();
        let Some(build) = &mut self.build else { return };
        let was_running = std::mem::replace(&mut build.has_scanned, true);
        if !was_running && build.request.watch {
            self.reconsider();
        }
    }

    pub(super) fn set_entry(&mut self, path: &RelPath, state: Option<FileState>) {
        match self.entries.get(path) {
            Some(entry) if entry.state(&self.db) == state => {}
            Some(&entry) => {
                entry.set_state(&mut self.db).to(state);
            }
            None => {
                let touches = self.history.touches(path).into();
                let entry = FileEntry::new(&self.db, path.clone(), state, touches);
                self.entries.insert(path.clone(), entry);
            }
        }
    }

    /// Matches patterns against every path that is there or that a landing touched.
    fn make_listings(&mut self) {
        let touched: Vec<RelPath> = self
            .history
            .touched_paths()
            .filter(|path| !self.entries.contains_key(*path))
            .cloned()
            .collect();
        let (globs, _) = self.wanted_files();
        let matchers: Vec<_> = globs.iter().map(|it| it.compile().ok()).collect();
        for path in touched {
            if matchers.iter().flatten().any(|it| it.is_match(&path)) {
                self.set_entry(&path, None);
            }
        }
        let files = self.world.files(&self.db);
        let mut listings = files.listings(&self.db).clone();
        for (globs, matcher) in globs.into_iter().zip(matchers) {
            let Some(matcher) = matcher else { continue };
            let found = self.entries_matching(&globs, &matcher);
            match listings.get(&globs) {
                Some(listing) if *listing.files(&self.db) == found => {}
                Some(&listing) => {
                    listing.set_files(&mut self.db).to(found);
                }
                None => {
                    listings.insert(globs, Listing::new(&self.db, found));
                }
            }
        }
        if *files.listings(&self.db) != listings {
            files.set_listings(&mut self.db).to(listings);
        }
        if *files.singles(&self.db) != self.entries {
            files.set_singles(&mut self.db).to(self.entries.clone());
        }
    }

    /// Puts paths that have just come about into the listings that take them.
    pub(super) fn list(&mut self, paths: &[RelPath]) {
        let files = self.world.files(&self.db);
        for (globs, listing) in files.listings(&self.db).clone() {
            let Ok(matcher) = globs.compile() else { continue };
            let new = paths.iter().filter(|path| matcher.is_match(path));
            let new: Vec<FileEntry> = new.filter_map(|it| self.entries.get(it).copied()).collect();
            if new.is_empty() {
                continue;
            }
            let mut all = listing.files(&self.db).to_vec();
            all.extend(new);
            all.sort_by(|a, b| a.path(&self.db).cmp(b.path(&self.db)));
            all.dedup();
            listing.set_files(&mut self.db).to(all.into());
        }
        if !paths.is_empty() {
            files.set_singles(&mut self.db).to(self.entries.clone());
        }
    }

    fn entries_matching(
        &self,
        globs: &GlobSet,
        matcher: &crate::spec::glob::Matcher,
    ) -> Arc<[FileEntry]> {
        let literal = globs.literal_paths();
        if literal.len() == globs.patterns.len()
            && let Some(entries) =
                literal.iter().map(|it| self.entries.get(it).copied()).collect::<Option<Vec<_>>>()
            && !literal.iter().any(|it| self.has_below(it))
        {
            return entries.into();
        }
        self.entries.iter().filter(|(path, _)| matcher.is_match(path)).map(|(_, it)| *it).collect()
    }

    /// True where the path is a folder of known entries: a plain folder means all below it.
    fn has_below(&self, path: &RelPath) -> bool {
        let below = format!("{path}/");
        use std::ops::Bound;
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let mut after = self.entries.range::<str, _>(from);
        after.next().is_some_and(|(it, _)| it.as_str().starts_with(&below))
    }

    /// After a rescan in watch mode: whatever is settled is decided anew; salsa makes that cheap.
    fn reconsider(&mut self) {
        let Some(build) = &mut self.build else { return };
        let wanted = wanted_of(&build.graph, &build.request);
        let mut schedule =
            Schedule::new(&build.graph, &wanted, after_failure(&build.request));
        for (id, attempt) in &build.attempts {
            if let Some(node) = attempt.node {
                schedule.set(node, State::Active(*id));
            }
        }
        build.queue.clear();
        build.schedule = schedule;
        build.is_finished = false;
    }

    /// The inputs a task declares, as paths: laid over its worktree where they are not committed.
    pub(super) fn declared_paths(&self, slot: Slot) -> Vec<RelPath> {
        let mut paths: BTreeSet<RelPath> =
            inputs_of(&self.db, self.world, slot).iter().map(|(path, _)| path.clone()).collect();
        let meta = meta_of(&self.db, slot.plan(&self.db));
        paths.extend(meta.plan_doc.as_deref().and_then(RelPath::normalize));
        paths.insert(slot.plan(&self.db).path(&self.db).clone());
        paths.into_iter().collect()
    }
}

fn after_failure(request: &BuildRequest) -> AfterFailure {
    if request.keep_going { AfterFailure::Continue } else { AfterFailure::Hold }
}

fn wanted_of(graph: &Graph, request: &BuildRequest) -> Vec<bool> {
    let Some(targets) = &request.targets else { return vec![true; graph.len()] };
    let roots: Vec<NodeId> = targets.iter().filter_map(|it| graph.id_of(it)).collect();
    if !request.only {
        return graph.closure_of(roots);
    }
    let mut wanted = vec![false; graph.len()];
    for root in roots {
        wanted[root.index()] = true;
    }
    wanted
}

/// Everything wrong with every document: parsing first, then each plan as a whole.
pub(super) fn diagnostics_of(db: &Database, library: Library) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for text in library.agents(db) {
        all.extend(agent_of(db, *text).diagnostics.iter().cloned());
    }
    let rules = rules_of(db, library);
    all.extend(rules.diagnostics.iter().cloned());
    let agents: Vec<Arc<Agent>> =
        agents_of(db, library).values().map(|it| Arc::clone(&agent_of(db, *it).value)).collect();
    let known = Known::of(
        agents.iter().map(Arc::as_ref),
        rules.value.values().map(Arc::as_ref),
    );
    let mut names: BTreeMap<&PlanName, &RelPath> = BTreeMap::new();
    for text in library.plans(db) {
        let parsed = plan_of(db, *text);
        all.extend(parsed.diagnostics.iter().cloned());
        let source = text.source(db);
        all.extend(crate::spec::plan_check::check(source, &parsed.value, &known));
        if let Some(other) = names.insert(&parsed.value.name, &source.path) {
            all.push(same_name(&parsed.value.name, other, &source.path));
        }
    }
    all
}

fn same_name(name: &PlanName, one: &RelPath, other: &RelPath) -> Diagnostic {
    Diagnostic::error("plan::same-name", format!("two plans are called `{name}`: {one} and {other}"))
        .in_file(other)
        .help("a plan is named by its file; rename one of the files")
}

/// What `db` calls a recipe, for the other parts of the engine.
pub(super) fn recipe(engine: &Engine, slot: Slot) -> Option<&db::Recipe> {
    recipe_of(&engine.db, engine.world.library(&engine.db), slot).as_ref()
}
