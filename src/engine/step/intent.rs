//! What tasks would be given if they ran now.

use crate::base::name::TaskRef;
use crate::engine::effect::Intent;
use crate::engine::world::prompt::{Volatile, volatile_part};

use super::Engine;

impl Engine {
    /// What a task would be given in a new session: with why earlier builds did not accept it, and the
    /// answers to its questions. `None` while it cannot be built.
    pub fn intent_of(&self, task: &TaskRef) -> Option<Intent> {
        let slot = self.world.slot(task)?;
        let recipe = self.world.recipe(slot)?;
        let validators = self.world.validators(slot, recipe);
        let Some(stable) = self.world.prompt(slot) else {
            return Some(Intent { prompt: None, command: recipe.command().cloned(), validators });
        };
        let past = self.past.history.task(task).zip(self.world.key(slot));
        let volatile = volatile_part(&Volatile {
            number: 1,
            previous_error: past.and_then(|(past, key)| past.error_of(key)),
            findings: past.map_or(&[], |(past, key)| past.findings_of(key)),
            answers: past.map_or(Vec::new(), |(past, key)| past.dialogue.answered(key).collect()),
            ..Volatile::default()
        });
        Some(Intent { prompt: Some(stable + &volatile), command: None, validators })
    }
}
