//! Parts of recipes and actions: who judges proposals, and the variables that are listed.

use std::sync::Arc;

use crate::base::name::EnvName;
use crate::spec::agent::Agent;
use crate::spec::plan::TaskSpec;
use crate::spec::rule::{Rule, proposals_of};

use super::{Library, Recipe, agent_of, agents_of};

/// How many sessions propose, and who judges them.
type Judge = (u32, Arc<Agent>);

/// The outer `None` where the judge is an agent that nobody has written, the inner one where one session
/// does the task.
pub(super) fn judge_of(
    db: &dyn salsa::Database,
    library: Library,
    (rule, spec): (&Rule, &TaskSpec),
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
