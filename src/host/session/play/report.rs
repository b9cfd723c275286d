//! What a played session says at its end: a status, a question, a verdict.

use serde_json::json;

use super::{Player, put};
use crate::host::session::script::{AskStep, StatusStep, VerdictStep};
use crate::host::session::status::STATUS_PATHS;

impl Player {
    pub(super) fn status(&mut self, step: &StatusStep) -> Result<(), String> {
        self.wants_status = false;
        let none = (None, None, false, &Vec::new());
        let (status, (message, named, plan_modified, slack_messages)) = match step {
            StatusStep::Word(status) => (status, none),
            StatusStep::Whole { status, message, task_id, plan_modified, slack_messages } => {
                (status, (message.clone(), task_id.clone(), *plan_modified, slack_messages))
            }
        };
        if status == "none" {
            return Ok(());
        }
        let named = named.unwrap_or_else(|| self.task_id());
        let content = json!({"task_id": named, "status": status,
            "message": message.unwrap_or_else(|| format!("played, {status}")),
            "plan_modified": plan_modified, "slack_messages": slack_messages});
        put(STATUS_PATHS[0], &content.to_string())
    }

    pub(super) fn ask(&mut self, step: &AskStep) -> Result<(), String> {
        self.wants_status = false;
        let (question, options) = match step {
            AskStep::Text(question) => (question, &[][..]),
            AskStep::Whole { question, options } => (question, &options[..]),
        };
        let content = json!({"task_id": self.task_id(), "status": "question",
            "question": question, "options": options});
        put(STATUS_PATHS[0], &content.to_string())
    }

    fn task_id(&self) -> String {
        self.task.split_once("//").map_or(self.task.as_str(), |(_, task)| task).to_owned()
    }

    pub(super) fn verdict(&mut self, step: &VerdictStep) {
        self.wants_status = false;
        let (word, findings) = match step {
            VerdictStep::Word(word) => (word, &[][..]),
            VerdictStep::Whole { is, findings } => (is, &findings[..]),
        };
        let mut text = format!("**Verdict: {word}**\n");
        findings.iter().for_each(|finding| text.push_str(&format!("- {finding}\n")));
        self.say(&text);
    }
}
