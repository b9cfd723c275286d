//! Keys and recipes: what is asked for, and how it would be made, with the one walk of each.

use crate::base::file::FileState;
use crate::base::name::{ActionKey, ModelName, RecipeDigest, RelPath};
use crate::engine::world::action::earlier::Earlier;
use crate::engine::world::action::{Action, Making, no_recipe};
use crate::engine::world::beside::Beside;
use crate::engine::world::prompt::{ItemScene, Scene, stable_part};
use crate::spec::agent::Agent;
use crate::spec::config::Config;
use crate::spec::item::stages::{self, StageId};
use crate::spec::plan::Meta;
use crate::spec::rule::{ActionKind, Rule};

use super::{Library, Recipe, Roots, Slot, inputs_of, item_of, meta_of, parts, recipe_of, spec_of};

/// The task's key; `None` while a dependency has no output or the task is not buildable.
#[salsa::tracked(returns(copy))]
pub fn key_of(db: &dyn salsa::Database, roots: Roots, slot: Slot) -> Option<ActionKey> {
    with_action(db, roots, slot, |action| action.key())
}

/// How the task's result would be made; `None` while the task is not buildable.
#[salsa::tracked(returns(copy))]
pub fn recipe_digest_of(
    db: &dyn salsa::Database,
    library: Library,
    slot: Slot,
) -> Option<RecipeDigest> {
    recipe_of(db, library, slot).as_ref()?;
    Some(with_making(db, library, slot, |it| it.digest()).unwrap_or_else(no_recipe))
}

/// Builds the action and hands it to `read`: hashing and explaining are its two readers.
pub fn with_action<T>(
    db: &dyn salsa::Database,
    roots: Roots,
    slot: Slot,
    read: impl FnOnce(&Action<'_>) -> T,
) -> Option<T> {
    Asked { db, roots, slot }.with_action(parts::beside_of(db, roots, slot), read)
}

/// The key as it was before scripts and what links lead to were in it; `None` where that is the same.
pub fn narrow_key_of(db: &dyn salsa::Database, roots: Roots, slot: Slot) -> Option<ActionKey> {
    if parts::beside_of(db, roots, slot).is_empty() {
        return None;
    }
    Asked { db, roots, slot }.with_action(&Beside::default(), |action| action.key())
}

/// The task that is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    db: &'a dyn salsa::Database,
    roots: Roots,
    slot: Slot,
}

impl Asked<'_> {
    fn with_action<T>(self, beside: &Beside, read: impl FnOnce(&Action<'_>) -> T) -> Option<T> {
        let Self { db, roots, slot } = self;
        let library = roots.library(db);
        let recipe = recipe_of(db, library, slot).as_ref()?;
        let needs = parts::outputs_of_needs(db, slot)?;
        let env = parts::env_of(db, library, recipe);
        let is_rendered = prompt_of(db, library, slot)?.is_some();
        let command = recipe.command().filter(|_| !is_rendered);
        if !is_rendered && command.is_none() {
            return None;
        }
        let rebuild_on = recipe.rule.rebuild_on.unwrap_or(library.config(db).rebuild.on);
        let action = Action {
            task: slot.task(db),
            rule: &recipe.rule,
            spec: &recipe.spec,
            command,
            proposals: recipe.judge.as_ref().map(|(count, _)| *count),
            plan_doc: plan_doc_of(db, roots, slot).map(|(_, state)| state),
            inputs: inputs_of(db, roots, slot),
            beside,
            needs: &needs,
            env: &env,
            recipe: recipe_digest_of(db, library, slot).filter(|_| rebuild_on.recipe),
        };
        Some(read(&action))
    }
}

/// The key of the form before that the task would have had.
pub fn earlier_key_of(db: &dyn salsa::Database, roots: Roots, slot: Slot) -> Option<ActionKey> {
    let library = roots.library(db);
    let recipe = recipe_of(db, library, slot).as_ref()?;
    let prompt = prompt_of(db, library, slot)?;
    let earlier = Earlier {
        rule: &recipe.rule,
        agent: recipe.agent.as_deref(),
        judge: recipe.judge.as_ref().map(|(count, judge)| (*count, &**judge)),
        model: model_of(recipe, meta_of(db, slot.plan(db)), library.config(db)),
        prompt: prompt.as_deref(),
        command: recipe.command(),
        plan_doc: plan_doc_of(db, roots, slot),
        inputs: inputs_of(db, roots, slot),
        spec: &recipe.spec,
        needs: &parts::outputs_of_needs(db, slot)?,
        env: &parts::env_of(db, library, recipe),
    };
    Some(earlier.key())
}

/// As [`with_action`], how a session makes it; `None` for a command.
pub fn with_making<T>(
    db: &dyn salsa::Database,
    library: Library,
    slot: Slot,
    read: impl FnOnce(&Making<'_>) -> T,
) -> Option<T> {
    let recipe = recipe_of(db, library, slot).as_ref()?;
    let config = library.config(db);
    let making = Making {
        template: &recipe.rule.prompt,
        agent: recipe.agent.as_deref(),
        judge: recipe.judge.as_ref().map(|(_, judge)| &**judge),
        model: model_of(recipe, meta_of(db, slot.plan(db)), config),
        config,
    };
    (recipe.rule.action == ActionKind::Session).then(|| read(&making))
}

/// The model a session begins with: the task's, the agent's, the plan's, the project's.
pub fn model_of<'a>(
    recipe: &'a Recipe,
    meta: &'a Meta,
    config: &'a Config,
) -> Option<&'a ModelName> {
    if recipe.rule.action == ActionKind::Command {
        return None;
    }
    let own = recipe.spec.model.as_ref();
    own.or_else(|| recipe.agent.as_ref()?.model.as_ref())
        .or_else(|| meta.escalation.as_ref()?.starting_model.as_ref())
        .or(config.models.starting.as_ref())
        .or(config.session.model.as_ref())
}

/// The stable prompt: outer `None` where it cannot be rendered, inner `None` for a command.
pub fn prompt_of(db: &dyn salsa::Database, library: Library, slot: Slot) -> Option<Option<String>> {
    let recipe = recipe_of(db, library, slot).as_ref()?;
    if recipe.rule.action == ActionKind::Command {
        return Some(None);
    }
    render(db, library, slot, Wording::of(recipe)).ok().map(Some)
}

/// What a prompt is written with: the rule's template, in an agent's name.
#[derive(Clone, Copy)]
pub struct Wording<'a> {
    pub rule: &'a Rule,
    pub agent: Option<&'a Agent>,
}

impl<'a> Wording<'a> {
    pub fn of(recipe: &'a Recipe) -> Self {
        Self { rule: &recipe.rule, agent: recipe.agent.as_deref() }
    }
}

/// Renders a rule's template for a task.
pub fn render(
    db: &dyn salsa::Database,
    library: Library,
    slot: Slot,
    wording: Wording<'_>,
) -> Result<String, String> {
    let Some(spec) = spec_of(db, slot) else { return Err("the task is gone".to_owned()) };
    let scene = Scene {
        task: slot.task(db),
        spec,
        meta: meta_of(db, slot.plan(db)),
        plan_path: slot.plan(db).path(db),
        agent: wording.agent,
        config: library.config(db),
        item: item_scene(db, slot),
    };
    stable_part(&wording.rule.prompt, &scene)
}

fn item_scene(db: &dyn salsa::Database, slot: Slot) -> Option<ItemScene> {
    let text = slot.plan(db);
    let staging = text.staging(db).as_ref()?;
    let task = slot.task(db);
    let slug = stages::item_of(&task.plan)?;
    let cycle = StageId::of(&task.task).cycle;
    let criteria: Vec<&str> = item_of(db, text).criteria.iter().map(|it| it.id.as_str()).collect();
    Some(ItemScene {
        kind: staging.kind.name.to_string(),
        path: text.path(db).to_string(),
        slug: slug.to_owned(),
        cycle,
        plan: staging.plan_file(slug, cycle),
        design: stages::design_of(slug, cycle),
        criterion: criteria.first().map(|it| (*it).to_owned()).unwrap_or_default(),
        criteria: criteria.join(", "),
    })
}

/// The design document of a session's plan, as the task sees it.
fn plan_doc_of(
    db: &dyn salsa::Database,
    roots: Roots,
    slot: Slot,
) -> Option<(RelPath, Option<FileState>)> {
    let recipe = recipe_of(db, roots.library(db), slot).as_ref()?;
    if recipe.rule.action == ActionKind::Command {
        return None;
    }
    let path = RelPath::normalize(meta_of(db, slot.plan(db)).plan_doc.as_deref()?)?;
    let state = parts::single(db, roots, slot, &path);
    Some((path, state))
}
