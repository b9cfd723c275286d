//! Status lines in plan files: gathered, then written by minimal text edit into the file as it lies.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::base::measure::Moment;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::effect::{Decide, Effect, StatusEdit};
use crate::engine::event::{Event, Written};
use crate::engine::record::{Decision, Record};
use crate::host::clock;
use crate::host::documents::read_text;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::git::inherited;
use crate::host::store::aside;
use crate::spec::edit::{self, Change, FieldValue, Target};
use crate::spec::plan::{Plan, Status};

use crate::host::driver::Driver;

const HOLDS: &str = "the decision is written down and holds; only its status line is missing";

/// Edits that wait to be written, by plan.
pub(in crate::host) type Pending = BTreeMap<RelPath, Vec<StatusEdit>>;

impl Driver {
    pub(in crate::host) fn queue_status(&mut self, edit: StatusEdit) {
        self.pending.entry(edit.plan_path.clone()).or_default().push(edit);
    }

    /// Writes what waits for plans that are edited where they lie; the answers say what was written
    /// and what could not be. Plans whose status lines are committed wait for a landing or receipts.
    pub(in crate::host) fn write_statuses(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (path, edits) in std::mem::take(&mut self.pending) {
            if matches!(self.home_of(&path), Ok(Home::Committed)) {
                self.pending.insert(path, edits);
                continue;
            }
            events.extend(self.edit_where_it_lies(&path, edits));
        }
        events
    }

    /// Edits a plan that is not simply as committed, and says what became of the edits.
    pub(in crate::host) fn edit_where_it_lies(
        &self,
        path: &RelPath,
        edits: Vec<StatusEdit>,
    ) -> Vec<Event> {
        let written = match (self.edit_in_place(path, &edits), self.is_tracked(path)) {
            // One that finds no place, since you took its task out, keeps no other from being written.
            (Err(_), _) if edits.len() > 1 => {
                let one = |edit| self.edit_where_it_lies(path, vec![edit]);
                return edits.into_iter().flat_map(one).collect();
            }
            (Err(error), _) => Written::Failed(said(&error)),
            (Ok(()), true) => Written::Loose,
            (Ok(()), false) => Written::Kept,
        };
        told(edits, &written)
    }

    fn is_tracked(&self, path: &RelPath) -> bool {
        let tree = self.repo.tree_of(&self.tip);
        tree.and_then(|tree| self.repo.has_path(&tree, path)).unwrap_or(true)
    }

    /// Writes a person's decisions into the plans. One that is exactly as committed stays so: where a
    /// task is only to run again, its line comes with what becomes of it; any other is committed.
    ///
    /// # Errors
    /// A status that cannot be written: the decision is journaled, and holds without.
    pub(in crate::host) fn flush_statuses(&mut self) -> Result<()> {
        let can_commit = self.can_commit()?;
        for (path, edits) in std::mem::take(&mut self.pending) {
            if self.home_of(&path)? == Home::InPlace {
                self.decided_in_place(&path, edits)?;
                continue;
            }
            let needed: Vec<_> = edits.into_iter().filter(|it| self.needs_line(it)).collect();
            match can_commit {
                _ if needed.is_empty() => {}
                true => drop(self.pending.insert(path, needed)),
                false => self.decided_in_place(&path, needed)?,
            }
        }
        self.commit_decisions()
    }

    /// Whether a decision counts by its line in the plan, and not by the journal alone: a task that the
    /// plan leaves out runs only where the plan says so.
    fn needs_line(&self, edit: &StatusEdit) -> bool {
        let plan = self.engine.plan_at(&edit.plan_path);
        let task = plan.and_then(|plan| plan.tasks().find(|it| it.id == edit.task.task));
        let status = task.map(|it| it.record.status);
        let is_left_out = matches!(status, Some(Status::Skipped | Status::Suspended));
        edit.status != Status::Pending || is_left_out
    }

    /// Whether a commit of orch comes into the checkout now.
    fn can_commit(&mut self) -> Result<bool> {
        self.look_for_waiting()?;
        let state = self.repo.state()?;
        let is_free = state.operation_under_way.is_none() && !state.is_detached;
        let is_free = is_free && self.waiting.is_none() && state.head == self.tip;
        Ok(is_free && inherited::command_under_way(&self.root, None).is_none())
    }

    fn commit_decisions(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let decided: Vec<StatusEdit> = self.pending.values().flatten().cloned().collect();
        let events = self.land_receipts()?;
        for event in events {
            if let Event::StatusWritten { written: Written::Failed(why), .. } = &event {
                return Err(Error::new(why.clone()).help(HOLDS));
            }
            for effect in self.engine.step(clock::now(), event) {
                self.perform_now(effect)?;
            }
        }
        if self.waiting.is_none() {
            return Ok(());
        }
        // The commit waits for the user's branch; the decision does not.
        decided.into_iter().try_for_each(|it| self.edit_in_place(&it.plan_path.clone(), &[it]))
    }

    fn decided_in_place(&mut self, path: &RelPath, edits: Vec<StatusEdit>) -> Result<()> {
        self.edit_in_place(path, &edits).map_err(|error| error.help(HOLDS))?;
        edits.into_iter().try_for_each(|StatusEdit { task, status, .. }| {
            let at = clock::now();
            self.append(&Record::StatusWritten { at, task, status, is_loose: false })
        })
    }

    /// Where a plan's status lines go. A file that is exactly as committed changes only by commits,
    /// so that a checkout which cannot follow stays as it is; any other is edited where it lies.
    pub(in crate::host) fn home_of(&self, path: &RelPath) -> Result<Home> {
        let tree = self.repo.tree_of(&self.tip)?;
        if !self.repo.has_path(&tree, path)? {
            return Ok(Home::InPlace);
        }
        let head = self.repo.tree_of(&self.repo.state()?.head)?;
        let present = self.scanner.digest_of(path)?;
        let is_committed = present == self.repo.state_at(&head, path)?
            || present == self.repo.state_at(&tree, path)?;
        Ok(if is_committed { Home::Committed } else { Home::InPlace })
    }

    /// The plan as it stands at the tip, with the edits: what a commit may carry.
    pub(in crate::host) fn committed_text(
        &self,
        path: &RelPath,
        edits: &[StatusEdit],
    ) -> Result<String> {
        let text = self.tip_text(path)?;
        let source = Source::new(path.clone(), text);
        self.edited(&source, edits).doing("editing the plan", path.as_str())
    }

    /// The plan as it stands at the tip.
    pub(in crate::host) fn tip_text(&self, path: &RelPath) -> Result<Arc<str>> {
        self.repo.text_at(&self.repo.tree_of(&self.tip)?, path)
    }

    /// Reads the plan again, edits it, and writes it aside and renames it.
    fn edit_in_place(&self, path: &RelPath, edits: &[StatusEdit]) -> Result<()> {
        let file = self.root.join(path.as_str());
        let text =
            read_text(&file, path).map_err(|it| Error::new(it.diagnostic.message).at(&file))?;
        let source = Source::new(path.clone(), Arc::clone(&text));
        let new = self
            .edited(&source, edits)
            .map_err(|error| Error::because("editing the plan", error).at(&file))?;
        if *new != *text {
            write_whole((&self.root, &file), new.as_bytes())?;
        }
        Ok(())
    }

    pub(in crate::host) fn edited(
        &self,
        source: &Source,
        edits: &[StatusEdit],
    ) -> std::result::Result<String, edit::EditError> {
        match self.engine.plan_of_text(source) {
            Some(plan) => apply(source, plan, edits),
            None => apply(source, &crate::spec::plan::parse(source).value, edits),
        }
    }

    /// What a decision writes into the plan.
    pub(in crate::host) fn decided_status(&self, decide: &Decide) -> Option<Effect> {
        let status = match decide.decision {
            Decision::Retry | Decision::Reset => Status::Pending,
            Decision::Skip => Status::Skipped,
            Decision::Accept => Status::Completed,
        };
        let plan_path = self.engine.plan_path_of(&decide.task)?;
        Some(Effect::WriteStatus(StatusEdit {
            plan_path,
            task: decide.task.clone(),
            status,
            attempts: None,
            result_message: None,
            last_error: None,
            model_used: None,
            completed_at: None,
            validation_findings: None,
        }))
    }
}

/// Where the status lines of a plan go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Home {
    /// Into commits; the checkout's file follows with the branch.
    Committed,
    /// Into the file as it lies: it is not tracked, or the user has changed it.
    InPlace,
}

/// What the engine is told of edits.
pub(in crate::host) fn told(edits: Vec<StatusEdit>, written: &Written) -> Vec<Event> {
    let told = |edit: StatusEdit| Event::StatusWritten {
        task: edit.task,
        status: edit.status,
        written: written.clone(),
    };
    edits.into_iter().map(told).collect()
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
    let mut changes: Vec<Change<'_>> = last
        .iter()
        .map(|((task, key), value)| Change {
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

pub(in crate::host) fn write_whole((root, file): (&Path, &Path), bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut made = tempfile::Builder::new();
    let made = made.prefix(&aside::prefix()).tempfile_in(aside::place_for(root, file));
    let mut aside = made.doing("writing the plan", file)?;
    aside.write_all(bytes).doing("writing the plan", file)?;
    if let Ok(meta) = std::fs::metadata(file) {
        aside.as_file().set_permissions(meta.permissions()).doing("writing the plan", file)?;
    }
    fault::point("writing plan");
    aside.persist(file).map_err(|error| error.error).doing("writing the plan", file)?;
    fault::point("wrote plan");
    Ok(())
}

pub(in crate::host) fn said(error: &Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
