//! The status that a session leaves: as a file, or as a fenced block in its text.

use serde_json::Value;

use super::OutcomeClass;
use super::object::object_by_hand;
use super::places::{block_at_end, blocks_of};
use crate::base::name::{PlanName, TaskId};
use crate::engine::outcome::evidence::{StatusFile, StatusReport};

/// Reads the status file's bytes.
pub fn status_from_json(bytes: &[u8]) -> StatusFile {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return StatusFile::Unreadable("not UTF-8".to_owned());
    };
    status_in(text)
}

/// Reads the last fenced JSON object that has a `status`: how agents report that may not write.
pub fn status_from_text(text: &str) -> StatusFile {
    last_status_block(text).map_or(StatusFile::Absent, |(_, content)| status_in(content))
}

/// The last fenced block that is an object with a `status`, or was to be one: where its content begins.
fn last_status_block(text: &str) -> Option<(usize, &str)> {
    let is_status = |content: &str| {
        let is_object = content.trim_start().starts_with('{');
        is_object
            && object_by_hand(content)
                .map_or(content.contains("\"status\""), |it| it.contains_key("status"))
    };
    let blocks = blocks_of(text);
    let found = blocks.iter().rev().find(|it| is_status(it.content));
    // A block before it that was never closed takes nothing away from what ends the text.
    found
        .map(|it| (it.start, it.content))
        .or_else(|| block_at_end(text).filter(|(_, content)| is_status(content)))
}

fn status_in(text: &str) -> StatusFile {
    let object = match object_by_hand(text) {
        Ok(object) => object,
        Err(why) => return StatusFile::Unreadable(format!("not the JSON object: {why}")),
    };
    let Some(status) = object.get("status").and_then(Value::as_str) else {
        return StatusFile::Unreadable("no `status` text".to_owned());
    };
    let options = object.get("options").and_then(Value::as_array);
    let messages = object.get("slack_messages").and_then(Value::as_array);
    StatusFile::Given(StatusReport {
        task_id: object.get("task_id").and_then(plain_text),
        status: status.trim().to_lowercase(),
        message: object.get("message").and_then(plain_text),
        question: object.get("question").and_then(plain_text).filter(|it| !it.trim().is_empty()),
        options: options.into_iter().flatten().filter_map(plain_text).collect(),
        plan_modified: object.get("plan_modified").and_then(Value::as_bool).unwrap_or(false),
        slack_messages: messages.cloned().unwrap_or_default(),
    })
}

/// Text, or a number as written: ids such as `1.2` are often left unquoted.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a session answered, without the status object that ends it.
pub fn answer_of(text: &str) -> &str {
    let Some((start, _)) = last_status_block(text) else { return text.trim() };
    let (before, after) = text.split_at(start);
    let is_last = after.split_once("```").is_none_or(|(_, rest)| rest.trim().is_empty());
    let fence = before.trim_end().rfind("```").filter(|_| is_last);
    fence.map_or(text, |at| &before[..at]).trim()
}

/// The task that a report has to be of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    pub task: &'a TaskId,
    /// `None` where nobody knows the plan.
    pub plan: Option<&'a PlanName>,
}

/// What the report says of the task: its message where it says completed.
pub(super) fn judge(status: &StatusFile, own: Own<'_>) -> Result<String, (OutcomeClass, String)> {
    let no_status = |message: String| Err((OutcomeClass::NoStatus, message));
    let report = match status {
        StatusFile::Absent => return no_status("no status file was written".to_owned()),
        StatusFile::Unreadable(why) => return no_status(format!("the status file is {why}")),
        StatusFile::Given(report) => report,
    };
    match &report.task_id {
        None => return no_status("the status file names no task".to_owned()),
        Some(named) if !own.is_named(named.trim()) => {
            let message = format!("the status file is of task {named}, not {}", own.task);
            return Err((OutcomeClass::WrongTask, message));
        }
        Some(_) => {}
    }
    let message = report.message.clone().filter(|message| !message.trim().is_empty());
    match report.status.trim_end_matches(['.', '!']) {
        "completed" | "complete" | "done" | "success" | "successful" | "succeeded" | "finished" => {
            Ok(message.unwrap_or_else(|| "completed".to_owned()))
        }
        "failed" | "fail" | "failure" | "error" | "blocked" => {
            let message = message.unwrap_or_else(|| "the session says it failed".to_owned());
            Err((OutcomeClass::FailedByStatus, message))
        }
        "question" => match report.question.clone().or(message) {
            Some(question) => Err((OutcomeClass::Asked, question)),
            None => no_status("the status file says `question` and asks none".to_owned()),
        },
        other => no_status(format!("the status file says `{other}`")),
    }
}

impl Own<'_> {
    /// The task's id, alone or behind its plan's name.
    fn is_named(self, named: &str) -> bool {
        let Some((plan, task)) = named.rsplit_once("//") else {
            return named == self.task.as_str();
        };
        let file = plan.rsplit('/').next().unwrap_or(plan);
        let stem = file.strip_suffix(".yaml").or(file.strip_suffix(".yml")).unwrap_or(file);
        task == self.task.as_str() && self.plan.is_none_or(|own| own.as_str() == stem)
    }
}
