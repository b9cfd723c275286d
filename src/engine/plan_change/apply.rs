//! Making a change to the plan as it is now, and proving that it is the change and nothing else.

use super::compare::GUARDED;
use super::{Bounds, EntryChange, NewSection, NewTask, PlanChange, PlanStep, Refusals, new_errors};
use crate::base::source::Source;
use crate::spec::edit::{NewEntry, Outline, Rewrite, SectionOutline, TaskOutline, rewrite};
use crate::spec::plan_check::Known;

/// The plan on its way: its text, and what that must mean.
struct Work<'a> {
    source: Source,
    expected: Outline,
    bounds: &'a Bounds,
}

pub(super) fn apply(
    change: &PlanChange,
    present: &Source,
    bounds: &Bounds,
    known: &Known,
) -> Result<String, Refusals> {
    let Some(expected) = Outline::of(present) else {
        return Err(vec![format!("{} cannot be read at present", present.path)]);
    };
    let mut work = Work { source: present.clone(), expected, bounds };
    let mut refusals = Vec::new();
    for step in &change.steps {
        let made = match step {
            PlanStep::Section(new) => work.add_section(new),
            PlanStep::Task(new) => work.add_task(new),
            PlanStep::Remove { task, was } => work.remove(task, was),
            PlanStep::Edit { task, entries } => work.edit(task, entries),
        };
        refusals.extend(made.err());
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let errors = new_errors(present, &work.source, known);
    if !errors.is_empty() {
        return Err(errors);
    }
    if Outline::of(&work.source).as_ref() != Some(&work.expected) {
        return Err(vec![
            "the change cannot be made alone in the plan as it is written: keep to block style, \
             and write no anchors or aliases"
                .to_owned(),
        ]);
    }
    Ok(work.source.text.to_string())
}

impl Work<'_> {
    fn rewrite(&mut self, edit: &Rewrite<'_>) -> Result<(), String> {
        let text = rewrite(&self.source, edit).map_err(|error| error.to_string())?;
        self.source = Source::new(self.source.path.clone(), text);
        Ok(())
    }

    fn add_section(&mut self, new: &NewSection) -> Result<(), String> {
        let outline = SectionOutline {
            id: new.id.clone(),
            keys: new.keys.clone(),
            tasks: new.tasks.iter().map(|(id, keys)| task_outline(id, keys)).collect(),
        };
        match self.expected.section(&new.id) {
            Some(there) if *there == outline => return Ok(()),
            Some(_) => return Err(format!("the plan has another section {} by now", new.id)),
            None => {}
        }
        self.rewrite(&Rewrite::InsertSection { after: new.after.as_ref(), text: &new.text })?;
        let sections = &mut self.expected.sections;
        let behind = new.after.as_ref().and_then(|id| sections.iter().position(|it| it.id == *id));
        let at =
            behind.map_or_else(|| new.after.as_ref().map_or(0, |_| sections.len()), |at| at + 1);
        sections.insert(at, outline);
        Ok(())
    }

    fn add_task(&mut self, new: &NewTask) -> Result<(), String> {
        let outline = task_outline(&new.id, &new.keys);
        match self.expected.task(&new.id) {
            Some((section, there)) if *there == outline && section.id == new.section => {
                return Ok(());
            }
            Some(_) => return Err(format!("the plan has another task {} by now", new.id)),
            None => {}
        }
        let (section, after) = (&new.section, new.after.as_ref());
        self.rewrite(&Rewrite::InsertTask { section, after, text: &new.text })?;
        let found = self.expected.sections.iter_mut().find(|it| it.id == new.section);
        let Some(found) = found else { return Ok(()) };
        let behind = after.and_then(|id| found.tasks.iter().position(|it| it.id == *id));
        let at = behind.map_or_else(|| after.map_or(0, |_| found.tasks.len()), |at| at + 1);
        found.tasks.insert(at, outline);
        Ok(())
    }

    fn remove(
        &mut self,
        task: &crate::base::name::TaskId,
        was: &crate::spec::edit::Meanings,
    ) -> Result<(), String> {
        let Some((_, there)) = self.expected.task(task) else { return Ok(()) };
        if let Some(why) = self.bounds.why_not(task) {
            return Err(format!("task {task} {why} by now: it cannot be taken out"));
        }
        if self.bounds.guarded.contains(task) {
            return Err(format!("task {task} {GUARDED} by now: it cannot be taken out"));
        }
        if there.keys != *was {
            return Err(format!("task {task} was changed meanwhile: it is not taken out"));
        }
        self.rewrite(&Rewrite::RemoveTask(task))?;
        for section in &mut self.expected.sections {
            section.tasks.retain(|it| it.id != *task);
        }
        Ok(())
    }

    fn edit(
        &mut self,
        task: &crate::base::name::TaskId,
        entries: &[EntryChange],
    ) -> Result<(), String> {
        let Some((_, there)) = self.expected.task(task) else {
            return Err(format!("task {task} is not in the plan any more"));
        };
        let there = there.keys.clone();
        let is_open = |it: &&EntryChange| there.get(&it.key) != it.after.as_ref();
        let open: Vec<&EntryChange> = entries.iter().filter(is_open).collect();
        if open.is_empty() {
            return Ok(());
        }
        if let Some(why) = self.bounds.why_not_for(task, entries) {
            return Err(format!("task {task} {why} by now"));
        }
        for entry in open {
            let key = entry.key.as_str();
            if there.get(key) != entry.before.as_ref() {
                return Err(format!(
                    "`{key}` of task {task} was changed by somebody else meanwhile"
                ));
            }
            self.rewrite(&match &entry.text {
                Some(text) => Rewrite::SetEntry(NewEntry { task, key, text }),
                None => Rewrite::RemoveEntry { task, key },
            })?;
            let tasks = self.expected.sections.iter_mut().flat_map(|it| &mut it.tasks);
            for it in tasks.filter(|it| it.id == *task) {
                match &entry.after {
                    Some(after) => it.keys.insert(key.to_owned(), after.clone()),
                    None => it.keys.remove(key),
                };
            }
        }
        Ok(())
    }
}

fn task_outline(id: &crate::base::name::TaskId, keys: &crate::spec::edit::Meanings) -> TaskOutline {
    TaskOutline { id: id.clone(), keys: keys.clone() }
}
