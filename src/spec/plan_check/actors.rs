//! Agents and rules that tasks name, and whether the agent can do what the rule asks.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::{Index, Known, KnownAgent, KnownRule, did_you_mean, is_over, places, softened};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{AgentName, RuleName};
use crate::base::source::{Source, Span};
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
        check_validators(task, known, found);
        check_judge(task, known, found);
        if !is_over(task) {
            check_tools(task, known, found);
        }
    }
}

fn validation(source: &Source, index: &Index<'_>, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(validation) = index.plan.meta.validation.as_ref().filter(|it| it.enabled) else {
        return;
    };
    for (key, agents) in
        [("validators", &validation.validators), ("run_after", &validation.run_after)]
    {
        if agents.iter().all(|agent| !is_unknown_agent(agent, known)) {
            continue;
        }
        let places = places::validation_names(source, key);
        for (at, agent) in agents.iter().enumerate().filter(|(_, it)| is_unknown_agent(it, known)) {
            let place = places.get(at).cloned().unwrap_or_default();
            let finding = unknown_agent(agent, place, known);
            // A name that starts no validation does no harm; a validator that is missing does.
            let is_harmless = key == "run_after";
            found.push(if is_harmless { softened(finding) } else { finding });
        }
    }
}

fn is_unknown_agent(agent: &AgentName, known: &Known) -> bool {
    !known.agents.is_empty() && !known.agents.contains_key(agent)
}

fn check_agent(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    if let Some(agent) = task.spec.agent.as_ref().filter(|agent| is_unknown_agent(agent, known)) {
        let finding = unknown_agent(agent, task.spans.agent.clone().unwrap_or_default(), known);
        found.push(if is_over(task) { softened(finding) } else { finding });
    }
}

fn check_validators(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    for (at, validator) in task.spec.validators.iter().flatten().enumerate() {
        if let ValidatorKind::Agent(agent) = &validator.kind
            && is_unknown_agent(agent, known)
        {
            let place = task.spans.validators.get(at).cloned().unwrap_or_default();
            found.push(unknown_agent(agent, place, known));
        }
    }
}

fn check_judge(task: &Task, known: &Known, found: &mut Vec<Diagnostic>) {
    let Some(proposals) = &task.spec.proposals else { return };
    if is_unknown_agent(&proposals.judge, known) {
        let place = task.spans.proposals.clone().unwrap_or_default();
        found.push(unknown_agent(&proposals.judge, place, known));
    }
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
    let rules = known.rules.iter().map(|(name, rule)| (name, rule.matches.as_ref()));
    let chosen = choose_among(rules, &task.spec).rule;
    known.rules.get_key_value(&chosen)
}
