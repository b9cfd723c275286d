//! Taking in documents and history.

use std::collections::BTreeMap;
use std::sync::Arc;

use salsa::Setter;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, OutputDigest, PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::event::Documents;
use crate::engine::past::Past;
use crate::spec::agent::stem;
use crate::spec::config::Config;
use crate::spec::item::stages::Staging;
use crate::spec::plan::Compiled;
use crate::spec::plan_check::Known;

use super::World;
use super::db::{AgentText, PlanText, Slot, compiled_of, graph_of, plan_of};

/// Setting an input wakes its readers, so only what differs is set.
macro_rules! set_if_changed {
    ($input:expr, $db:ident, $field:ident, $set:ident, $value:expr) => {{
        let value = $value;
        if *$input.$field($db) != value {
            $input.$set($db).to(value);
        }
    }};
}

impl World {
    /// Takes in all documents there are; true where what every session rests on is another.
    pub fn take_documents(&mut self, mut documents: Documents, past: &Past) -> bool {
        self.committed.clone_from(&documents.committed);
        self.frozen = std::mem::take(&mut documents.frozen);
        let is_other = self.set_documents(documents);
        self.stage_items(Some(past));
        self.make_slots(past);
        is_other
    }

    /// Everything that would be wrong with these documents, whatever else there is.
    pub fn diagnostics_of(documents: Documents) -> Vec<Diagnostic> {
        let mut world = Self::default();
        world.set_documents(documents);
        world.diagnostics()
    }

    /// What plans may name beside these documents.
    pub fn known_with(documents: Documents) -> Known {
        let mut world = Self::default();
        world.set_documents(documents);
        world.known().clone()
    }

    /// Takes in the texts alone; true where what every session rests on is another.
    pub fn set_documents(&mut self, documents: Documents) -> bool {
        let library = self.library();
        let shared = self.shared_documents();
        let mut plans = self.plan_texts(&documents.plans, documents.compiled);
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
        set_if_changed!(library, db, agents, set_agents, agents);
        set_if_changed!(library, db, unread_agents, set_unread_agents, unread);
        set_if_changed!(library, db, rules, set_rules, rules);
        set_if_changed!(library, db, prompts, set_prompts, prompts);
        set_if_changed!(library, db, env, set_env, env);
        set_if_changed!(library, db, config, set_config, documents.config);
        self.set_shelved(documents.shelved);
        plans.extend(self.item_plans(&documents.items));
        let db = &mut self.db;
        set_if_changed!(library, db, plans, set_plans, plans);
        self.stage_items(None);
        self.shared_documents() != shared
    }

    /// Plans of at least so many bytes, with what reading them came to, where nothing is wrong with
    /// them and it was not known before.
    pub fn newly_compiled(&self, from_bytes: usize) -> Vec<(&Source, Compiled)> {
        let library = self.library();
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
        let library = self.library();
        let agents = library.agents(&self.db).iter().map(|it| it.source(&self.db).clone());
        (library.config(&self.db).clone(), agents.collect(), library.rules(&self.db).clone())
    }

    /// Plan inputs by path: an edited file keeps its input, so that only its readers wake.
    fn plan_texts(
        &mut self,
        sources: &[Source],
        mut compiled: BTreeMap<RelPath, Compiled>,
    ) -> Vec<PlanText> {
        let library = self.library();
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
                PlanText::new(&self.db, source.path.clone(), source.clone(), compiled, None)
            }
        };
        sources.iter().map(text_of).collect()
    }

    /// As [`Self::plan_texts`], of items in the order of their turn.
    fn item_plans(&mut self, items: &[Source]) -> Vec<PlanText> {
        let library = self.library();
        let known: BTreeMap<RelPath, PlanText> = library
            .plans(&self.db)
            .iter()
            .map(|text| (text.path(&self.db).clone(), *text))
            .collect();
        let staged = self.staged(items);
        let text_of = |(source, staging): (Source, Staging)| match known.get(&source.path) {
            Some(&text) => {
                if *text.source(&self.db) != source {
                    text.set_source(&mut self.db).to(source);
                }
                let kind = text.staging(&self.db).as_ref().map(|it| &it.kind);
                if kind != Some(&staging.kind) {
                    text.set_staging(&mut self.db).to(Some(staging));
                }
                text
            }
            None => PlanText::new(&self.db, source.path.clone(), source, None, Some(staging)),
        };
        staged.into_iter().map(text_of).collect()
    }

    fn agent_texts(&mut self, own: Vec<Source>) -> Vec<AgentText> {
        let library = self.library();
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

    /// Takes in what stages of items came to. True where there are other tasks now.
    pub fn restage(&mut self, past: &Past) -> bool {
        let has_changed = self.stage_items(Some(past));
        if has_changed {
            self.make_slots(past);
        }
        has_changed
    }

    /// One slot for each task, linked to the slots of what it needs.
    fn make_slots(&mut self, past: &Past) {
        let library = self.library();
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
                    let output = accepted_output(past, &node.task);
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

    /// Outputs and landings as they are on record by now.
    pub fn take_past(&mut self, past: &Past) {
        let slots: Vec<(TaskRef, Slot)> =
            self.slots.iter().map(|(task, slot)| (task.clone(), *slot)).collect();
        for (task, slot) in slots {
            let output = accepted_output(past, &task);
            if slot.output(&self.db) != output {
                self.put_output(slot, output);
            }
        }
        let paths: Vec<RelPath> = self.entries.keys().cloned().collect();
        for path in paths {
            self.refresh_touches(&path, past);
        }
    }

    pub(super) fn put_output(&mut self, slot: Slot, output: Option<OutputDigest>) {
        slot.set_output(&mut self.db).to(output);
    }
}

fn accepted_output(past: &Past, task: &TaskRef) -> Option<OutputDigest> {
    past.history.task(task)?.accepted.as_ref().map(|it| it.output)
}
