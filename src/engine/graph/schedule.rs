//! Who may be decided now: states, readiness by need and by order, and how failure spreads.

use std::collections::BTreeSet;

use crate::base::measure::Moment;
use crate::base::name::AttemptId;

use crate::engine::graph::{Graph, NodeId};
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Provenance;

/// Where a node stands in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Something before it is not settled.
    Waiting,
    /// The cache is being asked.
    Looking,
    /// It must run and waits for a slot.
    Queued,
    /// It runs again at this moment.
    BackingOff(Moment),
    Active(AttemptId),
    Settled(Settled),
}

/// How a node ended in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    UpToDate,
    Done(Provenance),
    Skipped,
    Failed(OutcomeClass),
    /// Something before it failed: which.
    Blocked(NodeId),
    Suspended,
    /// A stop, a limit or a failed start kept it from running.
    Held,
    /// In a survey: it would run.
    Stale,
    /// In a survey: it is decided once what it needs has run.
    Undecided,
    /// Nobody asked for it.
    Unwanted,
}

impl Settled {
    /// Dependents may go on.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::UpToDate | Self::Done(_) | Self::Skipped)
    }

    fn is_failure(self) -> bool {
        matches!(self, Self::Failed(_) | Self::Blocked(_) | Self::Suspended | Self::Held)
    }
}

/// What happens to tasks that only come later in the file when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// They are blocked too.
    Hold,
    /// They run (`--keep-going`).
    Continue,
}

/// All states of one build.
#[derive(Clone, Debug)]
pub struct Schedule {
    states: Vec<State>,
    open_needs: Vec<u32>,
    /// Nodes whose needs and order are met and that nobody has decided yet.
    decidable: BTreeSet<NodeId>,
    /// Nodes that must run and wait for their turn.
    queued: BTreeSet<NodeId>,
    orders: Vec<FileOrder>,
    after_failure: AfterFailure,
    n_open: usize,
    n_looking: usize,
}

/// The file order of one plan.
#[derive(Clone, Debug)]
struct FileOrder {
    first_open: u32,
    end: u32,
    failed: Option<NodeId>,
}

impl Schedule {
    /// `wanted[i]` says whether node `i` is asked for; the others are settled from the start.
    pub fn new(graph: &Graph, wanted: &[bool], after_failure: AfterFailure) -> Self {
        let orders = (0..graph.n_plans() as u32)
            .map(|plan| graph.plan_range(plan))
            .map(|range| FileOrder { first_open: range.start, end: range.end, failed: None })
            .collect();
        let state_of = |&wanted: &bool| {
            if wanted { State::Waiting } else { State::Settled(Settled::Unwanted) }
        };
        let open = |id: &&NodeId| wanted[id.index()];
        let mut schedule = Self {
            states: wanted.iter().map(state_of).collect(),
            open_needs: graph
                .nodes()
                .map(|(_, node)| node.needs.iter().filter(open).count() as u32)
                .collect(),
            decidable: BTreeSet::new(),
            queued: BTreeSet::new(),
            orders,
            after_failure,
            n_open: wanted.iter().filter(|&&it| it).count(),
            n_looking: 0,
        };
        let free = |(id, node): &(NodeId, &crate::engine::graph::Node)| {
            wanted[id.index()] && !node.is_ordered && schedule.open_needs[id.index()] == 0
        };
        schedule.decidable = graph.nodes().filter(free).map(|(id, _)| id).collect();
        for plan in 0..graph.n_plans() {
            schedule.advance_order(graph, plan);
        }
        schedule
    }

    pub fn state(&self, id: NodeId) -> State {
        self.states[id.index()]
    }

    /// Nodes that are not settled.
    pub fn n_open(&self) -> usize {
        self.n_open
    }

    /// True while the cache is being asked for some node.
    pub fn is_looking(&self) -> bool {
        self.n_looking > 0
    }

    /// Nodes that must run and wait for their turn, in plan and file order.
    pub fn queued(&self) -> impl Iterator<Item = NodeId> {
        self.queued.iter().copied()
    }

    pub fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    pub fn has_decidable(&self) -> bool {
        !self.decidable.is_empty()
    }

    /// The next node to decide, in plan and file order.
    pub fn pop_decidable(&mut self) -> Option<NodeId> {
        self.decidable.pop_first()
    }

    /// Moves an unsettled node between unsettled states.
    pub fn set(&mut self, id: NodeId, state: State) {
        debug_assert!(!matches!(self.states[id.index()], State::Settled(_)), "settled is final");
        debug_assert!(!matches!(state, State::Settled(_)), "settling goes through `settle`");
        self.decidable.remove(&id);
        self.replace(id, state);
    }

    /// True where nothing that the node waits for, by need or by order, is open.
    pub fn is_ready(&self, graph: &Graph, id: NodeId) -> bool {
        let is_open = |it: NodeId| !matches!(self.state(it), State::Settled(_));
        let start = graph.plan_range(graph.node(id).plan).start;
        self.open_needs[id.index()] == 0
            && !(start..id.0).map(NodeId).any(|it| is_open(it) && graph.waits_in_order(id, it))
    }

    /// Lets an unsettled node be decided again, as soon as nothing before it is open.
    pub fn reopen(&mut self, graph: &Graph, id: NodeId) {
        self.set(id, State::Waiting);
        if self.is_ready(graph, id) {
            self.decidable.insert(id);
        }
    }

    /// Ends a node and frees what waited for it.
    pub fn settle(&mut self, graph: &Graph, id: NodeId, settled: Settled) {
        if matches!(self.states[id.index()], State::Settled(_)) {
            return;
        }
        self.decidable.remove(&id);
        self.replace(id, State::Settled(settled));
        self.n_open -= 1;
        for &dependent in graph.dependents_of(id) {
            self.open_needs[dependent.index()] -= 1;
            let is_waiting = self.states[dependent.index()] == State::Waiting;
            if self.open_needs[dependent.index()] == 0 && is_waiting {
                self.decidable.insert(dependent);
            }
        }
        let plan = graph.node(id).plan as usize;
        if settled.is_failure() && self.after_failure == AfterFailure::Hold {
            let first = self.orders[plan].failed.get_or_insert(id);
            *first = (*first).min(id);
        }
        self.advance_order(graph, plan);
    }

    /// Ends a node otherwise that was accepted: what came after it undid it.
    pub fn overrule(&mut self, id: NodeId, settled: Settled) {
        if matches!(self.states[id.index()], State::Settled(it) if it.is_accepted()) {
            self.replace(id, State::Settled(settled));
        }
    }

    fn replace(&mut self, id: NodeId, state: State) {
        let old = std::mem::replace(&mut self.states[id.index()], state);
        if state == State::Queued {
            self.queued.insert(id);
        } else {
            self.queued.remove(&id);
        }
        self.n_looking -= usize::from(old == State::Looking);
        self.n_looking += usize::from(state == State::Looking);
    }

    /// The failure that keeps an ordered node from running, if one does.
    pub fn order_failure(&self, graph: &Graph, id: NodeId) -> Option<NodeId> {
        let failed = self.orders[graph.node(id).plan as usize].failed?;
        graph.waits_in_order(id, failed).then_some(failed)
    }

    /// The need that keeps a node from running, if one does.
    pub fn need_failure(&self, graph: &Graph, id: NodeId) -> Option<(NodeId, Settled)> {
        graph.node(id).needs.iter().find_map(|&need| match self.state(need) {
            State::Settled(Settled::Unwanted) => None,
            State::Settled(settled) if !settled.is_accepted() => Some((need, settled)),
            _ => None,
        })
    }

    /// Releases ordered nodes before which nothing but their own group is open.
    fn advance_order(&mut self, graph: &Graph, plan: usize) {
        let is_open = |states: &[State], at: u32| !matches!(states[at as usize], State::Settled(_));
        let order = &mut self.orders[plan];
        while order.first_open < order.end && !is_open(&self.states, order.first_open) {
            order.first_open += 1;
        }
        let (first, end) = (order.first_open, order.end);
        if first == end {
            return;
        }
        // Open nodes before the one looked at: those that need something later, and one that does
        // not; what comes behind that one waits, but for its own group.
        let mut far: Vec<NodeId> = Vec::new();
        let mut near: Option<NodeId> = None;
        for id in (first..end).map(NodeId).filter(|it| is_open(&self.states, it.0)) {
            let node = graph.node(id);
            let in_group = |it: NodeId| node.group.is_some() && graph.node(it).group == node.group;
            if near.is_some_and(|it| !in_group(it)) {
                break;
            }
            let may_go = node.is_ordered && self.states[id.index()] == State::Waiting;
            if may_go && !far.iter().any(|&it| graph.waits_in_order(id, it)) {
                self.decidable.insert(id);
            }
            if node.reach > id.0 {
                far.push(id);
            } else {
                near = near.or(Some(id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, several_plans};
    use super::*;
    use proptest::prelude::*;

    /// A plan of `n` tasks; `needs[i]` are positions, `groups[i]` a group number or none.
    fn plan_text(needs: &[Vec<usize>], groups: &[Option<u8>]) -> String {
        let mut text = String::from("meta: { name: P }\nsections:\n- id: s\n  name: S\n  tasks:\n");
        for (at, (needs, group)) in needs.iter().zip(groups).enumerate() {
            let needs: Vec<String> = needs.iter().map(|it| format!("'{it}'")).collect();
            let group = group.map(|it| format!(", parallel_group: g{it}")).unwrap_or_default();
            let needs = needs.join(", ");
            text.push_str(&format!(
                "  - {{ id: '{at}', name: T{at}, depends_on: [{needs}]{group} }}\n"
            ));
        }
        text
    }

    /// The same dependencies with the tasks at other places in the file: some point forward.
    fn shuffled(needs: &[Vec<usize>], places: &[usize]) -> Vec<Vec<usize>> {
        let mut moved = vec![Vec::new(); needs.len()];
        for (at, needs) in needs.iter().enumerate() {
            moved[places[at]] = needs.iter().map(|need| places[*need]).collect();
        }
        moved
    }

    fn graph() -> impl Strategy<Value = Graph> {
        (1usize..14).prop_flat_map(|n| {
            let needs: Vec<_> = (0..n)
                .map(|at| proptest::collection::vec(0..at.max(1), 0..at.min(3) + 1))
                .collect();
            let groups = proptest::collection::vec(proptest::option::of(0u8..2), n);
            let places = Just((0..n).collect::<Vec<usize>>()).prop_shuffle();
            (needs, groups, places, any::<bool>()).prop_map(|(mut needs, groups, places, moved)| {
                needs[0].clear();
                if moved {
                    needs = shuffled(&needs, &places);
                }
                Graph::new([&plan(&plan_text(&needs, &groups))].into_iter())
            })
        })
    }

    proptest! {
        #[test]
        fn every_node_settles_once_and_only_after_what_it_needs(
            graph in prop_oneof![graph(), several_plans()],
            failing in proptest::collection::vec(any::<bool>(), 18),
            keep_going in any::<bool>(),
        ) {
            let after = if keep_going { AfterFailure::Continue } else { AfterFailure::Hold };
            let mut schedule = Schedule::new(&graph, &vec![true; graph.len()], after);
            let mut ran = BTreeSet::new();
            while let Some(id) = schedule.pop_decidable() {
                if let Some((by, _)) = schedule.need_failure(&graph, id) {
                    schedule.settle(&graph, id, Settled::Blocked(by));
                    continue;
                }
                if let Some(by) = schedule.order_failure(&graph, id) {
                    prop_assert!(!keep_going);
                    schedule.settle(&graph, id, Settled::Blocked(by));
                    continue;
                }
                prop_assert!(ran.insert(id), "each runs once");
                for need in &graph.node(id).needs {
                    let is_done = schedule.state(*need)
                        == State::Settled(Settled::Done(Provenance::Ran));
                    prop_assert!(is_done, "a need is done before");
                }
                if graph.node(id).is_ordered {
                    let upstream = graph.upstream_of(id);
                    let open = graph.ids().any(|it| {
                        upstream.contains(it) && !matches!(schedule.state(it), State::Settled(_))
                    });
                    prop_assert!(!open, "everything before it in the file is settled");
                }
                let settled = if failing[id.index()] {
                    Settled::Failed(OutcomeClass::NoStatus)
                } else {
                    Settled::Done(Provenance::Ran)
                };
                schedule.settle(&graph, id, settled);
            }
            prop_assert_eq!(schedule.n_open(), 0, "nothing is left waiting");
        }
    }
}
