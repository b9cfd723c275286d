//! Status lines in plan files: gathered, then written by minimal text edit into the file as it lies.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::item::{self, Rewritten};
use crate::base::measure::Moment;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::effect::StatusEdit;
use crate::engine::event::{Event, Written};
use crate::engine::step::Engine;
use crate::host::documents::read_text;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::state::State;
use crate::host::state::checkout::Home;
use crate::host::store::aside;
use crate::spec::edit::{self, FieldChange, FieldValue, Target};
use crate::spec::plan::{Plan, Status};

/// Edits that wait to be written, by plan.
pub type Pending = BTreeMap<RelPath, Vec<StatusEdit>>;

/// The status edits that wait to be written.
#[derive(Debug, Default)]
pub struct Statuses(Pending);

impl Statuses {
    pub fn queue(&mut self, edit: StatusEdit) {
        self.0.entry(edit.plan_path.clone()).or_default().push(edit);
    }

    /// As they are to be written together from now on.
    pub fn put_back(&mut self, path: RelPath, edits: Vec<StatusEdit>) {
        self.0.insert(path, edits);
    }

    /// One that is not to be written after all.
    pub fn withdraw(&mut self, edit: &StatusEdit) {
        if let Some(edits) = self.0.get_mut(&edit.plan_path) {
            edits.retain(|it| it != edit);
        }
    }

    /// Those of one plan; `None` where there are none.
    pub fn of(&self, path: &RelPath) -> Option<&[StatusEdit]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Those of one plan: somebody writes them now.
    pub fn take(&mut self, path: &RelPath) -> Vec<StatusEdit> {
        self.0.remove(path).unwrap_or_default()
    }

    /// All: somebody writes them now.
    pub fn take_all(&mut self) -> Pending {
        std::mem::take(&mut self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn all(&self) -> impl Iterator<Item = &StatusEdit> {
        self.0.values().flatten()
    }

    /// Writes what waits for plans that are edited where they lie; the answers say what was written
    /// and what could not be. Plans whose status lines are committed wait for a landing or receipts.
    pub fn write(&mut self, state: &State) -> Vec<Event> {
        let mut events = Vec::new();
        for (path, edits) in self.take_all() {
            if matches!(state.checkout.home_of(&path), Ok(Home::Committed)) {
                self.put_back(path, edits);
                continue;
            }
            events.extend(edit_where_it_lies(state, &path, edits));
        }
        events
    }
}

/// Edits a plan that is not simply as committed, and says what became of the edits.
pub fn edit_where_it_lies(state: &State, path: &RelPath, edits: Vec<StatusEdit>) -> Vec<Event> {
    let written = match (edit_in_place(state, path, &edits), state.checkout.is_tracked(path)) {
        // One that finds no place, since you took its task out, keeps no other from being written.
        (Err(_), _) if edits.len() > 1 => {
            let one = |edit| edit_where_it_lies(state, path, vec![edit]);
            return edits.into_iter().flat_map(one).collect();
        }
        (Err(error), _) => Written::Failed(said(&error)),
        (Ok(()), true) => Written::Loose,
        (Ok(()), false) => Written::Kept,
    };
    events_of(edits, &written)
}

/// The plan or item as it stands at the tip, with the edits: what a commit may carry.
pub fn committed_text(state: &State, path: &RelPath, edits: &[StatusEdit]) -> Result<Rewritten> {
    let text = state.checkout.tip_text(path)?;
    let source = Source::new(path.clone(), text);
    if item::are_of_item(edits) {
        return item::rewritten(state, &source, edits);
    }
    let text = edited(&state.engine, &source, edits).doing("editing the plan", path.as_str())?;
    Ok(Rewritten { text, to: None })
}

/// Reads the plan again, edits it, and writes it aside and renames it.
pub fn edit_in_place(state: &State, path: &RelPath, edits: &[StatusEdit]) -> Result<()> {
    if item::are_of_item(edits) {
        return item::rewrite_in_place(state, path, edits);
    }
    let file = state.root().join(path.as_str());
    let text = read_text(&file, path).map_err(|it| Error::new(it.diagnostic.message).at(&file))?;
    let source = Source::new(path.clone(), Arc::clone(&text));
    let new = edited(&state.engine, &source, edits)
        .map_err(|error| Error::because("editing the plan", error).at(&file))?;
    if *new != *text {
        write_whole(state.root(), &file, new.as_bytes())?;
    }
    Ok(())
}

pub fn edited(
    engine: &Engine,
    source: &Source,
    edits: &[StatusEdit],
) -> std::result::Result<String, edit::EditError> {
    match engine.plan_of_text(source) {
        Some(plan) => apply(source, plan, edits),
        None => apply(source, &crate::spec::plan::parse(source).value, edits),
    }
}

/// What the engine is told of edits.
pub fn events_of(edits: Vec<StatusEdit>, written: &Written) -> Vec<Event> {
    let events_of = |edit: StatusEdit| Event::StatusWritten {
        task: edit.task,
        status: edit.status,
        written: written.clone(),
    };
    edits.into_iter().map(events_of).collect()
}

/// Sets the fields of every edit, and brings the sections' own statuses up to date with them.
fn apply(
    source: &Source,
    plan: &Plan,
    edits: &[StatusEdit],
) -> std::result::Result<String, edit::EditError> {
    let times: Vec<Option<String>> =
        edits.iter().map(|edit| edit.completed_at.map(local_time)).collect();
    let mut changes = Vec::new();
    for (edit, time) in edits.iter().zip(&times) {
        let mut set = |key: &'static str, value: FieldValue<'_>| {
            changes.push((edit.task.task.clone(), key, owned(value)));
        };
        set("status", FieldValue::Text(edit.status.as_str()));
        if let Some(attempts) = edit.attempts {
            set("attempts", FieldValue::Number(i64::from(attempts)));
        }
        if let Some(model) = &edit.model_used {
            set("model_used", FieldValue::Text(model.as_str()));
        }
        if let Some(time) = time {
            set("completed_at", FieldValue::Text(time));
        }
        if let Some(message) = &edit.result_message {
            set("result_message", FieldValue::Text(message));
        }
        match (&edit.last_error, edit.status) {
            (Some(error), _) => set("last_error", FieldValue::Text(error)),
            (None, Status::Completed) => set("last_error", FieldValue::Absent),
            (None, _) => {}
        }
        match (&edit.validation_findings, edit.status) {
            (Some(findings), _) => set("validation_findings", FieldValue::Text(findings)),
            (None, Status::Completed) => set("validation_findings", FieldValue::Absent),
            (None, _) => {}
        }
    }
    // A later edit of one field replaces an earlier one: fields are set once.
    let mut last = BTreeMap::new();
    for (task, key, value) in changes {
        last.insert((task, key), value);
    }
    let statuses = edits.iter().map(|edit| (edit.task.task.clone(), edit.status)).collect();
    let mut changes: Vec<FieldChange<'_>> = last
        .iter()
        .map(|((task, key), value)| FieldChange {
            target: Target::Task(task.clone()),
            key,
            value: value.borrowed(),
        })
        .collect();
    changes.extend(edit::roll_up_changes(plan, &statuses));
    edit::apply_in(source, plan, &changes)
}

/// A field value that outlives the edit it comes from.
enum Owned {
    Text(String),
    Number(i64),
    Absent,
}

impl Owned {
    fn borrowed(&self) -> FieldValue<'_> {
        match self {
            Self::Text(text) => FieldValue::Text(text),
            Self::Number(number) => FieldValue::Number(*number),
            Self::Absent => FieldValue::Absent,
        }
    }
}

fn owned(value: FieldValue<'_>) -> Owned {
    match value {
        FieldValue::Text(text) => Owned::Text(text.to_owned()),
        FieldValue::Number(number) => Owned::Number(number),
        FieldValue::Absent => Owned::Absent,
    }
}

/// ISO 8601 with the local offset, to the second.
fn local_time(moment: Moment) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    let Ok(stamp) = jiff::Timestamp::from_millisecond(millis) else { return String::new() };
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

pub fn write_whole(root: &Path, file: &Path, bytes: &[u8]) -> Result<()> {
    let doing = "writing the plan";
    let written = aside::written(root, file, bytes).doing(doing, file)?;
    fault::point("writing plan");
    written.persist(file).map_err(|error| error.error).doing(doing, file)?;
    fault::point("wrote plan");
    Ok(())
}

pub fn said(error: &Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
