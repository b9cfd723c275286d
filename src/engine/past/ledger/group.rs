//! Entries summed up by what one wants to know.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::measure::Usd;
use crate::base::name::TaskRef;
use crate::engine::stream::Tokens;
use crate::spec::item::stages::{item_behind, item_of};

use super::{Fate, LedgerEntry};
use crate::engine::record::Basis;

/// What entries are put together by.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
#[strum(serialize_all = "lowercase")]
pub enum By {
    #[default]
    Task,
    Section,
    Plan,
    /// Backlog items, each with the plans that were made of it.
    Item,
    Model,
    Agent,
    /// Each session alone.
    Attempt,
    Run,
    /// Days of UTC.
    Day,
}

/// What some entries add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub cost_usd: Usd,
    pub sessions: u32,
    /// What went into attempts that brought no result, or one that was not accepted.
    pub failed_usd: Usd,
    pub validation_usd: Usd,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_creation_tokens: u64,
    /// How many were cut short, so that a part of their cost is estimated.
    pub estimated: u32,
    /// How many left nothing to tell their cost by: they count as zero, and were not.
    pub unknown: u32,
    /// How many ran on a subscription.
    pub subscription: u32,
}

impl Sum {
    /// Input that came from the cache, of all input, from 0 to 1; `None` without input.
    pub fn cache_share(&self) -> Option<f64> {
        let all = self.cache_read_tokens.saturating_add(self.input_tokens);
        (all > 0).then(|| self.cache_read_tokens as f64 / all as f64)
    }

    fn add(&mut self, entry: &LedgerEntry, share: Share) {
        let Share { cost, tokens } = share;
        self.cost_usd += cost;
        self.sessions += 1;
        match entry.fate {
            Fate::Failed | Fate::NotAccepted => self.failed_usd += cost,
            Fate::Validation => self.validation_usd += cost,
            Fate::Accepted => {}
        }
        self.input_tokens = self.input_tokens.saturating_add(tokens.input);
        self.output_tokens = self.output_tokens.saturating_add(tokens.output);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(tokens.cache_read);
        self.cache_creation_tokens =
            self.cache_creation_tokens.saturating_add(tokens.cache_creation);
        self.estimated += u32::from(entry.spend.basis == Basis::Estimated);
        self.unknown += u32::from(entry.spend.basis == Basis::Unknown);
        self.subscription += u32::from(entry.spend.is_subscription);
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    pub name: String,
    #[serde(flatten)]
    pub sum: Sum,
}

/// Everything together.
pub fn sum_of<'a>(entries: impl IntoIterator<Item = &'a LedgerEntry>) -> Sum {
    let mut sum = Sum::default();
    for entry in entries {
        sum.add(entry, Share::whole(entry));
    }
    sum
}

/// Groups: sessions, runs and days in their order, everything else the dearest first. `section_of` knows the
/// sections of tasks that are still in a plan.
pub fn group(
    entries: &[LedgerEntry],
    by: By,
    section_of: &dyn Fn(&TaskRef) -> Option<String>,
) -> Vec<Group> {
    let items: BTreeSet<&str> = entries.iter().filter_map(|it| item_of(&it.task.plan)).collect();
    let item = |task: &TaskRef| {
        let known = item_behind(&task.plan);
        items.contains(known).then(|| known.to_owned())
    };
    let named = Named { section_of, item_of: &item };
    let mut sums: BTreeMap<(usize, String), Sum> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        for (name, share) in shares(entry, by, named) {
            let place = match by {
                By::Attempt => place,
                By::Run => entry.run as usize,
                _ => 0,
            };
            sums.entry((place, name)).or_default().add(entry, share);
        }
    }
    let mut groups: Vec<Group> =
        sums.into_iter().map(|((_, name), sum)| Group { name, sum }).collect();
    if !matches!(by, By::Attempt | By::Run | By::Day) {
        groups.sort_by_key(|group| std::cmp::Reverse(group.sum.cost_usd));
    }
    groups
}

/// What of an entry goes to one of the names that it is put under.
#[derive(Clone, Copy)]
struct Share {
    cost: Usd,
    tokens: Tokens,
}

impl Share {
    fn whole(entry: &LedgerEntry) -> Self {
        Self { cost: entry.cost, tokens: entry.spend.tokens }
    }
}

/// What is known of a task beside its entries.
#[derive(Clone, Copy)]
struct Named<'a> {
    section_of: &'a dyn Fn(&TaskRef) -> Option<String>,
    item_of: &'a dyn Fn(&TaskRef) -> Option<String>,
}

fn shares(entry: &LedgerEntry, by: By, named: Named<'_>) -> Vec<(String, Share)> {
    let task = &entry.task;
    let name = match by {
        By::Model => return shares_by_model(entry),
        By::Task => task.to_string(),
        By::Plan => task.plan.to_string(),
        By::Item => (named.item_of)(task).unwrap_or_else(|| "no item".to_owned()),
        By::Section => match (named.section_of)(task) {
            Some(section) => format!("{}: {section}", task.plan),
            None => format!("{}: in no plan any more", task.plan),
        },
        By::Agent => match (&entry.spend.agent, &entry.validator) {
            (Some(agent), _) => agent.to_string(),
            (None, Some(validator)) => validator.to_string(),
            (None, None) => "not known".to_owned(),
        },
        By::Attempt => attempt_name(entry),
        By::Run => format!("{} {}", entry.run, entry.run_started),
        By::Day => entry.at.to_string().chars().take("2026-01-31".len()).collect(),
    };
    vec![(name, Share::whole(entry))]
}

fn attempt_name(entry: &LedgerEntry) -> String {
    let (task, outcome) = (&entry.task, entry.outcome.as_str());
    match &entry.validator {
        Some(validator) => format!("{task} #{} {validator}: {}", entry.number, outcome),
        None => format!("{task} #{}: {}", entry.number, outcome),
    }
}

/// The shares add up to the entry, whatever was told of them.
fn shares_by_model(entry: &LedgerEntry) -> Vec<(String, Share)> {
    let known = entry.model.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string);
    let models = &entry.spend.models;
    let sum: Usd = models.iter().map(|it| it.cost).sum();
    if models.is_empty() || sum != entry.cost {
        return vec![(known, Share::whole(entry))];
    }
    models
        .iter()
        .map(|it| (it.model.to_string(), Share { cost: it.cost, tokens: it.tokens }))
        .collect()
}
