//! Which validators a task has, and what they read beside its result.

use crate::base::name::{RelPath, ValidatorName};
use crate::spec::builtin::ITEM_READER;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{Meta, Validator, ValidatorKind};
use crate::spec::rule::ActionKind;

use super::Recipe;

/// The task's own validators, else its rule's and those that the plan runs after its agent.
pub fn validators_of(recipe: &Recipe, meta: &Meta) -> Vec<Validator> {
    if let Some(own) = &recipe.spec.validators {
        // A check written for this one task says whether it is done: what it says counts.
        return own.iter().map(|it| with_baseline(it, false)).collect();
    }
    let mut validators: Vec<Validator> =
        recipe.rule.validators.iter().map(|it| with_baseline(it, true)).collect();
    let agent = recipe.agent.as_ref().map(|it| &it.name);
    let by_plan = meta.validation.as_ref().filter(|it| {
        it.enabled
            && recipe.rule.action == ActionKind::Session
            && agent.is_some_and(|agent| it.run_after.contains(agent))
    });
    for name in by_plan.into_iter().flat_map(|it| &it.validators) {
        if !validators.iter().any(|it| it.name.as_str() == name.as_str()) {
            validators.push(Validator {
                name: ValidatorName::new(name.as_str()),
                kind: ValidatorKind::Agent(name.clone()),
                inputs: GlobSet::default(),
                timeout: None,
                baseline: None,
            });
        }
    }
    validators
}

fn with_baseline(validator: &Validator, by_default: bool) -> Validator {
    let is_command = matches!(validator.kind, ValidatorKind::Command(_));
    let baseline = is_command.then(|| validator.baseline.unwrap_or(by_default));
    Validator { baseline, ..validator.clone() }
}

/// The backlog item that one of these validators reads.
pub fn item_read_by(validators: &[Validator], meta: &Meta) -> Option<RelPath> {
    validators.iter().find(|it| reads_item(it))?;
    RelPath::normalize(meta.source_item.as_deref()?)
}

/// True for the agent that reads the backlog item.
pub fn reads_item(validator: &Validator) -> bool {
    matches!(&validator.kind, ValidatorKind::Agent(name) if name.as_str() == ITEM_READER)
}
