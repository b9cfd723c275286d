//! Ids, empty sections, lonely groups, outputs that two tasks claim.

use std::collections::BTreeMap;

use super::{Index, is_over, places};
use crate::base::diagnostic::Diagnostic;
use crate::base::source::{Source, Span};
use crate::spec::plan::{Order, Task};

pub(super) fn check(source: &Source, index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    repeated_tasks(index, found);
    repeated_sections(source, index, found);
    empty_sections(source, index, found);
    lonely_groups(index, found);
    shared_outputs(index, found);
}

fn repeated_tasks(index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    for (at, task) in index.tasks.iter().enumerate() {
        let first = index.by_id.get(task.id.as_str()).copied().unwrap_or(at);
        if first != at {
            found.push(
                Diagnostic::error(
                    "plan::duplicate-id",
                    format!("two tasks have the id `{}`", task.id),
                )
                .label(task.spans.id.clone(), "used again here")
                .label(index.tasks[first].spans.id.clone(), "first used here")
                .help("give one of them another id, and look at who depends on it"),
            );
        }
    }
}

fn repeated_sections(source: &Source, index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places: Option<Vec<Span>> = None;
    for (at, section) in index.plan.sections.iter().enumerate() {
        let first = *first_of.entry(section.id.as_str()).or_insert(at);
        if first == at || section.id.as_str().is_empty() {
            continue;
        }
        let places = places.get_or_insert_with(|| places::section_ids(source));
        let place = |at: usize| places.get(at).cloned().unwrap_or_default();
        let message = format!("two sections have the id `{}`", section.id);
        found.push(
            Diagnostic::warning("plan::duplicate-section-id", message)
                .label(place(at), "used again here")
                .label(place(first), "first used here")
                .help("give one of them another id, or its status cannot be kept up"),
        );
    }
}

fn empty_sections(source: &Source, index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    let sections = &index.plan.sections;
    if sections.iter().all(|section| !section.tasks.is_empty()) {
        return;
    }
    let places = places::section_ids(source);
    for (at, section) in sections.iter().enumerate().filter(|(_, it)| it.tasks.is_empty()) {
        let place = places.get(at).cloned().unwrap_or_default();
        found.push(
            Diagnostic::warning(
                "plan::empty-section",
                format!("section `{}` has no tasks", section.id),
            )
            .label(place, "nothing to do here")
            .help("add `tasks`, or take the section out"),
        );
    }
}

fn lonely_groups(index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    let mut groups: BTreeMap<&str, (usize, &Task)> = BTreeMap::new();
    for task in &index.tasks {
        if let Some(group) = &task.spec.parallel_group {
            groups.entry(group).or_insert((0, task)).0 += 1;
        }
    }
    for (group, (_, task)) in groups.into_iter().filter(|(_, (count, _))| *count == 1) {
        let place = task.spans.parallel_group.clone().unwrap_or_default();
        let message = format!("`{}` is alone in the parallel group `{group}`", task.id);
        found.push(
            Diagnostic::advice("plan::lonely-group", message)
                .label(place, "no other task is in this group")
                .help("tasks of one group may run side by side; check the spelling, or drop it"),
        );
    }
}

/// Two tasks that claim the same pattern, neither of which waits for the other.
fn shared_outputs(index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    let mut last_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut search = Search::new(index);
    for (at, task) in index.tasks.iter().enumerate() {
        let patterns =
            task.spec.outputs.patterns.iter().filter(|pattern| !pattern.starts_with('!'));
        for pattern in patterns {
            let Some(earlier) = last_of.insert(pattern, at).filter(|&earlier| earlier != at) else {
                continue;
            };
            let other = index.tasks[earlier];
            if is_over(task) || is_over(other) || search.is_ordered(earlier, at) {
                continue;
            }
            found.push(shared_output(pattern, other, task));
            break;
        }
    }
}

fn shared_output(pattern: &str, first: &Task, second: &Task) -> Diagnostic {
    let message = format!("`{}` and `{}` both write `{pattern}`", first.id, second.id);
    let place = |task: &Task| task.spans.outputs.clone().unwrap_or_default();
    Diagnostic::warning("plan::shared-output", message)
        .label(place(second), "claimed again here")
        .label(place(first), "first claimed here")
        .help(format!("let `{}` wait for `{}` (`depends_on`)", second.id, first.id))
}

/// Looks for a path of dependencies. All searches together visit a bounded number of tasks; beyond
/// that, tasks count as ordered, so that nothing is claimed that was not looked at.
struct Search<'i, 'p> {
    index: &'i Index<'p>,
    /// The last search that came by each task.
    seen: Vec<usize>,
    searches: usize,
    budget: usize,
}

impl<'i, 'p> Search<'i, 'p> {
    fn new(index: &'i Index<'p>) -> Self {
        let budget = 100_000 + 4 * index.tasks.len();
        Self { index, seen: vec![0; index.tasks.len()], searches: 0, budget }
    }

    fn is_ordered(&mut self, first: usize, second: usize) -> bool {
        self.waits(second, first) || self.waits(first, second)
    }

    fn waits(&mut self, from: usize, goal: usize) -> bool {
        self.searches += 1;
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if self.budget == 0 || at == goal && from != goal {
                return true;
            }
            if std::mem::replace(&mut self.seen[at], self.searches) == self.searches {
                continue;
            }
            self.budget -= 1;
            let task = self.index.tasks[at];
            if task.spec.depends_on.is_empty() && self.waits_by_place(at, goal) {
                return true;
            }
            let next = task.spec.depends_on.iter();
            open.extend(
                next.filter_map(|it| self.index.by_id.get(self.index.own_id(it)?).copied()),
            );
        }
        false
    }

    /// A task without dependencies waits for all before it but its own group.
    fn waits_by_place(&self, at: usize, goal: usize) -> bool {
        let group = |at: usize| self.index.tasks[at].spec.parallel_group.as_deref();
        self.index.plan.meta.order == Order::File
            && goal < at
            && (group(at).is_none() || group(at) != group(goal))
    }
}
