//! Tasks as a dense graph: real dependencies, order-only ones, who is upstream of whom.

pub mod priority;
pub mod schedule;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::base::name::{PlanName, TaskId, TaskRef};
use crate::spec::plan::{Order, Plan};

/// A node's place in the graph; positions of one plan are contiguous and in file order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl From<NodeId> for u32 {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All tasks of all active plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<Node>,
    plans: Vec<(PlanName, Range<u32>)>,
    index: BTreeMap<TaskRef, NodeId>,
    dependents: Vec<Vec<NodeId>>,
}

/// One task's place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub task: TaskRef,
    /// Index of its plan.
    pub plan: u32,
    /// Real dependencies: their outputs are in its key.
    pub needs: Box<[NodeId]>,
    /// It waits for every task before it in the file, except its own group and those that need
    /// something later themselves.
    pub is_ordered: bool,
    /// The last position, in all plans, of itself and what it really needs, however far.
    pub reach: u32,
    pub group: Option<Arc<str>>,
    pub resources: Box<[Arc<str>]>,
}

impl Graph {
    /// Builds the graph of plans that passed their checks; names that do not resolve are left out.
    pub fn new<'a>(plans: impl Iterator<Item = &'a Plan>) -> Self {
        let mut graph = Self::default();
        for plan in plans {
            graph.add_plan(plan);
        }
        graph.dependents = vec![Vec::new(); graph.nodes.len()];
        for (position, node) in graph.nodes.iter().enumerate() {
            for need in &node.needs {
                graph.dependents[need.index()].push(NodeId(position as u32));
            }
        }
        graph
    }

    fn add_plan(&mut self, plan: &Plan) {
        let start = self.nodes.len() as u32;
        let ids: BTreeMap<&TaskId, NodeId> =
            plan.tasks().zip(start..).map(|(task, at)| (&task.id, NodeId(at))).collect();
        let plan_index = self.plans.len() as u32;
        for (task, at) in plan.tasks().zip(start..) {
            let spec = &task.spec;
            let mut needs: Vec<NodeId> =
                spec.depends_on.iter().filter_map(|id| ids.get(id).copied()).collect();
            needs.sort();
            needs.dedup();
            let name = TaskRef { plan: plan.name.clone(), task: task.id.clone() };
            self.index.insert(name.clone(), NodeId(at));
            self.nodes.push(Node {
                task: name,
                plan: plan_index,
                is_ordered: needs.is_empty() && plan.meta.order == Order::File,
                reach: at,
                needs: needs.into(),
                group: spec.parallel_group.as_deref().map(Arc::from),
                resources: spec
                    .exclusive_resources
                    .iter()
                    .map(|it| Arc::from(it.as_str()))
                    .collect(),
            });
        }
        self.plans.push((plan.name.clone(), start..self.nodes.len() as u32));
        self.set_reach(start);
    }

    /// A node that needs a later one reaches that far. Needs mostly point back, so few nodes are
    /// gone over twice; a cycle, which the checks refuse, ends by the bound.
    fn set_reach(&mut self, start: u32) {
        let n = self.nodes.len() - start as usize;
        for _ in 0..=n {
            let mut has_changed = false;
            for at in start as usize..self.nodes.len() {
                let needs = self.nodes[at].needs.iter();
                let far = needs.map(|need| self.nodes[need.index()].reach).max().unwrap_or(0);
                if far > self.nodes[at].reach {
                    self.nodes[at].reach = far;
                    has_changed = true;
                }
            }
            if !has_changed {
                return;
            }
        }
    }

    /// True where an ordered node waits for an earlier one. A task that itself needs something later
    /// is not waited for, so that order never closes a cycle: along needs `reach` never grows, and
    /// along order it falls.
    pub fn waits_in_order(&self, later: NodeId, earlier: NodeId) -> bool {
        let (one, other) = (self.node(later), self.node(earlier));
        one.is_ordered
            && one.plan == other.plan
            && earlier < later
            && other.reach < later.0
            && (one.group.is_none() || one.group != other.group)
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.ids().zip(&self.nodes)
    }

    pub fn id_of(&self, task: &TaskRef) -> Option<NodeId> {
        self.index.get(task).copied()
    }

    /// Nodes that need this one.
    pub fn dependents_of(&self, id: NodeId) -> &[NodeId] {
        &self.dependents[id.index()]
    }

    pub fn n_plans(&self) -> usize {
        self.plans.len()
    }

    /// The nodes of one plan, in file order.
    pub fn plan_range(&self, plan: u32) -> Range<u32> {
        self.plans[plan as usize].1.clone()
    }

    /// The node and everything it really needs, however far.
    pub fn closure_of(&self, roots: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack: Vec<NodeId> = roots.into_iter().collect();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.index()], true) {
                stack.extend(&self.nodes[id.index()].needs);
            }
        }
        seen
    }

    /// Everything that comes before `id`, by need or by order, however far.
    pub fn upstream_of(&self, id: NodeId) -> NodeSet {
        let mut seen = NodeSet::default();
        let mut stack = self.before(id);
        while let Some(at) = stack.pop() {
            if seen.insert(at) {
                stack.extend(self.before(at).into_iter().filter(|it| !seen.contains(*it)));
            }
        }
        seen
    }

    fn before(&self, id: NodeId) -> Vec<NodeId> {
        let node = self.node(id);
        if !node.is_ordered {
            return node.needs.to_vec();
        }
        (self.plan_range(node.plan).start..id.0)
            .map(NodeId)
            .filter(|&it| self.waits_in_order(id, it))
            .collect()
    }
}

/// A set of nodes, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    /// True where the node was not yet in the set.
    pub fn insert(&mut self, id: NodeId) -> bool {
        let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    pub fn contains(&self, id: NodeId) -> bool {
        self.words.get(id.index() / 64).is_some_and(|word| word & (1 << (id.index() % 64)) != 0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::base::source::Source;

    pub(crate) fn plan(text: &str) -> Plan {
        let source = Source::new(RelPath::new("plans/p.yaml").unwrap(), text);
        let parsed = crate::spec::plan::parse(&source);
        assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
        parsed.value
    }

    const PLAN: &str = "\
meta: { name: P }
sections:
- id: s
  name: S
  tasks:
  - { id: a, name: A }
  - { id: b, name: B, parallel_group: g }
  - { id: c, name: C, parallel_group: g }
  - { id: d, name: D }
  - { id: e, name: E, depends_on: [b] }
";

    #[test]
    fn order_and_needs_both_make_upstream() {
        let graph = Graph::new([&plan(PLAN)].into_iter());
        let check =
            |before: u32, after: u32| graph.upstream_of(NodeId(after)).contains(NodeId(before));
        assert!(check(0, 1) && check(0, 2) && check(1, 3) && check(2, 3));
        assert!(!check(1, 2), "members of a group do not wait for each other");
        assert!(check(1, 4) && check(0, 4), "through its need");
        assert!(!check(2, 4) && !check(3, 4), "a task with needs waits for nothing else");
        assert!(!check(0, 0));
    }
}
