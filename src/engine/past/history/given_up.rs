//! Failures after which no further attempt was made: what failed so is not bought again unasked.

use serde::{Deserialize, Serialize};

use crate::base::measure::Usd;
use crate::base::name::{ActionKey, RecipeDigest};
use crate::engine::outcome::OutcomeClass;

use super::TaskHistory;

/// How many of a task's failures are remembered.
const GIVEN_UP: usize = 8;

/// A failure after which no further attempt was made, and that nobody has asked to try again since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    pub key: ActionKey,
    /// How the result was to be made.
    pub recipe: Option<RecipeDigest>,
    pub class: OutcomeClass,
    pub message: String,
    /// What the task had cost by then since its last accepted result.
    pub cost: Usd,
}

impl TaskHistory {
    /// How it was given up under this key and recipe, where nothing was tried since.
    pub fn given_up_as(&self, key: ActionKey, recipe: Option<RecipeDigest>) -> Option<&GivenUp> {
        self.given_up.iter().find(|it| it.key == key && it.recipe == recipe)
    }

    pub(super) fn give_up(&mut self, given_up: GivenUp) {
        self.given_up.retain(|it| (it.key, it.recipe) != (given_up.key, given_up.recipe));
        self.given_up.push(given_up);
        let n_over = self.given_up.len().saturating_sub(GIVEN_UP);
        self.given_up.drain(..n_over);
    }
}
