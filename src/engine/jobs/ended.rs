//! The end of an attempt: how it is judged, and what follows.

use crate::base::measure::{Millis, Usd};
use crate::base::name::{AttemptId, ModelName, RelPath, TaskRef};
use crate::engine::admission::{Activity, Origin, Phase, with_reset};
use crate::engine::broken::{Must, Sound};
use crate::engine::effect::{Effect, Notice, Warning};
use crate::engine::event::Conflict;
use crate::engine::graph::NodeId;
use crate::engine::outcome::evidence::{Evidence, StatusFile};
use crate::engine::outcome::{Expectation, Judgement, OutcomeClass, Sight, classify};
use crate::engine::stream::{Progress, StreamFacts};
use crate::engine::why::Why;
use crate::spec::plan::NoChange;
use crate::spec::rule::ActionKind;

use super::attempt::{Attempt, Produced};
use super::expect::{expectation_of, is_reader};
use super::left::mends_what_is_rejected;
use super::retry::{Met, Setback, attempts_allowed};
use super::{JobOf, Kind, Shop, Stage};

impl Shop<'_> {
    pub fn take_progress(&mut self, attempt: AttemptId, progress: Progress) -> Sound {
        let jobs = &mut self.build.jobs;
        let owner = jobs.job(attempt).must("what goes on is no job")?.owner();
        let is_review = owner.is_some();
        let it = match owner {
            // Nobody asks for its verdict any more.
            Some(owner) if jobs.job(owner).is_none() => return Ok(()),
            owner => jobs.attempt_mut(owner.unwrap_or(attempt))?,
        };
        match progress {
            Progress::Started { session, model } if !is_review => {
                it.made.session = session.or(it.made.session.take());
                it.made.model = model.or(it.made.model.take());
            }
            Progress::Started { .. } | Progress::Cost(_) if is_review => {}
            Progress::Cost(cost) => it.made.cost = cost,
            Progress::Started { .. } => {}
            Progress::Said(text) | Progress::Output(text) | Progress::Complaint(text) => {
                it.at_work.doing = Activity::Said(text);
            }
            Progress::UsedTool { tool, detail } => {
                it.at_work.doing = Activity::Using { tool, detail }
            }
            Progress::Retrying { attempt, error, .. } => {
                it.at_work.doing = Activity::AwaitingApi { attempt, error };
            }
        }
        Ok(())
    }

    pub fn take_ended(&mut self, id: AttemptId, evidence: Evidence) -> Sound {
        match self.build.jobs.job(id).must("what ended is no job")?.kind {
            Kind::Validate { owner } => self.take_review_ended(JobOf { owner, id }, evidence),
            Kind::Propose { owner } => self.take_entry_ended(JobOf { owner, id }, evidence),
            Kind::Judge { owner } => self.take_judge_ended(JobOf { owner, id }, &evidence),
            Kind::Work(_) => self.take_work_ended(id, evidence),
        }
    }

    fn take_work_ended(&mut self, id: AttemptId, evidence: Evidence) -> Sound {
        self.build.jobs.reach(id, Stage::Ended)?;
        let attempt = self.build.jobs.attempt(id)?;
        let judgement = self.judgement_of(attempt, &evidence);
        let judgement = self.judge_stage(attempt, &evidence, judgement);
        let judgement = self.judge_plan_edit(id, &evidence, judgement)?;
        let cost = cost_of(&evidence);
        self.leave_early(id, &evidence)?;
        self.journal_end(JobOf::own(id), &evidence, &judgement)?;
        let was_probe = self.hear_of_service(JobOf::own(id), &evidence, &judgement)?;
        let attempt = self.build.jobs.attempt(id)?;
        let warnings = self.warnings_of(attempt, &evidence);
        let model = self.answering_model(attempt, &evidence);
        let seen = self.seen_by(attempt, &evidence);
        self.build.jobs.reach(id, Stage::Judged)?;
        let attempt = self.build.jobs.attempt_mut(id)?;
        if attempt.recipe.rule.action == ActionKind::Session && !evidence.ending.has_run() {
            self.build.money.n_sessions -= 1;
        }
        let session = evidence.session.clone().or(attempt.made.session.take());
        attempt.made = Produced {
            has_worked: has_worked(&evidence) && session.is_some(),
            was_probe,
            lacks_cli: evidence.ending.lacks_cli(),
            cost,
            session,
            model: model.or(attempt.made.model.take()),
            message: message_of(&evidence, &judgement),
            options: options_of(&evidence),
            report: evidence.report,
            patch: evidence.patch,
            read_set: evidence.read_set,
            transcript: evidence.transcript,
            duration: evidence.duration,
            made_at: Some(self.ground.now()),
            plan_change: attempt.made.plan_change.take(),
            ..Produced::default()
        };
        let task = attempt.task.clone();
        if let Some(node) = attempt.node {
            let run = self.build.board.run(node);
            run.cost += cost;
            run.warnings.clone_from(&warnings);
            (run.has_looked, run.unread) = (seen.has_looked, seen.unread);
        }
        match judgement.class {
            OutcomeClass::Done => {
                self.warn_of(&task, warnings);
                self.tell_report(id)?;
                self.stay_if_mended(id)?;
                self.merge(id)
            }
            // Git ignores it at the next try, too.
            class @ OutcomeClass::OutputMismatch if !evidence.ignored_outputs.is_empty() => {
                self.give_up_attempt(id, class, judgement.message)
            }
            class @ OutcomeClass::LaunchRefused => {
                self.note_turned_away(id, &judgement.message)?;
                self.set_back(id, class, judgement.message)
            }
            OutcomeClass::BudgetCap if self.meet_budget_cap(id)? => Ok(()),
            class => self.set_back(id, class, judgement.message),
        }
    }

    /// What work came to: a task's own attempt, or a proposal for it.
    pub(super) fn judgement_of(&self, attempt: &Attempt, evidence: &Evidence) -> Judgement {
        let past = self.ground.past.history.task(&attempt.task);
        let owns_files = past.is_some_and(|it| !it.owned.is_empty());
        let seen = self.seen_by(attempt, evidence);
        let is_reader = is_reader(&attempt.recipe.rule) && !seen.has_looked;
        let sight = if is_reader { Sight::Needed } else { Sight::Free };
        let touches = |path: &RelPath| self.ground.past.history.touches(path);
        let has_made = |path: &RelPath| {
            touches(path).first().is_some_and(|it| it.by == attempt.task && it.before.is_none())
        };
        let expectation = expectation_of(attempt, evidence, owns_files, &has_made);
        let untouched = match attempt.recipe.spec.no_change {
            NoChange::Allowed => Vec::new(),
            _ => self.untouched_outputs(attempt, evidence),
        };
        let expectation = Expectation { sight, untouched, unread: seen.unread, ..expectation };
        let documents = self.documents_touched(attempt, evidence);
        let expectation = Expectation { clock: self.ground.step.clock(), documents, ..expectation };
        with_reset(classify(evidence, &expectation), self.ground.now())
    }

    fn tell_report(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt(id)?;
        if let Some((node, report)) = attempt.node.zip(attempt.made.report.clone()) {
            self.tell_verdict(node, &report);
        }
        Ok(())
    }

    fn stay_if_mended(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt_mut(id)?;
        attempt.made.stays = mends_what_is_rejected(attempt);
        let stay = attempt.made.stays.then_some(Effect::Stay { attempt: id });
        self.ground.step.extend(stay);
        Ok(())
    }

    fn warn_of(&mut self, task: &TaskRef, warnings: Vec<String>) {
        for warning in warnings {
            let warning = Warning::OfTask(task.clone(), warning);
            self.ground.publish(Notice::Warning(warning));
        }
    }

    /// Ends an attempt without a result and decides what follows.
    pub(super) fn set_back(
        &mut self,
        id: AttemptId,
        class: OutcomeClass,
        message: String,
    ) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        self.ground.past.lines.forget(&attempt.task);
        let Some(node) = attempt.node else {
            self.ground.push(Effect::Drop { attempt: id });
            return Ok(());
        };
        if self.is_outdated(&attempt) && class.is_about_the_task() {
            self.ground.push(Effect::Drop { attempt: id });
            self.set_aside(node, Why::Ended { class, message });
            return Ok(());
        }
        if class == OutcomeClass::Rejected {
            self.note_out(node, &attempt, &message);
        }
        let setback = self.setback_of(&attempt, class, message);
        let question = match class {
            OutcomeClass::Asked => Some(setback.message),
            _ => match self.meet(node, setback) {
                Met::Asks(why) => Some(format!("{why}: how is it to go on?")),
                Met::Done => None,
            },
        };
        if let Some(question) = question {
            self.park_with_question(id, node, &attempt, question);
            return Ok(());
        }
        self.hand_on(id, &attempt);
        Ok(())
    }

    /// Ends an attempt and its task with it: no further try.
    pub(super) fn give_up_attempt(
        &mut self,
        id: AttemptId,
        class: OutcomeClass,
        message: String,
    ) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        match attempt.node {
            Some(node) if self.is_outdated(&attempt) => {
                self.set_aside(node, Why::Ended { class, message });
            }
            Some(node) => {
                self.build.board.run(node).resume = None;
                self.build.board.give_up(node, class, message, &mut self.ground);
            }
            None => {}
        }
        self.hand_on(id, &attempt);
        Ok(())
    }

    /// True where what the attempt was started for is not what the task is now.
    pub(super) fn is_outdated(&self, attempt: &Attempt) -> bool {
        let world = &*self.ground.world;
        attempt.node.is_some_and(|node| self.build.board.is_outdated(node, attempt.key, world))
    }

    /// The attempt failed at something that is not asked for any more: the task is decided anew.
    pub(super) fn set_aside(&mut self, node: NodeId, why: Why) {
        let task = self.build.board.task(node).clone();
        let why = Why::Outdated(Box::new(why));
        self.ground.publish(Notice::TaskRetried { task, why, wait: Millis(0) });
        self.build.board.reopen(node);
    }

    /// The attempt's task is gone. Its work must not land, and must not be lost.
    pub(super) fn keep_orphan(&mut self, id: AttemptId) -> Sound {
        let attempt = self.build.jobs.close(id)?;
        if !attempt.made.patch.is_empty() {
            self.ground.push(Effect::Keep { attempt: id, task: attempt.task });
        }
        self.ground.push(Effect::Drop { attempt: id });
        Ok(())
    }

    fn setback_of(&self, attempt: &Attempt, class: OutcomeClass, message: String) -> Setback {
        let recipe = &attempt.recipe;
        let meta = self.ground.world.meta(attempt.slot);
        let mut retry = recipe.rule.retry.clone();
        retry.backoff_base = meta.backoff_base.unwrap_or(retry.backoff_base);
        retry.backoff_cap = meta.backoff_max.unwrap_or(retry.backoff_cap);
        let allowed = attempts_allowed(recipe, meta);
        let is_mended = class == OutcomeClass::Rejected && attempt.made.stays;
        let is_there = attempt.at_work.phase == Phase::Working || is_mended;
        let resumable = attempt.made.session.clone();
        let resumable = resumable.filter(|_| attempt.made.has_worked && is_there);
        let (action, made) = (recipe.rule.action, &attempt.made);
        let (was_probe, lacks_cli) = (made.was_probe, made.lacks_cli);
        let is_stopping = self.build.admission.is_stopping();
        Setback {
            class,
            message,
            allowed,
            retry,
            action,
            resumable,
            is_stopping,
            was_probe,
            lacks_cli,
        }
    }

    pub fn take_conflict(&mut self, id: AttemptId, conflict: Conflict) -> Sound {
        if let Some(proposal) = self.proposal_of(id) {
            return self.take_entry_refused(proposal, conflict_message(&conflict));
        }
        let attempt = self.build.jobs.attempt(id)?;
        let Some(node) = attempt.node else { return self.keep_orphan(id) };
        if attempt.origin == Origin::Replayed {
            // A cached patch that no longer merges is a miss, not a failure: it runs instead.
            self.build.jobs.close(id)?;
            self.build.board.queue(node);
            self.ground.push(Effect::Drop { attempt: id });
            return Ok(());
        }
        if !conflict.uncommitted.is_empty() {
            // As long as these edits are not committed, any other attempt ends the same way.
            let message = uncommitted_message(&conflict.uncommitted, &attempt.task);
            self.build.board.run(node).conflict = None;
            return self.give_up_attempt(id, OutcomeClass::Conflict, message);
        }
        let build = &mut *self.build;
        build.admission.note_met(node, &conflict, &self.ground, &build.board);
        let message = conflict_message(&conflict);
        self.build.board.run(node).conflict = Some(conflict);
        self.set_back(id, OutcomeClass::Conflict, message)
    }
}

fn conflict_message(conflict: &Conflict) -> String {
    let paths: Vec<String> = conflict.paths.iter().map(ToString::to_string).collect();
    format!("its patch conflicts with what landed meanwhile: {}", paths.join(", "))
}

pub(super) fn cost_of(evidence: &Evidence) -> Usd {
    evidence.stream.as_ref().map_or(Usd::ZERO, |facts| facts.cost)
}

/// The model that really answered.
pub(super) fn model_of(evidence: &Evidence) -> Option<ModelName> {
    evidence.stream.as_ref().and_then(|facts| facts.models.first().cloned())
}

/// There is something to go on with: a model answered, and the worktree still stands.
fn has_worked(evidence: &Evidence) -> bool {
    let has_answered = |facts: &StreamFacts| facts.n_tool_uses > 0 || facts.n_calls > 0;
    evidence.stream.as_ref().is_some_and(has_answered) && evidence.damage.is_none()
}

fn options_of(evidence: &Evidence) -> Vec<String> {
    match &evidence.status_file {
        StatusFile::Given(report) => report.options.clone(),
        _ => Vec::new(),
    }
}

/// What the session said of its result: an annotation, for people and the next prompt.
pub(super) fn message_of(evidence: &Evidence, judgement: &Judgement) -> Option<String> {
    match &evidence.status_file {
        StatusFile::Given(report) => report.message.clone(),
        _ => Some(judgement.message.clone()).filter(|it| !it.is_empty()),
    }
}

/// What is to be done about edits of the user's that a patch cannot land beside.
fn uncommitted_message(paths: &[RelPath], task: &TaskRef) -> String {
    let shown: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let (shown, has, them) = match paths.len() {
        1 => (shown.join(", "), "has", "it"),
        _ => (shown.join(", "), "have", "them"),
    };
    format!(
        "it changed {shown}, which {has} uncommitted edits of yours: commit or stash {them}, then \
         `orch retry {task}`"
    )
}
