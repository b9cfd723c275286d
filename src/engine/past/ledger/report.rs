//! The usage report of the original: the same keys, for tools that read it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::measure::{Moment, Usd};
use crate::base::name::{PlanName, TaskId};
use crate::spec::plan::Plan;

use super::group::{Sum, sum_of};
use super::{Fate, LedgerEntry};

/// Characters of a plan's title that its file's name has.
const NAME_LIMIT: usize = 50;

/// `<title>-usage-report.json`: lower case, `-` for blanks and for what no file name should hold. With a
/// plan its name stands behind the title, which is another's, too.
pub fn file_name(title: &str, plan: Option<&PlanName>) -> String {
    let plain = |char: char| match char {
        _ if char.is_whitespace() || char.is_control() => '-',
        '/' | '\\' | ':' => '-',
        _ => char,
    };
    let name: String = title.to_lowercase().chars().map(plain).take(NAME_LIMIT).collect();
    let name = match name.trim_start_matches('.') {
        "" => "unknown",
        name => name,
    };
    let plan = plan.map_or(String::new(), |plan| format!("-{plan}"));
    format!("{name}{plan}-usage-report.json")
}

/// What was spent, on whatever.
#[derive(Clone, Copy, Debug)]
pub struct Spent<'a> {
    /// By one run.
    pub run: &'a [LedgerEntry],
    /// By all runs until then, that one included.
    pub ever: &'a [LedgerEntry],
}

/// What one run spent on a plan, and all runs until then: `None` where it spent nothing. `path` is the
/// plan's file.
pub fn usage_report(plan: &Plan, path: &str, spent: Spent<'_>, completed: Moment) -> Option<Value> {
    let of_plan = |all: &'_ [LedgerEntry]| -> Vec<LedgerEntry> {
        all.iter().filter(|it| it.task.plan == plan.name).cloned().collect()
    };
    let (own, ever) = (of_plan(spent.run), of_plan(spent.ever));
    if own.is_empty() {
        return None;
    }
    let own: Vec<&LedgerEntry> = own.iter().collect();
    let mut by_task: BTreeMap<&TaskId, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in &own {
        by_task.entry(&entry.task.task).or_default().push(entry);
    }
    let sections = plan.sections.iter().filter_map(|section| {
        let of = section.tasks.iter().filter_map(|task| by_task.get(&task.id));
        let sums: Vec<Sum> = of.map(|entries| sum_of(entries.iter().copied())).collect();
        let cost: Usd = sums.iter().map(|it| it.cost_usd).sum();
        (!sums.is_empty()).then(|| {
            json!({"id": section.id, "name": section.name, "cost_usd": cost,
                "task_count": sums.len()})
        })
    });
    let tasks = by_task.iter().map(|(id, entries)| {
        let mut usage = usage_of(entries);
        usage["id"] = json!(id);
        usage["model"] = json!(model_of(entries));
        usage
    });
    let total_of = |entries: &[&LedgerEntry]| {
        let mut total = usage_of(entries);
        let share = sum_of(entries.iter().copied()).cache_share();
        total["cache_hit_rate"] = json!(share.unwrap_or(0.0));
        total
    };
    Some(json!({
        "plan_name": plan.meta.title.as_deref().unwrap_or(plan.name.as_str()),
        "plan_path": path,
        "completed_at": iso(completed),
        "total": total_of(&own),
        "running_total": total_of(&ever.iter().collect::<Vec<_>>()),
        "sections": sections.collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
    }))
}

fn usage_of(entries: &[&LedgerEntry]) -> Value {
    let sum = sum_of(entries.iter().copied());
    let turns: u32 = entries.iter().map(|it| it.spend.turns).sum();
    let api: u64 = entries.iter().map(|it| it.spend.api.0).sum();
    json!({
        "cost_usd": sum.cost_usd,
        "input_tokens": sum.input_tokens,
        "output_tokens": sum.output_tokens,
        "cache_read_tokens": sum.cache_read_tokens,
        "cache_creation_tokens": sum.cache_creation_tokens,
        "num_turns": turns,
        "duration_api_ms": api,
    })
}

/// The model of the task's own last session.
fn model_of(entries: &[&LedgerEntry]) -> String {
    let own = entries.iter().rev().find(|it| it.fate != Fate::Validation);
    own.and_then(|it| it.model.as_ref()).map(ToString::to_string).unwrap_or_default()
}

/// `2026-01-15T15:04:05`, UTC.
pub(super) fn iso(at: Moment) -> String {
    let shown = at.to_string();
    let minutes = shown.trim_end_matches(" UTC").replace(' ', "T");
    format!("{minutes}:{:02}", at.0 / 1000 % 60)
}
