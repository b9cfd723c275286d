//! The cost ledger: what each session spent, booked once, and the sums that budgets are held against.
//! All of it is a fold over the journal.

mod entry;
mod group;
mod report;
mod session;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::measure::{Moment, Usd};
use crate::base::name::{AgentName, PlanName};
use crate::engine::record::AttemptEnded;

pub use entry::{Fate, LedgerEntry, Open, OpenAttempts, entries};
pub use group::{By, Group, Sum, group, sum_of};
pub use report::{Spent, file_name, usage_report};
pub use session::{item_title, session_file_name, session_report};

/// What a session was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labour {
    Work,
    Validation,
}

impl Labour {
    fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Validation => "validation",
        }
    }
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
    /// What the last session said that cost anything.
    is_subscription: bool,
}

impl Totals {
    pub fn fold(&mut self, ended: &AttemptEnded) {
        if ended.cost == Usd::ZERO {
            return;
        }
        self.is_subscription = ended.spend.is_subscription;
        *self.plans.entry(ended.task.plan.clone()).or_default() += ended.cost;
        *self.days.entry(day_of(ended.at)).or_default() += ended.cost;
        let of = ended.validator.as_ref().map_or(Labour::Work, |_| Labour::Validation);
        let kind = of.as_str();
        self.typical.entry(kind.to_owned()).or_default().add(ended.cost);
        if let Some(agent) = &ended.spend.agent {
            self.typical.entry(format!("{kind} by {agent}")).or_default().add(ended.cost);
        }
    }

    /// True where sessions run on a subscription by now: amounts are what the API would have asked for.
    pub fn is_subscription(&self) -> bool {
        self.is_subscription
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
    pub fn typical_of(&self, agent: Option<&AgentName>, of: Labour) -> Option<Usd> {
        let kind = of.as_str();
        let own = agent.and_then(|agent| self.typical.get(&format!("{kind} by {agent}")));
        own.or_else(|| self.typical.get(kind)).copied().and_then(Typical::mean)
    }
}

/// Days since 1970-01-01 UTC.
pub fn day_of(at: Moment) -> u64 {
    at.0 / 86_400_000
}

#[cfg(test)]
mod tests;
