//! One proposal from its start, or its recall from an earlier build, until it is kept.

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, CommitId};
use crate::engine::admission::Activity;
use crate::engine::broken::{Must, Sound};
use crate::engine::decide::TaskRun;
use crate::engine::effect::{Base, Effect, Launch, LaunchAction};
use crate::engine::event::Merged;
use crate::engine::jobs::attempt::{Attempt, Produced};
use crate::engine::jobs::ballot::{PROPOSER_PART, ref_of};
use crate::engine::jobs::ended::{cost_of, message_of, model_of};
use crate::engine::jobs::{JobOf, Kind, Shop, Stage};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::record::{Proposed, Record};

use super::{Contender, ContenderState, NO_CONTEST, NO_ENTRY};

/// What is kept of a proposal's last text, in bytes.
const ANSWER_KEPT: usize = 128 * 1024;

impl Shop<'_> {
    /// Proposals of this key that are kept from before take part without a session.
    pub(in crate::engine::jobs) fn recall_entries(&mut self, owner: AttemptId) -> Sound {
        let Self { ground, build } = self;
        let contest = build.jobs.attempt_mut(owner)?.contest.as_mut().must(NO_CONTEST)?;
        let mut recalled = Vec::new();
        for entry in &mut contest.entries {
            let Some(past) = entry.recalled.as_deref() else { continue };
            let id = ground.past.new_attempt();
            recalled.push(id);
            entry.attempt = Some(id);
            entry.made = Produced {
                read_set: past.read_set.clone(),
                transcript: past.transcript,
                duration: past.duration,
                message: past.message.clone(),
                patch: past.patch.clone(),
                made_at: Some(past.at),
                model: past.model.clone(),
                session: past.session.clone(),
                ..Produced::default()
            };
            entry.answer.clone_from(&past.answer);
            entry.kept_as.clone_from(&past.kept_as);
            let task = past.task.clone();
            match past.kept_as.clone().zip(past.commit.clone()) {
                Some((kept_as, commit)) => {
                    entry.state = ContenderState::Merging;
                    ground.push(Effect::Recall { attempt: id, task, kept_as, commit });
                }
                None => entry.state = ContenderState::Done,
            }
        }
        for id in recalled {
            build.jobs.open(id, Kind::Propose { owner })?;
            build.jobs.reach(id, Stage::Ended)?;
        }
        Ok(())
    }

    /// Starts the proposal that stands there in its competition.
    pub(in crate::engine::jobs) fn start_entry(&mut self, owner: AttemptId, at: usize) -> Sound {
        let id = self.ground.past.new_attempt();
        let entry = self.contest_mut(owner)?.entries.get_mut(at).must(NO_ENTRY)?;
        entry.attempt = Some(id);
        let attempt = self.build.jobs.attempt(owner)?;
        match self.entry_launch(JobOf { owner, id }, attempt, attempt.contest()?.entry_of(id)?) {
            Ok(launch) => {
                self.build.jobs.open(id, Kind::Propose { owner })?;
                self.build.jobs.reach(id, Stage::Running)?;
                self.build.money.n_sessions += 1;
                self.entry_mut(JobOf { owner, id })?.state = ContenderState::Running;
                self.ground.append(Record::AttemptStarted {
                    at: self.ground.now(),
                    attempt: id,
                    task: launch.task.clone(),
                    key: launch.key,
                    recipe: Some(self.build.jobs.attempt(owner)?.made_by),
                    number: launch.number,
                    validator: None,
                    is_command: false,
                });
                self.note_competing(owner)?;
                self.build.admission.pass_with(&launch, self.ground.now());
                self.ground.push(Effect::Run(Box::new(launch)));
                Ok(())
            }
            Err(problem) => self.fail_launch(JobOf { owner, id }, problem),
        }
    }

    fn fail_launch(&mut self, of: JobOf, problem: String) -> Sound {
        let class = OutcomeClass::LaunchFailure;
        self.entry_mut(of)?.attempt = None;
        let contest = self.contest_mut(of.owner)?;
        if contest.is_busy() {
            contest.setback = Some((class, problem));
            return Ok(());
        }
        self.close_contest(of.owner, None)?;
        self.give_up_attempt(of.owner, class, problem)
    }

    fn entry_launch(
        &self,
        of: JobOf,
        attempt: &Attempt,
        entry: &Contender,
    ) -> Result<Launch, String> {
        let run =
            attempt.node.and_then(|it| self.build.board.known_run(it)).cloned().unwrap_or_default();
        // Each proposal is a session of its own.
        let run = TaskRun { resume: None, ..run };
        let (mut session, _) = self.session_of(of.owner, attempt, &run)?;
        session.prompt.push_str(PROPOSER_PART);
        let count = attempt.contest.as_ref().map_or(0, |it| it.entries.len());
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        session.max_usd = self.share_of(of.owner, count);
        let action = LaunchAction::Session(session);
        let number = (attempt.number - 1).saturating_mul(count) + entry.number;
        Ok(Launch { number, ..self.launch_with(of.id, attempt, action, Base::Tip) })
    }

    /// What one of the sessions may spend: what is set aside for the task is for all, and a judge.
    pub(in crate::engine::jobs) fn share_of(&self, owner: AttemptId, count: u32) -> Option<Usd> {
        let n = f64::from(count.saturating_add(1));
        self.build.money.cap_of(owner).map(|it| Usd::from_dollars(it.dollars() / n))
    }

    fn note_competing(&mut self, owner: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt_mut(owner)?;
        let contest = attempt.contest()?;
        let (running, all) = (contest.n_running(), contest.entries.len());
        attempt.at_work.doing = Activity::Proposing { running, all };
        Ok(())
    }

    /// A proposal's session, or its judge's, is over.
    pub(in crate::engine::jobs) fn take_entry_ended(
        &mut self,
        of: JobOf,
        evidence: Evidence,
    ) -> Sound {
        self.build.jobs.reach(of.id, Stage::Ended)?;
        let attempt = self.build.jobs.attempt(of.owner)?;
        let judgement = without_plan_edit(self.judgement_of(attempt, &evidence), &evidence);
        let label = &attempt.contest()?.entry_of(of.id)?.label;
        let message = format!("proposal {label}: {}", judgement.message);
        let judgement =
            Judgement { message: message.trim_end_matches([':', ' ']).to_owned(), ..judgement };
        self.journal_end(of, &evidence, &judgement)?;
        let was_probe = self.hear_of_service(of, &evidence, &judgement)?;
        self.book_entry(of.owner, &evidence, was_probe)?;
        self.note_competing(of.owner)?;
        match judgement.class {
            OutcomeClass::Done => self.take_entry_done(of, evidence, &judgement),
            class if is_of_the_service(class) => self.set_entry_back(of, judgement),
            // Nobody is asked on behalf of one proposal of several.
            OutcomeClass::Asked => {
                self.put_out(of, OutcomeClass::FailedByStatus, judgement.message)
            }
            class => self.put_out(of, class, judgement.message),
        }
    }

    fn take_entry_done(&mut self, of: JobOf, evidence: Evidence, judgement: &Judgement) -> Sound {
        let (cost, made_at) = (cost_of(&evidence), self.ground.now());
        let entry = self.entry_mut(of)?;
        let text = evidence.stream.as_ref().map(|it| it.final_text.clone());
        entry.answer = text.filter(|_| evidence.patch.is_empty()).map(cut);
        entry.made = Produced {
            cost,
            model: model_of(&evidence),
            session: evidence.session.clone(),
            message: message_of(&evidence, judgement),
            report: evidence.report,
            patch: evidence.patch,
            read_set: evidence.read_set,
            transcript: evidence.transcript,
            duration: evidence.duration,
            made_at: Some(made_at),
            ..Produced::default()
        };
        entry.state = ContenderState::Merging;
        if entry.made.patch.is_empty() {
            return self.keep_entry(of, None);
        }
        self.ground.push(Effect::Merge { attempt: of.id });
        Ok(())
    }

    pub(in crate::engine::jobs) fn take_entry_merged(
        &mut self,
        of: JobOf,
        merged: Merged,
    ) -> Sound {
        let attempt = self.build.jobs.attempt(of.owner)?;
        let (task, key) = (attempt.task.clone(), attempt.key);
        let entry = self.entry_mut(of)?;
        entry.made.take_merged(merged);
        if entry.recalled.is_some() {
            entry.state = ContenderState::Done;
            return Ok(());
        }
        let label = &entry.label;
        let subject = format!("orch: proposal {label} for {task}, key {key}");
        let kept_as = ref_of(&task, label);
        self.ground.push(Effect::Shelve { attempt: of.id, kept_as, subject });
        Ok(())
    }

    pub fn take_shelved(&mut self, id: AttemptId, commit: Option<CommitId>) -> Sound {
        let of = self.proposal_of(id).must("what was kept is no proposal")?;
        match commit {
            Some(_) => self.keep_entry(of, commit),
            None => self.take_entry_refused(of, "what it left is gone".to_owned()),
        }
    }

    /// It is done and lies where nobody loses it: from now on it is not made again.
    fn keep_entry(&mut self, of: JobOf, commit: Option<CommitId>) -> Sound {
        let at = self.ground.now();
        let attempt = self.build.jobs.attempt(of.owner)?;
        let (task, key) = (attempt.task.clone(), attempt.key);
        let entry = self.entry_mut(of)?;
        entry.state = ContenderState::Done;
        entry.kept_as = commit.as_ref().map(|_| ref_of(&task, &entry.label));
        let proposed = Proposed {
            at,
            task,
            key,
            attempt: of.id,
            number: entry.number,
            label: entry.label.clone(),
            kept_as: entry.kept_as.clone(),
            commit,
            patch: entry.made.patch.clone(),
            model: entry.made.model.clone(),
            cost: entry.made.cost,
            session: entry.made.session.clone(),
            transcript: entry.made.transcript,
            duration: entry.made.duration,
            message: entry.made.message.clone(),
            answer: entry.answer.clone(),
            read_set: entry.made.read_set.clone(),
        };
        self.ground.append(Record::Proposed(Box::new(proposed)));
        Ok(())
    }

    /// It does not merge, or what was kept of it is gone: then it is made again.
    pub(in crate::engine::jobs) fn take_entry_refused(
        &mut self,
        of: JobOf,
        message: String,
    ) -> Sound {
        let entry = self.entry_mut(of)?;
        if entry.recalled.is_some() {
            *entry = Contender::new(entry.number, entry.label.clone());
            self.build.jobs.close_helper(of.id);
            self.ground.push(Effect::Drop { attempt: of.id });
            return Ok(());
        }
        let message = format!("proposal {}: {message}", entry.label);
        self.put_out(of, OutcomeClass::Conflict, message)
    }

    fn put_out(&mut self, of: JobOf, class: OutcomeClass, message: String) -> Sound {
        self.ground.push(Effect::Drop { attempt: of.id });
        let entry = self.entry_mut(of)?;
        entry.attempt = None;
        entry.state = ContenderState::Out(class, message.clone());
        let number = entry.number;
        self.build.jobs.close_helper(of.id);
        if let Some(node) = self.build.jobs.attempt(of.owner)?.node {
            self.build.board.run(node).outs.insert(number, message);
        }
        Ok(())
    }

    /// The service's fault, or orch's own: the competition goes on later, with what is done.
    fn set_entry_back(&mut self, of: JobOf, judgement: Judgement) -> Sound {
        self.ground.push(Effect::Drop { attempt: of.id });
        let entry = self.entry_mut(of)?;
        entry.attempt = None;
        entry.state = ContenderState::Waiting;
        self.build.jobs.close_helper(of.id);
        let first = (judgement.class, judgement.message);
        self.contest_mut(of.owner)?.setback.get_or_insert(first);
        Ok(())
    }

    /// Costs of proposals and judges are the task's, and what they found out of the service.
    pub(in crate::engine::jobs) fn book_entry(
        &mut self,
        owner: AttemptId,
        evidence: &Evidence,
        was_probe: bool,
    ) -> Sound {
        let cost = cost_of(evidence);
        self.build.money.n_sessions -= u32::from(!evidence.ending.has_run());
        let attempt = self.build.jobs.attempt_mut(owner)?;
        attempt.made.was_probe = was_probe;
        attempt.made.lacks_cli = evidence.ending.lacks_cli();
        attempt.made.cost += cost;
        if let Some(node) = attempt.node {
            self.build.board.run(node).cost += cost;
        }
        Ok(())
    }
}

/// Nothing is held against a proposal that ended so.
pub(in crate::engine::jobs) fn is_of_the_service(class: OutcomeClass) -> bool {
    !class.counts_as_attempt() && class != OutcomeClass::Asked
}

/// Changes of the plan by several sessions at once could not be told apart.
fn without_plan_edit(judgement: Judgement, evidence: &Evidence) -> Judgement {
    if judgement.class != OutcomeClass::Done || evidence.plan_edit.is_none() {
        return judgement;
    }
    let message = "it changed the plan, which is for a task after the competition".to_owned();
    Judgement { class: OutcomeClass::PlanRefused, message, ..judgement }
}

fn cut(mut text: String) -> String {
    let end = (0..=ANSWER_KEPT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}
