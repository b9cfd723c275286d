//! A chart of all tasks where everything is up to date: enough to tell which of them a change of a few
//! files can reach, and to decide and build those alone, as a build of everything would.
//!
//! Keys read documents, declared files and the outputs of direct needs. So while documents and
//! history are the same, only readers of a changed file and what depends on them can have another
//! key. What is not certain to be the same from a slice gives none: everything is decided then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::name::{OutputDigest, RelPath, TaskId, TaskRef};
use crate::spec::plan::{Compiled, Order, Plan, Task};

use crate::engine::graph::NodeId;
use crate::engine::past::history::{History, TaskHistory};
use crate::engine::past::view::Touch;

mod draw;
pub mod rows;

pub use draw::chart_of;

use rows::Rows;

/// One in so many tasks may be reached at most: beyond that a slice saves nothing.
const SHARE: usize = 8;

/// Every task's place among the others, in plan and file order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chart {
    pub plans: Vec<PlanChart>,
    pub tasks: Vec<TaskChart>,
    /// What each task needs.
    pub needs: Rows<NodeId>,
    /// The pattern sets that each task's key and verdicts read, by their place among all that are
    /// scanned.
    pub reads: Rows<u32>,
    /// What is known of no single task.
    pub past: History,
    /// What plans were checked against: see [`Compiled::clean_for`].
    pub clean_for: Digest,
}

/// A plan without its tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanChart {
    pub path: RelPath,
    pub plan: Plan,
    /// It is exactly as HEAD has it.
    pub is_committed: bool,
    /// The positions of its tasks.
    pub start: u32,
    pub end: u32,
    /// One behind the last task that waits for all before it in the file; 0 without one.
    pub ordered_until: u32,
}

/// One task's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskChart {
    pub id: TaskId,
    /// Its section's place in the plan.
    pub section: u32,
    /// It is a command.
    pub is_command: bool,
    /// Its result is looked at by validators, or chosen among proposals.
    pub is_judged: bool,
    /// The plan says that nothing is to be done for it.
    pub is_over: bool,
}

/// What a chart leaves out of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskPart {
    pub task: Task,
    pub past: Option<TaskHistory>,
    pub output: Option<OutputDigest>,
    /// Landings on files that it reads.
    pub touches: Vec<(RelPath, Vec<Touch>)>,
}

/// Which tasks a slice is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Tasks to be decided.
    pub wanted: BTreeSet<NodeId>,
    /// Tasks that these read the outcome of.
    pub beside: BTreeSet<NodeId>,
}

impl Cut {
    pub fn all(&self) -> impl Iterator<Item = NodeId> {
        self.wanted.iter().chain(&self.beside).copied()
    }
}

/// The documents and the past of some tasks, as if there were no others.
#[derive(Clone, Debug)]
pub struct Slice {
    pub plans: BTreeMap<RelPath, Compiled>,
    pub committed: BTreeSet<RelPath>,
    pub history: History,
    pub part: Part,
}

/// What a build of a slice is a build of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub targets: Vec<TaskRef>,
    /// Tasks that are up to date and not among the targets.
    pub n_resting: u32,
    /// How many of all, targets too, were skipped.
    pub n_skipped: u32,
}

impl Chart {
    pub fn find(&self, task: &TaskRef) -> Option<NodeId> {
        let plan = self.plans.iter().find(|it| it.plan.name == task.plan)?;
        (plan.start..plan.end).map(NodeId).find(|it| self.task(*it).id == task.task)
    }

    /// The tasks to be decided where what these sets find has changed and `asked` is asked for.
    pub fn cut(&self, changed: &BTreeSet<u32>, asked: Option<NodeId>) -> Option<Cut> {
        let reads = self.reads.iter().zip(0..);
        let is_reader = |sets: &[u32]| sets.iter().any(|set| changed.contains(set));
        let readers = reads.filter(|(sets, _)| is_reader(sets)).map(|(_, at)| NodeId(at));
        let readers: Vec<NodeId> = readers.collect();
        let mut wanted = self.downstream_of(readers)?;
        let is_plain = |it: &NodeId| self.task(*it).is_command && !self.task(*it).is_judged;
        if !wanted.iter().all(|it| is_plain(it) && !self.may_be_waited_for(*it)) {
            return None;
        }
        if let Some(asked) = asked.filter(|it| !self.task(*it).is_judged) {
            wanted.insert(asked);
        } else if asked.is_some() {
            return None;
        }
        let needs = wanted.iter().flat_map(|it| self.needs_of(*it)).copied();
        let mut beside: BTreeSet<NodeId> = needs.filter(|it| !wanted.contains(it)).collect();
        beside.extend(self.siblings_of(&wanted)?);
        Some(Cut { wanted, beside })
    }

    /// These tasks and all that need them, however far; `None` where that is not few.
    fn downstream_of(&self, readers: Vec<NodeId>) -> Option<BTreeSet<NodeId>> {
        let limit = self.tasks.len() / SHARE;
        if readers.is_empty() {
            return Some(BTreeSet::new());
        }
        let dependents = self.needs.turned(self.tasks.len());
        let (mut found, mut stack) = (BTreeSet::new(), readers);
        while let Some(id) = stack.pop() {
            if found.insert(id) {
                stack.extend(dependents.row(id.index()).iter().copied().map(NodeId));
            }
            if found.len() > limit {
                return None;
            }
        }
        Some(found)
    }

    /// A task behind it in the file waits for it without needing it, or it does so itself.
    fn may_be_waited_for(&self, id: NodeId) -> bool {
        self.plan_of(id).is_none_or(|plan| id.0 < plan.ordered_until)
    }

    /// One task of each touched section that stands for all that are left out of it, which must be
    /// over: what the section's own status follows from is then the same.
    fn siblings_of(&self, wanted: &BTreeSet<NodeId>) -> Option<Vec<NodeId>> {
        let section_of = |id: NodeId| self.task(id).section;
        let mut siblings: BTreeMap<(u32, u32), NodeId> = BTreeMap::new();
        for plan in &self.plans {
            let ids = NodeId(plan.start)..NodeId(plan.end);
            let touched: BTreeSet<u32> = wanted.range(ids).map(|it| section_of(*it)).collect();
            let mut others = (plan.start..plan.end)
                .map(NodeId)
                .filter(|it| touched.contains(&section_of(*it)) && !wanted.contains(it));
            others.try_for_each(|it| {
                siblings.entry((plan.start, section_of(it))).or_insert(it);
                self.task(it).is_over.then_some(())
            })?;
        }
        Some(siblings.into_values().collect())
    }

    /// The slice of a cut, with the parts of all its tasks.
    pub fn slice(&self, cut: &Cut, mut parts: BTreeMap<NodeId, TaskPart>) -> Option<Slice> {
        if !cut.all().all(|id| parts.get(&id).is_some_and(|part| self.is_faithful(id, part, cut))) {
            return None;
        }
        let (mut past, mut touches) = (BTreeMap::new(), BTreeMap::new());
        for (id, part) in &mut parts {
            past.extend(self.name_of(*id).zip(part.past.take().map(Arc::new)));
            touches.extend(std::mem::take(&mut part.touches));
        }
        let plans =
            self.plans.iter().map(|it| (it.path.clone(), self.plan_with(it, (&parts, cut))));
        let committed = self.plans.iter().filter(|it| it.is_committed);
        let targets: Vec<TaskRef> = cut.wanted.iter().filter_map(|it| self.name_of(*it)).collect();
        let n_resting = u32::try_from(self.tasks.len() - targets.len()).unwrap_or(u32::MAX);
        Some(Slice {
            plans: plans.collect(),
            committed: committed.map(|it| it.path.clone()).collect(),
            history: self.past.with(past, touches),
            part: Part { targets, n_resting, n_skipped: 0 },
        })
    }

    /// The plan with the tasks of which there are parts.
    fn plan_with(
        &self,
        chart: &PlanChart,
        (parts, cut): (&BTreeMap<NodeId, TaskPart>, &Cut),
    ) -> Compiled {
        let mut plan = chart.plan.clone();
        // A cut has no task that waits or is waited for only by its place in the file.
        plan.meta.order = Order::Free;
        for (id, part) in parts.range(NodeId(chart.start)..NodeId(chart.end)) {
            if let Some(section) = plan.sections.get_mut(self.task(*id).section as usize) {
                let mut task = part.task.clone();
                if !cut.wanted.contains(id) {
                    // What it needs is left out, and nobody decides it.
                    Arc::make_mut(&mut task.spec).depends_on.clear();
                }
                section.tasks.push(task);
            }
        }
        Compiled { plan: Arc::new(plan), clean_for: self.clean_for }
    }

    /// True where the task is decided from the slice as it would be among all.
    fn is_faithful(&self, id: NodeId, part: &TaskPart, cut: &Cut) -> bool {
        let accepted = part.past.as_ref().and_then(|it| it.accepted.as_ref());
        let is_known = part.output.is_some() && accepted.map(|it| it.output) == part.output;
        if !cut.wanted.contains(&id) {
            return is_known;
        }
        // Whose work a task sees the graph of all says; a slice only knows what it needs itself.
        let near = std::iter::once(id).chain(self.needs_of(id).iter().copied());
        let near: BTreeSet<TaskRef> = near.filter_map(|it| self.name_of(it)).collect();
        let mut touches = part.touches.iter().flat_map(|(_, touches)| touches);
        is_known && touches.all(|touch| near.contains(&touch.by))
    }

    pub fn name_of(&self, id: NodeId) -> Option<TaskRef> {
        let plan = self.plan_of(id)?.plan.name.clone();
        Some(TaskRef { plan, task: self.task(id).id.clone() })
    }

    fn plan_of(&self, id: NodeId) -> Option<&PlanChart> {
        self.plans.iter().find(|it| (it.start..it.end).contains(&id.0))
    }

    fn task(&self, id: NodeId) -> &TaskChart {
        &self.tasks[id.index()]
    }

    fn needs_of(&self, id: NodeId) -> &[NodeId] {
        self.needs.row(id.index())
    }
}
