//! The engine: events in, effects out. It owns the salsa database, is synchronous and deterministic,
//! and is the only thing of the pure floors that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::measure::{Moment, Usd};
use crate::base::name::{AttemptId, PlanName, RelPath, TaskRef, VerdictKey};
use crate::base::source::Source;

use crate::engine::effect::{BuildRequest, Effect, Request, Step};
use crate::engine::event::Event;
use crate::engine::graph::schedule::{Schedule, Settled};
use crate::engine::graph::{Graph, NodeId};
use crate::engine::limits::Clock;
use crate::engine::past::Past;
use crate::engine::past::history::History;
use crate::engine::record::Record;
use crate::engine::world::{QueryLog, Slot, World};

mod accept;
mod ask;
mod attempt;
mod chart;
mod compete;
mod decide;
mod documents;
mod door;
mod escalate;
mod expect;
mod explain;
mod gate;
mod hold;
mod launch;
mod look_up;
mod pace;
mod paint;
mod plan;
mod recheck;
mod replan;
mod resume;
mod retry;
mod review;
mod smoke;
mod spend;
mod stop;
mod used;

use self::hold::Holding;
use self::pace::Pacing;
use self::smoke::Smokes;
use self::stop::Stopping;

pub use self::attempt::Attempt;
pub use self::retry::TaskRun;

/// What a build does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decide and run.
    Build,
    /// Decide only: nothing runs, nothing is written (`status`, `--dry-run`).
    Survey,
}

/// The engine. See the module's text; `step` is the whole of its life.
pub struct Engine {
    world: World,
    past: Past,
    build: Option<Build>,
    /// Attempts that were told to end.
    stopped: BTreeSet<AttemptId>,
    step: Step,
}

/// One build under way.
struct Build {
    request: BuildRequest,
    mode: Mode,
    graph: Arc<Graph>,
    /// Slots by node.
    nodes: Vec<Slot>,
    schedule: Schedule,
    /// Plans that are wanted whole, where not everything is.
    whole_plans: BTreeSet<PlanName>,
    runs: BTreeMap<NodeId, TaskRun>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// A validating attempt's id -> the attempt whose result it looks at.
    reviews: BTreeMap<AttemptId, AttemptId>,
    /// A proposal's or its judge's id -> the attempt that they compete for.
    proposals: BTreeMap<AttemptId, AttemptId>,
    /// Verdicts that were reached in this build, and for which task.
    asked: BTreeMap<VerdictKey, TaskRef>,
    queue: BTreeSet<NodeId>,
    pacing: Pacing,
    smokes: Smokes,
    has_scanned: bool,
    /// Something changed since states were last decided.
    is_touched: bool,
    /// A session changed a plan, or a person spoke: what there is to do is another.
    has_new_plan: bool,
    /// When all inputs were last looked at.
    scanned_at: Moment,
    stopping: Stopping,
    /// Why no new session starts.
    holding: Option<Holding>,
    /// What keeps sessions from starting for a while.
    doors: door::Doors,
    started: Moment,
    cost: Usd,
    money: spend::Money,
    n_sessions: u32,
    is_finished: bool,
    parked: Option<String>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::of(World::default())
    }
}

impl Engine {
    /// An engine that notes which queries it executes.
    pub fn observed() -> (Self, QueryLog) {
        let (world, log) = World::observed();
        (Self::of(world), log)
    }

    fn of(world: World) -> Self {
        Self {
            world,
            past: Past::default(),
            build: None,
            stopped: BTreeSet::new(),
            step: Step::in_zone(Clock::default().zone),
        }
    }

    /// The same engine on a machine in this zone, by its IANA name. UTC is assumed without.
    #[must_use]
    pub fn in_zone(self, zone: String) -> Self {
        Self { step: Step::in_zone(zone), ..self }
    }

    /// Takes in what happened and answers with what is to be done, in order.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        self.step.now = now;
        self.take_in(event);
        self.pump();
        self.step.take()
    }

    /// Surveys instead of building: decides, runs nothing.
    pub fn survey(&mut self, now: Moment, request: BuildRequest) -> Vec<Effect> {
        self.step.now = now;
        self.begin(request, Mode::Survey);
        self.pump();
        self.step.take()
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::DocumentsRead(documents) => self.take_documents(*documents),
            Event::HistoryRead { records, lineage } => {
                self.take_history(History::new(&records, &lineage));
            }
            Event::HistoryRestored(history) => self.take_history(*history),
            Event::FilesScanned(found) => self.take_files(&found),
            Event::Rechecked { task, found } => self.take_rechecked(&task, &found),
            Event::Looked(found) => self.take_looked(&found),
            Event::FilesFound(found) => self.take_files_found(found),
            Event::MachineTold(machine) => self.world.take_machine(machine, self.step.now),
            Event::Changed { paths, everything } => self.take_changed(&paths, everything),
            Event::Asked(Request::Build(request)) => self.begin(request, Mode::Build),
            Event::Asked(Request::Stop) | Event::StopSeen => self.stop(Stopping::Asked),
            Event::Decided(decide) => self.take_decision(decide),
            Event::LimitsLifted => self.lift_limits(),
            Event::CandidatesFound { task, key, found } => self.take_candidates(&task, key, *found),
            Event::AttemptProgressed { attempt, progress } => self.take_progress(attempt, progress),
            Event::AttemptEnded { attempt, evidence } => self.take_ended(attempt, *evidence),
            Event::Shelved { attempt, commit } => self.take_shelved(attempt, commit),
            Event::Merged { attempt, candidate, beneath, patch } => {
                self.take_merged(attempt, (candidate, beneath), patch);
            }
            Event::Landed { attempt, landing, placement } => {
                self.take_landed(attempt, *landing, placement);
            }
            Event::Settled { attempt } => self.take_settled(attempt),
            Event::Conflicted { attempt, conflict } => self.take_conflict(attempt, conflict),
            Event::LandingFailed { attempt, message } => {
                self.take_landing_failed(attempt, &message)
            }
            Event::PlanRefused { attempt, why } => self.take_plan_refused(attempt, why),
            Event::StatusWritten { task, status, written } => {
                self.take_status_written(task, status, written);
            }
            Event::Answered { task, text } => self.take_answer(&task, text),
            Event::SmokeStarted { attempt } => self.take_smoke_started(attempt),
            Event::SmokeEnded { attempt, report } => self.take_smoke_ended(attempt, *report),
            Event::Woken => {}
            Event::Interrupted => self.interrupt(),
        }
    }

    /// Does everything that can be done now.
    fn pump(&mut self) {
        self.replan_if_touched();
        if !self.build.as_ref().is_some_and(|build| build.has_scanned) {
            return;
        }
        self.go_round();
        self.end_what_runs();
        self.finish_if_settled();
    }

    fn finish_if_settled(&mut self) {
        let Some(build) = &self.build else { return };
        let is_idle = build.schedule.n_open() == 0 && build.attempts.is_empty();
        if !is_idle || build.is_finished || self.smoke() {
            return;
        }
        if let Some(build) = &mut self.build {
            build.is_finished = true;
            self.step.push(Effect::Finish);
            self.note_apart();
        }
    }

    /// How many attempts this engine has begun, validators' too.
    pub fn n_attempts(&self) -> u64 {
        self.past.n_attempts()
    }

    /// True while everything wanted is settled and nothing runs.
    pub fn is_finished(&self) -> bool {
        self.build.as_ref().is_some_and(|build| build.is_finished)
    }

    /// Every finding about every document, by file.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.world.diagnostics()
    }

    /// What there is: documents, keys and files.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Every task there is, in plan and file order.
    pub fn tasks(&self) -> Vec<TaskRef> {
        self.world.graph().nodes().map(|(_, node)| node.task.clone()).collect()
    }

    /// Spent by this build, every attempt counted.
    pub fn cost(&self) -> Usd {
        self.build.as_ref().map(|build| build.cost).unwrap_or_default()
    }

    /// The file of a task's plan.
    pub fn plan_path_of(&self, task: &TaskRef) -> Option<RelPath> {
        Some(self.world.plan_path(self.world.slot(task)?).clone())
    }

    /// The plan that a file holds.
    pub fn plan_at(&self, path: &RelPath) -> Option<&crate::spec::plan::Plan> {
        self.world.plan_at(path)
    }

    /// A plan that is known by exactly this text.
    pub fn plan_of_text(&self, source: &Source) -> Option<&crate::spec::plan::Plan> {
        self.world.plan_of_text(source)
    }

    /// A task's present key; `None` while it cannot be known.
    pub fn key_of(&self, task: &TaskRef) -> Option<crate::base::name::ActionKey> {
        self.world.key(self.world.slot(task)?)
    }

    pub fn history(&self) -> &History {
        &self.past.history
    }

    /// Takes in a record that the host journaled by itself.
    pub fn note(&mut self, record: &Record) {
        self.past.history.fold(record);
    }

    /// The manifest of a task's present key; `None` while it cannot be told.
    pub fn manifest_of(&self, task: &TaskRef) -> Option<crate::base::digest::Recorded> {
        self.world.manifest(self.world.slot(task)?)
    }

    /// Large plans, with what reading them came to, where that is new.
    pub fn newly_compiled(&self, from_bytes: usize) -> Vec<(&Source, crate::spec::plan::Compiled)> {
        self.world.newly_compiled(from_bytes)
    }

    fn settle(&mut self, id: NodeId, settled: Settled) {
        let Some(build) = &mut self.build else { return };
        build.queue.remove(&id);
        build.schedule.settle(&build.graph, id, settled);
    }
}

#[cfg(test)]
mod tests;
