//! Circles through several plans. What goes round within one plan its own checks refuse.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::{Graph, Node, NodeId};

/// Plans in groups that need one another, each in order; what needs another group's tasks comes
/// before it.
pub(super) fn groups_of(graph: &Graph) -> Vec<Vec<u32>> {
    let edges_of = |node: &Node| {
        let from = node.plan;
        let to = node.needs.iter().map(|it| graph.node(*it).plan);
        to.filter(move |to| *to != from).map(move |to| (from, to)).collect::<Vec<_>>()
    };
    let edges: BTreeSet<(u32, u32)> = graph.nodes.iter().flat_map(edges_of).collect();
    let mut waits: DiGraph<(), (), u32> = DiGraph::default();
    for _ in &graph.plans {
        waits.add_node(());
    }
    waits.extend_with_edges(edges);
    let groups = kosaraju_scc(&waits).into_iter().rev();
    groups.map(|group| sorted(group.into_iter().map(|it| it.index() as u32))).collect()
}

/// Tasks of several plans that need one another, in groups.
pub(super) fn circles_of(graph: &Graph) -> Vec<Vec<NodeId>> {
    let groups = graph.groups.iter().filter(|it| it.len() > 1);
    groups.flat_map(|group| circles_among(graph, group)).collect()
}

fn circles_among(graph: &Graph, plans: &[u32]) -> Vec<Vec<NodeId>> {
    let ids: Vec<NodeId> =
        plans.iter().flat_map(|plan| graph.plan_range(*plan)).map(NodeId).collect();
    let place_of = |id: &NodeId| ids.binary_search(id).ok();
    let mut waits: DiGraph<(), (), usize> = DiGraph::default();
    for _ in &ids {
        waits.add_node(());
    }
    for (id, from) in ids.iter().zip(0..) {
        let inside = graph.node(*id).needs.iter().filter_map(place_of);
        waits.extend_with_edges(inside.map(|to| (from, to)));
    }
    let circles = kosaraju_scc(&waits)
        .into_iter()
        .map(|circle| sorted(circle.into_iter().map(|it| ids[it.index()])));
    let is_across = |circle: &Vec<NodeId>| {
        circle.iter().any(|id| graph.node(*id).plan != graph.node(circle[0]).plan)
    };
    circles.filter(is_across).collect()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}
