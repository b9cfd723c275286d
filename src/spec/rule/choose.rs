//! Which rule builds a task, and which agent does it.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use crate::base::name::{AgentName, RuleName};
use crate::spec::plan::{Proposals, TaskSpec};

use super::{ActionKind, Match, Rule};

/// The rule of a task with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// May be a name that no rule has, where the task says so.
    pub rule: RuleName,
    pub why: Why,
}

/// Why a rule was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The task names it.
    Named,
    /// The task has a `run`.
    Run,
    /// The rule takes the tasks of this agent.
    Agent(AgentName),
    /// The task's name begins with this phrase.
    Phrase(String),
    /// Nothing else wanted it.
    Default,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("the task names it"),
            Self::Run => f.write_str("the task has a `run`"),
            Self::Agent(agent) => write!(f, "it takes the tasks of agent `{agent}`"),
            Self::Phrase(phrase) => write!(f, "its name begins with \"{phrase}\""),
            Self::Default => f.write_str("it is the default"),
        }
    }
}

/// The rule of a task: the one it names, else by `run`, agent, phrases; `implement` where nothing fits.
///
/// A phrase counts only where the task's name begins with it: "add tests that verify the parser" is no
/// verification, and "checkout page" no check. Words like "final", "run the" or "phase 2" may stand
/// before it. Descriptions do not choose: those of coding tasks often open with "review the code".
pub fn choose<R: Borrow<Rule>>(rules: &BTreeMap<RuleName, R>, spec: &TaskSpec) -> Chosen {
    choose_among(
        rules.values().map(Borrow::borrow).map(|it: &Rule| (&it.name, it.matches.as_ref())),
        spec,
    )
}

/// As `choose`, of rules of which only the name and the match are known.
pub fn choose_among<'r>(
    rules: impl Iterator<Item = (&'r RuleName, Option<&'r Match>)>,
    spec: &TaskSpec,
) -> Chosen {
    if let Some(rule) = &spec.rule {
        return Chosen { rule: rule.clone(), why: Why::Named };
    }
    if spec.run.is_some() {
        return Chosen { rule: RuleName::new("command"), why: Why::Run };
    }
    let by_priority = by_priority(rules);
    if let Some(agent) = &spec.agent {
        let taker = by_priority.iter().find(|(_, matches)| matches.agents.contains(agent));
        if let Some((rule, _)) = taker {
            return Chosen { rule: (*rule).clone(), why: Why::Agent(agent.clone()) };
        }
    }
    by_phrase(&by_priority, &spec.name)
        .unwrap_or_else(|| Chosen { rule: RuleName::new("implement"), why: Why::Default })
}

/// Who does the task: its own agent, else the rule's.
pub fn agent_of<'a>(rule: &'a Rule, spec: &'a TaskSpec) -> Option<&'a AgentName> {
    spec.agent.as_ref().or(rule.agent.as_ref())
}

/// The competition that a task is built by: its own, else the rule's; `None` where one session does it.
pub fn proposals_of<'a>(rule: &'a Rule, spec: &'a TaskSpec) -> Option<&'a Proposals> {
    let proposals = spec.proposals.as_ref().or(rule.proposals.as_ref());
    proposals.filter(|it| it.count > 1 && rule.action == ActionKind::Session)
}

/// Rules that want tasks, the highest priority first, equals by name.
fn by_priority<'r>(
    rules: impl Iterator<Item = (&'r RuleName, Option<&'r Match>)>,
) -> Vec<(&'r RuleName, &'r Match)> {
    let mut wanting: Vec<_> = rules.filter_map(|(rule, matches)| Some((rule, matches?))).collect();
    wanting.sort_by_key(|(_, matches)| std::cmp::Reverse(matches.priority));
    wanting
}

fn by_phrase(rules: &[(&RuleName, &Match)], name: &str) -> Option<Chosen> {
    let opening: Vec<String> = words(name).collect();
    rules.iter().find_map(|(rule, matches)| {
        let phrase = matches.phrases.iter().find(|phrase| begins_with(&opening, phrase))?;
        Some(Chosen { rule: (*rule).clone(), why: Why::Phrase(phrase.clone()) })
    })
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn begins_with(opening: &[String], phrase: &str) -> bool {
    let phrase: Vec<String> = words(phrase).collect();
    let fillers = opening.iter().take_while(|word| is_filler(word)).count();
    !phrase.is_empty() && (0..=fillers).any(|at| opening[at..].starts_with(&phrase))
}

fn is_filler(word: &str) -> bool {
    const FILLERS: &[&str] = &[
        "a",
        "an",
        "the",
        "do",
        "run",
        "perform",
        "conduct",
        "carry",
        "out",
        "final",
        "full",
        "independent",
        "first",
        "second",
        "last",
        "phase",
        "step",
        "task",
        "part",
    ];
    FILLERS.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())
}
