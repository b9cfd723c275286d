//! One proposal from its start, or its recall from an earlier build, until it is kept.

use crate::base::file::Patch;
use crate::base::measure::Usd;
use crate::base::name::{AttemptId, CommitId, TreeId};
use crate::engine::admission::Activity;
use crate::engine::decide::TaskRun;
use crate::engine::effect::{Base, Effect, Launch, LaunchAction};
use crate::engine::jobs::attempt::Produced;
use crate::engine::jobs::ballot::{PROPOSER_PART, ref_of};
use crate::engine::jobs::ended::{message_of, model_of, slack_messages_of};
use crate::engine::jobs::{Kind, Shop, Stage};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass};
use crate::engine::record::{AttemptEnded, Proposed, Record};

use super::{Contest, EntryState};

/// What is kept of a proposal's last text, in bytes.
const ANSWER_KEPT: usize = 128 * 1024;

impl Shop<'_> {
    /// Proposals of this key that are kept from before take part without a session.
    pub(in crate::engine::jobs) fn recall_entries(&mut self, owner: AttemptId) {
        let Some(contest) = self.contest_mut(owner) else { return };
        let n = contest.entries.len();
        for at in 0..n {
            let recalls =
                |it: &mut Contest| it.entries.get(at).is_some_and(|it| it.recalled.is_some());
            if !self.contest_mut(owner).is_some_and(recalls) {
                continue;
            }
            let id = self.ground.past.new_attempt();
            let Some(entry) = self.contest_mut(owner).and_then(|it| it.entries.get_mut(at)) else {
                return;
            };
            let Some(past) = entry.recalled.as_deref() else { continue };
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
            let recalled = past.kept_as.clone().zip(past.commit.clone());
            let task = past.task.clone();
            match recalled {
                Some((kept_as, commit)) => {
                    entry.state = EntryState::Merging;
                    self.ground.push(Effect::Recall { attempt: id, task, kept_as, commit });
                }
                None => entry.state = EntryState::Done,
            }
            self.build.jobs.open(id, Kind::Propose { owner });
            self.build.jobs.reach(id, Stage::Ended);
        }
    }

    pub(in crate::engine::jobs) fn start_entry(&mut self, owner: AttemptId, at: usize) {
        let id = self.ground.past.new_attempt();
        match self.entry_launch(owner, (id, at)) {
            Ok(launch) => {
                let at_time = self.ground.now();
                self.build.jobs.open(id, Kind::Propose { owner });
                self.build.jobs.reach(id, Stage::Running);
                self.build.money.n_sessions += 1;
                if let Some(entry) = self.contest_mut(owner).and_then(|it| it.entries.get_mut(at)) {
                    entry.attempt = Some(id);
                    entry.state = EntryState::Running;
                }
                self.ground.append(Record::AttemptStarted {
                    at: at_time,
                    attempt: id,
                    task: launch.task.clone(),
                    key: launch.key,
                    number: launch.number,
                    validator: None,
                    is_command: false,
                });
                self.note_competing(owner);
                self.build.admission.pass_with(&launch, self.ground.now());
                self.ground.push(Effect::Run(Box::new(launch)));
            }
            Err(problem) => self.fail_launch(owner, problem),
        }
    }

    fn fail_launch(&mut self, owner: AttemptId, problem: String) {
        let class = OutcomeClass::LaunchFailure;
        match self.contest_mut(owner) {
            Some(contest) if contest.is_busy() => contest.setback = Some((class, problem)),
            _ => {
                self.close_contest(owner, None);
                self.give_up_attempt(owner, class, problem);
            }
        }
    }

    fn entry_launch(
        &self,
        owner: AttemptId,
        (id, at): (AttemptId, usize),
    ) -> Result<Launch, String> {
        let gone = || "the task is gone".to_owned();
        let attempt = self.build.jobs.attempt(owner).ok_or_else(gone)?;
        let contest = attempt.contest.as_ref().ok_or_else(gone)?;
        let entry = contest.entries.get(at).ok_or_else(gone)?;
        let run =
            attempt.node.and_then(|it| self.build.board.known_run(it)).cloned().unwrap_or_default();
        // Each proposal is a session of its own.
        let run = TaskRun { resume: None, resume_session: None, ..run };
        let mut session = self.session_of((owner, attempt), &run)?;
        session.prompt.push_str(PROPOSER_PART);
        let count = u32::try_from(contest.entries.len()).unwrap_or(u32::MAX);
        session.max_usd = self.share_of(owner, count);
        let action = LaunchAction::Session(session);
        let number = (attempt.number - 1).saturating_mul(count) + entry.number;
        Ok(Launch { number, ..self.launch_with(id, attempt, (action, Base::Tip)) })
    }

    /// What one of the sessions may spend: what is set aside for the task is for all, and a judge.
    pub(in crate::engine::jobs) fn share_of(&self, owner: AttemptId, count: u32) -> Option<Usd> {
        let n = f64::from(count.saturating_add(1));
        self.build.money.cap_of(owner).map(|it| Usd::from_dollars(it.dollars() / n))
    }

    fn note_competing(&mut self, owner: AttemptId) {
        let attempt = self.build.jobs.attempt_mut(owner);
        let Some(attempt) = attempt else { return };
        let Some(contest) = &attempt.contest else { return };
        let (running, all) = (contest.n_running(), contest.entries.len());
        attempt.at_work.doing = Activity::Proposing { running, all };
    }

    /// A proposal's session, or its judge's, is over.
    pub(in crate::engine::jobs) fn take_entry_ended(
        &mut self,
        owner: AttemptId,
        id: AttemptId,
        evidence: Evidence,
    ) {
        self.build.jobs.reach(id, Stage::Ended);
        let Some(attempt) = self.build.jobs.attempt(owner) else { return };
        let judgement = without_plan_edit(self.judgement_of(attempt, &evidence), &evidence);
        let Some(label) =
            self.contest_mut(owner).and_then(|it| it.entry_of(id)).map(|it| it.label.clone())
        else {
            return;
        };
        let message = format!("proposal {label}: {}", judgement.message);
        let told =
            Judgement { message: message.trim_end_matches([':', ' ']).to_owned(), ..judgement };
        self.journal_entry_end((owner, id), &evidence, &told);
        let was_probe = self.hear_of_service((id, owner), &evidence, &told);
        self.book_entry(owner, &evidence);
        if let Some(attempt) = self.build.jobs.attempt_mut(owner) {
            attempt.made.was_probe = was_probe;
            attempt.made.lacks_cli = evidence.ending.lacks_cli();
        }
        self.note_competing(owner);
        match told.class {
            OutcomeClass::Done => self.take_entry_done((owner, id), evidence, &told),
            class if is_of_the_service(class) => self.set_entry_back((owner, id), told),
            // Nobody is asked on behalf of one proposal of several.
            OutcomeClass::Asked => {
                self.put_out((owner, id), (OutcomeClass::FailedByStatus, told.message));
            }
            class => self.put_out((owner, id), (class, told.message)),
        }
    }

    fn take_entry_done(
        &mut self,
        (owner, id): (AttemptId, AttemptId),
        evidence: Evidence,
        judgement: &Judgement,
    ) {
        let (cost, made_at) = (cost_of(&evidence), self.ground.now());
        let Some(entry) = self.contest_mut(owner).and_then(|it| it.entry_of(id)) else { return };
        let text = evidence.stream.as_ref().map(|it| it.final_text.clone());
        entry.answer = text.filter(|_| evidence.patch.is_empty()).map(cut);
        entry.made = Produced {
            cost,
            model: model_of(&evidence),
            session: evidence.session.clone(),
            message: message_of(&evidence, judgement),
            patch: evidence.patch,
            read_set: evidence.read_set,
            transcript: evidence.transcript,
            duration: evidence.duration,
            made_at: Some(made_at),
            ..Produced::default()
        };
        entry.state = EntryState::Merging;
        match entry.made.patch.is_empty() {
            true => self.keep_entry((owner, id), None),
            false => self.ground.push(Effect::Merge { attempt: id }),
        }
    }

    pub(in crate::engine::jobs) fn take_entry_merged(
        &mut self,
        id: AttemptId,
        (candidate, beneath): (TreeId, TreeId),
        patch: Patch,
    ) {
        let Some(owner) = self.owner_of(id) else { return };
        let attempt = self.build.jobs.attempt(owner);
        let Some((task, key)) = attempt.map(|it| (it.task.clone(), it.key)) else { return };
        let Some(entry) = self.contest_mut(owner).and_then(|it| it.entry_of(id)) else { return };
        entry.made.candidate = Some(candidate);
        entry.made.beneath = Some(beneath);
        if entry.recalled.is_some() {
            entry.made.merged = patch;
            entry.state = EntryState::Done;
            return;
        }
        entry.made.merged = patch;
        let label = entry.label.clone();
        let subject = format!("orch: proposal {label} for {task}, key {key}");
        self.ground.push(Effect::Shelve { attempt: id, kept_as: ref_of(&task, &label), subject });
    }

    pub fn take_shelved(&mut self, id: AttemptId, commit: Option<CommitId>) {
        let Some(owner) = self.owner_of(id) else { return };
        match commit {
            Some(_) => self.keep_entry((owner, id), commit),
            None => self.take_entry_refused(id, "what it left is gone".to_owned()),
        }
    }

    /// It is done and lies where nobody loses it: from now on it is not made again.
    fn keep_entry(&mut self, (owner, id): (AttemptId, AttemptId), commit: Option<CommitId>) {
        let at = self.ground.now();
        let attempt = self.build.jobs.attempt(owner);
        let Some((task, key)) = attempt.map(|it| (it.task.clone(), it.key)) else { return };
        let Some(entry) = self.contest_mut(owner).and_then(|it| it.entry_of(id)) else { return };
        entry.state = EntryState::Done;
        entry.kept_as = commit.as_ref().map(|_| ref_of(&task, &entry.label));
        let proposed = Proposed {
            at,
            task,
            key,
            attempt: id,
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
    }

    /// It does not merge, or what was kept of it is gone: then it is made again.
    pub(in crate::engine::jobs) fn take_entry_refused(&mut self, id: AttemptId, message: String) {
        let Some(owner) = self.owner_of(id) else { return };
        let Some(entry) = self.contest_mut(owner).and_then(|it| it.entry_of(id)) else { return };
        if entry.recalled.is_some() {
            *entry = super::Entry::new(entry.number, entry.label.clone());
            self.build.jobs.close_helper(id);
            return self.ground.push(Effect::Drop { attempt: id });
        }
        let message = format!("proposal {}: {message}", entry.label);
        self.put_out((owner, id), (OutcomeClass::Conflict, message));
    }

    fn put_out(
        &mut self,
        (owner, id): (AttemptId, AttemptId),
        (class, message): (OutcomeClass, String),
    ) {
        self.ground.push(Effect::Drop { attempt: id });
        let Some(entry) = self.contest_mut(owner).and_then(|it| it.entry_of(id)) else { return };
        entry.attempt = None;
        entry.state = EntryState::Out(class, message.clone());
        let number = entry.number;
        self.build.jobs.close_helper(id);
        let node = self.build.jobs.attempt(owner).and_then(|it| it.node);
        if let Some(node) = node {
            self.build.board.run(node).outs.insert(number, message);
        }
    }

    /// The service's fault, or orch's own: the competition goes on later, with what is done.
    fn set_entry_back(&mut self, (owner, id): (AttemptId, AttemptId), judgement: Judgement) {
        self.ground.push(Effect::Drop { attempt: id });
        let Some(contest) = self.contest_mut(owner) else { return };
        if let Some(entry) = contest.entry_of(id) {
            entry.attempt = None;
            entry.state = EntryState::Waiting;
        }
        self.build.jobs.close_helper(id);
        let Some(contest) = self.contest_mut(owner) else { return };
        let first = (judgement.class, judgement.message);
        contest.setback.get_or_insert(first);
    }

    /// Costs of proposals and judges are the task's.
    pub(in crate::engine::jobs) fn book_entry(&mut self, owner: AttemptId, evidence: &Evidence) {
        let cost = cost_of(evidence);
        self.build.money.n_sessions -= u32::from(!evidence.ending.has_run());
        let Some(attempt) = self.build.jobs.attempt_mut(owner) else { return };
        attempt.made.cost += cost;
        if let Some(node) = attempt.node {
            self.build.board.run(node).cost += cost;
        }
    }

    pub(in crate::engine::jobs) fn journal_entry_end(
        &mut self,
        (owner, id): (AttemptId, AttemptId),
        evidence: &Evidence,
        judgement: &Judgement,
    ) {
        let mut spend = self.book(id, Some(owner), evidence);
        let attempt = self.build.jobs.attempt(owner);
        let Some(attempt) = attempt else { return };
        let contest = attempt.contest.as_ref();
        let entry = contest.and_then(|it| it.entries.iter().find(|it| it.attempt == Some(id)));
        let judge = attempt.recipe.judge.as_ref().filter(|_| entry.is_none());
        let agent = judge.map(|(_, it)| it).or(attempt.recipe.agent.as_ref());
        spend.agent = agent.map(|it| it.name.clone());
        let ended = AttemptEnded {
            spend,
            at: self.ground.now(),
            attempt: id,
            task: attempt.task.clone(),
            key: attempt.key,
            number: entry.map_or(attempt.number, |it| it.number),
            validator: judge.map(|(_, it)| it.name.as_str().into()),
            outcome: judgement.class,
            message: judgement.message.clone(),
            cost: cost_of(evidence),
            model: model_of(evidence),
            session: evidence.session.clone(),
            transcript: evidence.transcript,
            duration: evidence.duration,
            slack_messages: slack_messages_of(evidence),
            is_uncounted: judge.is_none() && attempt.is_uncounted(judgement.class),
        };
        self.ground.append(Record::AttemptEnded(Box::new(ended)));
    }
}

/// Nothing is held against a proposal that ended so.
pub(in crate::engine::jobs) fn is_of_the_service(class: OutcomeClass) -> bool {
    !class.counts_as_attempt() && class != OutcomeClass::Asked
}

pub(in crate::engine::jobs) fn cost_of(evidence: &Evidence) -> Usd {
    evidence.stream.as_ref().map_or(Usd::ZERO, |facts| facts.cost)
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
