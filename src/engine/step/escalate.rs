//! The model of an attempt, and of a validator's.

use crate::base::name::{AttemptId, ModelName, TaskRef};
use crate::engine::effect::BuildRequest;
use crate::engine::escalate::{ModelFlags, Policy};
use crate::engine::graph::NodeId;
use crate::engine::world::{Recipe, Slot};
use crate::spec::plan::{Status, Validator};
use crate::spec::rule::ActionKind;

use super::Engine;
use super::replan::wanted_by;

/// Where there is no build, nobody gave flags.
const NO_FLAGS: &ModelFlags = &ModelFlags { starting: None, escalate_after: None, max: None };

impl Engine {
    fn policy(&self, slot: Slot) -> Policy<'_> {
        let config = self.world.config();
        let flags = self.build.as_ref().map_or(NO_FLAGS, |it| &it.request.models);
        Policy::of(&config.models, self.world.meta(slot), flags)
    }

    /// Tasks still to be done that a build could give no model, each with why: its flags say so. Empty
    /// where it has none of these flags; what plans and settings say is told by diagnostics.
    pub fn without_model(&self, request: &BuildRequest) -> Vec<(TaskRef, String)> {
        if request.models.max.is_none() && request.models.starting.is_none() {
            return Vec::new();
        }
        let config = self.world.config();
        let graph = self.world.graph();
        let is_wanted = wanted_by(graph, request);
        let wanted = graph.nodes().filter(|(id, _)| is_wanted[id.index()]);
        let refused = wanted.filter_map(|(_, node)| {
            let slot = self.world.slot(&node.task)?;
            let recipe = self.world.recipe(slot).filter(|_| !self.seems_over(slot, request))?;
            let meta = self.world.meta(slot);
            let policy = Policy::of(&config.models, meta, &request.models);
            let base = self.base_of((slot, recipe), &policy)?;
            let bad = policy.model_at(base, 0, 0).err()?;
            Some((node.task.clone(), bad.0))
        });
        refused.collect()
    }

    /// Whether a result changes after all is found out when the build is under way.
    fn seems_over(&self, slot: Slot, request: &BuildRequest) -> bool {
        let task = self.world.task(slot);
        let status = self.world.record(slot).status;
        let is_accepted = self.past.history.task(task).is_some_and(|it| it.accepted.is_some());
        let is_over = is_accepted || status.is_done() || status == Status::Skipped;
        is_over && !request.force.contains(task)
    }

    /// The model that a task's sessions begin with.
    fn base_of<'a>(
        &'a self,
        (slot, recipe): (Slot, &'a Recipe),
        policy: &Policy<'a>,
    ) -> Option<&'a ModelName> {
        if recipe.rule.action == ActionKind::Command {
            return None;
        }
        let own = recipe.spec.model.as_ref();
        let own = own.or_else(|| recipe.agent.as_ref()?.model.as_ref());
        own.or(policy.starting).or_else(|| self.world.model(slot, recipe))
    }

    /// The model of the task's next session; `None` leaves it to the CLI.
    ///
    /// # Errors
    /// A cap that cannot be kept, in words for people.
    pub(super) fn model_now(
        &self,
        id: NodeId,
        (slot, recipe): (Slot, &Recipe),
    ) -> Result<Option<ModelName>, String> {
        let policy = self.policy(slot);
        let Some(base) = self.base_of((slot, recipe), &policy) else { return Ok(None) };
        let run = self.build.as_ref().and_then(|it| it.runs.get(&id));
        let (n_failed, n_asked) = run.map_or((0, 0), |run| (run.n_tries, run.n_escalations));
        policy.model_at(base, n_failed, n_asked).map(Some).map_err(|bad| bad.0)
    }

    /// The model of an agent that validates an attempt's candidate.
    pub(super) fn validating_model(
        &self,
        owner: AttemptId,
        validator: &Validator,
    ) -> Option<ModelName> {
        let attempt = self.build.as_ref()?.attempts.get(&owner)?;
        let chosen = self.policy(attempt.slot).validation.cloned();
        chosen.or_else(|| self.world.validating_agent(validator)?.model.clone())
    }
}
