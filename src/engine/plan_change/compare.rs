//! The difference of two texts of a plan, and what of it is a session's to make.

use std::collections::BTreeSet;

use super::{Bounds, EntryChange, NewSection, NewTask, PlanChange, PlanStep, Refusals, new_errors};
use crate::base::name::TaskId;
use crate::base::source::Source;
use crate::spec::edit::{
    Meanings, Outline, SectionOutline, TaskOutline, entry_text, section_text, task_text,
};
use crate::spec::plan::{CommandLine, Plan, Status, Task, ValidatorKind, keys, parse};
use crate::spec::plan_check::Known;

/// What a session may change of a task that nobody began.
const EDITABLE: &[&str] = &[
    "name",
    "description",
    "agent",
    "depends_on",
    "dependencies",
    "parallel_group",
    "exclusive_resources",
    "inputs",
    "outputs",
];
/// Remarks for people: any task may get them.
const NOTES: &[&str] = &["notes", "note"];

/// Why a task stays.
pub(super) const GUARDED: &str = "has validators or is a command";

/// One of the two plans.
struct Side<'a> {
    source: &'a Source,
    outline: Outline,
    plan: Plan,
}

struct Comparison<'a> {
    laid: Side<'a>,
    left: Side<'a>,
    bounds: &'a Bounds,
    steps: Vec<PlanStep>,
    refusals: Refusals,
}

pub(super) fn between(
    laid: &Source,
    left: &Source,
    bounds: &Bounds,
    known: &Known,
) -> Result<Option<PlanChange>, Refusals> {
    let errors = new_errors(laid, left, known);
    if !errors.is_empty() {
        return Err(errors);
    }
    let (Some(before), Some(after)) = (Outline::of(laid), Outline::of(left)) else {
        return Err(vec!["what is left is no plan".to_owned()]);
    };
    if before == after {
        return Ok(None);
    }
    let mut comparison = Comparison {
        laid: Side { source: laid, outline: before, plan: parse(laid).value },
        left: Side { source: left, outline: after, plan: parse(left).value },
        bounds,
        steps: Vec::new(),
        refusals: Vec::new(),
    };
    comparison.compare_plan();
    comparison.compare_sections();
    comparison.compare_tasks();
    match comparison {
        Comparison { refusals, .. } if !refusals.is_empty() => Err(refusals),
        Comparison { steps, .. } if steps.is_empty() => Ok(None),
        Comparison { steps, .. } => Ok(Some(PlanChange { steps })),
    }
}

impl Comparison<'_> {
    fn refuse(&mut self, why: String) {
        self.refusals.push(why);
    }

    fn compare_plan(&mut self) {
        let (before, after) = (&self.laid.outline, &self.left.outline);
        let meta = changed(&before.meta, &after.meta).into_iter().map(|key| format!("meta.{key}"));
        let keys: Vec<String> = meta.chain(changed(&before.rest, &after.rest)).collect();
        for key in keys {
            self.refuse(format!("`{key}` is not a session's to change: put it back"));
        }
    }

    fn compare_sections(&mut self) {
        let (before, after) =
            (self.laid.outline.sections.clone(), self.left.outline.sections.clone());
        let is_known = |id: &SectionOutline| before.iter().any(|it| it.id == id.id);
        let kept: Vec<_> = after.iter().filter(|it| is_known(it)).map(|it| &it.id).collect();
        if kept != before.iter().map(|it| &it.id).collect::<Vec<_>>() {
            self.refuse("sections are taken out or in another order: put them back".to_owned());
        }
        for (at, section) in after.iter().enumerate() {
            match before.iter().find(|it| it.id == section.id) {
                Some(old) => {
                    for key in changed(&old.keys, &section.keys) {
                        let id = &section.id;
                        self.refuse(format!(
                            "`{key}` of section {id} is not a session's to change"
                        ));
                    }
                }
                None => self.add_section(section, at.checked_sub(1).map(|at| &after[at])),
            }
        }
    }

    fn add_section(&mut self, section: &SectionOutline, behind: Option<&SectionOutline>) {
        for task in &section.tasks {
            self.check_new(&task.id);
        }
        let Some(text) = section_text(self.left.source, &section.id) else { return };
        self.steps.push(PlanStep::Section(Box::new(NewSection {
            id: section.id.clone(),
            after: behind.map(|it| it.id.clone()),
            keys: section.keys.clone(),
            tasks: section.tasks.iter().map(|it| (it.id.clone(), it.keys.clone())).collect(),
            text,
        })));
    }

    fn compare_tasks(&mut self) {
        let (before, after) = (self.laid.outline.clone(), self.left.outline.clone());
        let ids = |of: &Outline, other: &Outline| -> Vec<TaskId> {
            let both = of.tasks().filter(|(_, it)| other.task(&it.id).is_some());
            both.map(|(_, it)| it.id.clone()).collect()
        };
        if ids(&before, &after) != ids(&after, &before) {
            self.refuse("tasks are in another order: put them back into theirs".to_owned());
        }
        for (_, task) in before.tasks().filter(|(_, it)| after.task(&it.id).is_none()) {
            self.remove(task);
        }
        for section in &after.sections {
            let is_new = before.section(&section.id).is_none();
            for (at, task) in section.tasks.iter().enumerate() {
                let behind = at.checked_sub(1).map(|at| section.tasks[at].id.clone());
                match before.task(&task.id) {
                    Some((old, _)) if old.id != section.id => {
                        self.refuse(format!("task {} is in another section", task.id));
                    }
                    Some((_, old)) => self.edit(old, task),
                    None if is_new => {}
                    None => self.add(section, task, behind),
                }
            }
        }
    }

    fn remove(&mut self, task: &TaskOutline) {
        if let Some(why) = self.bounds.why_not(&task.id) {
            return self.refuse(format!("task {} {why}: it cannot be taken out", task.id));
        }
        if self.bounds.guarded.contains(&task.id) {
            return self.refuse(format!("task {} {GUARDED}: it cannot be taken out", task.id));
        }
        let (task, was) = (task.id.clone(), task.keys.clone());
        self.steps.push(PlanStep::Remove { task, was });
    }

    fn add(&mut self, section: &SectionOutline, task: &TaskOutline, after: Option<TaskId>) {
        self.check_new(&task.id);
        let Some(text) = task_text(self.left.source, &task.id) else { return };
        self.steps.push(PlanStep::Task(Box::new(NewTask {
            id: task.id.clone(),
            section: section.id.clone(),
            after,
            keys: task.keys.clone(),
            text,
        })));
    }

    /// What a new task may not bring along.
    fn check_new(&mut self, id: &TaskId) {
        let Some(task) = self.left.plan.tasks().find(|it| it.id == *id) else { return };
        let spec = &task.spec;
        let wrong = [
            (!is_fresh(task), "is new, so its status is `pending` and it has no record"),
            (!spec.env.is_empty(), "asks for environment variables: leave out `env`"),
            (spec.pin.is_some(), "pins a result: leave out `pin`"),
            (
                spec.validators.as_ref().is_some_and(Vec::is_empty),
                "puts its validators aside: leave out `validators`",
            ),
            (
                has_command(task) && !self.bounds.may_run,
                "runs a command, and you have no tool that may: leave it to a session",
            ),
        ];
        let wrong: Vec<&str> = wrong.iter().filter(|(is, _)| *is).map(|(_, why)| *why).collect();
        for why in wrong {
            self.refuse(format!("task {id} {why}"));
        }
    }

    fn edit(&mut self, old: &TaskOutline, new: &TaskOutline) {
        let keys = changed(&old.keys, &new.keys);
        if keys.is_empty() || self.means_the_same(&new.id) {
            return;
        }
        let is_note = |key: &String| NOTES.contains(&key.as_str());
        if let Some(why) = self.bounds.why_not(&new.id).filter(|_| !keys.iter().all(is_note)) {
            let keys = keys.join("`, `");
            return self.refuse(format!("task {} {why}: put `{keys}` back", new.id));
        }
        let (was, is) =
            (self.status_in(&self.laid.plan, &new.id), self.status_in(&self.left.plan, &new.id));
        let sets_aside =
            was == Status::Pending && matches!(is, Status::Skipped | Status::Suspended);
        if sets_aside && self.bounds.guarded.contains(&new.id) {
            self.refuse(format!("task {} {GUARDED}: it cannot be set aside", new.id));
        }
        for key in &keys {
            let is_free = is_note(key) || EDITABLE.contains(&key.as_str()) || !keys::TASK.has(key);
            let is_reason = ["status", "result_message"].contains(&key.as_str()) && sets_aside;
            if key == "status" && !is_reason {
                self.refuse(format!(
                    "`status` of task {}: a session may only set a pending one to `skipped` or `suspended`",
                    new.id
                ));
            } else if !is_free && !is_reason {
                self.refuse(format!("`{key}` of task {} is not a session's to change", new.id));
            }
        }
        let entries = keys.into_iter().map(|key| EntryChange {
            before: old.keys.get(&key).cloned(),
            after: new.keys.get(&key).cloned(),
            text: entry_text(self.left.source, &new.id, &key)
                .filter(|_| new.keys.contains_key(&key)),
            key,
        });
        let entries = entries.collect();
        self.steps.push(PlanStep::Edit { task: new.id.clone(), entries });
    }

    /// Another way of writing the same task.
    fn means_the_same(&self, id: &TaskId) -> bool {
        let of = |plan: &Plan| plan.tasks().find(|it| it.id == *id).cloned();
        match (of(&self.laid.plan), of(&self.left.plan)) {
            (Some(one), Some(other)) => one.spec == other.spec && one.record == other.record,
            _ => false,
        }
    }

    fn status_in(&self, plan: &Plan, id: &TaskId) -> Status {
        plan.tasks().find(|it| it.id == *id).map(|it| it.record.status).unwrap_or_default()
    }
}

impl Bounds {
    /// Why a task is not to be changed; `None` where it may.
    pub(super) fn why_not(&self, id: &TaskId) -> Option<&'static str> {
        match () {
            () if self.own == *id => Some("is your own and runs"),
            () if self.running.contains(id) => Some("runs at present"),
            () if self.finished.contains(id) => Some("is finished"),
            () => None,
        }
    }

    /// As [`Bounds::why_not`], where remarks are all that changes.
    pub(super) fn why_not_for(&self, id: &TaskId, entries: &[EntryChange]) -> Option<&'static str> {
        let is_note = |it: &EntryChange| NOTES.contains(&it.key.as_str());
        self.why_not(id).filter(|_| !entries.iter().all(is_note))
    }
}

fn is_fresh(task: &Task) -> bool {
    let record = &task.record;
    let is_open = matches!(record.status, Status::Pending | Status::Skipped | Status::Suspended);
    let status = record.status;
    let result_message = record.result_message.clone();
    is_open
        && *record == crate::spec::plan::TaskRecord { status, result_message, ..Default::default() }
}

fn has_command(task: &Task) -> bool {
    let run: Option<&CommandLine> = task.spec.run.as_ref();
    let mut validators = task.spec.validators.iter().flatten();
    run.is_some() || validators.any(|it| matches!(it.kind, ValidatorKind::Command(_)))
}

/// Tasks of a plan that have another status than before, or, being new, any that says more than that
/// they are to be done or left out.
pub fn statuses_set(before: Option<&Source>, after: &Source) -> Vec<TaskId> {
    let before = before.map(|it| parse(it).value);
    let plan = parse(after).value;
    let was = |id: &TaskId| before.as_ref()?.tasks().find(|it| it.id == *id);
    let is_set = |task: &&Task| match was(&task.id) {
        Some(was) => was.record.status != task.record.status,
        None => !is_fresh(task),
    };
    plan.tasks().filter(is_set).map(|it| it.id.clone()).collect()
}

/// Keys whose values differ.
fn changed(before: &Meanings, after: &Meanings) -> Vec<String> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |key: &&String| before.get(*key) != after.get(*key);
    keys.into_iter().filter(differs).cloned().collect()
}
