//! Beginning a build, and deciding it anew after documents, files or history changed under it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::measure::Moment;
use crate::base::name::{AttemptId, PlanName, TaskRef};
use crate::engine::effect::BuildRequest;
use crate::engine::graph::schedule::{AfterFailure, Schedule, State};
use crate::engine::graph::{Graph, NodeId};
use crate::engine::world::World;

use super::{Board, Freshness, Mode};

impl Board {
    /// All that is wanted waits.
    pub fn new(request: BuildRequest, mode: Mode, world: &World, now: Moment) -> Self {
        let graph = Arc::clone(world.graph());
        let whole_plans = whole_plans(&graph, &request);
        let named_only = Arc::clone(world.named_only());
        let asking = Asking { request: &request, whole: &whole_plans, named_only: &named_only };
        let wanted = asking.wanted(&graph);
        Self {
            schedule: Schedule::new(&graph, &wanted, after_failure(&request)),
            nodes: world.slots_of(&graph),
            whole_plans,
            named_only,
            request,
            mode,
            graph,
            freshness: Freshness::new(now),
            runs: BTreeMap::new(),
            asked: BTreeMap::new(),
            in_a_row: BTreeMap::new(),
            chosen: BTreeSet::new(),
            aside: BTreeSet::new(),
        }
    }

    /// All that is wanted waits again, but for what runs. What tasks remember of their attempts
    /// stays, so that deciding anew neither forgets a failure nor a wait.
    pub fn restart(&mut self, world: &World) {
        self.freshness.is_touched = false;
        self.freshness.has_new_plan = false;
        self.chosen.clear();
        self.aside.clear();
        self.in_a_row.clear();
        self.named_only = Arc::clone(world.named_only());
        let graph = world.graph();
        if *graph != self.graph {
            let graph = Arc::clone(graph);
            self.nodes = world.slots_of(&graph);
            let runs = std::mem::take(&mut self.runs).into_iter();
            let moved = |(old, run)| Some((graph.id_of(&self.graph.node(old).task)?, run));
            self.runs = runs.filter_map(moved).collect();
            self.graph = graph;
        }
        let wanted = self.wanted();
        self.schedule = Schedule::new(&self.graph, &wanted, after_failure(&self.request));
    }

    /// Gives a running attempt its place in the present graph; `None` where its task is not wanted.
    pub fn seat(&mut self, task: &TaskRef, attempt: AttemptId) -> Option<NodeId> {
        let wanted = self.wanted();
        let node = self.graph.id_of(task).filter(|it| wanted[it.index()])?;
        self.schedule.set(node, State::Active(attempt));
        Some(node)
    }

    fn wanted(&self) -> Vec<bool> {
        let Self { request, whole_plans: whole, named_only, .. } = self;
        Asking { request, whole, named_only }.wanted(&self.graph)
    }

    /// True where what the attempt was started for is not what the task is now.
    pub fn is_outdated(
        &self,
        node: NodeId,
        key: crate::base::name::ActionKey,
        world: &World,
    ) -> bool {
        self.request.watch
            && (!self.schedule.is_ready(&self.graph, node)
                || world.key(self.slot(node)) != Some(key))
    }

    /// True where states are to be decided anew.
    pub fn is_to_restart(&self) -> bool {
        let Freshness { has_scanned, is_touched, has_new_plan, .. } = self.freshness;
        (self.request.watch || has_new_plan) && is_touched && has_scanned
    }
}

impl Freshness {
    fn new(now: Moment) -> Self {
        Self { has_scanned: false, scanned_at: now, is_touched: false, has_new_plan: false }
    }

    /// A scan has been answered; `has_changed` says whether anything was another.
    pub fn scanned(&mut self, now: Moment, has_changed: bool) {
        self.scanned_at = now;
        self.has_scanned = true;
        self.is_touched |= has_changed;
    }

    /// Something outside changed that decisions may rest on.
    pub fn touch(&mut self) {
        self.is_touched = true;
    }

    /// What there is to do is another.
    pub fn replanned(&mut self) {
        self.has_new_plan = true;
    }

    /// A person spoke.
    pub fn spoken(&mut self) {
        self.touch();
        self.replanned();
    }
}

fn after_failure(request: &BuildRequest) -> AfterFailure {
    if request.keep_going { AfterFailure::Continue } else { AfterFailure::Hold }
}

/// Plans of which every task is asked for: what comes into them later is, too.
fn whole_plans(graph: &Graph, request: &BuildRequest) -> BTreeSet<PlanName> {
    let Some(targets) = &request.targets else { return BTreeSet::new() };
    let targets: BTreeSet<&TaskRef> = targets.iter().collect();
    let mut plans: BTreeSet<PlanName> = targets.iter().map(|it| it.plan.clone()).collect();
    for (_, node) in graph.nodes().filter(|(_, node)| !targets.contains(&node.task)) {
        plans.remove(&node.task.plan);
    }
    plans
}

/// What a build of this request would want, by node.
pub fn wanted_by(world: &World, request: &BuildRequest) -> Vec<bool> {
    let (graph, named_only) = (world.graph(), world.named_only());
    Asking { request, whole: &whole_plans(graph, request), named_only }.wanted(graph)
}

/// What is asked for.
struct Asking<'a> {
    request: &'a BuildRequest,
    whole: &'a BTreeSet<PlanName>,
    named_only: &'a BTreeSet<PlanName>,
}

impl Asking<'_> {
    fn wanted(&self, graph: &Graph) -> Vec<bool> {
        let mut wanted = self.targets(graph);
        let from = self.request.resume_from.as_ref().and_then(|it| graph.id_of(it));
        for id in from.into_iter().flat_map(|it| graph.plan_range(graph.node(it).plan).start..it.0)
        {
            wanted[id as usize] = false;
        }
        wanted
    }

    fn targets(&self, graph: &Graph) -> Vec<bool> {
        let Some(targets) = &self.request.targets else {
            let active = graph.nodes().filter(|(_, it)| self.is_active(&it.task));
            return graph.closure_of(active.map(|(id, _)| id));
        };
        let whole = graph.nodes().filter(|(_, it)| self.whole.contains(&it.task.plan));
        let mut roots: Vec<NodeId> = targets.iter().filter_map(|it| graph.id_of(it)).collect();
        roots.extend(whole.map(|(id, _)| id));
        roots.retain(|id| !self.request.leaves(&graph.node(*id).task));
        if !self.request.only {
            return graph.closure_of(roots);
        }
        let mut wanted = vec![false; graph.len()];
        for root in roots {
            wanted[root.index()] = true;
        }
        wanted
    }

    /// Built where nothing is named.
    fn is_active(&self, task: &TaskRef) -> bool {
        !self.named_only.contains(&task.plan) && self.request.asks_for_all_of(task)
    }
}
