//! How a task ends, or waits, without a result of its own: adopted, held, put off, given up, asked.

use crate::base::digest::Digest;
use crate::base::measure::Millis;
use crate::base::name::{ActionKey, OutputDigest, TaskRef};
use crate::engine::effect::{Effect, Notice, StatusEdit};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::TaskHistory;
use crate::engine::record::{Accepted, Provenance, Record};
use crate::engine::why::{Help, Why};
use crate::engine::world::{Slot, Wording};
use crate::spec::plan::Status;

use super::items::{is_to_be_written, item_edit_of};
use super::{Board, Mode, TaskRun};

impl Board {
    /// The plan says it was done and there is no record anywhere: trusted, and keyed from now on.
    pub(super) fn adopt(&mut self, id: NodeId, key: ActionKey, ground: &mut Ground<'_>) {
        let output = output_without_result(Status::Completed);
        if self.mode == Mode::Build {
            let (at, task) = (ground.now(), self.task(id).clone());
            let provenance = Provenance::Adopted;
            let (manifest, report, commit, changes_plan) = (None, None, None, false);
            let recipe = ground.world.recipe_digest(self.slot(id));
            let accepted = Accepted {
                at,
                task,
                key,
                recipe,
                output,
                provenance,
                manifest,
                report,
                commit,
                changes_plan,
            };
            ground.append(Record::Accepted(Box::new(accepted)));
        }
        ground.world.set_output(self.slot(id), output);
        self.note_reason(id, Why::Adopted);
        self.settle(id, Settled::UpToDate);
    }

    pub(super) fn accept_as_is(&mut self, id: NodeId, settled: Settled, ground: &mut Ground<'_>) {
        let slot = self.slot(id);
        if ground.world.output(slot).is_none() {
            ground.world.set_output(slot, output_without_result(Status::Skipped));
        }
        self.settle(id, settled);
    }

    pub(super) fn cannot_be_built(&mut self, id: NodeId, ground: &mut Ground<'_>) {
        let slot = self.slot(id);
        let world = &*ground.world;
        let missing = world.needs(slot).iter().find(|it| world.output(**it).is_none());
        let why = match missing {
            Some(need) => Why::Needs(world.task(*need).clone()),
            None => why_unbuildable(slot, ground),
        };
        let class = OutcomeClass::LaunchFailure;
        let task = self.task(id).clone();
        let run = self.run(id);
        let is_told = run.gave_up == Some(class) && run.reason == why;
        *run = TaskRun { gave_up: Some(class), cost: run.cost, ..TaskRun::default() };
        self.note_reason(id, why.clone());
        if !is_told {
            ground.publish(Notice::TaskFailed { task, why, help: None });
        }
        self.settle(id, Settled::Failed(class));
    }

    /// Holds a task that had started: nothing is held against it, and its plan says nothing of it.
    pub fn hold_task(&mut self, id: NodeId, why: Why, ground: &mut Ground<'_>) {
        let task = self.task(id).clone();
        self.note_reason(id, why.clone());
        ground.publish(Notice::TaskHeld { task, why });
        self.settle(id, Settled::Held);
    }

    /// The task runs again, after a wait.
    pub fn again(&mut self, id: NodeId, wait: Millis, why: Why, ground: &mut Ground<'_>) {
        let until = ground.now() + wait;
        let task = self.task(id).clone();
        self.schedule.set(id, State::BackingOff(until));
        self.run(id).not_before = Some(until);
        self.note_reason(id, why.clone());
        ground.publish(Notice::TaskRetried { task, why, wait });
    }

    /// No further attempt in this build, nor in one that nobody asks for.
    pub fn give_up(
        &mut self,
        id: NodeId,
        class: OutcomeClass,
        message: String,
        ground: &mut Ground<'_>,
    ) {
        let task = self.task(id).clone();
        let run = self.known_run(id);
        let conflict = run.and_then(|run| run.conflict.as_ref());
        let help = match (class, conflict) {
            (OutcomeClass::Conflict, Some(it)) => {
                Some(Help::Compare { tip: it.tip.to_string(), kept_as: it.kept_as.clone() })
            }
            (OutcomeClass::LaunchRefused, _) => Some(Help::AskForLess),
            _ => None,
        };
        if let Some(key) = run.and_then(|run| run.key) {
            let (at, task, message) = (ground.now(), task.clone(), message.clone());
            let recipe = ground.world.recipe_digest(self.slot(id));
            ground.append(Record::GaveUp { at, task, key, recipe, class, message });
        }
        self.write_failure(id, &message, ground);
        let why = Why::Ended { class, message };
        self.note_reason(id, why.clone());
        self.run(id).gave_up = Some(class);
        ground.publish(Notice::TaskFailed { task, why, help });
        self.count_failure(id, class, ground);
        self.settle(id, Settled::Failed(class));
    }

    /// A task that was given up: its status and why.
    fn write_failure(&self, id: NodeId, message: &str, ground: &mut Ground<'_>) {
        let findings = self.known_run(id).map(|run| run.findings.join("\n"));
        let past = ground.past.history.task(self.task(id));
        let edit = StatusEdit {
            // Over all builds, as `orch status` counts them.
            attempts: past.map(|past| past.n_attempts).filter(|&n| n > 0),
            last_error: Some(message.to_owned()),
            validation_findings: findings.filter(|it| !it.is_empty()),
            ..edit_of(self.slot(id), Status::Failed, ground)
        };
        ground.past.lines.expect(edit.task.clone(), edit.status);
        ground.push(Effect::WriteStatus(edit));
    }

    /// True where a question about this very key is open.
    pub(super) fn waits_for_answer(
        &mut self,
        id: NodeId,
        key: ActionKey,
        ground: &Ground<'_>,
    ) -> bool {
        let past = ground.past.history.task(self.task(id));
        let Some(question) = past.and_then(|it| it.dialogue.open_about(key)) else { return false };
        let why = Why::Asks(question.text.clone());
        self.note_reason(id, why);
        true
    }

    /// A person spoke about a task while a build is under way: what the build made of it is past.
    pub fn take_person_seriously(&mut self, task: &TaskRef) {
        let Some(id) = self.graph.id_of(task) else { return };
        if matches!(self.schedule.state(id), State::Active(_)) {
            return;
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.gave_up = None;
            run.accepted = None;
        }
        self.in_a_row.remove(&task.plan);
        self.freshness.spoken();
    }
}

/// Makes the plan say what is on record: its status line was lost, or never came here.
pub(super) fn mend_status(slot: Slot, status: Status, past: &TaskHistory, ground: &mut Ground<'_>) {
    if ground.world.is_stage(slot) && !is_to_be_written(slot, ground) {
        return;
    }
    let is_known = past.written.is_some_and(Status::is_done);
    if status.is_done() && is_known {
        return;
    }
    let status = if status.is_done() { status } else { Status::Completed };
    if ground.past.lines.expect(ground.world.task(slot).clone(), status) {
        ground.push(Effect::WriteStatus(edit_of(slot, status, ground)));
    }
}

/// What stands for the output of a task that has no result of its own: done as its plan says, or left
/// out.
pub fn output_without_result(status: Status) -> OutputDigest {
    let bytes: &[u8] = if status.is_done() { b"orch adopted" } else { b"orch nothing" };
    OutputDigest(Digest::of(bytes))
}

/// A status alone.
pub fn edit_of(slot: Slot, status: Status, ground: &Ground<'_>) -> StatusEdit {
    StatusEdit {
        plan_path: ground.world.plan_path(slot).clone(),
        task: ground.world.task(slot).clone(),
        status,
        attempts: None,
        result_message: None,
        last_error: None,
        model_used: None,
        completed_at: None,
        validation_findings: None,
        item: ground.world.item(slot).map(|_| item_edit_of(slot, status, ground)),
    }
}

fn why_unbuildable(slot: Slot, ground: &Ground<'_>) -> Why {
    let Some(recipe) = ground.world.recipe(slot) else { return Why::NoRecipe };
    match ground.world.render(slot, Wording::of(recipe)) {
        Err(problem) => Why::NoPrompt(problem),
        Ok(_) => Why::NoCommand,
    }
}
