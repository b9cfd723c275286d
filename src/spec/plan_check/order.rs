//! Dependencies: unknown ones, cycles, and what can never run because of them.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Index, did_you_mean, is_over, softened};
use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::plan::{Status, Task};
use crate::spec::text::nearest;

/// Looking for the nearest name costs the whole plan each time, so only the first get one.
const MAX_GUESSES: usize = 20;

/// A dependency that is written: the task that waits, and which of its entries.
#[derive(Clone, Copy)]
struct Edge {
    from: usize,
    entry: usize,
    to: usize,
}

pub(super) fn check(index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    let mut blocked = vec![false; index.tasks.len()];
    let graph = graph_of(index, &mut blocked, found);
    for group in cycles_of(&graph) {
        found.push(cycle(index, &graph, &group));
        for &at in &group {
            blocked[at] = true;
        }
    }
    unreachable(index, &graph, &blocked, found);
    suspended(index, &graph, found);
}

fn span_of(task: &Task, entry: usize) -> Span {
    task.spans.depends_on.get(entry).cloned().unwrap_or_else(|| task.spans.id.clone())
}

/// Dependencies of each task. A task with an unknown one is blocked.
fn graph_of(
    index: &Index<'_>,
    blocked: &mut [bool],
    found: &mut Vec<Diagnostic>,
) -> Vec<Vec<Edge>> {
    let mut guesses = 0;
    let mut graph = Vec::with_capacity(index.tasks.len());
    for (from, task) in index.tasks.iter().enumerate() {
        let mut edges = Vec::with_capacity(task.spec.depends_on.len());
        for (entry, dependency) in task.spec.depends_on.iter().enumerate() {
            if index.is_on_all(dependency) {
                edges.extend((0..index.tasks.len()).map(|to| Edge { from, entry, to }));
            }
            // What is in other plans, all plans together tell.
            let Some(id) = index.own_id(dependency) else { continue };
            match index.by_id.get(id) {
                Some(&to) => edges.push(Edge { from, entry, to }),
                None => {
                    guesses += 1;
                    blocked[from] = !is_over(task);
                    let span = span_of(task, entry);
                    let finding = unknown(index, (task, span), id, guesses <= MAX_GUESSES);
                    found.push(if is_over(task) { softened(finding) } else { finding });
                }
            }
        }
        graph.push(edges);
    }
    graph
}

fn unknown(
    index: &Index<'_>,
    (task, span): (&Task, Span),
    id: &str,
    may_guess: bool,
) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("plan::unknown-dependency", format!("no task has the id `{id}`"))
            .label(span, format!("`{}` waits for it", task.id));
    if index.plan.sections.iter().any(|section| section.id.as_str() == id) {
        return diagnostic.help("this is a section: name the tasks of it that have to be done");
    }
    let others = index.by_id.keys().copied().filter(|other| *other != task.id.as_str());
    let guess = may_guess.then(|| nearest(id, others)).flatten();
    let diagnostic = match guess.and_then(|guess| index.by_id.get(guess)) {
        Some(&at) => {
            diagnostic.label(index.tasks[at].spans.id.clone(), "this one has a similar id")
        }
        None => diagnostic,
    };
    diagnostic.help(did_you_mean(guess, "correct the id, or take the dependency out"))
}

/// Groups of tasks that wait for each other, those without a cycle left out. Kosaraju's way needs no
/// recursion: plans are deeper than a stack.
fn cycles_of(graph: &[Vec<Edge>]) -> Vec<Vec<usize>> {
    let mut waits: DiGraph<(), (), usize> = DiGraph::default();
    waits.extend_with_edges(graph.iter().flatten().map(|edge| (edge.from, edge.to)));
    let groups = kosaraju_scc(&waits).into_iter().map(|group| {
        let mut group: Vec<usize> = group.into_iter().map(NodeIndex::index).collect();
        group.sort_unstable();
        group
    });
    let is_cycle = |group: &Vec<usize>| {
        group.len() > 1 || graph[group[0]].iter().any(|edge| edge.to == group[0])
    };
    groups.filter(is_cycle).collect()
}

/// One cycle of the group, from its first task in the file, every edge of it labelled.
fn cycle(index: &Index<'_>, graph: &[Vec<Edge>], group: &[usize]) -> Diagnostic {
    let edges = shortest_cycle(graph, group);
    let name = |at: usize| index.tasks[at].id.as_str();
    let message = match edges[..] {
        [edge] if edge.from == edge.to => format!("`{}` waits for itself", name(edge.from)),
        _ => {
            let mut shown: Vec<String> =
                edges.iter().take(8).map(|edge| format!("`{}`", name(edge.from))).collect();
            let more = edges.len() - shown.len();
            if more > 0 {
                shown.push(format!("{more} more"));
            }
            format!("tasks wait for each other: {}", shown.join(", "))
        }
    };
    let diagnostic = Diagnostic::error("plan::cycle", message)
        .help("none of them can ever start: take one of these dependencies out");
    edges.iter().fold(diagnostic, |diagnostic, edge| {
        let text = format!("`{}` waits for `{}`", name(edge.from), name(edge.to));
        diagnostic.label(span_of(index.tasks[edge.from], edge.entry), text)
    })
}

/// Breadth first from the first member, within the group.
fn shortest_cycle(graph: &[Vec<Edge>], group: &[usize]) -> Vec<Edge> {
    let start = group[0];
    let place = |at: usize| group.binary_search(&at).ok();
    let mut came_by: Vec<Option<Edge>> = vec![None; group.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &edge in &graph[at] {
            let Some(to) = place(edge.to) else { continue };
            if came_by[to].is_none() {
                came_by[to] = Some(edge);
                queue.push_back(edge.to);
            }
        }
        if came_by[0].is_some() {
            break;
        }
    }
    let mut edges = Vec::new();
    let mut at = start;
    while let Some(edge) = place(at).and_then(|place| came_by[place]) {
        edges.push(edge);
        at = edge.from;
        if at == start {
            break;
        }
    }
    edges.reverse();
    edges
}

/// Tasks that wait, perhaps by way of others, for one that is blocked. Each is told once, with the
/// entry that leads there.
fn unreachable(
    index: &Index<'_>,
    graph: &[Vec<Edge>],
    blocked: &[bool],
    found: &mut Vec<Diagnostic>,
) {
    let mut waiters: Vec<Vec<Edge>> = vec![Vec::new(); graph.len()];
    for &edge in graph.iter().flatten() {
        waiters[edge.to].push(edge);
    }
    let mut reached = blocked.to_vec();
    let mut open: Vec<usize> = (0..blocked.len()).filter(|&at| blocked[at]).collect();
    while let Some(at) = open.pop() {
        for edge in &waiters[at] {
            let (task, other) = (index.tasks[edge.from], index.tasks[edge.to]);
            if is_over(task) || std::mem::replace(&mut reached[edge.from], true) {
                continue;
            }
            open.push(edge.from);
            let message = format!("`{}` can never run", task.id);
            found.push(
                Diagnostic::warning("plan::unreachable", message)
                    .label(span_of(task, edge.entry), format!("`{}` can never be done", other.id))
                    .help("it follows from the errors in its dependencies"),
            );
        }
    }
}

/// Tasks that wait for one that is parked until a person decides.
fn suspended(index: &Index<'_>, graph: &[Vec<Edge>], found: &mut Vec<Diagnostic>) {
    for edge in graph.iter().flatten() {
        let (task, other) = (index.tasks[edge.from], index.tasks[edge.to]);
        if is_over(task) || other.record.status != Status::Suspended || edge.from == edge.to {
            continue;
        }
        let place = other.spans.status.clone().unwrap_or_else(|| other.spans.id.clone());
        found.push(
            Diagnostic::warning(
                "plan::waits-for-suspended",
                format!("`{}` cannot run yet", task.id),
            )
            .label(span_of(task, edge.entry), format!("`{}` is suspended", other.id))
            .label(place, "parked here")
            .help("set it to `pending` to have it done, or to `skipped` to go on without it"),
        );
    }
}
