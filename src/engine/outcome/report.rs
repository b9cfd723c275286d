//! The status that a session leaves: as a file, or as a fenced block in its text.

use serde_json::Value;

use super::OutcomeClass;
use crate::base::name::TaskId;
use crate::engine::outcome::evidence::{StatusFile, StatusReport};

/// Reads the status file's bytes.
pub fn status_from_json(bytes: &[u8]) -> StatusFile {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => status_from_value(&value),
        Err(error) => StatusFile::Unreadable(format!("not JSON: {error}")),
    }
}

/// Reads the last fenced JSON object that has a `status`: how agents report that may not write.
pub fn status_from_text(text: &str) -> StatusFile {
    let blocks = fenced_objects(text);
    let last = blocks.iter().rev().find(|(_, value)| value.get("status").is_some());
    last.map_or(StatusFile::Absent, |(_, value)| status_from_value(value))
}

fn status_from_value(value: &Value) -> StatusFile {
    let Some(object) = value.as_object() else {
        return StatusFile::Unreadable("not a JSON object".to_owned());
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

/// JSON objects that stand alone in a fenced block, with the place where the block starts.
pub fn fenced_objects(text: &str) -> Vec<(usize, Value)> {
    let mut objects = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            match open.take() {
                Some(start) => {
                    let value = serde_json::from_str::<Value>(&text[start..at]).ok();
                    objects.extend(value.filter(Value::is_object).map(|value| (start, value)));
                }
                None => open = Some(at + line.len()),
            }
        }
        at += line.len();
    }
    objects
}

/// What a session answered, without the status object that ends it.
pub fn answer_of(text: &str) -> &str {
    let status = fenced_objects(text).into_iter().rev().find(|(_, it)| it.get("status").is_some());
    let Some((start, _)) = status else { return text.trim() };
    let (before, after) = text.split_at(start);
    let is_last = after.split_once("```").is_none_or(|(_, rest)| rest.trim().is_empty());
    let fence = before.trim_end().rfind("```").filter(|_| is_last);
    fence.map_or(text, |at| &before[..at]).trim()
}

/// What the report says of the task: its message where it says completed.
pub fn judge(status: &StatusFile, task_id: &TaskId) -> Result<String, (OutcomeClass, String)> {
    let no_status = |message: String| Err((OutcomeClass::NoStatus, message));
    let report = match status {
        StatusFile::Absent => return no_status("no status file was written".to_owned()),
        StatusFile::Unreadable(why) => return no_status(format!("the status file is {why}")),
        StatusFile::Given(report) => report,
    };
    match &report.task_id {
        None => return no_status("the status file names no task".to_owned()),
        Some(named) if !is_named(named, task_id) => {
            let message = format!("the status file is of task {named}, not {task_id}");
            return Err((OutcomeClass::WrongTask, message));
        }
        Some(_) => {}
    }
    let message = report.message.clone().filter(|message| !message.trim().is_empty());
    match report.status.as_str() {
        "completed" | "complete" => Ok(message.unwrap_or_else(|| "completed".to_owned())),
        "failed" => {
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

/// `id`, or the same id behind a plan's name.
fn is_named(named: &str, task_id: &TaskId) -> bool {
    let named = named.trim();
    named == task_id.as_str()
        || named.split_once("//").is_some_and(|(_, task)| task == task_id.as_str())
}
