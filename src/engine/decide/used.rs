//! Which documents a build is made from: what is wrong with others is not its business.

use std::collections::BTreeSet;

use crate::base::name::{AgentName, PlanName, RelPath, RuleName, TaskRef};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::world::{Slot, World};
use crate::spec::agent::stem;
use crate::spec::plan::{Plan, Status, ValidatorKind};

use super::Board;

/// Files of the plans of these tasks, or of all, in which anything is left to do by their statuses or
/// as the present build found, and of the agents and rules that do it.
pub fn documents_used(
    wanted: Option<&[TaskRef]>,
    board: Option<&Board>,
    world: &World,
) -> BTreeSet<RelPath> {
    let names: Option<BTreeSet<&PlanName>> =
        wanted.map(|tasks| tasks.iter().map(|task| &task.plan).collect());
    let open = board.map(plans_open).unwrap_or_default();
    let used = world.plans().filter(|(_, plan)| {
        names.as_ref().is_none_or(|names| names.contains(&plan.name))
            && (has_work(plan) || open.contains(&plan.name))
    });
    let mut paths: BTreeSet<RelPath> = used.map(|(path, _)| path.clone()).collect();
    let (agents, rules) = actors_of(&paths, world);
    let of_agents = world.agents().filter(|(agent, _)| agents.contains(&agent.name));
    paths.extend(of_agents.map(|(_, path)| path.clone()));
    let is_used = |path: &&RelPath| rules.contains(&RuleName::new(stem(path.file_name())));
    paths.extend(world.rule_files().filter(is_used).cloned());
    paths
}

/// Plans of which the present build, or survey, found something to do.
fn plans_open(board: &Board) -> BTreeSet<PlanName> {
    let is_open = |id: &NodeId| {
        use Settled::{Done, Failed, Stale};
        matches!(
            board.schedule.state(*id),
            State::Queued
                | State::BackingOff(_)
                | State::Active(_)
                | State::Settled(Stale | Done(_) | Failed(_))
        )
    };
    let open = board.graph.nodes().filter(|(id, _)| is_open(id));
    open.map(|(_, node)| node.task.plan.clone()).collect()
}

/// The agents and rules by which the tasks of these plans are done, judged and validated.
fn actors_of(
    plans: &BTreeSet<RelPath>,
    world: &World,
) -> (BTreeSet<AgentName>, BTreeSet<RuleName>) {
    let (mut agents, mut rules) = (BTreeSet::new(), BTreeSet::new());
    let is_used = |slot: &Slot| plans.contains(world.plan_path(*slot));
    for slot in world.slots().filter(is_used) {
        let Some(recipe) = world.recipe(slot) else { continue };
        rules.insert(recipe.rule.name.clone());
        agents.extend(recipe.agent.as_ref().map(|it| it.name.clone()));
        agents.extend(recipe.judge.as_ref().map(|(_, judge)| judge.name.clone()));
        for validator in world.validators(slot, recipe) {
            if let ValidatorKind::Agent(agent) = validator.kind {
                agents.insert(agent);
            }
        }
    }
    (agents, rules)
}

fn has_work(plan: &Plan) -> bool {
    let is_over = |status: Status| status.is_done() || status == Status::Skipped;
    plan.tasks().any(|task| !is_over(task.record.status))
}
