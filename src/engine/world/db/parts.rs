//! Parts of recipes and actions, who judges proposals and the variables that are listed; and what is
//! kept of plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::file::FileState;
use crate::base::name::{EnvName, OutputDigest, RelPath};
use crate::engine::world::beside::{Beside, behind, links_met};
use crate::spec::agent::Agent;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{Compiled, Dependency, TaskSpec};
use crate::spec::rule::{ActionKind, Rule, proposals_of};

use super::{
    FileEntry, Library, PlanText, Recipe, Roots, Slot, agent_of, agents_of, findings_of, known_of,
    meta_of, plan_of, recipe_of, seen_by,
};

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

/// Outputs of the real dependencies, by id, its own plan's first; `None` while one has none.
pub(super) fn outputs_of_needs(
    db: &dyn salsa::Database,
    slot: Slot,
) -> Option<Vec<(Dependency, OutputDigest)>> {
    let mut outputs = Vec::with_capacity(slot.needs(db).len());
    for need in slot.needs(db).iter() {
        let name = Dependency::from_within(&slot.task(db).plan, need.task(db));
        outputs.push((name, need.output(db)?));
    }
    outputs.sort_by(|a, b| a.0.cmp(&b.0));
    Some(outputs)
}

/// Files of a task's key that nobody declared, as the task sees them.
#[salsa::tracked]
pub fn beside_of(db: &dyn salsa::Database, roots: Roots, slot: Slot) -> Beside {
    let mut beside = Beside::default();
    let Some(recipe) = recipe_of(db, roots.library(db), slot) else { return beside };
    let links = roots.files(db).links(db);
    if recipe.scripts.is_empty() && links.is_empty() {
        return beside;
    }
    let scripts: BTreeMap<_, _> = listed(db, roots, &recipe.scripts)
        .map(|file| (file.path(db).clone(), seen_by(db, roots, file, slot)))
        .collect();
    let named = recipe.scripts.literal_paths().into_iter();
    beside.scripts = named.map(|it| (it.clone(), scripts.get(&it).copied().flatten())).collect();
    let (mut met, mut linked) = (BTreeMap::new(), BTreeMap::new());
    for set in [&recipe.spec.inputs, &recipe.rule.inputs.declared, &recipe.scripts] {
        met.extend(links_met(set, links));
        for file in listed(db, roots, &behind(set, links)) {
            // What came about behind the task's back is not there for it, as among inputs.
            if let Some(state) = seen_by(db, roots, file, slot) {
                linked.insert(file.path(db).clone(), Some(state));
            }
        }
    }
    if recipe.rule.action == ActionKind::Session
        && let Some(document) = meta_of(db, slot.plan(db)).plan_doc.as_deref()
        && let Some((link, target)) =
            RelPath::normalize(document).and_then(|it| links.get_key_value(&it))
    {
        met.insert(link, target);
        linked.insert(target.clone(), single(db, roots, slot, target));
    }
    beside.links = met.into_iter().map(|(link, to)| (link.clone(), to.clone())).collect();
    beside.linked = linked.into_iter().collect();
    beside
}

fn listed<'db>(
    db: &'db dyn salsa::Database,
    roots: Roots,
    set: &GlobSet,
) -> impl Iterator<Item = FileEntry> + 'db {
    let listing = roots.files(db).listings(db).get(set);
    listing.into_iter().flat_map(|it| it.files(db).iter().copied())
}

/// A file that keys read by its name.
pub(super) fn single(
    db: &dyn salsa::Database,
    roots: Roots,
    slot: Slot,
    path: &RelPath,
) -> Option<FileState> {
    let file = roots.files(db).singles(db).get(path)?;
    seen_by(db, roots, *file, slot)
}

/// A plan to be kept for the next run; `None` where there is anything to say about it.
pub fn compiled_of(db: &dyn salsa::Database, library: Library, text: PlanText) -> Option<Compiled> {
    let parsed = plan_of(db, text);
    let is_clean = text.staging(db).is_none()
        && parsed.diagnostics.is_empty()
        && findings_of(db, library, text).is_empty();
    let clean_for = known_of(db, library).digest();
    is_clean.then(|| Compiled { plan: Arc::clone(&parsed.value), clean_for })
}
