//! What `depends_on` of all plans means: which tasks, and what leads nowhere.

use std::collections::BTreeMap;

use super::{Graph, NodeId, circles};
use crate::base::name::{PlanName, TaskId};
use crate::spec::plan::{Dependency, Plan};

/// A dependency that cannot be waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which entry of `depends_on`.
    pub entry: usize,
    pub dependency: Dependency,
    pub breach: Breach,
}

/// Why a dependency on another plan cannot be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    NoPlan,
    /// Several plans have the name.
    SeveralPlans,
    /// The plan has no such task.
    NoTask,
    /// What is needed needs the task itself, by way of several plans.
    Circle,
}

/// Sets what every node needs, with the plans' groups. No circle runs through several plans: what
/// would close one is broken instead.
pub(super) fn resolve(graph: &mut Graph, plans: &[&Plan]) {
    let by_name = plans_by_name(graph);
    let mut broken: BTreeMap<NodeId, Vec<Broken>> = BTreeMap::new();
    let mut needs: Vec<(Box<[NodeId]>, bool)> = Vec::with_capacity(graph.nodes.len());
    for (plan, number) in plans.iter().zip(0..) {
        let scope = Scope::of(graph, &by_name, (plan, number));
        for (task, id) in plan.tasks().zip(scope.start..) {
            let mut found = Vec::new();
            for (entry, dependency) in task.spec.depends_on.iter().enumerate() {
                match scope.meant_by(dependency) {
                    Ok(ids) => found.extend(ids),
                    Err(breach) => broken.entry(NodeId(id)).or_default().push(Broken {
                        entry,
                        dependency: dependency.clone(),
                        breach,
                    }),
                }
            }
            found.sort();
            found.dedup();
            let mut named = task.spec.depends_on.iter();
            let waits_elsewhere = named.any(|it| it.plan().is_some());
            let is_free = found.is_empty() && !waits_elsewhere;
            needs.push((found.into(), is_free));
        }
    }
    for (node, (needs, is_free)) in graph.nodes.iter_mut().zip(needs) {
        node.needs = needs;
        node.is_ordered &= is_free;
    }
    graph.groups = circles::groups_of(graph);
    graph.circles = circles::circles_of(graph);
    for circle in graph.circles.clone() {
        break_circle(graph, plans, (&circle, &mut broken));
    }
    graph.broken = broken;
}

/// Plans by name: the number of one, and whether there are others.
fn plans_by_name(graph: &Graph) -> BTreeMap<PlanName, (u32, bool)> {
    let mut by_name: BTreeMap<PlanName, (u32, bool)> = BTreeMap::new();
    for ((name, _), number) in graph.plans.iter().zip(0..) {
        let is_several = by_name.contains_key(name);
        by_name.insert(name.clone(), (number, is_several));
    }
    by_name
}

/// What names mean in one plan.
struct Scope<'g> {
    graph: &'g Graph,
    by_name: &'g BTreeMap<PlanName, (u32, bool)>,
    plan: &'g Plan,
    number: u32,
    start: u32,
    own: BTreeMap<&'g TaskId, NodeId>,
}

impl<'g> Scope<'g> {
    fn of(
        graph: &'g Graph,
        by_name: &'g BTreeMap<PlanName, (u32, bool)>,
        (plan, number): (&'g Plan, u32),
    ) -> Self {
        let start = graph.plan_range(number).start;
        let own = plan.tasks().zip(start..).map(|(task, at)| (&task.id, NodeId(at))).collect();
        Self { graph, by_name, plan, number, start, own }
    }

    fn meant_by(&self, dependency: &Dependency) -> Result<Vec<NodeId>, Breach> {
        let own = |task: &TaskId| Ok(self.own.get(task).copied().into_iter().collect());
        match dependency {
            Dependency::Own(task) => own(task),
            Dependency::Other(task) if task.plan == self.plan.name => own(&task.task),
            Dependency::Other(task) => {
                self.number_of(&task.plan)?;
                self.graph.id_of(task).map(|id| vec![id]).ok_or(Breach::NoTask)
            }
            Dependency::All(plan) => {
                let range = self.graph.plan_range(self.number_of(plan)?);
                Ok(range.map(NodeId).collect())
            }
        }
    }

    fn number_of(&self, plan: &PlanName) -> Result<u32, Breach> {
        if *plan == self.plan.name {
            return Ok(self.number);
        }
        match self.by_name.get(plan) {
            None => Err(Breach::NoPlan),
            Some((_, true)) => Err(Breach::SeveralPlans),
            Some((number, false)) => Ok(*number),
        }
    }
}

/// Takes the needs of a circle's tasks on each other out.
fn break_circle(
    graph: &mut Graph,
    plans: &[&Plan],
    (circle, broken): (&[NodeId], &mut BTreeMap<NodeId, Vec<Broken>>),
) {
    let by_name = plans_by_name(graph);
    let is_in = |id: &NodeId| circle.binary_search(id).is_ok();
    for own in circle.chunk_by(|one, other| graph.node(*one).plan == graph.node(*other).plan) {
        let number = graph.node(own[0]).plan;
        let plan = plans[number as usize];
        let scope = Scope::of(graph, &by_name, (plan, number));
        let tasks = plan.tasks().zip((scope.start..).map(NodeId));
        for (task, id) in tasks.filter(|(_, id)| is_in(id)) {
            for (entry, dependency) in task.spec.depends_on.iter().enumerate() {
                if scope.meant_by(dependency).is_ok_and(|ids| ids.iter().any(is_in)) {
                    let dependency = dependency.clone();
                    let breach = Breach::Circle;
                    broken.entry(id).or_default().push(Broken { entry, dependency, breach });
                }
            }
        }
    }
    for &id in circle {
        let node = &mut graph.nodes[id.index()];
        node.needs = node.needs.iter().copied().filter(|it| !is_in(it)).collect();
    }
}
