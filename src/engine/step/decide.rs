//! Deciding one node: up to date, replayed, run, adopted, skipped, blocked.

use crate::base::digest::Digest;
use crate::base::name::{ActionKey, OutputDigest, TaskRef};
use crate::engine::effect::{Decide, Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::TaskHistory;
use crate::engine::record::{Accepted, Decision, Provenance, Record};
use crate::engine::world::Slot;
use crate::spec::plan::{CacheUse, Status, TaskRecord};

use super::retry::TaskRun;
use super::{Engine, Mode, Stopping};

/// Why a task runs although its key may have a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forced {
    No,
    /// For this reason.
    Because(&'static str),
}

impl Engine {
    pub(super) fn decide_all(&mut self) {
        while let Some(build) = &mut self.build {
            let Some(id) = build.schedule.pop_decidable() else { break };
            if build.stopping != Stopping::No {
                self.settle(id, Settled::Held);
            } else {
                self.decide(id);
            }
        }
    }

    pub(super) fn decide(&mut self, id: NodeId) {
        let Some(build) = &self.build else { return };
        let slot = build.nodes[id.index()];
        if let Some(why) = self.world.frozen(slot) {
            self.note_reason(id, why);
            return self.settle(id, Settled::Held);
        }
        let record = self.world.record(slot);
        if record.status == Status::Skipped {
            // Whatever became of what it needed: what depends on it goes on.
            return self.accept_as_is(id, slot, Settled::Skipped);
        }
        if let Some(settled) = self.held_back(id) {
            return self.settle(id, settled);
        }
        if self.is_behind_left_out(id) {
            return self.settle(id, Settled::Unwanted);
        }
        if let Some(run) = self.build.as_mut().and_then(|it| it.runs.get_mut(&id)) {
            run.blocked_by = None;
        }
        if record.status == Status::Suspended {
            return self.settle(id, Settled::Suspended);
        }
        if self.recheck(id) {
            return;
        }
        match self.world.key(slot) {
            Some(key) => self.decide_by_key(id, key, &record),
            None if record.status.is_done() && self.world.recipe(slot).is_none() => {
                self.note_reason(id, "done before its agent or rule went away");
                self.accept_as_is(id, slot, Settled::UpToDate);
            }
            None => self.cannot_be_built(id, slot),
        }
    }

    /// The settled state that something before the node imposes on it.
    fn held_back(&mut self, id: NodeId) -> Option<Settled> {
        let build = self.build.as_ref()?;
        if let Some((by, settled)) = build.schedule.need_failure(&build.graph, id) {
            let is_open = matches!(settled, Settled::Stale | Settled::Undecided);
            return Some(if is_open { Settled::Undecided } else { self.blocked(id, by) });
        }
        let by = build.schedule.order_failure(&build.graph, id)?;
        Some(self.blocked(id, by))
    }

    fn blocked(&mut self, id: NodeId, by: NodeId) -> Settled {
        if let Some(build) = &self.build {
            let (task, by) = (build.graph.node(id).task.clone(), build.graph.node(by).task.clone());
            let told = self.run_of(id).and_then(|run| run.blocked_by.replace(by.clone()));
            if told.as_ref() != Some(&by) {
                self.step.publish(Notice::TaskBlocked { task, by });
            }
        }
        Settled::Blocked(by)
    }

    fn decide_by_key(&mut self, id: NodeId, key: ActionKey, record: &TaskRecord) {
        let Some(build) = &self.build else { return };
        let slot = build.nodes[id.index()];
        let task = self.world.task(slot).clone();
        let past = self.past.history.task_now(&task);
        let gave_up = self.recall(id, key, record);
        let forced = match gave_up {
            Some(_) => Forced::No,
            None => self.forced(id, &past, record),
        };
        self.note_asking(id, &past);
        if let Some(standing) = past.standing(key)
            && self.asks_standing(id, slot)
        {
            return self.decide_verdicts(id, slot, standing.clone());
        }
        if forced == Forced::No {
            if let Some(standing) = past.standing(key) {
                if self.build.as_ref().is_some_and(|it| it.mode == Mode::Build) {
                    self.mend_status(slot, &past, record.status);
                }
                return self.decide_verdicts(id, slot, standing.clone());
            }
            if past.accepted.is_none() && record.status.is_done() {
                return self.adopt(id, slot, key);
            }
        }
        match gave_up {
            Some(class) => self.settle(id, Settled::Failed(class)),
            None if forced == Forced::No && self.waits_for_answer(id, key) => {
                self.settle(id, Settled::Suspended);
            }
            None => self.look_up(id, key, (&past, record), &forced),
        }
    }

    /// What is remembered of the task under this key: how it was given up, if nobody asked for it
    /// again since by setting its status back.
    fn recall(&mut self, id: NodeId, key: ActionKey, record: &TaskRecord) -> Option<OutcomeClass> {
        let is_set_back = self.is_set_back(id, record);
        let run = self.build.as_mut()?.runs.get_mut(&id)?;
        run.has_shown_failure |= run.gave_up.is_some() && record.status == Status::Failed;
        if run.key != Some(key) || is_set_back && run.has_shown_failure {
            let fresh = TaskRun { key: Some(key), cost: run.cost, ..TaskRun::default() };
            let old = std::mem::replace(run, fresh);
            self.step.extend(old.resume.map(|attempt| Effect::Drop { attempt }));
            return None;
        }
        run.gave_up
    }

    /// The plan says `pending`, and that is not only because orch has not written its word yet.
    pub(super) fn is_set_back(&self, id: NodeId, record: &TaskRecord) -> bool {
        let Some(task) = self.build.as_ref().map(|build| &build.graph.node(id).task) else {
            return false;
        };
        if record.status != Status::Pending {
            return false;
        }
        // An uncommitted line that is gone with all else that was uncommitted was stashed away.
        let is_loose = self.past.history.task(task).is_some_and(|it| it.is_loose);
        let is_stashed = is_loose && self.is_committed(task);
        !is_stashed && !self.past.lines.is_expected(task)
    }

    /// The line went together with the receipt it was committed with: no person's word.
    fn is_moved_back(&self, task: &TaskRef, past: &TaskHistory) -> bool {
        past.has_lost_receipt() && self.is_committed(task)
    }

    fn is_committed(&self, task: &TaskRef) -> bool {
        self.world.slot(task).is_some_and(|slot| self.world.is_committed(slot))
    }

    fn forced(&self, id: NodeId, past: &TaskHistory, record: &TaskRecord) -> Forced {
        let Some(build) = &self.build else { return Forced::No };
        let slot = build.nodes[id.index()];
        let task = self.world.task(slot);
        let has_run = build.runs.get(&id).is_some_and(|run| run.accepted.is_some());
        let cache = self.world.recipe(slot).map(|it| it.spec.cache).unwrap_or_default();
        if past.written.is_some_and(Status::is_done)
            && !past.is_lost
            && self.is_set_back(id, record)
            && !self.is_moved_back(task, past)
        {
            Forced::Because("its status was set back to pending")
        } else if has_run {
            Forced::No
        } else if build.request.force.contains(task) {
            Forced::Because("forced")
        } else if matches!(past.decision, Some(Decision::Retry)) {
            Forced::Because("a person asked for it again")
        } else if matches!(past.decision, Some(Decision::Reset)) {
            Forced::Because("its past was forgotten")
        } else if cache == CacheUse::Never {
            Forced::Because("cache: never")
        } else if build.runs.get(&id).is_some_and(|run| !run.findings.is_empty()) {
            Forced::Because("its verdict is FAIL")
        } else {
            Forced::No
        }
    }

    pub(super) fn note_reason(&mut self, id: NodeId, reason: impl Into<String>) {
        if let Some(build) = &mut self.build {
            build.runs.entry(id).or_default().reason = reason.into();
        }
    }

    /// The plan says it was done and there is no record anywhere: trusted, and keyed from now on.
    fn adopt(&mut self, id: NodeId, slot: Slot, key: ActionKey) {
        let output = OutputDigest(Digest::of(b"orch adopted"));
        let task = self.world.task(slot).clone();
        if self.build.as_ref().is_some_and(|it| it.mode == Mode::Build) {
            self.past.append(
                Record::Accepted(Box::new(Accepted {
                    at: self.step.now,
                    task,
                    key,
                    output,
                    provenance: Provenance::Adopted,
                    manifest: None,
                    commit: None,
                })),
                &mut self.step,
            );
        }
        self.world.set_output(slot, output);
        self.note_reason(id, "adopted: the plan says it was done");
        self.settle(id, Settled::UpToDate);
    }

    pub(super) fn accept_as_is(&mut self, id: NodeId, slot: Slot, settled: Settled) {
        if self.world.output(slot).is_none() {
            self.world.set_output(slot, OutputDigest(Digest::of(b"orch nothing")));
        }
        self.settle(id, settled);
    }

    fn cannot_be_built(&mut self, id: NodeId, slot: Slot) {
        let missing = self.world.needs(slot).iter().find(|it| self.world.output(**it).is_none());
        let (class, why) = match missing {
            Some(need) => {
                let need = self.world.task(*need);
                (
                    OutcomeClass::LaunchFailure,
                    format!("{need} has no accepted result; build it first"),
                )
            }
            None => (OutcomeClass::LaunchFailure, self.why_unbuildable(slot)),
        };
        let task = self.world.task(slot).clone();
        let is_told =
            self.run_of(id).is_some_and(|run| run.gave_up == Some(class) && run.reason == why);
        if let Some(run) = self.run_of(id) {
            *run = TaskRun { gave_up: Some(class), cost: run.cost, ..TaskRun::default() };
        }
        self.note_reason(id, why.clone());
        if !is_told {
            self.step.publish(Notice::TaskFailed { task, why, help: None });
        }
        self.settle(id, Settled::Failed(class));
    }

    fn why_unbuildable(&self, slot: Slot) -> String {
        let Some(recipe) = self.world.recipe(slot) else {
            return "its rule or agent is unknown".to_owned();
        };
        let agent = recipe.agent.as_deref();
        match self.world.render(slot, &recipe.rule, agent) {
            Err(problem) => format!("its prompt cannot be rendered: {problem}"),
            Ok(_) => "its rule runs a command, and neither rule nor task has `run`".to_owned(),
        }
    }

    /// A person's decision: journaled; `accept` needs the task's present key.
    pub(super) fn take_decision(&mut self, decide: Decide) {
        let Decide { task, decision } = decide;
        let at = self.step.now;
        self.past.append(Record::Decided { at, task: task.clone(), decision }, &mut self.step);
        self.take_person_seriously(&task);
        self.ask_validators_again(&task);
        if matches!(decision, Decision::Retry | Decision::Reset) {
            self.doubt_limits();
        }
        if decision != Decision::Accept {
            return;
        }
        let Some(slot) = self.world.slot(&task) else { return };
        let Some(key) = self.world.key(slot) else { return };
        let output = self
            .past
            .history
            .owned_after(&task, &crate::base::file::Patch::default())
            .output_digest();
        self.past.append(
            Record::Accepted(Box::new(Accepted {
                at,
                task,
                key,
                output,
                provenance: Provenance::AcceptedByHand,
                manifest: None,
                commit: None,
            })),
            &mut self.step,
        );
    }

    pub(super) fn run_of(&mut self, id: NodeId) -> Option<&mut TaskRun> {
        Some(self.build.as_mut()?.runs.entry(id).or_default())
    }
}
