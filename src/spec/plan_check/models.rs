//! The cap on models: one that the ladder does not have, or that lies below a task's own model.

use super::{Index, Known, is_over, places};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::ModelName;
use crate::base::source::{Source, Span};
use crate::spec::plan::Task;
use crate::spec::rule::choose_among;

pub(super) fn check(
    source: &Source,
    index: &Index<'_>,
    known: &Known,
    found: &mut Vec<Diagnostic>,
) {
    let own = index.plan.meta.escalation.as_ref().filter(|it| !it.is_default_max);
    let own = own.and_then(|it| it.max_model.as_ref());
    let Some(cap) = own.or(known.models.max.as_ref()) else { return };
    let Some(top) = known.models.place_of(cap) else {
        // In the settings it is told there.
        found.extend(own.map(|cap| not_on_the_ladder(source, cap, known)));
        return;
    };
    if top + 1 >= known.models.ladder.len() {
        return;
    }
    for task in index.tasks.iter().filter(|task| !is_over(task)) {
        let Some(begin) = begin_of(task, known) else { continue };
        if known.models.place_of(begin.model).is_some_and(|place| place > top) {
            found.push(above_the_cap(task, begin, cap));
        }
    }
}

/// The model that a task begins with, who names it, and where.
struct Begin<'k> {
    model: &'k ModelName,
    by: String,
    place: Span,
}

/// `None` where neither task nor agent names a model.
fn begin_of<'k>(task: &'k Task, known: &'k Known) -> Option<Begin<'k>> {
    if let Some(model) = &task.spec.model {
        let place = task.spans.id.clone();
        return Some(Begin { model, by: "it".to_owned(), place });
    }
    if task.spec.run.is_some() {
        return None;
    }
    let name = match &task.spec.agent {
        Some(name) => name,
        None => {
            let rules = known.rules.iter().map(|(name, rule)| (name, rule.matches.as_ref()));
            let chosen = choose_among(rules, &task.spec).rule;
            known.rules.get(&chosen)?.agent.as_ref()?
        }
    };
    let model = known.agents.get(name)?.model.as_ref()?;
    let place = task.spans.agent.clone().unwrap_or_else(|| task.spans.id.clone());
    Some(Begin { model, by: format!("its agent `{name}`"), place })
}

fn above_the_cap(task: &Task, begin: Begin<'_>, cap: &ModelName) -> Diagnostic {
    let Begin { model, by, place } = begin;
    let message = format!("`{}` begins with `{model}`, above the cap `{cap}`", task.id);
    Diagnostic::error("plan::model-cap", message)
        .label(place, format!("{by} asks for `{model}`"))
        .help("raise the cap (`max_model`, `models.max`), or give the task a `model` below it")
}

fn not_on_the_ladder(source: &Source, cap: &ModelName, known: &Known) -> Diagnostic {
    let ladder: Vec<&str> = known.models.ladder.iter().map(ModelName::as_str).collect();
    Diagnostic::error("plan::bad-value", format!("`max_model` cannot be `{cap}`"))
        .label(places::escalation_key(source, "max_model"), "not on the ladder")
        .help(format!("one of {}", ladder.join(", ")))
}
