//! Closing verdicts: tasks are validated one by one, their sum is not. When all of a plan is accepted, the
//! commands that let its tasks pass are run once more where another landing of the plan changed what they
//! look at. A FAIL keeps the plan from being complete.

mod culprit;
mod item;

pub(super) use culprit::probe_key;

use crate::base::name::{AttemptId, PlanName, TaskRef, VerdictKey};
use crate::engine::admission::Origin;
use crate::engine::broken::{Must, Sound};
use crate::engine::decide::{Mode, Rework};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::record::lineage::Landed;
use crate::engine::record::lineage::Landing;
use crate::engine::record::{Provenance, Record};
use crate::engine::why::Why;
use crate::engine::world::Checked;
use crate::spec::plan::{Validator, ValidatorKind};

use super::{Kind, Shop, Work};

/// A validator that is to speak of a task's files as its plan left them.
struct Closing {
    validator: Validator,
    key: VerdictKey,
    /// Tasks of the plan that changed them since.
    by: Vec<TaskRef>,
}

/// What came of looking at one task.
enum Look {
    Holds,
    Fails(OutcomeClass, String),
    /// Only these can tell.
    Open(Vec<Validator>),
    /// Since when it fails is to be found out: by this at a landing.
    Probe(Validator, Landed),
    /// The task that broke it is made again.
    Rework(NodeId, Box<Rework>),
}

impl Shop<'_> {
    /// Notes that a plan is to be closed: a landing changed what another of its tasks has made.
    pub(super) fn note_to_close(&mut self, landing: &Landing) {
        let Landing { task, changes, .. } = landing;
        let history = &self.ground.past.history;
        let is_others = |by: &TaskRef| by.plan == task.plan && by != task;
        let is_shared = changes
            .iter()
            .any(|it| history.touches(&it.path).iter().any(|it| is_others(&it.by)))
            || changes.iter().any(|it| it.before.is_some() && self.ground.world.is_read(&it.path));
        if is_shared && !history.is_to_close(&task.plan) {
            let (at, plan) = (self.ground.now(), task.plan.clone());
            self.ground.append(Record::PlanToClose { at, plan, is_open: true });
        }
    }

    /// Closes plans whose tasks are all accepted; true while something is at work.
    pub fn close_plans(&mut self) -> bool {
        let request = &self.build.board.request;
        // Of a part not all is known.
        if request.offline || request.n_resting > 0 {
            return false;
        }
        let graph = &self.build.board.graph;
        let ranges = (0..graph.n_plans() as u32).map(|at| graph.plan_range(at));
        let plans = ranges.map(|it| it.map(NodeId).collect::<Vec<NodeId>>());
        let plans: Vec<Vec<NodeId>> = plans.filter(|it| self.is_due(it)).collect();
        for nodes in plans {
            self.close_plan(&nodes);
        }
        self.build.jobs.n_attempts() > 0 || self.build.board.is_to_restart()
    }

    fn is_due(&self, nodes: &[NodeId]) -> bool {
        let board = &self.build.board;
        let is_accepted = |id: &NodeId| matches!(board.schedule.state(*id), State::Settled(it) if it.is_accepted());
        let Some(first) = nodes.first() else { return false };
        self.ground.past.history.is_to_close(&board.task(*first).plan)
            && nodes.iter().all(is_accepted)
    }

    fn close_plan(&mut self, nodes: &[NodeId]) {
        let mut is_closed = true;
        for &node in nodes {
            match self.closing_look(node) {
                Look::Holds => {}
                Look::Fails(class, message) => {
                    is_closed = false;
                    self.overrule(node, class, message);
                }
                Look::Open(_) if self.build.board.mode == Mode::Survey => is_closed = false,
                Look::Open(_) | Look::Probe(..) | Look::Rework(..)
                    if self.build.admission.is_stopping() =>
                {
                    is_closed = false;
                    self.build.board.note_reason(node, Why::Stopped);
                    self.build.board.schedule.overrule(node, Settled::Held);
                }
                Look::Rework(culprit, rework) => {
                    is_closed = false;
                    self.begin_anew(culprit, *rework);
                }
                Look::Probe(validator, landed) => {
                    is_closed = false;
                    let came_out = self.open_closing(node, vec![validator], Some(landed));
                    self.heed(came_out, "finding what broke a plan", Work::Task(node));
                    self.look_behind(node);
                }
                Look::Open(validators) => {
                    is_closed = false;
                    let came_out = self.open_closing(node, validators, None);
                    self.heed(came_out, "judging what a plan left", Work::Task(node));
                    self.look_behind(node);
                }
            }
        }
        if is_closed && self.build.board.mode == Mode::Build {
            let plan: PlanName = self.build.board.task(nodes[0]).plan.clone();
            let at = self.ground.now();
            self.ground.append(Record::PlanToClose { at, plan, is_open: false });
        }
    }

    /// An attempt that is over at once has asked nobody: that is no pass.
    fn look_behind(&mut self, node: NodeId) {
        let task = self.build.board.task(node);
        if self.build.jobs.attempts().any(|(_, it)| it.review.is_closing && it.task == *task) {
            return;
        }
        match self.closing_look(node) {
            Look::Holds => {}
            Look::Fails(class, message) => self.overrule(node, class, message),
            Look::Open(_) | Look::Probe(..) | Look::Rework(..) => {
                let message = "its validators could not be asked about what its plan left";
                self.overrule(node, OutcomeClass::NoVerdict, message.to_owned());
            }
        }
    }

    fn closing_look(&self, node: NodeId) -> Look {
        let mut open = Vec::new();
        for closing in self.closings_of(node) {
            let is_asked = self.build.board.has_asked(&closing.key);
            match self.ground.past.history.verdict(&closing.key) {
                Some(known) if known.verdict != Verdict::Fail => {}
                Some(known) if is_asked || self.build.board.mode == Mode::Survey => {
                    return self.look_for_culprit(node, &closing, known);
                }
                _ => open.push(closing.validator),
            }
        }
        if open.is_empty() { Look::Holds } else { Look::Open(open) }
    }

    /// Commands that let the task pass, and whose files others of the plan changed since.
    fn closings_of(&self, node: NodeId) -> Vec<Closing> {
        let (world, past) = (&self.ground.world, &self.ground.past);
        let slot = self.build.board.slot(node);
        let (Some(recipe), Some(task)) = (world.recipe(slot), past.history.task(world.task(slot)))
        else {
            return Vec::new();
        };
        let accepted = task.accepted.as_ref().map(|it| it.provenance);
        if !matches!(accepted, Some(Provenance::Ran | Provenance::Replayed)) {
            return Vec::new();
        }
        let owned = world.owned_left(slot, past);
        let mut found = Vec::new();
        for validator in world.validators(slot, recipe) {
            let is_command = matches!(validator.kind, ValidatorKind::Command(_));
            let checked = Checked { slot, spec: &recipe.spec, validator: &validator, changes: &[] };
            // What only warned then says nothing of what came after.
            let before = past.history.verdict(&world.verdict_key(checked, &owned, past));
            let has_passed = before.is_none_or(|it| it.verdict == Verdict::Pass);
            if let Some((key, by)) =
                world.closing_of(checked, past).filter(|_| is_command && has_passed)
            {
                found.push(Closing { validator, key, by });
            }
        }
        found
    }

    /// An attempt that only holds the verdicts; the task itself stays as it is until they are there.
    fn open_closing(
        &mut self,
        node: NodeId,
        validators: Vec<Validator>,
        probed: Option<Landed>,
    ) -> Sound {
        let recipe = self.ground.world.recipe(self.build.board.slot(node)).cloned();
        let recipe = recipe.must("an accepted task has no recipe")?;
        let (id, mut attempt) = self.new_attempt(node, recipe, Origin::Standing)?;
        attempt.node = None;
        attempt.review.validators = validators;
        attempt.review.is_closing = true;
        attempt.review.probed = probed;
        self.build.jobs.open(id, Kind::Work(Box::new(attempt)))?;
        self.review_candidate(id)
    }

    /// The attempt has what it was for.
    pub(super) fn end_closing(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        self.ground.push(Effect::Drop { attempt: id });
        // Meanwhile all was begun anew.
        if let Some(node) = attempt.node {
            self.build.board.reopen(node);
        }
        Ok(())
    }

    /// A closing validator came to no verdict: that is no pass.
    pub(super) fn closing_failed(
        &mut self,
        id: AttemptId,
        class: OutcomeClass,
        message: String,
    ) -> Sound {
        let task = self.build.jobs.attempt(id)?.task.clone();
        self.end_closing(id)?;
        let Some(node) = self.build.board.graph.id_of(&task) else { return Ok(()) };
        match class {
            OutcomeClass::Aborted => {
                self.build.board.note_reason(node, Why::Stopped);
                self.build.board.schedule.overrule(node, Settled::Held);
            }
            class => self.overrule(node, class, message),
        }
        Ok(())
    }

    /// A task that was accepted keeps its plan from being complete.
    fn overrule(&mut self, node: NodeId, class: OutcomeClass, message: String) {
        let board = &mut self.build.board;
        let task = board.task(node).clone();
        let why = Why::Ended { class, message };
        let is_told = board.known_run(node).is_some_and(|it| it.reason == why);
        board.note_reason(node, why.clone());
        board.schedule.overrule(node, Settled::Failed(class));
        if !is_told && board.mode == Mode::Build {
            self.ground.publish(Notice::TaskFailed { task, why, help: None });
        }
    }
}
