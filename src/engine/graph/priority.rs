//! What to start first: the longest remaining chain of work, by measured durations.

use std::collections::BTreeMap;

use crate::base::measure::Millis;
use crate::base::name::{AgentName, RuleName};
use crate::spec::rule::ActionKind;

use crate::engine::graph::{Graph, NodeId};

/// Taken for a session that nothing is known of.
const SESSION: Millis = Millis::seconds(180);
/// Taken for a command that nothing is known of.
const COMMAND: Millis = Millis::seconds(10);

/// What is known of how long a task takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    pub rule: RuleName,
    pub agent: Option<AgentName>,
    pub action: ActionKind,
    /// Its own last successful attempt.
    pub measured: Option<Millis>,
}

/// How long each task is likely to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    by_node: Vec<Millis>,
    /// Some measurement stands behind it: the task's own, or one of its kind.
    is_measured: Vec<bool>,
}

impl Durations {
    /// A task's own time, else the mean of its rule and agent, else of its rule, else a guess.
    pub fn of(paces: &[Option<Pace>]) -> Self {
        let mut kinds: BTreeMap<(&RuleName, Option<&AgentName>), (u64, u64)> = BTreeMap::new();
        let mut rules: BTreeMap<&RuleName, (u64, u64)> = BTreeMap::new();
        for pace in paces.iter().flatten() {
            let Some(took) = pace.measured else { continue };
            let kind = kinds.entry((&pace.rule, pace.agent.as_ref())).or_default();
            let rule = rules.entry(&pace.rule).or_default();
            for sum in [kind, rule] {
                *sum = (sum.0 + took.0, sum.1 + 1);
            }
        }
        let mean = |&(sum, n): &(u64, u64)| Millis(sum / n.max(1));
        let of = |pace: &Option<Pace>| {
            let Some(pace) = pace else { return (Millis(0), false) };
            let kind = || kinds.get(&(&pace.rule, pace.agent.as_ref())).map(mean);
            let rule = || rules.get(&pace.rule).map(mean);
            match pace.measured.or_else(kind).or_else(rule) {
                Some(took) => (took, true),
                None if pace.action == ActionKind::Command => (COMMAND, false),
                None => (SESSION, false),
            }
        };
        let (by_node, is_measured) = paces.iter().map(of).unzip();
        Self { by_node, is_measured }
    }

    /// Zero for nodes that are not built.
    pub fn get(&self, id: NodeId) -> Millis {
        self.by_node.get(id.index()).copied().unwrap_or_default()
    }

    /// The duration, unless it is only a guess.
    pub fn measured(&self, id: NodeId) -> Option<Millis> {
        let is_measured = self.is_measured.get(id.index()).copied().unwrap_or_default();
        is_measured.then(|| self.get(id))
    }
}

/// For each node the time of the longest chain that starts with it, by need and by order. A node of
/// zero length is passed through. Linear in nodes and needs, up to sorting.
pub fn chains(graph: &Graph, durations: &Durations) -> Vec<Millis> {
    let mut chains = vec![Millis(0); graph.len()];
    for group in graph.plan_groups() {
        // Of other plans of the group only entangled tasks need these, and nothing waits for them in
        // order.
        let ids = group.iter().flat_map(|plan| graph.plan_range(*plan)).map(NodeId);
        let entangled: Vec<NodeId> = ids.filter(|id| graph.node(*id).is_entangled).collect();
        for id in dependents_first(graph, &entangled) {
            let rest = longest_needing(graph, &chains, id);
            chains[id.index()] = Millis(rest.0.saturating_add(durations.get(id).0));
        }
        group.iter().for_each(|plan| chain_plan(graph, *plan, durations, &mut chains));
    }
    chains
}

fn longest_needing(graph: &Graph, chains: &[Millis], id: NodeId) -> Millis {
    let needed = graph.dependents_of(id).iter().map(|it| chains[it.index()]);
    needed.max().unwrap_or_default()
}

/// The chains of a plan's tasks, where those of all others that need them are known.
fn chain_plan(graph: &Graph, plan: u32, durations: &Durations, chains: &mut [Millis]) {
    let ids = graph.plan_range(plan).map(NodeId);
    let mut nodes: Vec<NodeId> = ids.filter(|id| !graph.node(*id).is_entangled).collect();
    // Along needs `reach` never grows, along order it falls: the far ones are last in time.
    nodes.sort_by_key(|&id| std::cmp::Reverse((graph.node(id).reach, id)));
    let mut later = Later::default();
    for same in nodes.chunk_by(|&one, &other| graph.node(one).reach == graph.node(other).reach) {
        for id in dependents_first(graph, same) {
            let needed = longest_needing(graph, chains, id);
            let ordered = later.longest_beside(graph.node(id).group.as_deref());
            let rest = needed.max(ordered);
            chains[id.index()] = Millis(rest.0.saturating_add(durations.get(id).0));
        }
        // Ordered nodes reach no farther than themselves: all before have a smaller reach.
        for &id in same.iter().filter(|&&id| graph.node(id).is_ordered) {
            later.add(graph.node(id).group.as_deref(), chains[id.index()]);
        }
    }
}

/// The longest chains of ordered nodes farther back, so that one of another group is at hand.
#[derive(Default)]
struct Later<'g> {
    first: Option<(Option<&'g str>, Millis)>,
    /// The longest of another group than the first's.
    second: Millis,
}

impl<'g> Later<'g> {
    fn add(&mut self, group: Option<&'g str>, chain: Millis) {
        match self.first {
            Some((of, best)) if chain <= best => {
                if of.is_none() || of != group {
                    self.second = self.second.max(chain);
                }
            }
            Some((of, best)) => {
                if of.is_none() || of != group {
                    self.second = self.second.max(best);
                }
                self.first = Some((group, chain));
            }
            None => self.first = Some((group, chain)),
        }
    }

    /// Nodes without a group wait for all others.
    fn longest_beside(&self, group: Option<&str>) -> Millis {
        match self.first {
            Some((of, _)) if group.is_some() && of == group => self.second,
            Some((_, best)) => best,
            None => Millis(0),
        }
    }
}

/// The nodes so that each comes behind those of them that need it.
fn dependents_first(graph: &Graph, nodes: &[NodeId]) -> Vec<NodeId> {
    if nodes.len() < 2 {
        return nodes.to_vec();
    }
    let mut open: BTreeMap<NodeId, usize> = nodes.iter().map(|&id| (id, 0)).collect();
    for &id in nodes {
        let n = graph.dependents_of(id).iter().filter(|it| open.contains_key(it)).count();
        open.insert(id, n);
    }
    let mut sorted: Vec<NodeId> = nodes.iter().copied().filter(|id| open[id] == 0).collect();
    let mut at = 0;
    while let Some(&id) = sorted.get(at) {
        at += 1;
        for need in &graph.node(id).needs {
            if let Some(n) = open.get_mut(need) {
                *n -= 1;
                if *n == 0 {
                    sorted.push(*need);
                }
            }
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::super::tests::{named_plan, plan, several_plans};
    use super::*;
    use proptest::prelude::*;

    fn graph(tasks: &str) -> Graph {
        let text = format!("meta: {{ name: P }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}");
        Graph::new([&plan(&text)].into_iter())
    }

    fn durations(seconds: &[u64]) -> Durations {
        let by_node: Vec<Millis> = seconds.iter().map(|it| Millis::seconds(*it)).collect();
        let is_measured = vec![true; by_node.len()];
        Durations { by_node, is_measured }
    }

    fn check(tasks: &str, seconds: &[u64]) -> Vec<u64> {
        let found = chains(&graph(tasks), &durations(seconds));
        found.iter().map(|it| it.0 / 1000).collect()
    }

    #[test]
    fn a_chain_is_as_long_as_its_longest_way() {
        let tasks = "
  - { id: a, name: A }
  - { id: b, name: B, depends_on: [a] }
  - { id: c, name: C, depends_on: [a] }
  - { id: d, name: D, depends_on: [b, c] }
";
        assert_eq!(check(tasks, &[1, 10, 2, 4]), [15, 14, 6, 4]);
    }

    #[test]
    fn order_in_the_file_counts_and_groups_do_not_wait_for_each_other() {
        let tasks = "
  - { id: a, name: A }
  - { id: b, name: B, parallel_group: g }
  - { id: c, name: C, parallel_group: g }
  - { id: d, name: D }
  - { id: e, name: E, depends_on: [b] }
";
        assert_eq!(check(tasks, &[1, 10, 2, 4, 100]), [111, 110, 6, 4, 100]);
    }

    #[test]
    fn a_task_that_needs_a_later_one_comes_behind_it() {
        let tasks = "
  - { id: a, name: A, depends_on: [c] }
  - { id: b, name: B }
  - { id: c, name: C }
";
        assert_eq!(check(tasks, &[1, 2, 4]), [1, 7, 5]);
    }

    #[test]
    fn durations_are_those_of_the_task_then_of_its_kind_then_a_guess() {
        let pace = |rule: &str, agent: Option<&str>, measured: Option<u64>| {
            Some(Pace {
                rule: rule.into(),
                agent: agent.map(AgentName::new),
                action: if rule == "command" { ActionKind::Command } else { ActionKind::Session },
                measured: measured.map(Millis::seconds),
            })
        };
        let durations = Durations::of(&[
            pace("implement", Some("coder"), Some(10)),
            pace("implement", Some("coder"), Some(20)),
            pace("implement", Some("coder"), None),
            pace("implement", Some("other"), None),
            pace("review", Some("other"), None),
            pace("command", None, None),
            None,
        ]);
        let shown: Vec<u64> = (0..7).map(|at| durations.get(NodeId(at)).0 / 1000).collect();
        assert_eq!(shown, [10, 20, 15, 15, 180, 10, 0]);
        assert_eq!(durations.measured(NodeId(3)), Some(Millis::seconds(15)));
        assert_eq!(durations.measured(NodeId(4)), None);
    }

    fn some_graph() -> impl Strategy<Value = Graph> {
        let task = (proptest::collection::vec(0usize..12, 0..3), proptest::option::of(0u8..3));
        (
            proptest::collection::vec(task, 1..12),
            Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
        )
            .prop_map(|(tasks, places)| {
                let n = tasks.len();
                let mut places: Vec<usize> = places.into_iter().filter(|it| *it < n).collect();
                places.truncate(n);
                let mut lines = vec![String::new(); n];
                for (at, (needs, group)) in tasks.iter().enumerate() {
                    let needs: Vec<String> = needs
                        .iter()
                        .filter(|need| **need < at)
                        .map(|need| format!("'{}'", places[*need]))
                        .collect();
                    let group =
                        group.map(|it| format!(", parallel_group: g{it}")).unwrap_or_default();
                    let id = places[at];
                    let needs = needs.join(", ");
                    lines[id] =
                        format!("  - {{ id: '{id}', name: T, depends_on: [{needs}]{group} }}\n");
                }
                graph(&lines.concat())
            })
    }

    #[test]
    fn a_chain_goes_on_in_plans_that_need_it() {
        let of = |name: &str, tasks: &str| {
            let tasks = format!(
                "meta: {{ order: free }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}"
            );
            named_plan(name, &tasks)
        };
        let plans = [
            of("a", "  - { id: '1', name: A }\n  - { id: '2', name: B, depends_on: [b//1] }\n"),
            of(
                "b",
                "  - { id: '1', name: C, depends_on: [a//1] }\n  - { id: '2', name: D, depends_on: [a//*, '1'] }\n",
            ),
        ];
        let graph = Graph::new(plans.iter());
        let found = chains(&graph, &durations(&[1, 10, 100, 1000]));
        let found: Vec<u64> = found.iter().map(|it| it.0 / 1000).collect();
        assert_eq!(found, [1111, 1010, 1110, 1000]);
    }

    proptest! {
        #[test]
        fn chains_of_several_plans_are_those_of_the_whole_relation(
            graph in several_plans(),
            seconds in proptest::collection::vec(1u64..100, 18),
        ) {
            let durations = durations(&seconds[..graph.len()]);
            let found = chains(&graph, &durations);
            for id in graph.ids() {
                let behind = graph.ids().filter(|&it| {
                    graph.node(it).needs.contains(&id) || graph.waits_in_order(it, id)
                });
                let rest = behind.map(|it| found[it.index()]).max().unwrap_or_default();
                prop_assert_eq!(found[id.index()].0, rest.0 + durations.get(id).0, "{:?}", id);
            }
        }

        #[test]
        fn chains_are_those_of_the_whole_relation(
            graph in some_graph(),
            seconds in proptest::collection::vec(1u64..100, 12),
        ) {
            let durations = durations(&seconds[..graph.len()]);
            let found = chains(&graph, &durations);
            for id in graph.ids() {
                let behind = graph.ids().filter(|&it| {
                    graph.node(it).needs.contains(&id) || graph.waits_in_order(it, id)
                });
                let rest = behind.map(|it| found[it.index()]).max().unwrap_or_default();
                prop_assert_eq!(found[id.index()].0, rest.0 + durations.get(id).0, "{:?}", id);
            }
        }
    }
}
