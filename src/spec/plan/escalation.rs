//! `meta.model_escalation`: a plan's own way up the ladder of models.

use serde::{Deserialize, Serialize};

use crate::base::name::ModelName;
use crate::spec::yaml::{Fields, Resolved};

/// What a plan says of the models of its sessions. What it does not say comes from the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Escalation {
    pub escalate_after: Option<u32>,
    pub max_model: Option<ModelName>,
    /// Nobody wrote that cap: it keeps from going up, and no task from beginning above it.
    pub is_default_max: bool,
    pub validation_model: Option<ModelName>,
    pub starting_model: Option<ModelName>,
}

/// The original's defaults, which hold where a plan switches it on.
const AFTER: u32 = 2;
const MAX: &str = "opus";
const OTHERS: &str = "sonnet";

/// `None` where it is not written or switched off; `false` alone is the same as off.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Escalation> {
    let node = fields.node("model_escalation")?;
    if node.as_scalar().is_some_and(|scalar| scalar.resolve() == Resolved::Bool(false)) {
        return None;
    }
    let mut own = fields.fields("model_escalation")?;
    let is_enabled = own.flag("enabled").unwrap_or(false);
    let mut model = |name, default| {
        let own = match is_enabled {
            true => own.model_at(name),
            false => own.text(name).map(ModelName::new),
        };
        Some(own.unwrap_or_else(|| ModelName::new(default)))
    };
    let (validation_model, starting_model) =
        (model("validation_model", OTHERS), model("starting_model", OTHERS));
    // A cap has to be on the ladder: that is looked at where the ladder is known.
    let written = own.text("max_model").map(ModelName::new);
    let is_default_max = written.is_none();
    let max_model = Some(written.unwrap_or_else(|| ModelName::new(MAX)));
    let escalate_after = own.count("escalate_after").or(Some(AFTER));
    own.rest();
    is_enabled.then_some(Escalation {
        escalate_after,
        max_model,
        is_default_max,
        validation_model,
        starting_model,
    })
}
