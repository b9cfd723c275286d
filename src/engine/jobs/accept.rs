//! From a good attempt to an accepted result: merge, validate, land, remember, write the status.

use crate::base::name::{AttemptId, CommitId, OutputDigest};
use crate::engine::admission::Phase;
use crate::engine::broken::Sound;
use crate::engine::effect::{
    Effect, Finished, ItemEdit, LandingRequest, Notice, StatusEdit, Warning,
};
use crate::engine::event::{Merged, Placement, Written};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::outcome::OutcomeClass;
use crate::engine::plan_change::ChangeReport;
use crate::engine::record::lineage::Landing;
use crate::engine::record::{Accepted, AcceptedResult, Provenance, Record};
use crate::engine::report::{Report, Reported, output_with};
use crate::engine::why::Why;
use crate::engine::world::Slot;
use crate::spec::item::kind::WORK;
use crate::spec::item::stages::StageId;
use crate::spec::plan::Status;

use super::Shop;
use super::attempt::{Attempt, Produced};
use super::review::marks_of;
use crate::base::name::TaskRef;
use crate::engine::admission::Origin;
use crate::engine::decide::edit_of;
use crate::engine::ground::Ground;

/// Where an accepted result is by now.
struct Placed {
    /// The commit that has it; `None` where nothing had to land.
    commit: Option<CommitId>,
    /// Digest of all files that the task owns.
    output: OutputDigest,
}

impl Shop<'_> {
    /// The session did its part: its patch onto the tip, unless there is none.
    pub(super) fn merge(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt_mut(id)?;
        if attempt.node.is_none() {
            return self.keep_orphan(id);
        }
        attempt.at_work.phase = Phase::Merging;
        if attempt.made.patch.is_empty() {
            return self.review_candidate(id);
        }
        self.ground.push(Effect::Merge { attempt: id });
        Ok(())
    }

    pub fn take_merged(&mut self, id: AttemptId, merged: Merged) -> Sound {
        if let Some(proposal) = self.proposal_of(id) {
            return self.take_entry_merged(proposal, merged);
        }
        let attempt = self.build.jobs.attempt_mut(id)?;
        attempt.made.take_merged(merged);
        attempt.review.next = 0;
        attempt.review.reached.clear();
        self.review_candidate(id)
    }

    /// Every validator let it pass.
    pub(super) fn land(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt_mut(id)?;
        if attempt.review.is_closing {
            return self.end_closing(id);
        }
        if attempt.origin == Origin::Standing {
            return self.stand(id);
        }
        if attempt.node.is_none() {
            return self.keep_orphan(id);
        }
        attempt.at_work.phase = Phase::Landing;
        let attempt = attempt.clone();
        self.ground.past.lines.expect(attempt.task.clone(), Status::Completed);
        self.keep_statuses(&attempt);
        let request = LandingRequest {
            attempt: id,
            subject: subject_of(&attempt),
            key: attempt.key,
            recipe: attempt.made_by,
            expected: attempt.made.merged.output_digest(),
            output: self.output_after(&attempt),
            report: attempt.made.report.clone(),
            verdicts: marks_of(&attempt.review.reached),
            session: attempt.made.session.clone(),
            model: attempt.made.model.clone(),
            cost: attempt.made.cost,
            status: self.completed_edit(&attempt),
            proposals: attempt.made.won.as_ref().map(|it| it.standing.clone()),
            plan_change: attempt.made.plan_change,
            task: attempt.task,
        };
        self.ground.push(Effect::Land(Box::new(request)));
        Ok(())
    }

    /// The verdict of a standing result holds again.
    fn stand(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        self.ground.push(Effect::Drop { attempt: id });
        let is_outdated = self.is_outdated(&attempt);
        match attempt.node {
            Some(node) if is_outdated => self.build.board.reopen(node),
            Some(node) => {
                self.build.board.note_reason(node, Why::VerdictRenewed);
                self.build.board.settle(node, Settled::UpToDate);
            }
            None => {}
        }
        Ok(())
    }

    fn output_after(&self, attempt: &Attempt) -> OutputDigest {
        let owned = self.ground.past.history.owned_after(&attempt.task, &attempt.made.merged);
        output_with(owned.output_digest(), attempt.made.report.as_ref().map(Report::mark))
    }

    pub fn take_landed(&mut self, id: AttemptId, landing: Landing, placement: Placement) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        self.note_to_close(&landing);
        self.ground.past.history.add_landing(&landing);
        self.ground.world.take_landing(&landing, self.ground.past);
        if let Placement::Parked(obstacle) = placement {
            self.build.parked = Some(obstacle.clone());
            self.ground.publish(Notice::Parked { task: attempt.task.clone(), obstacle });
        }
        self.accept(id, attempt, Placed { commit: Some(landing.commit), output: landing.output });
        Ok(())
    }

    pub fn take_settled(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        let output = self.output_after(&attempt);
        self.accept(id, attempt, Placed { commit: None, output });
        Ok(())
    }

    fn accept(&mut self, id: AttemptId, attempt: Attempt, placed: Placed) {
        let Placed { commit, output } = placed;
        let commit_made = commit.is_some();
        let provenance = match attempt.origin {
            Origin::Replayed => Provenance::Replayed,
            Origin::Ran | Origin::Standing => Provenance::Ran,
        };
        let (node, slot) = (attempt.node, attempt.slot);
        let is_outdated = self.is_outdated(&attempt);
        let how = how_of(&attempt, provenance);
        if let Some(change) = &attempt.made.plan_change {
            self.ground.publish(Notice::PlanChanged(ChangeReport::of(&attempt.task, change)));
        }
        let won = attempt.made.won.as_ref().and_then(|it| it.kept_as.clone());
        self.ground.step.extend(won.map(|kept_as| Effect::Forget { kept_as }));
        self.forget_left(&attempt);
        let result = self.result_of(attempt);
        let manifest = manifest_digest(&result);
        self.ground.append(Record::Accepted(Box::new(Accepted {
            at: self.ground.now(),
            task: result.task.clone(),
            key: result.key,
            recipe: result.recipe,
            output,
            provenance,
            manifest,
            report: result.report.as_ref().map(Report::mark),
            commit,
            changes_plan: result.plan_change.is_some(),
        })));
        let task = result.task.clone();
        let was_validated = !result.verdicts.is_empty();
        let unvalidated = Effect::Disown { key: result.key, output: result.output };
        self.ground.push(Effect::Remember(Box::new(result)));
        self.ground.step.extend(was_validated.then_some(unvalidated));
        self.ground.push(Effect::Drop { attempt: id });
        self.ground.world.set_output(slot, output);
        self.ground.publish(Notice::TaskFinished { task: task.clone(), how });
        if provenance == Provenance::Ran {
            self.build.board.break_row(&task);
        }
        if let Some(node) = node {
            let (admission, board) = (&mut self.build.admission, &self.build.board);
            admission.rebuying.forget(board.task(node));
            if provenance == Provenance::Ran && commit_made {
                admission.note_done(node, board, self.ground.world);
            }
            {
                let run = self.build.board.run(node);
                run.accepted = Some(provenance);
                run.is_asked_for = false;
                run.gave_up = None;
                run.not_before = None;
                run.findings.clear();
                run.rework = None;
                run.n_tries = 0;
            }
            if is_outdated {
                // It was made for what its inputs were when it started.
                self.build.board.reopen(node);
            } else if self.opens_cycle(slot) || !self.fails_by_report(node) {
                self.build.board.settle(node, Settled::Done(provenance));
            }
        }
    }

    fn fails_by_report(&mut self, node: NodeId) -> bool {
        let board = &mut self.build.board;
        let past = self.ground.past.history.task_now(board.task(node));
        past.accepted.as_ref().is_some_and(|it| board.fail_by_report(node, it, &mut self.ground))
    }

    pub(super) fn result_of(&self, attempt: Attempt) -> AcceptedResult {
        let output = made_by(&attempt);
        AcceptedResult {
            output,
            key: attempt.key,
            recipe: Some(attempt.made_by),
            task: attempt.task,
            patch: attempt.made.patch,
            read_set: attempt.made.read_set,
            verdicts: attempt.review.reached,
            manifest: attempt.manifest,
            at: attempt.made.made_at.unwrap_or(self.ground.now()),
            duration: attempt.made.duration,
            cost: attempt.made.cost,
            model: attempt.made.model,
            session: attempt.made.session,
            transcript: attempt.made.transcript,
            message: attempt.made.message,
            report: attempt.made.report,
            plan_change: attempt.made.plan_change,
            is_refused: false,
        }
    }

    pub fn take_landing_failed(&mut self, id: AttemptId, message: &str) -> Sound {
        if let Some(proposal) = self.proposal_of(id) {
            return self.take_entry_refused(proposal, message.to_owned());
        }
        self.set_back(id, OutcomeClass::Unknown, format!("it could not land: {message}"))
    }

    fn completed_edit(&self, attempt: &Attempt) -> StatusEdit {
        let past = self.ground.past.history.task(&attempt.task);
        StatusEdit {
            // Over all builds, as `orch status` counts them; a clone knows of none before its own.
            attempts: Some(past.map_or(0, |past| past.n_attempts).max(attempt.number)),
            result_message: attempt.made.message.clone(),
            model_used: attempt.made.model.clone(),
            // The same result has the same line on every branch: they merge.
            completed_at: attempt.made.made_at.or(Some(self.ground.now())),
            ..self.edit_with_report(attempt)
        }
    }

    /// An item's log tells of the report that is being accepted.
    fn edit_with_report(&self, attempt: &Attempt) -> StatusEdit {
        let edit = edit_of(attempt.slot, Status::Completed, &self.ground);
        let is_work = StageId::of(&attempt.task.task).stage == WORK;
        let report = attempt.made.report.as_ref().filter(|_| !is_work);
        match (&edit.item, report) {
            (Some(ItemEdit::End(_)) | None, _) => edit,
            (Some(_), None) => StatusEdit { item: Some(ItemEdit::Nothing), ..edit },
            (Some(_), Some(report)) => {
                let reported = Reported { mark: report.mark(), told_in: None };
                StatusEdit { item: Some(ItemEdit::Entry(reported)), ..edit }
            }
        }
    }

    /// A stage of an item said FAIL, and that opened another cycle: what there is to do is another.
    fn opens_cycle(&mut self, slot: Slot) -> bool {
        let Ground { world, past, .. } = &mut self.ground;
        let has_opened = world.is_stage(slot) && world.restage(past);
        if has_opened {
            self.build.board.freshness.touch();
            self.build.board.freshness.replanned();
        }
        has_opened
    }
}

/// What the attempt made, files and report, as results of one key are told apart.
pub(super) fn made_by(attempt: &Attempt) -> OutputDigest {
    let Produced { patch, report, .. } = &attempt.made;
    output_with(patch.output_digest(), report.as_ref().map(Report::mark))
}

fn how_of(attempt: &Attempt, provenance: Provenance) -> Finished {
    let n_files = attempt.made.merged.changes().len();
    Finished { provenance, duration: attempt.made.duration, cost: attempt.made.cost, n_files }
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

/// A status line was written into its plan, or could not be.
pub fn take_status_written(
    task: TaskRef,
    status: Status,
    written: Written,
    ground: &mut Ground<'_>,
) {
    match written {
        Written::Kept | Written::Loose => {
            ground.past.lines.written(&task, status);
            let is_loose = written == Written::Loose;
            ground.append(Record::StatusWritten { at: ground.now(), task, status, is_loose });
        }
        Written::Failed(why) => {
            ground.past.lines.refused(&task, status);
            ground.publish(Notice::Warning(Warning::StatusUnwritten { task, why }));
        }
    }
}
