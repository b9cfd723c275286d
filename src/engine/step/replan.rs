//! Beginning a build, and deciding it anew after documents, files or history changed under it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::file::FileState;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::engine::effect::{BuildRequest, Effect};
use crate::engine::event::Frozen;
use crate::engine::graph::schedule::{AfterFailure, Schedule, State};
use crate::engine::graph::{Graph, NodeId};
use crate::engine::world::db::{Slot, graph_of, key_of, meta_of, recipe_of};
use crate::spec::glob::{GlobIndex, GlobSet};

use super::attempt::Attempt;
use super::review::{item_read_by, validators_of};
use super::{Build, Engine, Mode, Stopping};

/// More changed files than this are found by a scan of all.
const MANY: usize = 256;

/// What the last scan was asked for.
#[derive(Default)]
pub(super) struct Scanned {
    pub globs: Arc<[GlobSet]>,
    paths: Vec<RelPath>,
    pub index: GlobIndex,
}

impl Engine {
    /// Starts a build: all that is wanted waits, and the files that keys read are asked for.
    pub(super) fn begin(&mut self, request: BuildRequest, mode: Mode) {
        let graph = Arc::clone(graph_of(&self.db, self.world.library(&self.db)));
        let nodes = graph.nodes().map(|(_, node)| self.slots[&node.task]).collect();
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
            scanned: Scanned::default(),
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

    /// Why nothing may start from a task's plan; `None` where it may.
    pub(super) fn frozen(&self, slot: Slot) -> Option<String> {
        match &self.frozen {
            Frozen::Nothing => None,
            Frozen::Everything(why) => Some(why.clone()),
            Frozen::Plans(paths) => {
                let path = slot.plan(&self.db).path(&self.db);
                paths.contains(path).then(|| format!("{path} has errors"))
            }
        }
    }

    /// A hint that files changed: those that a key could read are looked at.
    pub(super) fn take_changed(&mut self, paths: &[RelPath], everything: bool) {
        if everything {
            return self.rescan();
        }
        let Some(build) = &self.build else { return };
        let mut read: BTreeSet<RelPath> = BTreeSet::new();
        for path in paths {
            read.extend(self.entries_below(path).cloned());
            let is_read = !build.scanned.index.sets_taking(path).is_empty();
            if is_read || self.entries.contains_key(path) {
                read.insert(path.clone());
            }
        }
        // What may be ignored by git is for a scan to judge; and many are found quicker by one.
        if read.len() > MANY || read.iter().any(|path| self.is_document(path)) {
            return self.rescan();
        }
        if !read.is_empty() {
            self.step.push(Effect::Look { paths: read.into_iter().collect() });
        }
    }

    pub(super) fn take_looked(&mut self, found: &[(RelPath, Option<FileState>)]) {
        let mut has_changed = false;
        let mut new = Vec::new();
        for (path, state) in found {
            let is_known = self.entries.contains_key(path);
            if !is_known && state.is_none() {
                continue;
            }
            has_changed |= self.set_entry(path, *state);
            new.extend((!is_known).then(|| path.clone()));
        }
        self.list(&new);
        if has_changed {
            self.touch();
        }
    }

    fn is_document(&self, path: &RelPath) -> bool {
        let config = self.world.library(&self.db).config(&self.db);
        let folders = config.plans_dirs.iter().chain([&config.agents_dir, &config.rules_dir]);
        folders.into_iter().any(|folder| path.is_within(folder.trim_end_matches('/')))
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
        let graph = graph_of(&self.db, self.world.library(&self.db));
        let Some(build) = &mut self.build else { return };
        build.is_touched = false;
        build.pacing.forget();
        build.has_new_plan = false;
        if *graph != build.graph {
            let graph = Arc::clone(graph);
            build.nodes = graph.nodes().map(|(_, node)| self.slots[&node.task]).collect();
            let runs = std::mem::take(&mut build.runs).into_iter();
            let moved = |(old, run)| Some((graph.id_of(&build.graph.node(old).task)?, run));
            build.runs = runs.filter_map(moved).collect();
            build.graph = graph;
        }
        build.restart();
        let (globs, paths) = self.wanted_files();
        let scanned = self.build.as_ref().map(|it| &it.scanned);
        if scanned.is_some_and(|it| *it.globs != *globs || it.paths != paths) {
            self.rescan();
        }
    }

    /// True where what the attempt was started for is not what the task is now.
    pub(super) fn is_outdated(&self, attempt: &Attempt) -> bool {
        let Some(build) = &self.build else { return false };
        let Some(node) = attempt.node.filter(|_| build.request.watch) else { return false };
        !build.schedule.is_ready(&build.graph, node)
            || key_of(&self.db, self.world, attempt.slot) != Some(attempt.key)
    }

    /// Lets a node be decided again in the running build.
    pub(super) fn reopen(&mut self, node: NodeId) {
        if let Some(build) = &mut self.build {
            build.schedule.reopen(&build.graph, node);
        }
    }

    /// Asks for the present content of everything that keys and verdicts read.
    pub(super) fn rescan(&mut self) {
        let (globs, paths) = self.wanted_files();
        let Some(build) = &mut self.build else { return };
        build.has_scanned = false;
        build.scanned = Scanned {
            index: GlobIndex::new(&globs),
            globs: globs.as_slice().into(),
            paths: paths.clone(),
        };
        self.step.push(Effect::Scan { globs, paths });
    }

    /// What a scan for the present build asks for.
    pub fn files_wanted(&self) -> (Vec<GlobSet>, Vec<RelPath>) {
        self.wanted_files()
    }

    /// Names of all variables that keys read, each once.
    pub fn variables(&self) -> Vec<String> {
        let library = self.world.library(&self.db);
        let Some(build) = &self.build else { return Vec::new() };
        let recipes =
            build.nodes.iter().filter_map(|slot| recipe_of(&self.db, library, *slot).as_ref());
        let names = recipes.flat_map(|it| it.rule.env.iter().chain(&it.spec.env));
        let names: BTreeSet<&str> = names.map(|name| name.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn wanted_files(&self) -> (Vec<GlobSet>, Vec<RelPath>) {
        let library = self.world.library(&self.db);
        let (mut globs, mut paths) = (BTreeSet::new(), BTreeSet::new());
        let Some(build) = &self.build else { return (Vec::new(), Vec::new()) };
        let documents = library.plans(&self.db).iter().filter_map(|text| {
            meta_of(&self.db, *text).plan_doc.as_deref().and_then(RelPath::normalize)
        });
        paths.extend(documents);
        for &slot in &build.nodes {
            let Some(recipe) = recipe_of(&self.db, library, slot) else { continue };
            globs.insert(Cow::Borrowed(&recipe.spec.inputs));
            globs.insert(Cow::Borrowed(&recipe.rule.inputs.declared));
            let meta = meta_of(&self.db, slot.plan(&self.db));
            let validators = validators_of(recipe, meta);
            if validators.is_empty() {
                continue;
            }
            paths.extend(item_read_by(&validators, meta));
            globs.extend(validators.into_iter().map(|it| Cow::Owned(it.inputs)));
            if let Some(task) = self.past.history.task(slot.task(&self.db)) {
                paths.extend(task.owned.keys().cloned());
            }
        }
        globs.remove(&GlobSet::default());
        (globs.into_iter().map(Cow::into_owned).collect(), paths.into_iter().collect())
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
