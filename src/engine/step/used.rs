//! Which documents a build is made from: what is wrong with others is not its business.

use std::collections::BTreeSet;

use crate::base::name::{AgentName, PlanName, RelPath, RuleName, TaskRef};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::world::db::{Slot, agent_of, meta_of, plan_of, recipe_of};
use crate::spec::agent::stem;
use crate::spec::plan::{Plan, Status, ValidatorKind};

use super::{Engine, validators_of};

impl Engine {
    /// Files of the plans of these tasks, or of all, in which anything is left to do by their statuses or
    /// as the present build found, and of the agents and rules that do it.
    pub fn documents_used(&self, wanted: Option<&[TaskRef]>) -> BTreeSet<RelPath> {
        let names: Option<BTreeSet<&PlanName>> =
            wanted.map(|tasks| tasks.iter().map(|task| &task.plan).collect());
        let open = self.plans_open();
        let library = self.world.library(&self.db);
        let plans = library.plans(&self.db).iter().filter(|text| {
            let plan = &plan_of(&self.db, **text).value;
            names.as_ref().is_none_or(|names| names.contains(&plan.name))
                && (has_work(plan) || open.contains(&plan.name))
        });
        let mut paths: BTreeSet<RelPath> = plans.map(|text| text.path(&self.db).clone()).collect();
        let (agents, rules) = self.actors_of(&paths);
        for text in library.agents(&self.db) {
            if agents.contains(&agent_of(&self.db, *text).value.name) {
                paths.insert(text.source(&self.db).path.clone());
            }
        }
        let is_used = |path: &&RelPath| rules.contains(&RuleName::new(stem(path.file_name())));
        let files = library.rules(&self.db).iter().map(|source| &source.path);
        paths.extend(files.filter(is_used).cloned());
        paths
    }

    /// Plans of which the present build, or survey, found something to do.
    fn plans_open(&self) -> BTreeSet<PlanName> {
        let Some(build) = &self.build else { return BTreeSet::new() };
        let is_open = |id: &NodeId| {
            use Settled::{Done, Failed, Stale};
            matches!(
                build.schedule.state(*id),
                State::Queued
                    | State::BackingOff(_)
                    | State::Active(_)
                    | State::Settled(Stale | Done(_) | Failed(_))
            )
        };
        let open = build.graph.nodes().filter(|(id, _)| is_open(id));
        open.map(|(_, node)| node.task.plan.clone()).collect()
    }

    /// The agents and rules by which the tasks of these plans are done, judged and validated.
    fn actors_of(&self, plans: &BTreeSet<RelPath>) -> (BTreeSet<AgentName>, BTreeSet<RuleName>) {
        let library = self.world.library(&self.db);
        let (mut agents, mut rules) = (BTreeSet::new(), BTreeSet::new());
        let is_used = |slot: &&Slot| plans.contains(slot.plan(&self.db).path(&self.db));
        for slot in self.slots.values().filter(is_used) {
            let Some(recipe) = recipe_of(&self.db, library, *slot) else { continue };
            rules.insert(recipe.rule.name.clone());
            agents.extend(recipe.agent.as_ref().map(|it| it.name.clone()));
            agents.extend(recipe.judge.as_ref().map(|(_, judge)| judge.name.clone()));
            for validator in validators_of(recipe, meta_of(&self.db, slot.plan(&self.db))) {
                if let ValidatorKind::Agent(agent) = validator.kind {
                    agents.insert(agent);
                }
            }
        }
        (agents, rules)
    }
}

fn has_work(plan: &Plan) -> bool {
    let is_over = |status: Status| status.is_done() || status == Status::Skipped;
    plan.tasks().any(|task| !is_over(task.record.status))
}
