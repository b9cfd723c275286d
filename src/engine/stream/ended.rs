//! What the last event of a session says.

use crate::base::measure::{Millis, Usd};
use crate::base::name::ModelName;

use super::wire;
use super::{ResultFacts, Tokens};

pub(super) fn result_facts(result: wire::ResultLine) -> ResultFacts {
    ResultFacts {
        usage: Tokens::from(&result.usage),
        has_structured_output: result.structured_output.is_some(),
        structured_output: result.structured_output.map(|value| value.to_string()),
        subtype: result.subtype,
        is_error: result.is_error,
        terminal_reason: result.terminal_reason,
        stop_reason: result.stop_reason,
        api_error_status: result.api_error_status,
        n_turns: result.num_turns,
        duration: Millis(result.duration_ms),
        total_cost: Usd::from_dollars(result.total_cost_usd),
        errors: result.errors,
        startup_failure: result.startup_failure_reason,
    }
}

/// Models that answered, the one that cost most first.
pub(super) fn models_of(result: &wire::ResultLine) -> Vec<ModelName> {
    let new = result.model_usage_since_last_result.as_ref().filter(|usage| !usage.is_empty());
    let mut models: Vec<_> = new.unwrap_or(&result.model_usage).iter().collect();
    models.sort_by(|a, b| b.1.cost.total_cmp(&a.1.cost).then_with(|| a.0.cmp(b.0)));
    models.into_iter().map(|(name, _)| ModelName::new(name)).collect()
}
