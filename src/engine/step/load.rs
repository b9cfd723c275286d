//! Taking in documents, history and files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::diagnostic::Diagnostic;
use crate::base::file::FileState;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::db::{
    self, AgentText, Database, FileEntry, Library, Listing, PlanText, Slot, agent_of, findings_of,
    graph_of, inputs_of, meta_of, plan_of, recipe_of, rules_of,
};
use crate::engine::event::Documents;
use crate::engine::history::History;
use crate::engine::lineage::Lineage;
use crate::engine::record::Record;
use crate::spec::config::Config;
use crate::spec::glob::GlobSet;

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
        self.frozen = std::mem::take(&mut documents.frozen);
        self.set_documents(documents);
        self.make_slots();
        self.forget_written();
        self.touch();
    }

    /// Statuses that the plans say by now are no longer to be written.
    fn forget_written(&mut self) {
        let mut unwritten = std::mem::take(&mut self.unwritten);
        unwritten.retain(|task, status| {
            self.slots.get(task).is_some_and(|slot| self.record_of(*slot).status != *status)
        });
        self.unwritten = unwritten;
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
        if self.shared_documents() != shared {
            self.stop_holding();
        }
    }

    /// What every session rests on: the config, agents and rules, as they are now.
    fn shared_documents(&self) -> (Config, Vec<Source>, Vec<Source>) {
        let library = self.world.library(&self.db);
        let agents = library.agents(&self.db).iter().map(|it| it.source(&self.db).clone());
        (library.config(&self.db).clone(), agents.collect(), library.rules(&self.db).clone())
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
        self.touch();
    }

    pub(super) fn refresh_touches(&mut self, path: &RelPath) {
        let Some(&entry) = self.entries.get(path) else { return };
        if **entry.touches(&self.db) != *self.history.touches(path) {
            let touches = self.history.touches(path).into();
            entry.set_touches(&mut self.db).to(touches);
        }
    }

    pub(super) fn take_files(&mut self, found: &[(RelPath, Option<FileState>)]) {
        let states: BTreeMap<&RelPath, Option<FileState>> =
            found.iter().map(|(path, state)| (path, *state)).collect();
        let stale: Vec<RelPath> =
            self.entries.keys().filter(|path| !states.contains_key(path)).cloned().collect();
        let mut has_changed = false;
        for (path, state) in &states {
            has_changed |= self.set_entry(path, *state);
        }
        for path in stale {
            has_changed |= self.set_entry(&path, None);
        }
        self.make_listings();
        if has_changed {
            self.touch();
        }
        if let Some(build) = &mut self.build {
            build.has_scanned = true;
        }
    }

    /// True where it differs from what was known.
    pub(super) fn set_entry(&mut self, path: &RelPath, state: Option<FileState>) -> bool {
        match self.entries.get(path) {
            Some(entry) if entry.state(&self.db) == state => false,
            Some(&entry) => {
                entry.set_state(&mut self.db).to(state);
                true
            }
            None => {
                let touches = self.history.touches(path).into();
                let entry = FileEntry::new(&self.db, path.clone(), state, touches);
                self.entries.insert(path.clone(), entry);
                true
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
    pub(super) fn has_below(&self, path: &RelPath) -> bool {
        let below = format!("{path}/");
        use std::ops::Bound;
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let mut after = self.entries.range::<str, _>(from);
        after.next().is_some_and(|(it, _)| it.as_str().starts_with(&below))
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

/// Everything wrong with every document: parsing first, then each plan as a whole.
pub(super) fn diagnostics_of(db: &Database, library: Library) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for text in library.agents(db) {
        all.extend(agent_of(db, *text).diagnostics.iter().cloned());
    }
    all.extend(rules_of(db, library).diagnostics.iter().cloned());
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

fn same_name(name: &PlanName, one: &RelPath, other: &RelPath) -> Diagnostic {
    Diagnostic::error("plan::same-name", format!("two plans are called `{name}`: {one} and {other}"))
        .in_file(other)
        .help("a plan is named by its file; rename one of the files")
}

/// What `db` calls a recipe, for the other parts of the engine.
pub(super) fn recipe(engine: &Engine, slot: Slot) -> Option<&db::Recipe> {
    recipe_of(&engine.db, engine.world.library(&engine.db), slot).as_ref()
}
