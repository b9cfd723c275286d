//! Tasks as a dense graph: real dependencies, order-only ones, who is upstream of whom.

mod circles;
mod needs;
pub mod priority;
pub mod schedule;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::base::name::{PlanName, TaskRef};
use crate::spec::plan::{Order, Plan};

pub use needs::{Breach, Broken};

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

/// All tasks of all active plans. Needs and order together have no circle, whatever the plans say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<Node>,
    plans: Vec<(PlanName, Range<u32>)>,
    index: BTreeMap<TaskRef, NodeId>,
    dependents: Vec<Vec<NodeId>>,
    /// Plans in groups that need one another; what needs another group's tasks comes before it.
    groups: Vec<Vec<u32>>,
    broken: BTreeMap<NodeId, Vec<Broken>>,
    circles: Vec<Vec<NodeId>>,
}

/// One task's place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub task: TaskRef,
    /// Index of its plan.
    pub plan: u32,
    /// Real dependencies, of any plan: their outputs are in its key.
    pub needs: Box<[NodeId]>,
    /// It waits for every task before it in the file, except its own group and those that need
    /// something later themselves. Such a node has no needs.
    pub is_ordered: bool,
    /// The last position in its plan of itself and of what it really needs there, however far; the
    /// plan's last where it is entangled.
    pub reach: u32,
    /// It needs, however far, a task of another plan that needs one of this plan.
    pub is_entangled: bool,
    pub group: Option<Arc<str>>,
    pub resources: Box<[Arc<str>]>,
}

impl Graph {
    /// Builds the graph of plans that passed their checks. Names in a task's own plan that do not
    /// resolve are left out; what leads to no task of another plan is in `broken`.
    pub fn new<'a>(plans: impl Iterator<Item = &'a Plan>) -> Self {
        let plans: Vec<&Plan> = plans.collect();
        let mut graph = Self::default();
        for plan in &plans {
            graph.add_tasks(plan);
        }
        needs::resolve(&mut graph, &plans);
        graph.set_dependents();
        graph.set_reach();
        graph
    }

    fn add_tasks(&mut self, plan: &Plan) {
        let (start, plan_index) = (self.nodes.len() as u32, self.plans.len() as u32);
        for (task, at) in plan.tasks().zip(start..) {
            let spec = &task.spec;
            let name = TaskRef { plan: plan.name.clone(), task: task.id.clone() };
            let resources = spec.exclusive_resources.iter().map(|it| Arc::from(it.as_str()));
            self.index.insert(name.clone(), NodeId(at));
            self.nodes.push(Node {
                task: name,
                plan: plan_index,
                needs: Box::default(),
                is_ordered: plan.meta.order == Order::File,
                reach: at,
                is_entangled: false,
                group: spec.parallel_group.as_deref().map(Arc::from),
                resources: resources.collect(),
            });
        }
        self.plans.push((plan.name.clone(), start..self.nodes.len() as u32));
    }

    fn set_dependents(&mut self) {
        self.dependents = vec![Vec::new(); self.nodes.len()];
        for (node, at) in self.nodes.iter().zip(0..) {
            for need in &node.needs {
                self.dependents[need.index()].push(NodeId(at));
            }
        }
    }

    /// A node that needs a later one of its plan reaches that far. Needs mostly point back, so few
    /// nodes are gone over twice; a cycle, which the checks refuse, ends by the bound.
    fn set_reach(&mut self) {
        self.entangle();
        for (_, range) in &self.plans {
            let range = range.start as usize..range.end as usize;
            for _ in 0..=range.len() {
                let mut has_changed = false;
                for at in range.clone() {
                    let needs = self.nodes[at].needs.iter().map(|it| it.index());
                    let own = needs.filter(|it| range.contains(it));
                    let far = own.map(|it| self.nodes[it].reach).max().unwrap_or(0);
                    if far > self.nodes[at].reach {
                        self.nodes[at].reach = far;
                        has_changed = true;
                    }
                }
                if !has_changed {
                    break;
                }
            }
        }
    }

    /// What needs a task of another plan of its group, by way of its own plan's tasks or at once.
    /// Nothing waits for such a task in order: every circle through several plans runs through such
    /// tasks alone, and so it has no edge of order.
    fn entangle(&mut self) {
        for group in self.groups.iter().filter(|it| it.len() > 1) {
            let is_in = |plan: u32| group.binary_search(&plan).is_ok();
            let ids = group.iter().flat_map(|&plan| self.plans[plan as usize].1.clone());
            let needs_another = |id: &u32| {
                let node = &self.nodes[*id as usize];
                let mut plans = node.needs.iter().map(|it| self.nodes[it.index()].plan);
                plans.any(|plan| plan != node.plan && is_in(plan))
            };
            let mut open: Vec<u32> = ids.filter(needs_another).collect();
            while let Some(at) = open.pop() {
                let last = self.plans[self.nodes[at as usize].plan as usize].1.end - 1;
                let node = &mut self.nodes[at as usize];
                if std::mem::replace(&mut node.is_entangled, true) {
                    continue;
                }
                node.reach = last;
                let plan = node.plan;
                let dependents = self.dependents[at as usize].iter();
                open.extend(
                    dependents.filter(|it| self.nodes[it.index()].plan == plan).map(|it| it.0),
                );
            }
        }
    }

    /// True where an ordered node waits for an earlier one. A task that itself needs something later
    /// is not waited for, so that order never closes a cycle: along needs within a plan `reach` never
    /// grows, and along order it falls.
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

    /// Plans in groups that need one another; what needs another group's tasks comes before it.
    pub fn plan_groups(&self) -> &[Vec<u32>] {
        &self.groups
    }

    /// Dependencies of a task that lead to no task of another plan, or back to itself.
    pub fn broken_of(&self, id: NodeId) -> &[Broken] {
        self.broken.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Tasks of several plans that wait for each other, in groups; what they need of each other is broken.
    pub fn circles(&self) -> &[Vec<NodeId>] {
        &self.circles
    }

    /// All tasks with such dependencies.
    pub fn broken(&self) -> impl Iterator<Item = (NodeId, &[Broken])> {
        self.broken.iter().map(|(id, broken)| (*id, broken.as_slice()))
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
    use proptest::prelude::*;

    pub(crate) fn plan(text: &str) -> Plan {
        named_plan("p", text)
    }

    pub(crate) fn named_plan(name: &str, text: &str) -> Plan {
        let path = RelPath::new(format!("plans/{name}.yaml")).unwrap();
        let parsed = crate::spec::plan::parse(&Source::new(path, text));
        assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
        parsed.value
    }

    /// Up to three plans of up to six tasks that need tasks of any plan, in circles, too.
    pub(crate) fn several_plans() -> impl Strategy<Value = Graph> {
        let need = (0usize..4, 0usize..7);
        let task =
            (proptest::collection::vec(need, 0..3), proptest::option::of(0u8..2), 0usize..100);
        let plan = (proptest::collection::vec(task, 1..6), proptest::bool::weighted(0.8));
        proptest::collection::vec(plan, 1..4).prop_map(|plans| {
            let plans: Vec<Plan> = plans.iter().zip(0..).map(|(it, at)| plan_of(it, at)).collect();
            Graph::new(plans.iter())
        })
    }

    type Shape = (Vec<(usize, usize)>, Option<u8>, usize);

    fn plan_of((tasks, is_ordered): &(Vec<Shape>, bool), number: usize) -> Plan {
        let order = if *is_ordered { "file" } else { "free" };
        let mut text =
            format!("meta: {{ order: {order} }}\nsections:\n- id: s\n  name: S\n  tasks:\n");
        for (at, (needs, group, odd)) in tasks.iter().enumerate() {
            // In its own plan a task needs what has a smaller number, wherever that stands.
            let may_be = |it: &&(usize, usize)| it.0 != number || it.1 < at;
            let mut names: Vec<String> =
                needs.iter().filter(may_be).map(|(plan, it)| format!("'p{plan}//{it}'")).collect();
            if *odd < 5 && number != odd % 3 {
                names.push(format!("'p{}//*'", odd % 3));
            }
            let group = group.map(|it| format!(", parallel_group: g{it}")).unwrap_or_default();
            let names = names.join(", ");
            // Odd tasks stand first.
            let line = format!("  - {{ id: '{at}', name: T, depends_on: [{names}]{group} }}\n");
            if odd % 2 == 0 {
                text.push_str(&line)
            } else {
                text.insert_str(text.find("tasks:\n").unwrap() + 7, &line)
            }
        }
        named_plan(&format!("p{number}"), &text)
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

    /// What the tasks of plans need, and what is broken, by `plan//task`.
    fn check(plans: &[(&str, &str)]) -> String {
        let plan_of = |(name, tasks): &(&str, &str)| {
            named_plan(name, &format!("sections:\n- id: s\n  name: S\n  tasks:\n{tasks}"))
        };
        let plans: Vec<Plan> = plans.iter().map(plan_of).collect();
        let graph = Graph::new(plans.iter());
        let mut text = String::new();
        for (id, node) in graph.nodes() {
            let needs: Vec<String> =
                node.needs.iter().map(|it| graph.node(*it).task.to_string()).collect();
            let broken = graph.broken_of(id).iter();
            let broken: Vec<String> =
                broken.map(|it| format!("{} {:?}", it.dependency, it.breach)).collect();
            let order = if node.is_ordered { ", in order" } else { "" };
            text += &format!("{}: {}{order}; {}\n", node.task, needs.join(" "), broken.join(", "));
        }
        text
    }

    #[test]
    fn needs_cross_plans() {
        let a = "  - { id: '1', name: A, depends_on: [b//2, '2', 'b//2'] }\n  - { id: '2', name: B, depends_on: [b//*] }\n";
        let b = "  - { id: '1', name: C, depends_on: [b//2] }\n  - { id: '2', name: D }\n";
        insta::assert_snapshot!(check(&[("a", a), ("b", b)]), @r"
        a//1: a//2 b//2; 
        a//2: b//1 b//2; 
        b//1: b//2; 
        b//2: , in order; 
        ");
    }

    #[test]
    fn what_leads_nowhere_is_broken_and_the_rest_is_needed() {
        let a = "  - { id: '1', name: A, depends_on: [c//1, b//9, b//1] }\n  - { id: '2', name: B, depends_on: [c//*] }\n";
        let b = "  - { id: '1', name: C }\n";
        let d = "  - { id: '1', name: D, depends_on: [b//1] }\n";
        insta::assert_snapshot!(check(&[("a", a), ("b", b)]), @r"
        a//1: b//1; c//1 NoPlan, b//9 NoTask
        a//2: ; c//* NoPlan
        b//1: , in order; 
        ");
        insta::assert_snapshot!(check(&[("b", b), ("b", b), ("d", d)]), @r"
        b//1: , in order; 
        b//1: , in order; 
        d//1: ; b//1 SeveralPlans
        ");
    }

    #[test]
    fn a_circle_of_needs_is_broken_and_what_depends_on_it_keeps_its_needs() {
        let a = "  - { id: '1', name: A, depends_on: [b//1] }\n  - { id: '2', name: B, depends_on: ['1'] }\n";
        let b = "  - { id: '1', name: C, depends_on: ['2'] }\n  - { id: '2', name: D, depends_on: [a//1] }\n";
        insta::assert_snapshot!(check(&[("a", a), ("b", b)]), @r"
        a//1: ; b//1 Circle
        a//2: a//1; 
        b//1: ; 2 Circle
        b//2: ; a//1 Circle
        ");
    }

    #[test]
    fn order_never_closes_a_circle_of_plans() {
        let a = "  - { id: '1', name: A, depends_on: [b//2] }\n  - { id: '2', name: B }\n  - { id: '3', name: C }\n";
        let b = "  - { id: '1', name: D, depends_on: [a//2] }\n  - { id: '2', name: E }\n";
        let plan_of = |name: &str, tasks: &str| {
            named_plan(name, &format!("sections:\n- id: s\n  name: S\n  tasks:\n{tasks}"))
        };
        let (a, b) = (plan_of("a", a), plan_of("b", b));
        let graph = Graph::new([&a, &b].into_iter());
        let id = |name: &str| graph.id_of(&TaskRef::parse(name).unwrap()).unwrap();
        assert!(!graph.waits_in_order(id("a//2"), id("a//1")));
        assert!(graph.waits_in_order(id("a//3"), id("a//2")), "that has no part in it");
        let alone = Graph::new([&a].into_iter());
        assert!(alone.waits_in_order(NodeId(1), NodeId(0)), "nothing of `b` is there");
    }

    proptest! {
        #[test]
        fn needs_and_order_of_all_plans_have_no_circle(graph in several_plans()) {
            for id in graph.ids() {
                prop_assert!(!graph.upstream_of(id).contains(id), "{:?}", graph.node(id));
            }
        }
    }
}
