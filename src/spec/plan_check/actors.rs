//! Agents and rules that tasks name, and whether the agent can do what the rule asks.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::{Index, Known, KnownAgent, KnownRule, did_you_mean, is_over, places, softened};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, RuleName};
use crate::base::source::{Source, Span};
use crate::spec::builtin::ITEM_READER;
use crate::spec::plan::{Task, ValidatorKind};
use crate::spec::rule::choose_among;
use crate::spec::text::nearest;

pub(super) fn check(
    source: &Source,
    index: &Index<'_>,
    known: &Known,
    found: &mut Vec<Diagnostic>,
) {
    validation(source, index, known, found);
    for task in &index.tasks {
        check_agent(task, known, found);
        check_rule(task, known, found);
        check_agents_of_rule(task, known, found);
        check_validators(task, known, found);
        check_judge(task, known, found);
        if !is_over(task) {
            check_tools(task, known, found);
            check_item(task, index, found);
        }
    }
}

/// Its session would be paid for nothing.
fn check_item(task: &Task, index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    if index.plan.meta.source_item.is_some() {
        return;
    }
    let validators = task.spec.validators.iter().flatten();
    let reads = |kind: &ValidatorKind| matches!(kind, ValidatorKind::Agent(it) if it.as_str() == ITEM_READER);
    if let Some(at) = validators.into_iter().position(|it| reads(&it.kind)) {
        let place = task.spans.validators.get(at).cloned();
        found.push(without_item(place.unwrap_or_else(|| task.spans.id.clone())));
    }
}

fn without_item(place: Span) -> Diagnostic {
    let message = format!("`{ITEM_READER}` has no item to read");
    Diagnostic::warning("plan::no-item", message)
        .label(place, "it judges by the backlog item that the plan was made from")
        .help("name the item's file as `meta.source_item`, or let `validator` judge")
}

fn validation(source: &Source, index: &Index<'_>, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(validation) = index.plan.meta.validation.as_ref().filter(|it| it.enabled) else {
        return;
    };
    let reader = validation.validators.iter().position(|it| it.as_str() == ITEM_READER);
    let lacks_item =
        index.plan.meta.source_item.is_none() && index.tasks.iter().any(|task| !is_over(task));
    if let Some(at) = reader.filter(|_| lacks_item) {
        let places = places::validation_names(source, "validators");
        found.push(without_item(places.get(at).cloned().unwrap_or_default()));
    }
    for (key, agents) in
        [("validators", &validation.validators), ("run_after", &validation.run_after)]
    {
        if agents.iter().all(|agent| !is_lost(agent, known)) {
            continue;
        }
        let places = places::validation_names(source, key);
        for (at, agent) in agents.iter().enumerate() {
            let place = places.get(at).cloned().unwrap_or_default();
            let Some(finding) = lost_agent(agent, place, known) else { continue };
            // A name that starts no validation does no harm; a validator that is missing does.
            let is_harmless = key == "run_after";
            found.push(if is_harmless { softened(finding) } else { finding });
        }
    }
}

/// True where no session can be started with the agent.
fn is_lost(agent: &AgentName, known: &Known) -> bool {
    !known.agents.is_empty() && known.agents.get(agent).is_none_or(|it| it.doubt.is_some())
}

fn check_agent(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(agent) = &task.spec.agent else { return };
    let place = task.spans.agent.clone().unwrap_or_default();
    if let Some(finding) = lost_agent(agent, place, known) {
        found.push(if is_over(task) { softened(finding) } else { finding });
    }
}

/// Agents that the task's rule brings, where one of them is in doubt; the search for rules is spared else.
fn check_agents_of_rule(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let is_doubtful =
        |agent: &&AgentName| known.agents.get(*agent).is_some_and(|it| it.doubt.is_some());
    let agents = |rule: &'_ KnownRule| -> Option<AgentName> {
        let own =
            rule.agent.iter().filter(|_| task.spec.agent.is_none() && task.spec.run.is_none());
        own.chain(&rule.reviewers).find(is_doubtful).cloned()
    };
    if is_over(task) || known.rules.values().all(|rule| agents(rule).is_none()) {
        return;
    }
    let Some((_, rule)) = chosen_rule(task, known) else { return };
    if let Some(agent) = agents(rule) {
        let place = task.spans.rule.clone().unwrap_or_else(|| task.spans.id.clone());
        found.extend(lost_agent(&agent, place, known));
    }
}

fn check_validators(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    for (at, validator) in task.spec.validators.iter().flatten().enumerate() {
        if let ValidatorKind::Agent(agent) = &validator.kind {
            let place = task.spans.validators.get(at).cloned().unwrap_or_default();
            found.extend(lost_agent(agent, place, known));
        }
    }
}

fn check_judge(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(proposals) = &task.spec.proposals else { return };
    let place = task.spans.proposals.clone().unwrap_or_default();
    found.extend(lost_agent(&proposals.judge, place, known));
}

/// What is said where an agent is named with which no session can be started.
fn lost_agent(agent: &AgentName, place: Span, known: &Known) -> Option<Diagnostic> {
    if !is_lost(agent, known) {
        return None;
    }
    let doubt = known.agents.get(agent).and_then(|it| it.doubt.as_ref());
    Some(match doubt {
        Some(doubt) => unclear_agent(agent, place, doubt),
        None => unknown_agent(agent, place, known),
    })
}

fn unclear_agent(agent: &AgentName, place: Span, doubt: &str) -> Diagnostic {
    Diagnostic::error("plan::unclear-agent", format!("the agent `{agent}` cannot be told: {doubt}"))
        .label(place, "this task needs it")
        .help("`orch check` shows the place in the agent's file; mend it, or name another agent")
}

fn unknown_agent(agent: &AgentName, place: Span, known: &Known) -> Diagnostic {
    Diagnostic::error("plan::unknown-agent", format!("there is no agent `{agent}`"))
        .label(place, "no file of this name")
        .help(did_you_mean(
            nearest_of(agent.as_str(), &known.agents),
            &format!("`orch new agent {agent}` starts one"),
        ))
}

fn nearest_of<'k, K: Borrow<str> + Ord, V>(
    name: &str,
    known: &'k BTreeMap<K, V>,
) -> Option<&'k str> {
    nearest(name, known.keys().map(|key| key.borrow()))
}

fn check_rule(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(name) = &task.spec.rule else { return };
    let place = task.spans.rule.clone().unwrap_or_default();
    match known.rules.get(name) {
        None if known.rules.is_empty() => {}
        None => {
            let guess = nearest_of(name.as_str(), &known.rules);
            let finding =
                Diagnostic::error("plan::unknown-rule", format!("there is no rule `{name}`"))
                    .label(place, "no file of this name")
                    .help(did_you_mean(guess, &format!("`orch new rule {name}` starts one")));
            found.push(if is_over(task) { softened(finding) } else { finding });
        }
        Some(rule) if rule.needs_run && task.spec.run.is_none() => {
            let message = format!("`{}` is a command task without a command", task.id);
            found.push(
                Diagnostic::error("plan::no-command", message)
                    .label(place, "this rule runs what the task says")
                    .help("say what to run: `run: [cargo, test]`"),
            );
        }
        Some(_) => {}
    }
}

/// A session whose agent lacks a tool that its rule cannot do without.
fn check_tools(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    if task.spec.run.is_some() {
        return;
    }
    let Some(name) = &task.spec.agent else { return };
    let Some(agent) = known.agents.get(name).filter(|it| !it.is_unbound && !it.tools.is_empty())
    else {
        return;
    };
    let Some((rule_name, rule)) = rule_of(task, agent, known) else { return };
    let missing: Vec<&str> =
        rule.needs_tools.iter().map(String::as_str).filter(|tool| !has_tool(agent, tool)).collect();
    let lacks = match &missing[..] {
        [] if rule.writes && !agent.can_write => "no tool that writes files".to_owned(),
        [] => return,
        tools => format!("no `{}`", tools.join("`, `")),
    };
    let message = format!("`{}` cannot be done by `{name}`", task.id);
    found.push(
        Diagnostic::warning("plan::agent-lacks-tools", message)
            .label(task.spans.agent.clone().unwrap_or_default(), format!("this agent has {lacks}"))
            .help(format!(
                "the rule `{rule_name}` needs it: name another agent or `rule`, or add the tool to the agent"
            )),
    );
}

fn has_tool(agent: &KnownAgent, tool: &str) -> bool {
    agent.tools.iter().any(|own| own.split('(').next().map(str::trim) == Some(tool))
}

/// The rule that takes the task, chosen as a build chooses it. Agents that can write and need no tools spare the search.
fn rule_of<'k>(
    task: &Task,
    known_agent: &KnownAgent,
    known: &'k Known,
) -> Option<(&'k RuleName, &'k KnownRule)> {
    if let Some(name) = &task.spec.rule {
        return known.rules.get_key_value(name);
    }
    let is_demanding = |rule: &KnownRule| {
        rule.writes && !known_agent.can_write
            || rule.needs_tools.iter().any(|tool| !has_tool(known_agent, tool))
    };
    if !known.rules.values().any(is_demanding) {
        return None;
    }
    chosen_rule(task, known)
}

/// The rule that takes the task, where it is known.
pub(super) fn chosen_rule<'k>(
    task: &Task,
    known: &'k Known,
) -> Option<(&'k RuleName, &'k KnownRule)> {
    if let Some(name) = &task.spec.rule {
        return known.rules.get_key_value(name);
    }
    let rules = known.rules.iter().map(|(name, rule)| (name, rule.matches.as_ref()));
    let chosen = choose_among(rules, &task.spec).rule;
    known.rules.get_key_value(&chosen)
}
