//! The tasks of one build: what is asked for, where each stands, and how each is decided.

mod amount;
mod failed;
mod findings;
mod gone;
mod items;
mod look_up;
mod models;
mod node;
mod pin;
mod recheck;
mod restart;
mod run;
mod settle;
mod used;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::measure::Moment;
use crate::base::name::{PlanName, TaskRef, VerdictKey};
use crate::engine::effect::BuildRequest;
use crate::engine::graph::schedule::{Schedule, Settled, State};
use crate::engine::graph::{Graph, NodeId};
use crate::engine::record::AcceptedResult;
use crate::engine::why::Why;
use crate::engine::world::{Recipe, Slot};

pub use models::without_model;
pub use node::{is_set_back, is_set_back_in};
pub use restart::wanted_by;
pub use run::{Rework, TaskRun};
pub use settle::{edit_of, output_without_result};
pub use used::documents_used;

/// What a build does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decide and run.
    Build,
    /// Decide only: nothing runs, nothing is written (`status`, `--dry-run`).
    Survey,
}

/// The tasks of one build.
pub struct Board {
    pub request: BuildRequest,
    pub mode: Mode,
    pub graph: Arc<Graph>,
    pub schedule: Schedule,
    pub freshness: Freshness,
    /// Slots by node.
    nodes: Vec<Slot>,
    /// Plans that are wanted whole, where not everything is.
    whole_plans: BTreeSet<PlanName>,
    /// What is built only where it is named.
    named_only: Arc<BTreeSet<PlanName>>,
    runs: BTreeMap<NodeId, TaskRun>,
    /// Verdicts that were reached in this build, and for which task.
    asked: BTreeMap<VerdictKey, TaskRef>,
    /// Tasks of a plan that failed one after the other.
    in_a_row: BTreeMap<PlanName, u32>,
    /// What was picked, where not everything is to run.
    chosen: BTreeSet<NodeId>,
    /// What nothing waits for but that something else is looked at once more.
    aside: BTreeSet<NodeId>,
}

/// How far the board knows the present state of things.
#[derive(Debug)]
pub struct Freshness {
    pub has_scanned: bool,
    /// When all inputs were last looked at.
    scanned_at: Moment,
    /// Something changed since states were last decided.
    is_touched: bool,
    /// A session changed a plan, or a person spoke: what there is to do is another.
    has_new_plan: bool,
}

/// What deciding a task leaves to be done by an attempt.
#[derive(Debug)]
pub enum Follow {
    /// Its result stands, and a verdict on it is to be renewed.
    Review(NodeId, Recipe),
    /// A cached result goes through merging, validating and landing.
    Replay(NodeId, Box<AcceptedResult>),
}

impl Board {
    pub fn slot(&self, id: NodeId) -> Slot {
        self.nodes[id.index()]
    }

    pub fn slots(&self) -> &[Slot] {
        &self.nodes
    }

    pub fn task(&self, id: NodeId) -> &TaskRef {
        &self.graph.node(id).task
    }

    /// What the build remembers of a task; `None` where nothing happened to it.
    pub fn known_run(&self, id: NodeId) -> Option<&TaskRun> {
        self.runs.get(&id)
    }

    pub fn run(&mut self, id: NodeId) -> &mut TaskRun {
        self.runs.entry(id).or_default()
    }

    pub fn runs(&self) -> impl Iterator<Item = (NodeId, &TaskRun)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    pub fn note_reason(&mut self, id: NodeId, reason: Why) {
        self.run(id).reason = reason;
    }

    pub fn settle(&mut self, id: NodeId, settled: Settled) {
        self.schedule.settle(&self.graph, id, settled);
    }

    /// Lets a node be decided again in the running build.
    pub fn reopen(&mut self, id: NodeId) {
        self.schedule.reopen(&self.graph, id);
    }

    /// It is not decided before it is taken up again.
    pub fn put_aside(&mut self, id: NodeId) {
        self.aside.insert(id);
    }

    /// What was put aside.
    pub fn aside(&self) -> Vec<NodeId> {
        self.aside.iter().copied().collect()
    }

    pub fn take_up(&mut self, id: NodeId) {
        self.aside.remove(&id);
    }

    /// It must run, and waits for its turn.
    pub fn queue(&mut self, id: NodeId) {
        self.schedule.set(id, State::Queued);
    }

    /// What a validator said in this build, and for which task.
    pub fn note_verdict(&mut self, key: VerdictKey, task: TaskRef) {
        self.asked.insert(key, task);
    }

    /// True where a validator has spoken of this in this build.
    pub fn has_asked(&self, key: &VerdictKey) -> bool {
        self.asked.contains_key(key)
    }

    /// What was given up for a reason that is none of the task's may be tried again.
    pub fn forgive(&mut self) {
        for run in self.runs.values_mut() {
            run.gave_up = run.gave_up.filter(|class| class.is_about_the_task());
        }
    }
}
