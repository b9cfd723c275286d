//! The cost ledger: what each session spent, booked once, and the sums that budgets are held against.
//! All of it is a fold over the journal.

mod entry;
mod group;
mod report;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{AgentName, PlanName};

use super::record::AttemptEnded;
use super::stream::{ModelSpend, StreamFacts, Tokens};

pub use entry::{Entry, Fate, Open, OpenAttempts, entries};
pub use group::{By, Group, Sum, group, sum_of};
pub use report::{file_name, usage_report};

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
fn is_subscription(source: &str) -> bool {
    source == "none" || source.to_ascii_lowercase().contains("oauth")
}

/// A mean in the making.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typical {
    sum: Usd,
    n: u32,
}

impl Typical {
    pub fn add(&mut self, cost: Usd) {
        self.sum += cost;
        self.n += 1;
    }

    /// `None` before the first.
    pub fn mean(self) -> Option<Usd> {
        (self.n > 0).then(|| Usd::from_nanos(self.sum.nanos() / i64::from(self.n)))
    }
}

/// Sums over all that was ever booked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    plans: BTreeMap<PlanName, Usd>,
    /// By day, counted from 1970-01-01 UTC.
    days: BTreeMap<u64, Usd>,
    /// What a session of an agent costs; `work` and `validation` over all agents.
    typical: BTreeMap<String, Typical>,
}

impl Totals {
    pub fn fold(&mut self, ended: &AttemptEnded) {
        if ended.cost == Usd::ZERO {
            return;
        }
        *self.plans.entry(ended.task.plan.clone()).or_default() += ended.cost;
        *self.days.entry(day_of(ended.at)).or_default() += ended.cost;
        let (kind, prefix) = kind_of(ended.validator.is_some());
        self.typical.entry(kind.to_owned()).or_default().add(ended.cost);
        if let Some(agent) = &ended.spend.agent {
            self.typical.entry(format!("{prefix}{agent}")).or_default().add(ended.cost);
        }
    }

    /// Spent on a plan's tasks, over all runs.
    pub fn of_plan(&self, plan: &PlanName) -> Usd {
        self.plans.get(plan).copied().unwrap_or_default()
    }

    /// Spent on the day (UTC) of a moment.
    pub fn of_day(&self, at: Moment) -> Usd {
        self.days.get(&day_of(at)).copied().unwrap_or_default()
    }

    /// What a session of the agent costs on average, else one of any agent.
    pub fn typical_of(&self, agent: Option<&AgentName>, is_validator: bool) -> Option<Usd> {
        let (kind, prefix) = kind_of(is_validator);
        let own = agent.and_then(|agent| self.typical.get(&format!("{prefix}{agent}")));
        own.or_else(|| self.typical.get(kind)).copied().and_then(Typical::mean)
    }
}

fn kind_of(is_validator: bool) -> (&'static str, &'static str) {
    if is_validator { ("validation", "validation by ") } else { ("work", "work by ") }
}

/// Days since 1970-01-01 UTC.
pub fn day_of(at: Moment) -> u64 {
    at.0 / 86_400_000
}

#[cfg(test)]
mod tests;
