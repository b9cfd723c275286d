//! The model of an attempt, and of a validator's.

use crate::base::name::{ModelName, TaskRef};
use crate::engine::effect::BuildRequest;
use crate::engine::escalate::{ModelFlags, Policy};
use crate::engine::graph::NodeId;
use crate::engine::past::Past;
use crate::engine::world::{Recipe, Slot, World};
use crate::spec::plan::{Status, Validator};
use crate::spec::rule::ActionKind;

use super::{Board, wanted_by};

impl Board {
    /// The model of the task's next session; `None` leaves it to the CLI.
    ///
    /// # Errors
    /// A cap that cannot be kept, in words for people.
    pub fn model_now(
        &self,
        id: NodeId,
        recipe: &Recipe,
        world: &World,
    ) -> Result<Option<ModelName>, String> {
        let slot = self.slot(id);
        let policy = policy_of(slot, &self.request.models, world);
        let Some(base) = base_of(slot, recipe, &policy, world) else { return Ok(None) };
        let run = self.known_run(id);
        let (n_failed, n_asked) = run.map_or((0, 0), |run| (run.n_tries, run.n_escalations));
        policy.model_at(base, n_failed, n_asked).map(Some).map_err(|bad| bad.0)
    }

    /// The model of an agent that validates a task's result.
    pub fn validating_model(
        &self,
        slot: Slot,
        validator: &Validator,
        world: &World,
    ) -> Option<ModelName> {
        let chosen = policy_of(slot, &self.request.models, world).validation.cloned();
        chosen.or_else(|| world.validating_agent(validator)?.model.clone())
    }
}

/// Tasks still to be done that a build could give no model, each with why: its flags say so. Empty
/// where it has none of these flags; what plans and settings say is told by diagnostics.
pub fn without_model(request: &BuildRequest, world: &World, past: &Past) -> Vec<(TaskRef, String)> {
    if request.models.max.is_none() && request.models.starting.is_none() {
        return Vec::new();
    }
    let graph = world.graph();
    let is_wanted = wanted_by(world, request);
    let wanted = graph.nodes().filter(|(id, _)| is_wanted[id.index()]);
    let refused = wanted.filter_map(|(_, node)| {
        let slot = world.slot(&node.task)?;
        let recipe = world.recipe(slot)?;
        if seems_over(slot, request, world, past) {
            return None;
        }
        let policy = policy_of(slot, &request.models, world);
        let base = base_of(slot, recipe, &policy, world)?;
        let bad = policy.model_at(base, 0, 0).err()?;
        Some((node.task.clone(), bad.0))
    });
    refused.collect()
}

/// Whether a result changes after all is found out when the build is under way.
fn seems_over(slot: Slot, request: &BuildRequest, world: &World, past: &Past) -> bool {
    let task = world.task(slot);
    let status = world.record(slot).status;
    let is_accepted = past.history.task(task).is_some_and(|it| it.accepted.is_some());
    let is_over = is_accepted || status.is_done() || status == Status::Skipped;
    is_over && !request.force.contains(task)
}

fn policy_of<'a>(slot: Slot, flags: &'a ModelFlags, world: &'a World) -> Policy<'a> {
    Policy::of(&world.config().models, world.meta(slot), flags)
}

/// The model that a task's sessions begin with.
fn base_of<'a>(
    slot: Slot,
    recipe: &'a Recipe,
    policy: &Policy<'a>,
    world: &'a World,
) -> Option<&'a ModelName> {
    if recipe.rule.action == ActionKind::Command {
        return None;
    }
    let own = recipe.spec.model.as_ref();
    let own = own.or_else(|| recipe.agent.as_ref()?.model.as_ref());
    own.or(policy.starting).or_else(|| world.model(slot, recipe))
}
