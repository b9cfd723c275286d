//! From a good attempt to an accepted result: merge, validate, land, remember, write the status.

use crate::base::file::Patch;
use crate::base::measure::Usd;
use crate::base::name::{AttemptId, CommitId, OutputDigest, TreeId};
use crate::engine::effect::{Effect, LandingRequest, Notice, StatusEdit};
use crate::engine::event::{Placement, Written};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::TaskHistory;
use crate::engine::picture::Phase;
use crate::engine::plan_change::ChangeTold;
use crate::engine::record::lineage::Landing;
use crate::engine::record::{Accepted, AcceptedResult, Provenance, Record};
use crate::engine::world::Slot;
use crate::spec::plan::Status;

use super::Engine;
use super::attempt::{Attempt, Origin};
use super::review::marks_of;

impl Engine {
    /// The session did its part: its patch onto the tip, unless there is none.
    pub(super) fn merge(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempt_mut(id) else { return };
        if attempt.node.is_none() {
            return self.keep_orphan(id);
        }
        attempt.phase = Phase::Merging;
        if attempt.facts.patch.is_empty() {
            return self.review_candidate(id);
        }
        self.step.push(Effect::Merge { attempt: id });
    }

    pub(super) fn take_merged(
        &mut self,
        id: AttemptId,
        (candidate, beneath): (TreeId, TreeId),
        patch: Patch,
    ) {
        if self.is_entry(id) {
            return self.take_entry_merged(id, (candidate, beneath), patch);
        }
        let Some(attempt) = self.attempt_mut(id) else { return };
        attempt.merged = patch;
        attempt.candidate = Some(candidate);
        attempt.beneath = Some(beneath);
        attempt.validating = 0;
        attempt.reached.clear();
        self.review_candidate(id);
    }

    /// Every validator let it pass.
    pub(super) fn land(&mut self, id: AttemptId) {
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.get_mut(&id)) else {
            return;
        };
        if attempt.origin == Origin::Standing {
            return self.stand(id);
        }
        if attempt.node.is_none() {
            return self.keep_orphan(id);
        }
        attempt.phase = Phase::Landing;
        let attempt = attempt.clone();
        self.past.lines.expect(attempt.task.clone(), Status::Completed);
        let request = LandingRequest {
            attempt: id,
            subject: subject_of(&attempt),
            key: attempt.key,
            expected: attempt.merged.output_digest(),
            output: self.output_after(&attempt),
            verdicts: marks_of(&attempt.reached),
            session: attempt.session.clone(),
            model: attempt.model.clone(),
            cost: attempt.cost,
            status: self.completed_edit(&attempt),
            proposals: attempt.won.as_ref().map(|it| it.told.clone()),
            plan_change: attempt.plan_change,
            task: attempt.task,
        };
        self.step.push(Effect::Land(Box::new(request)));
    }

    /// The verdict of a standing result holds again.
    fn stand(&mut self, id: AttemptId) {
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.remove(&id)) else {
            return;
        };
        self.step.push(Effect::Drop { attempt: id });
        let is_outdated = self.is_outdated(&attempt);
        match attempt.node {
            Some(node) if is_outdated => self.reopen(node),
            Some(node) => {
                self.note_reason(node, "its verdict was renewed");
                self.settle(node, Settled::UpToDate);
            }
            None => {}
        }
    }

    fn output_after(&self, attempt: &Attempt) -> OutputDigest {
        self.past.history.owned_after(&attempt.task, &attempt.merged).output_digest()
    }

    pub(super) fn take_landed(&mut self, id: AttemptId, landing: Landing, placement: Placement) {
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.remove(&id)) else {
            return;
        };
        self.past.history.add_landing(&landing);
        self.world.take_landing(&landing, &self.past);
        if let Placement::Parked { reason } = placement {
            if let Some(build) = &mut self.build {
                build.parked = Some(reason.clone());
            }
            self.step.publish(Notice::Parked { task: attempt.task.clone(), reason });
        }
        self.accept(id, attempt, (Some(landing.commit), landing.output));
    }

    pub(super) fn take_settled(&mut self, id: AttemptId) {
        let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.remove(&id)) else {
            return;
        };
        let output = self.output_after(&attempt);
        self.accept(id, attempt, (None, output));
    }

    fn accept(
        &mut self,
        id: AttemptId,
        attempt: Attempt,
        (commit, output): (Option<CommitId>, OutputDigest),
    ) {
        let provenance = match attempt.origin {
            Origin::Replayed => Provenance::Replayed,
            Origin::Ran | Origin::Standing => Provenance::Ran,
        };
        let (node, slot) = (attempt.node, attempt.slot);
        let is_outdated = self.is_outdated(&attempt);
        let how = how_of(&attempt);
        if let Some(change) = &attempt.plan_change {
            self.step.publish(Notice::PlanChanged(ChangeTold::of(&attempt.task, change)));
        }
        let won = attempt.won.as_ref().and_then(|it| it.kept_as.clone());
        self.step.extend(won.map(|kept_as| Effect::Forget { kept_as }));
        let result = self.result_of(attempt);
        let manifest = manifest_digest(&result);
        self.past.append(
            Record::Accepted(Box::new(Accepted {
                at: self.step.now,
                task: result.task.clone(),
                key: result.key,
                output,
                provenance,
                manifest,
                commit,
            })),
            &mut self.step,
        );
        let task = result.task.clone();
        let was_validated = !result.verdicts.is_empty();
        let unvalidated = Effect::Disown { key: result.key, output: result.patch.output_digest() };
        self.step.push(Effect::Remember(Box::new(result)));
        self.step.extend(was_validated.then_some(unvalidated));
        self.step.push(Effect::Drop { attempt: id });
        self.world.set_output(slot, output);
        self.step.publish(Notice::TaskFinished { task, how });
        if let Some(node) = node {
            if let Some(run) = self.run_of(node) {
                run.accepted = Some(provenance);
                run.is_asked_for = false;
                run.gave_up = None;
                run.not_before = None;
                run.findings.clear();
                run.n_tries = 0;
            }
            if is_outdated {
                // It was made for what its inputs were when it started.
                self.reopen(node);
            } else {
                self.settle(node, Settled::Done(provenance));
            }
        }
    }

    pub(super) fn result_of(&self, attempt: Attempt) -> AcceptedResult {
        AcceptedResult {
            key: attempt.key,
            task: attempt.task,
            output: attempt.facts.patch.output_digest(),
            patch: attempt.facts.patch,
            read_set: attempt.facts.read_set,
            verdicts: attempt.reached,
            manifest: attempt.manifest,
            at: attempt.facts.made_at.unwrap_or(self.step.now),
            duration: attempt.facts.duration,
            cost: attempt.cost,
            model: attempt.model,
            session: attempt.session,
            transcript: attempt.facts.transcript,
            message: attempt.facts.message,
            plan_change: attempt.plan_change,
            is_refused: false,
        }
    }

    pub(super) fn take_landing_failed(&mut self, id: AttemptId, message: &str) {
        if self.is_entry(id) {
            return self.take_entry_refused(id, message.to_owned());
        }
        self.set_back(id, OutcomeClass::Unknown, format!("it could not land: {message}"));
    }

    pub(super) fn take_status_written(
        &mut self,
        task: crate::base::name::TaskRef,
        status: Status,
        written: Written,
    ) {
        let is_written = !matches!(written, Written::Failed(_));
        self.past.lines.settle(&task, status, is_written);
        match written {
            Written::Kept | Written::Loose => {
                let is_loose = written == Written::Loose;
                self.past.append(
                    Record::StatusWritten { at: self.step.now, task, status, is_loose },
                    &mut self.step,
                );
            }
            Written::Failed(problem) => self.step.publish(Notice::Warning(format!(
                "the status of {task} could not be written into its plan: {problem}"
            ))),
        }
    }

    /// A task that was given up: its status and why.
    pub(super) fn write_failure(&mut self, node: NodeId, why: &str) {
        let Some(build) = &self.build else { return };
        let slot = build.nodes[node.index()];
        let run = build.runs.get(&node);
        let findings = run.map(|run| run.findings.join("\n"));
        let edit = StatusEdit {
            plan_path: self.world.plan_path(slot).clone(),
            task: self.world.task(slot).clone(),
            status: Status::Failed,
            attempts: run.map(|run| run.n_tries).filter(|&n| n > 0),
            result_message: None,
            last_error: Some(why.to_owned()),
            model_used: None,
            completed_at: None,
            validation_findings: findings.filter(|it| !it.is_empty()),
        };
        self.past.lines.expect(edit.task.clone(), edit.status);
        self.step.push(Effect::WriteStatus(edit));
    }

    /// Makes the plan say what is on record: its status line was lost, or never came here.
    pub(super) fn mend_status(&mut self, slot: Slot, past: &TaskHistory, status: Status) {
        let task = self.world.task(slot).clone();
        let is_known = past.written.is_some_and(Status::is_done);
        if status.is_done() && is_known {
            return;
        }
        let status = if status.is_done() { status } else { Status::Completed };
        if !self.past.lines.expect(task.clone(), status) {
            return;
        }
        let edit = StatusEdit {
            plan_path: self.world.plan_path(slot).clone(),
            task,
            status,
            attempts: None,
            result_message: None,
            last_error: None,
            model_used: None,
            completed_at: None,
            validation_findings: None,
        };
        self.step.push(Effect::WriteStatus(edit));
    }

    fn completed_edit(&self, attempt: &Attempt) -> StatusEdit {
        StatusEdit {
            attempts: Some(attempt.number),
            result_message: attempt.facts.message.clone(),
            model_used: attempt.model.clone(),
            // The same result has the same line on every branch: they merge.
            completed_at: attempt.facts.made_at.or(Some(self.step.now)),
            ..self.edit_of(attempt, Status::Completed)
        }
    }

    fn edit_of(&self, attempt: &Attempt, status: Status) -> StatusEdit {
        StatusEdit {
            plan_path: self.world.plan_path(attempt.slot).clone(),
            task: attempt.task.clone(),
            status,
            attempts: None,
            result_message: None,
            last_error: None,
            model_used: None,
            completed_at: None,
            validation_findings: None,
        }
    }

    fn attempt_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.build.as_mut()?.attempts.get_mut(&id)
    }
}

/// `ran in 3.2s, $0.03, 2 files`, `replayed from the cache, no change`.
fn how_of(attempt: &Attempt) -> String {
    let n_files = attempt.merged.changes().len();
    let files = match n_files {
        0 => "no change".to_owned(),
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    };
    if attempt.origin == Origin::Replayed {
        return format!("replayed from the cache, {files}");
    }
    let duration = attempt.facts.duration;
    match attempt.cost {
        Usd::ZERO => format!("ran in {duration}, {files}"),
        cost => format!("ran in {duration}, {cost}, {files}"),
    }
}

/// `plan//task: name`, at most 72 characters and one line.
fn subject_of(attempt: &Attempt) -> String {
    const WIDTH: usize = 72;
    let name = attempt.recipe.spec.name.lines().next().unwrap_or_default();
    let subject = format!("{}: {name}", attempt.task);
    match subject.char_indices().nth(WIDTH) {
        Some((at, _)) => subject[..at].trim_end().to_owned(),
        None => subject.trim_end().to_owned(),
    }
}

/// The digest under which the host stores the manifest: of its JSON.
fn manifest_digest(result: &AcceptedResult) -> Option<crate::base::digest::Digest> {
    serde_json::to_vec(&result.manifest).ok().map(|bytes| crate::base::digest::Digest::of(&bytes))
}
