//! Sessions that ask a person: the task is parked with its worktree, and goes on with the answer.

use crate::base::name::{ActionKey, AttemptId, SessionId, TaskRef};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::outcome::OutcomeClass;
use crate::engine::outcome::evidence::STATUS_FILE;
use crate::engine::record::Record;
use crate::engine::record::question::{MAX_QUESTIONS, Question};

use super::Engine;
use super::attempt::Attempt;

impl Engine {
    /// The session ended with a question: nothing is held against it, and nothing else waits.
    pub(super) fn park_with_question(
        &mut self,
        id: NodeId,
        attempt_id: AttemptId,
        (attempt, text): (&Attempt, String),
    ) {
        let past = self.past.history.task(&attempt.task);
        if past.is_some_and(|it| it.dialogue.n_asked(attempt.key) >= MAX_QUESTIONS) {
            self.step.push(Effect::Drop { attempt: attempt_id });
            let why = format!("it asked {MAX_QUESTIONS} questions and does not get on: {text}");
            return self.give_up(id, OutcomeClass::Asked, why);
        }
        let question = Question {
            at: self.step.now,
            attempt: attempt_id,
            task: attempt.task.clone(),
            key: attempt.key,
            session: attempt.session.clone(),
            text: text.clone(),
            options: attempt.facts.options.clone(),
        };
        self.past.append(Record::Asked(Box::new(question)), &mut self.step);
        self.step.push(match &attempt.session {
            Some(session) => Effect::Park { attempt: attempt_id, session: session.clone() },
            None => Effect::Drop { attempt: attempt_id },
        });
        self.note_reason(id, asks(&text));
        self.step.publish(Notice::TaskAsked {
            task: attempt.task.clone(),
            question: text,
            options: attempt.facts.options.clone(),
        });
        self.settle(id, Settled::Suspended);
    }

    /// True where a question about this very key is open.
    pub(super) fn waits_for_answer(&mut self, id: NodeId, key: ActionKey) -> bool {
        let Some(build) = &self.build else { return false };
        let past = self.past.history.task(&build.graph.node(id).task);
        let Some(question) = past.and_then(|it| it.dialogue.open_about(key)) else { return false };
        let why = asks(&question.text);
        self.note_reason(id, why);
        true
    }

    /// An answer counts where a question is open; the task is then decided anew.
    pub(super) fn take_answer(&mut self, task: &TaskRef, text: String) {
        if self.past.history.task(task).and_then(|it| it.dialogue.open()).is_none() {
            let text = format!("{task} asks nothing: the answer `{text}` came to nothing");
            return self.step.publish(Notice::Warning(text));
        }
        self.past.append(
            Record::Answered { at: self.step.now, task: task.clone(), text },
            &mut self.step,
        );
        self.take_person_seriously(task);
    }

    /// A person spoke about a task while a build is under way: what the build made of it is past.
    pub(super) fn take_person_seriously(&mut self, task: &TaskRef) {
        let Some(build) = &mut self.build else { return };
        let Some(id) = build.graph.id_of(task) else { return };
        if matches!(build.schedule.state(id), State::Active(_)) {
            return;
        }
        if let Some(run) = build.runs.get_mut(&id) {
            run.gave_up = None;
            run.accepted = None;
        }
        build.is_touched = true;
        build.has_new_plan = true;
    }

    /// The session whose question was answered, where this attempt is the one that goes on with it.
    pub(super) fn session_to_go_on_with(
        &self,
        id: AttemptId,
        attempt: &Attempt,
    ) -> Option<SessionId> {
        let answered = self.past.history.task(&attempt.task)?.dialogue.taken_up_by(id)?;
        let question = answered.question;
        question.session.clone().filter(|_| question.key == attempt.key)
    }

    pub(super) fn answer_message(&self, id: AttemptId, attempt: &Attempt) -> String {
        let past = self.past.history.task(&attempt.task);
        let answered = past.and_then(|it| it.dialogue.taken_up_by(id));
        let answer = answered.map_or("", |it| it.answer);
        format!(
            "The answer to your question: {answer}\n\nGo on with the task, and write the status \
             file `{STATUS_FILE}` as instructed.\n"
        )
    }
}

fn asks(question: &str) -> String {
    format!("asks: {question}")
}
