//! `budget:` of `orch.yaml`: how much may be spent, and on what.

use crate::base::measure::Usd;
use crate::spec::yaml::Fields;

/// Bounds in dollars; `None` is unbounded. What a plan or a flag says comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BudgetConfig {
    /// One build.
    pub run: Option<Usd>,
    /// A day, in UTC, over all builds.
    pub day: Option<Usd>,
    /// A plan that says nothing itself, over all builds.
    pub plan: Option<Usd>,
    /// A task, from one accepted result to the next.
    pub task: Option<Usd>,
    /// What a session is taken to cost while nothing like it was ever paid.
    pub guess: Option<Usd>,
}

/// Zero is not written.
pub fn read(fields: &mut Fields<'_, '_>, budget: &mut BudgetConfig) {
    let mut take = |name: &'static str, bound: &mut Option<Usd>| {
        let dollars = fields.number(name).map(Usd::from_dollars);
        *bound = dollars.filter(|usd| *usd > Usd::ZERO);
    };
    take("run", &mut budget.run);
    take("day", &mut budget.day);
    take("plan", &mut budget.plan);
    take("task", &mut budget.task);
    take("guess", &mut budget.guess);
}
