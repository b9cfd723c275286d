//! Beginning a build, and deciding it anew after documents, files or history changed under it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::file::FileState;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::Documents;
use crate::engine::graph::schedule::{AfterFailure, Schedule, State};
use crate::engine::graph::{Graph, NodeId};
use crate::engine::past::history::History;
use crate::spec::glob::GlobSet;

use super::attempt::Attempt;
use super::{Build, Engine, Mode, Stopping};

/// More changed files than this are found by a scan of all.
const MANY: usize = 256;

impl Engine {
    /// Starts a build: all that is wanted waits, and the files that keys read are asked for.
    pub(super) fn begin(&mut self, request: BuildRequest, mode: Mode) {
        let graph = Arc::clone(self.world.graph());
        let nodes = self.world.slots_of(&graph);
        let whole_plans = whole_plans(&graph, &request);
        let wanted = wanted_by(&graph, &request);
        let after = after_failure(&request);
        self.build = Some(Build {
            schedule: Schedule::new(&graph, &wanted, after),
            request,
            mode,
            graph,
            nodes,
            whole_plans,
            runs: BTreeMap::new(),
            attempts: BTreeMap::new(),
            reviews: BTreeMap::new(),
            proposals: BTreeMap::new(),
            asked: BTreeMap::new(),
            queue: BTreeSet::new(),
            pacing: super::Pacing::default(),
            smokes: super::Smokes::default(),
            has_scanned: false,
            scanned_at: self.step.now,
            is_touched: false,
            has_new_plan: false,
            stopping: Stopping::No,
            holding: None,
            doors: super::door::Doors::default(),
            started: self.step.now,
            cost: crate::base::measure::Usd::ZERO,
            money: super::spend::Money::default(),
            n_sessions: 0,
            is_finished: false,
            parked: None,
        });
        self.restore_limits();
        self.adopt_left_out();
        self.rescan();
    }

    /// Something outside changed that decisions may rest on.
    pub(super) fn touch(&mut self) {
        if let Some(build) = &mut self.build {
            build.is_touched = true;
        }
    }

    pub(super) fn take_documents(&mut self, documents: Documents) {
        if self.world.take_documents(documents, &self.past) {
            self.stop_holding();
        }
        let world = &self.world;
        // Statuses that the plans say by now are no longer to be written.
        self.past.lines.retain(|task, status| {
            world.slot(task).is_some_and(|slot| world.record(slot).status != status)
        });
        self.touch();
        if let Some(build) = &mut self.build {
            build.has_new_plan |= build.attempts.values().any(|it| it.plan_change.is_some());
        }
    }

    /// Everything that would be wrong with these documents. They are the engine's until it is given
    /// others by `DocumentsRead`, which must come next.
    pub fn diagnose(&mut self, documents: Documents) -> Vec<Diagnostic> {
        if self.world.set_documents(documents) {
            self.stop_holding();
        }
        self.diagnostics()
    }

    pub(super) fn take_history(&mut self, history: History) {
        self.past.history = history.live();
        self.world.take_past(&self.past);
        self.touch();
    }

    pub(super) fn take_files(&mut self, found: &[(RelPath, Option<FileState>)]) {
        let has_changed = self.world.take_files(found, &self.past);
        let Some(build) = &mut self.build else { return };
        build.scanned_at = self.step.now;
        build.has_scanned = true;
        build.is_touched |= has_changed;
    }

    /// A hint that files changed: those that a key could read are looked at.
    pub(super) fn take_changed(&mut self, paths: &[RelPath], everything: bool) {
        if everything {
            return self.rescan();
        }
        if self.build.is_none() {
            return;
        }
        let read = self.world.read_of(paths);
        // What may be ignored by git is for a scan to judge; and many are found quicker by one.
        if read.len() > MANY || read.iter().any(|path| self.world.is_document(path)) {
            return self.rescan();
        }
        if !read.is_empty() {
            self.step.push(Effect::Look { paths: read.into_iter().collect() });
        }
    }

    pub(super) fn take_looked(&mut self, found: &[(RelPath, Option<FileState>)]) {
        if self.world.take_looked(found, &self.past) {
            self.touch();
        }
    }

    /// After a change under a build that stays: states are decided anew, running attempts stay.
    pub(super) fn replan_if_touched(&mut self) {
        let is_due =
            |it: &Build| (it.request.watch || it.has_new_plan) && it.is_touched && it.has_scanned;
        if self.build.as_ref().is_some_and(is_due) {
            self.replan();
        }
    }

    fn replan(&mut self) {
        let graph = self.world.graph();
        let Some(build) = &mut self.build else { return };
        build.is_touched = false;
        build.pacing.forget();
        build.has_new_plan = false;
        if *graph != build.graph {
            let graph = Arc::clone(graph);
            build.nodes = self.world.slots_of(&graph);
            let runs = std::mem::take(&mut build.runs).into_iter();
            let moved = |(old, run)| Some((graph.id_of(&build.graph.node(old).task)?, run));
            build.runs = runs.filter_map(moved).collect();
            build.graph = graph;
        }
        build.restart();
        let (globs, paths) = self.files_wanted();
        if !self.world.has_scanned_for(&globs, &paths) {
            self.rescan();
        }
    }

    /// True where what the attempt was started for is not what the task is now.
    pub(super) fn is_outdated(&self, attempt: &Attempt) -> bool {
        let Some(build) = &self.build else { return false };
        let Some(node) = attempt.node.filter(|_| build.request.watch) else { return false };
        !build.schedule.is_ready(&build.graph, node)
            || self.world.key(attempt.slot) != Some(attempt.key)
    }

    /// Lets a node be decided again in the running build.
    pub(super) fn reopen(&mut self, node: NodeId) {
        if let Some(build) = &mut self.build {
            build.schedule.reopen(&build.graph, node);
        }
    }

    /// Asks for the present content of everything that keys and verdicts read.
    pub(super) fn rescan(&mut self) {
        let (globs, paths) = self.files_wanted();
        let Some(build) = &mut self.build else { return };
        build.has_scanned = false;
        self.world.begin_scan(&globs, &paths);
        self.step.push(Effect::Scan { globs, paths });
    }

    /// What a scan for the present build asks for.
    pub fn files_wanted(&self) -> (Vec<GlobSet>, Vec<RelPath>) {
        let Some(build) = &self.build else { return (Vec::new(), Vec::new()) };
        self.world.files_wanted(&build.nodes, &self.past)
    }

    /// Names of all variables that keys read, each once.
    pub fn variables(&self) -> Vec<String> {
        let Some(build) = &self.build else { return Vec::new() };
        let recipes = build.nodes.iter().filter_map(|slot| self.world.recipe(*slot));
        let names = recipes.flat_map(|it| it.rule.env.iter().chain(&it.spec.env));
        let names: BTreeSet<&str> = names.map(|name| name.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

impl Build {
    /// All that is wanted waits again, but for what runs. What tasks remember of their attempts
    /// stays, so that deciding anew neither forgets a failure nor a wait.
    fn restart(&mut self) {
        let wanted = wanted_of(&self.graph, &self.request, &self.whole_plans);
        self.schedule = Schedule::new(&self.graph, &wanted, after_failure(&self.request));
        for (id, attempt) in &mut self.attempts {
            let node = self.graph.id_of(&attempt.task).filter(|it| wanted[it.index()]);
            attempt.node = node;
            if let Some(node) = node {
                self.schedule.set(node, State::Active(*id));
            }
        }
        self.queue.clear();
        self.is_finished = false;
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
pub(super) fn wanted_by(graph: &Graph, request: &BuildRequest) -> Vec<bool> {
    wanted_of(graph, request, &whole_plans(graph, request))
}

fn wanted_of(graph: &Graph, request: &BuildRequest, whole: &BTreeSet<PlanName>) -> Vec<bool> {
    let mut wanted = targets_of(graph, request, whole);
    let from = request.resume_from.as_ref().and_then(|it| graph.id_of(it));
    for id in from.into_iter().flat_map(|it| graph.plan_range(graph.node(it).plan).start..it.0) {
        wanted[id as usize] = false;
    }
    wanted
}

fn targets_of(graph: &Graph, request: &BuildRequest, whole: &BTreeSet<PlanName>) -> Vec<bool> {
    let Some(targets) = &request.targets else { return vec![true; graph.len()] };
    let mut roots: Vec<NodeId> = targets.iter().filter_map(|it| graph.id_of(it)).collect();
    roots.extend(graph.nodes().filter(|(_, it)| whole.contains(&it.task.plan)).map(|(id, _)| id));
    if !request.only {
        return graph.closure_of(roots);
    }
    let mut wanted = vec![false; graph.len()];
    for root in roots {
        wanted[root.index()] = true;
    }
    wanted
}
