//! What the host asks of the engine between steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::diagnostic::Diagnostic;
use crate::base::digest::Recorded;
use crate::base::measure::{Billing, Usd};
use crate::base::name::{ActionKey, AttemptId, PlanName, RecipeDigest, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::chart::{Chart, TaskPart, chart_of};
use crate::engine::decide::{documents_used, output_without_result, without_model};
use crate::engine::effect::BuildRequest;
use crate::engine::event::Documents;
use crate::engine::jobs::documents::first_error_made;
use crate::engine::jobs::smoke::{SmokePicture, files_needed};
use crate::engine::outcome::OutcomeClass;
use crate::engine::outcome::evidence::DocumentsLeft;
use crate::engine::past::history::History;
use crate::engine::picture::{Counts, Extent, Painter, Picture, counts_of, is_at_rest};
use crate::engine::plan_change::PlanChange;
use crate::engine::record::Record;
use crate::engine::why::Shortage;
use crate::engine::world::VerdictKeys;
use crate::engine::world::World;
use crate::spec::glob::GlobSet;
use crate::spec::plan::Status;
use crate::spec::plan::{Compiled, Plan};
use crate::spec::rule::Rule;

use super::Engine;

/// Of what there is and has happened.
/// What a build looks at, each list sorted.
#[derive(Clone, Debug, Default)]
pub struct FilesWanted {
    pub globs: Vec<GlobSet>,
    /// Single files whose content keys or verdicts read.
    pub read: Vec<RelPath>,
    /// Others of which only counts that they are there.
    pub outputs: Vec<RelPath>,
}

impl Engine {
    /// Every finding about every document, by file.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.world.diagnostics()
    }

    /// Every task there is, in plan and file order.
    pub fn tasks(&self) -> Vec<TaskRef> {
        self.world.graph().nodes().map(|(_, node)| node.task.clone()).collect()
    }

    /// True for a stage of a backlog item.
    pub fn is_stage(&self, task: &TaskRef) -> bool {
        self.world.slot(task).is_some_and(|slot| self.world.is_stage(slot))
    }

    /// The file of a task's plan.
    pub fn plan_path_of(&self, task: &TaskRef) -> Option<RelPath> {
        Some(self.world.plan_path(self.world.slot(task)?).clone())
    }

    /// Rules that do no task and tell people of events.
    pub fn notifying_rules(&self) -> Vec<Rule> {
        self.world.notifying_rules().cloned().collect()
    }

    /// Every plan, with the file it lies in.
    pub fn plans(&self) -> impl Iterator<Item = (&RelPath, &Plan)> {
        self.world.plans()
    }

    /// The plan that a file holds.
    pub fn plan_at(&self, path: &RelPath) -> Option<&Plan> {
        self.world.plan_at(path)
    }

    /// A plan that is known by exactly this text.
    pub fn plan_of_text(&self, source: &Source) -> Option<&Plan> {
        self.world.plan_of_text(source)
    }

    /// A task's present key; `None` while it cannot be known.
    pub fn key_of(&self, task: &TaskRef) -> Option<ActionKey> {
        self.world.key(self.world.slot(task)?)
    }

    /// How a task's result would be made now; `None` while it cannot be built.
    pub fn recipe_digest_of(&self, task: &TaskRef) -> Option<RecipeDigest> {
        self.world.recipe_digest(self.world.slot(task)?)
    }

    /// The key of the form before that the task would have.
    pub fn earlier_key_of(&self, task: &TaskRef) -> Option<ActionKey> {
        self.world.earlier_key(self.world.slot(task)?)
    }

    /// The keys of what the task's validators would say of its files as they are.
    pub fn verdict_keys_of(&self, task: &TaskRef) -> Vec<VerdictKeys> {
        self.world
            .slot(task)
            .map_or_else(Vec::new, |slot| self.world.verdict_keys(slot, &self.past))
    }

    /// Takes everything that its plan calls done, and of which nothing else tells, for done.
    pub fn trust_plans(&mut self) {
        for slot in self.world.slots().collect::<Vec<_>>() {
            let status = self.world.record(slot).status;
            if self.world.output(slot).is_none() && (status.is_done() || status == Status::Skipped)
            {
                self.world.set_output(slot, output_without_result(status));
            }
        }
    }

    /// The manifest of a task's present key; `None` while it cannot be told.
    pub fn manifest_of(&self, task: &TaskRef) -> Option<Recorded> {
        self.world.manifest(self.world.slot(task)?)
    }

    /// Large plans, with what reading them came to, where that is new.
    pub fn newly_compiled(&self, from_bytes: usize) -> Vec<(&Source, Compiled)> {
        self.world.newly_compiled(from_bytes)
    }

    pub fn history(&self) -> &History {
        &self.past.history
    }

    /// Takes in a record that the host journaled by itself.
    pub fn note(&mut self, record: &Record) {
        self.past.history.fold(record);
    }

    /// How many attempts this engine has begun, validators' too.
    pub fn n_attempts(&self) -> u64 {
        self.past.n_attempts()
    }

    /// Tasks still to be done that a build could give no model, each with why.
    pub fn without_model(&self, request: &BuildRequest) -> Vec<(TaskRef, String)> {
        without_model(request, &self.world, &self.past)
    }

    /// Files of the plans of these tasks, or of all, in which anything is left to do, and of the agents
    /// and rules that do it.
    pub fn documents_used(&self, wanted: Option<&[TaskRef]>) -> BTreeSet<RelPath> {
        documents_used(wanted, self.build.as_ref().map(|it| &it.board), &self.world)
    }

    /// Files that each plan's smoke test cannot do without; a plan without test is left out.
    pub fn smoke_files(&self) -> Vec<Vec<RelPath>> {
        files_needed(&self.world)
    }
}

/// Of the build under way.
impl Engine {
    /// Where everything stands. Costs time linear in the number of tasks.
    pub fn picture(&self) -> Picture {
        self.picture_of(Extent::Whole)
    }

    /// As [`Engine::picture`], with the tasks that a surface asks for.
    pub fn picture_of(&self, extent: Extent) -> Picture {
        self.painter().picture(extent)
    }

    fn painter(&self) -> Painter<'_> {
        let Self { world, past, build, step } = self;
        Painter { world, past, build: build.as_ref(), now: step.now }
    }

    /// How many tasks are where; cheap beside a whole picture.
    pub fn counts(&self) -> Counts {
        self.build.as_ref().map(counts_of).unwrap_or_default()
    }

    /// True where a build has found every task up to date or skipped, and nothing to tell of any.
    pub fn is_at_rest(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.faults.is_empty() && is_at_rest(it))
    }

    /// True while everything wanted is settled and nothing runs.
    pub fn is_finished(&self) -> bool {
        self.build.as_ref().is_some_and(|build| build.is_finished)
    }

    /// How many tasks of the build are not settled.
    pub fn n_open(&self) -> usize {
        self.build.as_ref().map_or(0, |build| build.board.schedule.n_open())
    }

    /// True where something went wrong inside of orch, so that this build is no success.
    pub fn is_broken(&self) -> bool {
        self.build.as_ref().is_some_and(|build| !build.faults.is_empty())
    }

    /// True while something waits to be started.
    pub fn has_queue(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.board.schedule.has_queued())
    }

    /// The failure that holds sessions back; `None` where they may start.
    pub fn held_by(&self) -> Option<OutcomeClass> {
        self.build.as_ref()?.admission.held_by()
    }

    /// True where a limit or a failed start keeps sessions from running.
    pub fn is_holding(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.admission.holding().is_some())
    }

    /// True once a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.admission.is_stopping())
    }

    /// Spent by this build, every attempt counted.
    pub fn cost(&self) -> Usd {
        self.build.as_ref().map(|build| build.money.cost).unwrap_or_default()
    }

    /// What kept something from starting for lack of money; `None` where there was room for all.
    pub fn budget_reached(&self) -> Option<&Shortage> {
        self.build.as_ref()?.money.reached()
    }

    /// What amounts are, as far as sessions have said.
    pub fn billing(&self) -> Billing {
        self.painter().billing()
    }

    /// True where some of the cost is what the API would have asked for, and nobody is billed for it.
    pub fn is_api_equivalent(&self) -> bool {
        self.build.as_ref().is_some_and(|it| it.money.is_api_equivalent())
    }

    /// The smoke tests of this build that were looked at, by plan.
    pub fn smokes(&self) -> BTreeMap<PlanName, SmokePicture> {
        self.build.as_ref().map(|it| it.smokes.ended().clone()).unwrap_or_default()
    }

    /// True where no smoke test of this build failed, or was stopped.
    pub fn smokes_hold(&self) -> bool {
        self.build.as_ref().is_none_or(|it| it.smokes.hold())
    }

    /// The chart of all tasks and, in the same order, what it leaves out of each. `None` without a
    /// build of everything, or where a task cannot be built.
    pub fn chart(&self) -> Option<(Chart, Vec<TaskPart>)> {
        chart_of(&self.build.as_ref()?.board, &self.world, &self.past)
    }

    /// What a scan for the present build asks for.
    pub fn files_wanted(&self) -> (Vec<GlobSet>, Vec<RelPath>) {
        let FilesWanted { globs, read, outputs } = self.files_by_use();
        let paths: BTreeSet<RelPath> = read.into_iter().chain(outputs).collect();
        (globs, paths.into_iter().collect())
    }

    /// The same, by what they are wanted for.
    pub fn files_by_use(&self) -> FilesWanted {
        let Some(build) = &self.build else { return FilesWanted::default() };
        let slots = build.board.slots();
        let (globs, read) = self.world.files_read(slots, &self.past);
        let mut outputs = self.world.outputs_wanted(slots, &self.past);
        outputs.retain(|it| read.binary_search(it).is_err());
        FilesWanted { globs, read, outputs: outputs.into_iter().collect() }
    }

    /// Names of all variables that keys read, each once.
    pub fn variables(&self) -> Vec<String> {
        let Some(build) = &self.build else { return Vec::new() };
        let recipes = build.board.slots().iter().filter_map(|slot| self.world.recipe(*slot));
        let names = recipes.flat_map(|it| it.rule.env.iter().chain(&it.spec.env));
        let names: BTreeSet<&str> = names.map(|name| name.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The files that the verdicts on an attempt's result are about beside what it changed: those the
    /// task owns. None where nothing validates it.
    pub fn judged_with(&self, attempt: AttemptId) -> BTreeSet<RelPath> {
        let attempt = self.build.as_ref().and_then(|it| it.jobs.attempt(attempt).ok());
        let Some(attempt) = attempt.filter(|it| !it.review.validators.is_empty()) else {
            return BTreeSet::new();
        };
        let past = self.past.history.task(&attempt.task);
        past.into_iter().flat_map(|it| it.owned.keys().cloned()).collect()
    }

    /// A plan's text with the change that a running attempt made, among the documents that there will
    /// be with its work; `Err` says what stands against it.
    pub fn changed_plan(
        &self,
        attempt: AttemptId,
        present: &Source,
        change: &PlanChange,
        documents: Documents,
    ) -> Result<String, String> {
        let build = self.build.as_ref().ok_or("no build is under way")?;
        let attempt = build.jobs.attempt(attempt).map_err(|_| "its task is gone")?;
        let bounds = build.plan_bounds_of(attempt, &self.world, &self.past);
        let known = World::known_with(documents);
        change.apply(present, &bounds, &known).map_err(|why| why.join("; "))
    }

    /// The first error that the later documents have and the earlier ones have not, one line.
    pub fn first_error_made(read: DocumentsLeft) -> Option<String> {
        first_error_made(read)
    }
}
