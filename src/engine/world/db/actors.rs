//! Which agents there are, and what plans may name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::name::{AgentName, PlanName, RelPath, TaskId, TaskRef};
use crate::engine::world::prompt::{Scene, stable_part};
use crate::spec::config::Config;
use crate::spec::plan::{Meta, TaskSpec};
use crate::spec::plan_check::Known;
use crate::spec::rule::{ActionKind, NOTIFY, Rule};

use super::{AgentText, Library, agent_of, rules_of};

/// Agents by name; a later file of the same name replaces an earlier one. What cannot be told of is
/// left out, and no other file takes its place.
#[salsa::tracked]
pub fn agents_of(db: &dyn salsa::Database, library: Library) -> BTreeMap<AgentName, AgentText> {
    let texts = library.agents(db).iter();
    let mut agents: BTreeMap<AgentName, AgentText> =
        texts.map(|text| (agent_of(db, *text).value.name.clone(), *text)).collect();
    let unread = library.unread_agents(db);
    agents.retain(|name, text| {
        agent_of(db, *text).value.doubt.is_none() && !unread.contains_key(name)
    });
    agents
}

/// What plans may name.
#[salsa::tracked]
pub fn known_of(db: &dyn salsa::Database, library: Library) -> Known {
    let agents = library.agents(db).iter().map(|it| &*agent_of(db, *it).value);
    let rules = &rules_of(db, library).value;
    let mut known = Known::of(agents, rules.values().map(Arc::as_ref));
    known.models = library.config(db).models.clone();
    for (name, rule) in rules {
        if let Some(known) = known.rules.get_mut(name) {
            known.flaw = flaw_of(rule, library.config(db));
        }
    }
    for (name, why) in library.unread_agents(db) {
        known.agents.entry(name.clone()).or_default().doubt = Some(why.clone());
    }
    known
}

/// Why a rule's prompt can be made for no task of a plan: tried on one that has everything. What may
/// hang on the words of a task is left to its own prompt.
fn flaw_of(rule: &Rule, config: &Config) -> Option<String> {
    if rule.notify.is_some() || rule.name.as_str() == NOTIFY {
        return Some("it tells people of a build, and does no task".to_owned());
    }
    if rule.action == ActionKind::Command || rule.prompt.is_empty() {
        return None;
    }
    let task = TaskRef { plan: PlanName::new("plan"), task: TaskId::new("1") };
    let text = Some("text".to_owned());
    let (name, description) = ("text".to_owned(), "text".to_owned());
    let spec = TaskSpec { name, description, ..TaskSpec::default() };
    let meta = Meta { plan_doc: text.clone(), source_item: text, ..Meta::default() };
    let scene = Scene {
        task: &task,
        spec: &spec,
        meta: &meta,
        plan_path: &RelPath::new("plan.yaml")?,
        agent: None,
        config,
        item: None,
    };
    let wrong = stable_part(&rule.prompt, &scene).err()?;
    (rule.prompt.contains("item.") || wrong.starts_with("unknown ")).then_some(wrong)
}
