//! What is asked of the world: a task's recipe, key and record, and what the documents say.

use std::sync::Arc;

use crate::base::digest::Recorded;
use crate::base::name::{ActionKey, OutputDigest, RecipeDigest, RelPath, RuleName, TaskRef};
use crate::base::source::Source;
use crate::engine::event::Frozen;
use crate::engine::graph::{Breach, Graph};
use crate::engine::why::Why;
use crate::spec::agent::Agent;
use crate::spec::config::Config;
use crate::spec::plan::read::name_of;
use crate::spec::plan::{
    Dependency, Meta, Plan, Task, TaskRecord, TaskSpec, Validator, ValidatorKind,
};
use crate::spec::plan_check::Known;
use crate::spec::rule::Rule;

use super::action::manifest_of;
use super::db::{
    Library, PlanText, Recipe, Slot, Wording, agent_of, agents_of, earlier_key_of, graph_of,
    key_of, known_of, meta_of, model_of, narrow_key_of, plan_of, prompt_of, recipe_digest_of,
    recipe_of, render, rules_of, spec_of, with_action, with_making,
};
use super::{World, validators_of};

impl World {
    pub(super) fn library(&self) -> Library {
        self.roots.library(&self.db)
    }

    pub fn config(&self) -> &Config {
        self.library().config(&self.db)
    }

    /// The graph of all plans, as they are now.
    pub fn graph(&self) -> &Arc<Graph> {
        graph_of(&self.db, self.library())
    }

    /// What plans may name.
    pub fn known(&self) -> &Known {
        known_of(&self.db, self.library())
    }

    /// The handle of a task; `None` where there was never one of that name.
    pub fn slot(&self, task: &TaskRef) -> Option<Slot> {
        self.slots.get(task).copied()
    }

    /// The handles of a graph's tasks, by node.
    pub fn slots_of(&self, graph: &Graph) -> Vec<Slot> {
        graph.nodes().map(|(_, node)| self.slots[&node.task]).collect()
    }

    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots.values().copied()
    }

    pub fn task(&self, slot: Slot) -> &TaskRef {
        slot.task(&self.db)
    }

    pub fn needs(&self, slot: Slot) -> &[Slot] {
        slot.needs(&self.db)
    }

    /// The task's rule and agent; `None` while one of them is unknown.
    pub fn recipe(&self, slot: Slot) -> Option<&Recipe> {
        recipe_of(&self.db, self.library(), slot).as_ref()
    }

    pub fn spec(&self, slot: Slot) -> Option<&TaskSpec> {
        spec_of(&self.db, slot).as_deref()
    }

    /// The head of the task's plan.
    pub fn meta(&self, slot: Slot) -> &Meta {
        meta_of(&self.db, slot.plan(&self.db))
    }

    /// The task's plan, as parsed.
    pub fn plan(&self, slot: Slot) -> &Plan {
        &plan_of(&self.db, slot.plan(&self.db)).value
    }

    pub fn plan_path(&self, slot: Slot) -> &RelPath {
        slot.plan(&self.db).path(&self.db)
    }

    pub fn plan_source(&self, slot: Slot) -> &Source {
        slot.plan(&self.db).source(&self.db)
    }

    /// What the task last gave; `None` where nothing is accepted.
    pub fn output(&self, slot: Slot) -> Option<OutputDigest> {
        slot.output(&self.db)
    }

    pub fn set_output(&mut self, slot: Slot, output: OutputDigest) {
        if slot.output(&self.db) != Some(output) {
            self.put_output(slot, Some(output));
        }
    }

    /// The task's present key; `None` while it cannot be known.
    pub fn key(&self, slot: Slot) -> Option<ActionKey> {
        key_of(&self.db, self.roots, slot)
    }

    /// The key as it was before scripts and what links lead to were in it; `None` where that is the same.
    pub fn narrow_key(&self, slot: Slot) -> Option<ActionKey> {
        narrow_key_of(&self.db, self.roots, slot)
    }

    /// The key of the form before that the task would have; `None` where it cannot be known.
    pub fn earlier_key(&self, slot: Slot) -> Option<ActionKey> {
        earlier_key_of(&self.db, self.roots, slot)
    }

    /// How the task's result would be made now; `None` while it cannot be built.
    pub fn recipe_digest(&self, slot: Slot) -> Option<RecipeDigest> {
        recipe_digest_of(&self.db, self.library(), slot)
    }

    /// What key and recipe are made of.
    pub fn manifest(&self, slot: Slot) -> Option<Recorded> {
        with_action(&self.db, self.roots, slot, |action| {
            let manifest = with_making(&self.db, self.library(), slot, |making| {
                manifest_of(action, Some(making))
            });
            manifest.unwrap_or_else(|| manifest_of(action, None))
        })
    }

    /// The stable prompt; `None` for a command, and where it cannot be rendered.
    pub fn prompt(&self, slot: Slot) -> Option<String> {
        prompt_of(&self.db, self.library(), slot).flatten()
    }

    /// Renders a rule's template for a task.
    ///
    /// # Errors
    /// Why it cannot be, in words for people.
    pub fn render(&self, slot: Slot, wording: Wording<'_>) -> Result<String, String> {
        render(&self.db, self.library(), slot, wording)
    }

    /// The model that the task's sessions begin with.
    pub fn model<'a>(
        &'a self,
        slot: Slot,
        recipe: &'a Recipe,
    ) -> Option<&'a crate::base::name::ModelName> {
        model_of(recipe, self.meta(slot), self.config())
    }

    pub fn validators(&self, slot: Slot, recipe: &Recipe) -> Vec<Validator> {
        validators_of(recipe, self.meta(slot))
    }

    /// A rule by its name.
    pub fn rule(&self, name: &str) -> Option<&Arc<Rule>> {
        rules_of(&self.db, self.library()).value.get(name)
    }

    /// The rule that takes a task of a plan.
    pub fn rule_for(&self, spec: &TaskSpec) -> Option<&Rule> {
        let rules = &rules_of(&self.db, self.library()).value;
        rules.get(&crate::spec::rule::choose(rules, spec).rule).map(Arc::as_ref)
    }

    /// The name of the rule that takes the task, be there one of that name or not.
    pub fn rule_name(&self, slot: Slot) -> RuleName {
        if let Some(recipe) = self.recipe(slot) {
            return recipe.rule.name.clone();
        }
        let rules = &rules_of(&self.db, self.library()).value;
        let spec = self.spec(slot);
        spec.map_or_else(|| RuleName::new(""), |spec| crate::spec::rule::choose(rules, spec).rule)
    }

    pub fn validating_agent(&self, validator: &Validator) -> Option<Arc<Agent>> {
        let ValidatorKind::Agent(name) = &validator.kind else { return None };
        let text = agents_of(&self.db, self.library()).get(name)?;
        Some(Arc::clone(&agent_of(&self.db, *text).value))
    }

    /// Why nothing may start from a task's plan; `None` where it may.
    pub fn frozen(&self, slot: Slot) -> Option<Why> {
        match &self.frozen {
            Frozen::Nothing => self.item_held(slot),
            Frozen::Everything(why) => Some(Why::Said(why.clone())),
            Frozen::Plans(paths) => {
                let path = self.plan_path(slot);
                let is_wrong = paths.contains(path);
                is_wrong.then(|| Why::PlanWrong(path.clone())).or_else(|| self.item_held(slot))
            }
        }
    }

    /// Why the task can wait for nothing: what it needs of another plan is not there. `None` where it
    /// is.
    pub fn broken_need(&self, slot: Slot) -> Option<Why> {
        let graph = self.graph();
        let broken = graph.broken_of(graph.id_of(self.task(slot))?).first()?;
        let wrong = match (&self.frozen, broken.dependency.plan()) {
            (Frozen::Plans(paths), Some(plan)) => paths.iter().find(|it| name_of(it) == *plan),
            _ => None,
        };
        Some(match wrong {
            Some(path) => Why::PlanWrong(path.clone()),
            None => Why::NeedBroken(broken.dependency.clone(), broken.breach),
        })
    }

    /// Dependencies across plans that would lead nowhere with this plan in the place of what its file
    /// holds, and that do not so now.
    pub fn newly_broken(&self, path: &RelPath, plan: &Plan) -> Vec<(TaskRef, Dependency, Breach)> {
        let plans = self.plans().map(|(at, it)| if at == path { plan } else { it });
        let before = broken_in(self.graph());
        let mut broken = broken_in(&Graph::new(plans));
        broken.retain(|it| !before.contains(it));
        broken
    }

    /// True where the task's plan is exactly as HEAD has it.
    pub fn is_committed(&self, slot: Slot) -> bool {
        self.is_as_committed(self.plan_path(slot))
    }

    /// True for a plan that is exactly as HEAD has it.
    pub fn is_as_committed(&self, path: &RelPath) -> bool {
        self.committed.contains(path)
    }

    /// Every file of an agent, orch's own too.
    pub fn agents(&self) -> impl Iterator<Item = (&Agent, &RelPath)> {
        let texts = self.library().agents(&self.db).iter();
        texts.map(|text| (&*agent_of(&self.db, *text).value, &text.source(&self.db).path))
    }

    /// Every file of a rule, orch's own too.
    pub fn rule_files(&self) -> impl Iterator<Item = &RelPath> {
        self.library().rules(&self.db).iter().map(|source| &source.path)
    }

    /// The plans as parsed, with their files.
    pub fn plans(&self) -> impl Iterator<Item = (&RelPath, &Plan)> {
        self.texts().map(|(text, plan)| (text.path(&self.db), plan))
    }

    /// Rules that do no task and tell people of events.
    pub fn notifying_rules(&self) -> impl Iterator<Item = &Rule> {
        let rules = rules_of(&self.db, self.library()).value.values();
        rules.map(|rule| &**rule).filter(|rule| rule.notify.is_some())
    }

    fn texts(&self) -> impl Iterator<Item = (PlanText, &Plan)> {
        let texts = self.library().plans(&self.db);
        texts.iter().map(|text| (*text, &*plan_of(&self.db, *text).value))
    }

    /// The plan that a file holds.
    pub fn plan_at(&self, path: &RelPath) -> Option<&Plan> {
        self.plans().find(|(it, _)| *it == path).map(|(_, plan)| plan)
    }

    /// A plan that is known by exactly this text.
    pub fn plan_of_text(&self, source: &Source) -> Option<&Plan> {
        self.texts().find(|(text, _)| text.source(&self.db) == source).map(|(_, plan)| plan)
    }

    /// What the plan file has on record of the task.
    pub fn record(&self, slot: Slot) -> TaskRecord {
        let plan = self.plan(slot);
        let task = self.task(slot);
        // Positions are dense, so a task is found from its node without a search where it can be.
        let position = self.graph().id_of(task).map(|at| {
            let range = self.graph().plan_range(self.graph().node(at).plan);
            (at.0 - range.start) as usize
        });
        position
            .and_then(|at| nth_task(plan, at))
            .filter(|it| it.id == task.task)
            .or_else(|| plan.tasks().find(|it| it.id == task.task))
            .map(|it| it.record.clone())
            .unwrap_or_default()
    }
}

fn broken_in(graph: &Graph) -> Vec<(TaskRef, Dependency, Breach)> {
    let all = graph.broken().flat_map(|(id, broken)| broken.iter().map(move |it| (id, it)));
    let named = all.map(|(id, it)| (graph.node(id).task.clone(), it.dependency.clone(), it.breach));
    named.collect()
}

fn nth_task(plan: &Plan, mut at: usize) -> Option<&Task> {
    for section in &plan.sections {
        if at < section.tasks.len() {
            return section.tasks.get(at);
        }
        at -= section.tasks.len();
    }
    None
}
