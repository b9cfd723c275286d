//! The ladder of a rule: how an attempt can end, and what is done then, step by step.

use std::collections::{BTreeMap, BTreeSet};

use strum::{EnumIter, EnumMessage};

use crate::base::diagnostic::Diagnostic;
use crate::base::measure::Millis;
use crate::base::source::Span;
use crate::spec::keys::{value_of, words};
use crate::spec::outcome::OutcomeClass;
use crate::spec::text::nearest;
use crate::spec::yaml::{Fields, Node};

use super::draft::RetryParts;

/// How often and when to try again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retry {
    /// Attempts that count.
    pub attempts: u32,
    /// Attempts that do not count, before the task is given up all the same.
    pub waits: u32,
    pub backoff_base: Millis,
    pub backoff_cap: Millis,
    /// What is not held against the task, beside what never is.
    pub uncounted: BTreeSet<OutcomeClass>,
    /// What an attempt after one that was not accepted begins with.
    pub from: Beginning,
    /// How an attempt ended -> what to do the first time, the second time, and so on; the last
    /// one stays.
    pub on: BTreeMap<OutcomeClass, Vec<RetryStep>>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            waits: 8,
            backoff_base: Millis::seconds(5),
            backoff_cap: Millis::seconds(120),
            uncounted: BTreeSet::new(),
            from: Beginning::Left,
            on: BTreeMap::new(),
        }
    }
}

impl Retry {
    /// What to do when an attempt of a task ends as `class` for the `nth` time, counted from 1. A
    /// class that no rule speaks of stops.
    pub fn step(&self, class: OutcomeClass, nth: u32) -> RetryStep {
        let steps = self.on.get(&class).map_or(&[][..], Vec::as_slice);
        let at = (nth.max(1) as usize - 1).min(steps.len().saturating_sub(1));
        steps.get(at).copied().unwrap_or(RetryStep::Stop)
    }

    /// True where an attempt that ended so is held against its task.
    pub fn counts(&self, class: OutcomeClass) -> bool {
        class.counts_as_attempt() && !self.uncounted.contains(&class)
    }
}

/// What an attempt after one that was not accepted begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum Beginning {
    /// What the attempt before left, merged onto what has landed since.
    #[default]
    Left,
    /// What has landed, and nothing else.
    Clean,
}

/// One step of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum RetryStep {
    /// A new session after the backoff.
    Fresh,
    /// A new session at once.
    Now,
    /// The same session goes on at once, told what was missing.
    Resume,
    /// A new session of the next model up.
    Escalate,
    /// A new session that thinks harder.
    Effort,
    /// Later, and then where it was.
    Wait,
    /// No session starts until somebody has seen to it.
    Hold,
    /// The task is parked until a person has answered.
    Ask,
    /// No further attempt.
    Stop,
}

/// Reads `retry`.
pub(super) fn retry_of(mut fields: Fields<'_, '_>) -> RetryParts {
    let mut retry = RetryParts {
        attempts: fields.count("attempts"),
        waits: fields.count("waits"),
        ..RetryParts::default()
    };
    if let Some(mut backoff) = fields.fields("backoff") {
        retry.base = backoff.duration("base");
        retry.cap = backoff.duration("cap");
        backoff.rest();
    }
    for (class, span) in fields.texts("uncounted") {
        retry.uncounted.extend(class_of(&fields, class, span));
    }
    retry.from = fields.choice("from");
    retry.on = ladder_of(&mut fields);
    fields.rest();
    retry
}

fn ladder_of(fields: &mut Fields<'_, '_>) -> BTreeMap<OutcomeClass, Vec<RetryStep>> {
    let Some(node) = fields.node("on") else { return BTreeMap::new() };
    let Some(mapping) = node.as_mapping() else {
        fields.problems().wrong_type("on", node, "a mapping of outcomes to steps");
        return BTreeMap::new();
    };
    let mut ladder = BTreeMap::new();
    for entry in &mapping.entries {
        let Some(class) = class_of(fields, &entry.key, entry.key_span.clone()) else { continue };
        if let Some(steps) = steps_of(fields, &entry.key, &entry.value) {
            ladder.insert(class, steps);
        }
    }
    ladder
}

/// One word, or a list of them: the first time, the second time, and so on.
fn steps_of(fields: &Fields<'_, '_>, class: &str, node: &Node<'_>) -> Option<Vec<RetryStep>> {
    let words = match node.as_sequence() {
        Some(sequence) => &sequence.items[..],
        None => std::slice::from_ref(node),
    };
    let mut steps = Vec::with_capacity(words.len());
    for word in words {
        let step = word.as_text().and_then(value_of);
        match step {
            Some(step) => steps.push(step),
            None => fields.problems().bad_value(class, word, one_of_the_steps()),
        }
    }
    if words.is_empty() {
        fields.problems().bad_value(class, node, one_of_the_steps());
    }
    (!steps.is_empty()).then_some(steps)
}

fn one_of_the_steps() -> String {
    let words: Vec<String> =
        words::<RetryStep>().iter().map(|it| format!("`{}`", it.text)).collect();
    format!("one of {}, or a list of them: the first time, then", words.join(", "))
}

fn class_of(fields: &Fields<'_, '_>, name: &str, span: Span) -> Option<OutcomeClass> {
    let class = OutcomeClass::failures().find(|it| it.as_str() == name);
    if class.is_none() {
        fields.problems().report(unknown_outcome(name, span));
    }
    class
}

fn unknown_outcome(name: &str, span: Span) -> Diagnostic {
    let names = || OutcomeClass::failures().map(OutcomeClass::as_str);
    let help = match nearest(name, names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::error("rule::unknown-outcome", format!("no attempt ends as `{name}`"))
        .label(span, "unknown outcome")
        .help(help)
}
