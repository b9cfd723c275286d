//! Questions that sessions ask of people, and the answers: what is open, what has been said.

use serde::{Deserialize, Serialize};

use crate::base::measure::Moment;
use crate::base::name::{ActionKey, AttemptId, SessionId, TaskRef};

/// How many questions one key may ask: a session that never gets on is not asked about for ever.
pub const MAX_QUESTIONS: usize = 5;

/// A question that a session ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub at: Moment,
    pub attempt: AttemptId,
    pub task: TaskRef,
    pub key: ActionKey,
    /// The session that goes on with the answer.
    pub session: Option<SessionId>,
    pub text: String,
    /// Answers that the session proposes; any other is as good.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What was asked and answered about a task under one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    exchanges: Vec<Exchange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Exchange {
    question: Question,
    answer: Option<String>,
    /// The attempt that was given the answer.
    taken_up_by: Option<AttemptId>,
}

/// A question with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    pub question: &'a Question,
    pub answer: &'a str,
}

impl Dialogue {
    /// The question that waits for an answer.
    pub fn open(&self) -> Option<&Question> {
        let last = self.exchanges.last()?;
        last.answer.is_none().then_some(&last.question)
    }

    /// As `open`, where it was asked about this key.
    pub fn open_about(&self, key: ActionKey) -> Option<&Question> {
        self.open().filter(|it| it.key == key)
    }

    /// The answer about this key that no attempt has been given yet.
    pub fn answer_at_hand(&self, key: ActionKey) -> Option<&str> {
        let last = self.exchanges.last().filter(|it| it.question.key == key)?;
        last.answer.as_deref().filter(|_| last.taken_up_by.is_none())
    }

    /// All that was answered about a key, oldest first.
    pub fn answered(&self, key: ActionKey) -> impl Iterator<Item = Answered<'_>> {
        self.exchanges.iter().filter(move |it| it.question.key == key).filter_map(|it| {
            it.answer.as_deref().map(|answer| Answered { question: &it.question, answer })
        })
    }

    /// What an attempt goes on from: the answer that it was the first to be given.
    pub fn taken_up_by(&self, attempt: AttemptId) -> Option<Answered<'_>> {
        let last = self.exchanges.last().filter(|it| it.taken_up_by == Some(attempt))?;
        Some(Answered { question: &last.question, answer: last.answer.as_deref()? })
    }

    /// The session whose worktree must be kept: its question is open, or its answer not taken up.
    pub fn parked_session(&self) -> Option<&SessionId> {
        let last = self.exchanges.last().filter(|it| it.taken_up_by.is_none())?;
        last.question.session.as_ref()
    }

    /// How many questions were asked about a key.
    pub fn n_asked(&self, key: ActionKey) -> usize {
        self.exchanges.iter().filter(|it| it.question.key == key).count()
    }

    /// A session asked. What was asked about another key is past.
    pub fn ask(&mut self, question: Question) {
        self.exchanges.retain(|it| it.question.key == question.key && it.answer.is_some());
        self.exchanges.push(Exchange { question, answer: None, taken_up_by: None });
    }

    /// A person answered; without an open question nothing happens.
    pub fn answer(&mut self, text: &str) {
        if let Some(last) = self.exchanges.last_mut().filter(|it| it.answer.is_none()) {
            last.answer = Some(text.to_owned());
        }
    }

    /// An attempt of the task began: it takes the answer up, or makes the question void.
    pub fn begin(&mut self, attempt: AttemptId) {
        self.withdraw();
        if let Some(last) = self.exchanges.last_mut().filter(|it| it.taken_up_by.is_none()) {
            last.taken_up_by = Some(attempt);
        }
    }

    /// Nobody waits for an answer any more.
    pub fn withdraw(&mut self) {
        self.exchanges.retain(|it| it.answer.is_some());
    }

    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;

    fn question(key: u8, text: &str) -> Question {
        Question {
            at: Moment(0),
            attempt: AttemptId(1),
            task: TaskRef::parse("p//1").unwrap(),
            key: ActionKey(Digest::of(&[key])),
            session: Some(SessionId::new("one")),
            text: text.to_owned(),
            options: Vec::new(),
        }
    }

    fn texts(dialogue: &Dialogue, key: u8) -> Vec<String> {
        let key = ActionKey(Digest::of(&[key]));
        dialogue.answered(key).map(|it| format!("{} {}", it.question.text, it.answer)).collect()
    }

    #[test]
    fn an_answer_is_taken_up_once_and_told_to_all_later_attempts() {
        let mut dialogue = Dialogue::default();
        dialogue.ask(question(1, "Which?"));
        assert_eq!(dialogue.open().map(|it| it.text.as_str()), Some("Which?"));
        dialogue.answer("This.");
        dialogue.answer("No, that.");
        assert_eq!(dialogue.open(), None, "a question is answered once");
        assert!(dialogue.parked_session().is_some());
        dialogue.begin(AttemptId(7));
        assert!(dialogue.taken_up_by(AttemptId(7)).is_some());
        assert!(dialogue.parked_session().is_none());
        dialogue.begin(AttemptId(8));
        assert!(dialogue.taken_up_by(AttemptId(8)).is_none());
        assert_eq!(texts(&dialogue, 1), ["Which? This."]);
    }

    #[test]
    fn an_attempt_without_an_answer_makes_the_question_void() {
        let mut dialogue = Dialogue::default();
        dialogue.ask(question(1, "Which?"));
        dialogue.begin(AttemptId(7));
        assert!(dialogue.is_empty());
    }

    #[test]
    fn what_was_asked_about_another_key_is_past() {
        let mut dialogue = Dialogue::default();
        dialogue.ask(question(1, "Which?"));
        dialogue.answer("This.");
        dialogue.begin(AttemptId(7));
        dialogue.ask(question(2, "And now?"));
        assert!(texts(&dialogue, 1).is_empty());
        assert!(dialogue.open_about(ActionKey(Digest::of(&[1]))).is_none());
        assert!(dialogue.open_about(ActionKey(Digest::of(&[2]))).is_some());
    }
}
