//! The model of an attempt, and of a validator's.

use crate::base::name::{AttemptId, ModelName};
use crate::engine::db::{Recipe, Slot, meta_of, model_of};
use crate::engine::escalate::{ModelFlags, Policy};
use crate::engine::graph::NodeId;
use crate::spec::plan::Validator;
use crate::spec::rule::ActionKind;

use super::Engine;

/// Where there is no build, nobody gave flags.
const NO_FLAGS: &ModelFlags = &ModelFlags { starting: None, escalate_after: None, max: None };

impl Engine {
    fn policy(&self, slot: Slot) -> Policy<'_> {
        let config = self.world.library(&self.db).config(&self.db);
        let flags = self.build.as_ref().map_or(NO_FLAGS, |it| &it.request.models);
        Policy::of(&config.models, meta_of(&self.db, slot.plan(&self.db)), flags)
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
        if recipe.rule.action == ActionKind::Command {
            return Ok(None);
        }
        let policy = self.policy(slot);
        let own = recipe.spec.model.as_ref();
        let own = own.or_else(|| recipe.agent.as_ref()?.model.as_ref());
        let config = self.world.library(&self.db).config(&self.db);
        let meta = meta_of(&self.db, slot.plan(&self.db));
        let base = own.or(policy.starting).or_else(|| model_of(recipe, meta, config));
        let Some(base) = base else { return Ok(None) };
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
        chosen.or_else(|| self.validating_agent(validator)?.model.clone())
    }
}
