//! Sessions that ask a person: the task is parked with its worktree, and goes on with the answer.

use crate::base::name::{AttemptId, SessionId};
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::outcome::OutcomeClass;
use crate::engine::outcome::evidence::STATUS_FILE;
use crate::engine::record::Record;
use crate::engine::record::question::{MAX_QUESTIONS, Question};

use super::Shop;
use super::attempt::Attempt;
use crate::engine::why::Why;

/// A session that goes on with a person's answer.
pub(super) struct GoesOn {
    pub session: SessionId,
    /// What it is told.
    pub message: String,
}

impl Shop<'_> {
    /// The session ended with a question: nothing is held against it, and nothing else waits.
    pub(super) fn park_with_question(
        &mut self,
        attempt_id: AttemptId,
        id: NodeId,
        attempt: &Attempt,
        text: String,
    ) {
        self.build.board.run(id).resume = None;
        let past = self.ground.past.history.task(&attempt.task);
        if past.is_some_and(|it| it.dialogue.n_asked(attempt.key) >= MAX_QUESTIONS) {
            self.hand_on(attempt_id, attempt);
            let why = format!("it asked {MAX_QUESTIONS} questions and does not get on: {text}");
            return self.build.board.give_up(id, OutcomeClass::Asked, why, &mut self.ground);
        }
        let question = Question {
            at: self.ground.now(),
            attempt: attempt_id,
            task: attempt.task.clone(),
            key: attempt.key,
            session: attempt.made.session.clone(),
            text: text.clone(),
            options: attempt.made.options.clone(),
        };
        self.ground.append(Record::Asked(Box::new(question)));
        self.ground.push(match &attempt.made.session {
            Some(session) => Effect::Park { attempt: attempt_id, session: session.clone() },
            None => Effect::Drop { attempt: attempt_id },
        });
        self.build.board.note_reason(id, Why::Asks(text.clone()));
        self.ground.publish(Notice::TaskAsked {
            task: attempt.task.clone(),
            question: text,
            options: attempt.made.options.clone(),
        });
        self.build.board.settle(id, Settled::Suspended);
    }

    /// The session whose question was answered, where this attempt is the one that goes on with it.
    pub(super) fn session_to_go_on_with(&self, id: AttemptId, attempt: &Attempt) -> Option<GoesOn> {
        let answered = self.ground.past.history.task(&attempt.task)?.dialogue.taken_up_by(id)?;
        let question = answered.question;
        let session = question.session.clone().filter(|_| question.key == attempt.key)?;
        let answer = answered.answer;
        let message = format!(
            "The answer to your question: {answer}\n\nGo on with the task, and write the status \
             file `{STATUS_FILE}` as instructed.\n"
        );
        Some(GoesOn { session, message })
    }
}
