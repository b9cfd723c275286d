//! Minimal text edits of a plan: a value is spliced where it stands; comments, quoting and order stay.
//! Every edit is checked by reading the result again: it differs in the edited fields only.

mod comments;
mod find;
mod insert;
mod local;
mod outline;
mod quote;
mod remove;
mod rewrite;
mod splice;
mod verify;

use std::collections::BTreeMap;
use std::fmt;

use super::plan::{Plan, Section, Status, Task};
use super::yaml;
use crate::base::name::{SectionId, TaskId};
use crate::base::source::Source;

pub use outline::{
    Meanings, Outline, SectionOutline, TaskOutline, entry_text, section_text, task_text,
};
pub use rewrite::{NewEntry, Rewrite, rewrite};

/// The value a field is to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// Text, quoted as far as it has to be; several lines are fine.
    Text(&'a str),
    Number(i64),
    /// The field is taken out; where it is not written, nothing changes.
    Absent,
}

impl From<Status> for FieldValue<'static> {
    fn from(status: Status) -> Self {
        Self::Text(status.as_str())
    }
}

/// Which mapping of the plan is edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Meta,
    Section(SectionId),
    Task(TaskId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta => f.write_str("`meta`"),
            Self::Section(id) => write!(f, "section `{id}`"),
            Self::Task(id) => write!(f, "task `{id}`"),
        }
    }
}

/// One field of one mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange<'a> {
    pub target: Target,
    pub key: &'a str,
    pub value: FieldValue<'a>,
}

/// Why a plan was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the plan cannot be read: {0}")]
    Unreadable(String),
    #[error("the plan has no {0}")]
    NotFound(Target),
    #[error("the plan has more than one {0}")]
    Ambiguous(Target),
    #[error("`{key}` of {target} is not a plain value that can be replaced")]
    NotReplaceable { target: Target, key: String },
    #[error("{0} has no line that a new key could follow")]
    NoPlace(Target),
    #[error("the edit would change more of the plan than {0}")]
    ChangesMore(String),
}

/// The text with the fields of one task set.
pub fn set_task_fields(
    source: &Source,
    task: &TaskId,
    fields: &[(&str, FieldValue<'_>)],
) -> Result<String, EditError> {
    set_fields(source, &Target::Task(task.clone()), fields)
}

/// The text with the status of one section set.
pub fn set_section_status(
    source: &Source,
    section: &SectionId,
    status: Status,
) -> Result<String, EditError> {
    set_fields(source, &Target::Section(section.clone()), &[("status", status.into())])
}

/// The text with fields of `meta` set.
pub fn set_meta_fields(
    source: &Source,
    fields: &[(&str, FieldValue<'_>)],
) -> Result<String, EditError> {
    set_fields(source, &Target::Meta, fields)
}

fn set_fields(
    source: &Source,
    target: &Target,
    fields: &[(&str, FieldValue<'_>)],
) -> Result<String, EditError> {
    let change = |&(key, value)| FieldChange { target: target.clone(), key, value };
    let changes: Vec<FieldChange<'_>> = fields.iter().map(change).collect();
    apply(source, &changes)
}

/// The text with all changes made; they may be of several mappings. One change for a key: the last
/// of several counts.
pub fn apply(source: &Source, changes: &[FieldChange<'_>]) -> Result<String, EditError> {
    let parsed = yaml::parse(source);
    if let Some(error) = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        return Err(EditError::Unreadable(error.message.clone()));
    }
    let Some(root) = parsed.value else {
        return Err(EditError::Unreadable("it is empty".into()));
    };
    let edits = find::edits_of(changes, |target| find::find(&root, target))?;
    let (splices, text) = spliced(source, &edits)?;
    verify::verify(
        source,
        &root,
        &verify::Edited { edits: &edits, splices: &splices, text: &text },
    )?;
    Ok(text)
}

/// As [`apply`], of a plan that was read from this very text: where the touched tasks can be read by
/// themselves, the rest of the text is not.
pub fn apply_in(
    source: &Source,
    plan: &Plan,
    changes: &[FieldChange<'_>],
) -> Result<String, EditError> {
    match local::apply(source, plan, changes) {
        Some(text) => Ok(text),
        None => apply(source, changes),
    }
}

/// The text with all edits made, and where.
fn spliced(
    source: &Source,
    edits: &[find::Edit<'_, '_>],
) -> Result<(Vec<splice::Splice>, String), EditError> {
    let mut splices = Vec::new();
    for (owner, edit) in edits.iter().enumerate() {
        splice::plan_splices(&source.text, owner, edit, &mut splices)?;
    }
    let text = splice::apply(&source.text, &mut splices);
    Ok((splices, text))
}

/// What a section's status follows from its tasks: finished in any way is `completed`. A section
/// without tasks keeps its own.
pub fn roll_up(section: &Section) -> Status {
    rolled_up(section, &BTreeMap::new())
}

fn rolled_up(section: &Section, set: &BTreeMap<TaskId, Status>) -> Status {
    let status_of = |task: &Task| set.get(&task.id).copied().unwrap_or(task.record.status);
    let statuses = || section.tasks.iter().map(status_of);
    let is_over = |status: Status| status.is_done() || status == Status::Skipped;
    let waits = |status: Status| matches!(status, Status::Pending | Status::Suspended);
    if section.tasks.is_empty() {
        section.status
    } else if statuses().all(is_over) {
        Status::Completed
    } else if statuses().any(|status| status == Status::InProgress) {
        Status::InProgress
    } else if statuses().any(|status| status == Status::Failed) {
        Status::Failed
    } else if statuses().all(waits) {
        Status::Pending
    } else {
        Status::InProgress
    }
}

/// The changes that bring the status of every section up to its tasks, once these statuses are set.
pub fn roll_up_changes(plan: &Plan, set: &BTreeMap<TaskId, Status>) -> Vec<FieldChange<'static>> {
    let rolled = plan.sections.iter().map(|section| (section, rolled_up(section, set)));
    rolled
        .filter(|(section, status)| *status != section.status)
        .map(|(section, status)| FieldChange {
            target: Target::Section(section.id.clone()),
            key: "status",
            value: status.into(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
