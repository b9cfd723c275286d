//! What a session spent.

use serde::{Deserialize, Serialize};

use crate::base::measure::{Millis, Usd};
use crate::base::name::AgentName;
use crate::engine::stream::{ModelSpend, StreamFacts, Tokens};

/// How sure a cost is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The CLI's own count.
    #[default]
    Told,
    /// The session was cut short: what the CLI had not counted is estimated from its stream.
    Estimated,
    /// Nothing is left of the session: its cost is booked as nothing, and that is not true.
    Unknown,
}

/// What a session spent, beside its cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spend {
    pub tokens: Tokens,
    pub models: Vec<ModelSpend>,
    pub basis: Basis,
    /// What the CLI counts for the whole session by now, earlier turns of a resumed one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_total: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    pub turns: u32,
    pub api: Millis,
    /// It ran on a subscription: its cost is what the API would have asked for.
    pub is_subscription: bool,
    /// The build's budget, not its rule's limit, was what it could spend at most.
    pub is_budget_bound: bool,
}

impl Spend {
    pub fn of(facts: &StreamFacts) -> Self {
        let is_cut = facts.n_results == 0 && facts.inits > 0;
        Self {
            tokens: facts.tokens,
            models: facts.by_model.clone(),
            basis: if facts.is_estimate || is_cut { Basis::Estimated } else { Basis::Told },
            session_total: facts.result.as_ref().map(|it| it.total_cost),
            turns: facts.n_turns,
            api: facts.api_duration,
            is_subscription: facts.key_source.as_deref().is_some_and(is_subscription),
            ..Self::default()
        }
    }

    /// Nothing that needs to be written down.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// No key at all, or one of a login, is an account that pays by the month.
pub fn is_subscription(source: &str) -> bool {
    source == "none" || source.to_ascii_lowercase().contains("oauth")
}
