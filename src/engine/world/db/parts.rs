//! Parts of recipes and actions, who judges proposals and the variables that are listed; and what is
//! kept of plans.

use std::sync::Arc;

use crate::base::name::{EnvName, OutputDigest, TaskId};
use crate::spec::agent::Agent;
use crate::spec::plan::{Compiled, TaskSpec};
use crate::spec::rule::{Rule, proposals_of};

use super::{Library, PlanText, Recipe, Slot, agent_of, agents_of, findings_of, known_of, plan_of};

/// How many sessions propose, and who judges them.
type Judge = (u32, Arc<Agent>);

/// The outer `None` where the judge is an agent that nobody has written, the inner one where one session
/// does the task.
pub(super) fn judge_of(
    db: &dyn salsa::Database,
    library: Library,
    rule: &Rule,
    spec: &TaskSpec,
) -> Option<Option<Judge>> {
    let Some(proposals) = proposals_of(rule, spec) else { return Some(None) };
    let text = *agents_of(db, library).get(&proposals.judge)?;
    Some(Some((proposals.count, Arc::clone(&agent_of(db, text).value))))
}

/// Listed variables with their values, by name.
pub(super) fn env_of(
    db: &dyn salsa::Database,
    library: Library,
    recipe: &Recipe,
) -> Vec<(EnvName, Option<String>)> {
    let values = library.env(db);
    let names: std::collections::BTreeSet<&EnvName> =
        recipe.rule.env.iter().chain(&recipe.spec.env).collect();
    names.into_iter().map(|it| (it.clone(), values.get(it.as_str()).cloned())).collect()
}

/// Outputs of the real dependencies, by id; `None` while one has none.
pub(super) fn outputs_of_needs(
    db: &dyn salsa::Database,
    slot: Slot,
) -> Option<Vec<(TaskId, OutputDigest)>> {
    let mut outputs = Vec::with_capacity(slot.needs(db).len());
    for need in slot.needs(db).iter() {
        outputs.push((need.task(db).task.clone(), need.output(db)?));
    }
    outputs.sort_by(|a, b| a.0.cmp(&b.0));
    Some(outputs)
}

/// A plan to be kept for the next run; `None` where there is anything to say about it.
pub fn compiled_of(db: &dyn salsa::Database, library: Library, text: PlanText) -> Option<Compiled> {
    let parsed = plan_of(db, text);
    let is_clean = parsed.diagnostics.is_empty() && findings_of(db, library, text).is_empty();
    let clean_for = known_of(db, library).digest();
    is_clean.then(|| Compiled { plan: Arc::clone(&parsed.value), clean_for })
}
