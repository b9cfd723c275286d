//! Plans held against the files that lie there: what they name and is not there, or can never land.

use std::path::Path;

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::engine::step::Engine;
use crate::host::documents::Loaded;
use crate::spec::plan::{Plan, Status, Task};

use super::{inputs, item, outputs, scripts, settings};

/// The plans there are, with the folder that their paths start at.
pub(super) struct Tree<'a> {
    pub root: &'a Path,
    pub plans: Vec<(&'a Source, &'a Plan)>,
}

/// What is doubtful about the tasks that are still to be done. Looks through the folder where a pattern
/// has to be looked for.
pub(super) fn findings(root: &Path, loaded: &Loaded, engine: &Engine) -> Vec<Diagnostic> {
    let sources = loaded.documents.plans.iter();
    let plans = sources.filter_map(|source| Some((source, engine.plan_at(&source.path)?)));
    let tree = Tree { root, plans: plans.collect() };
    if tree.open().next().is_none() {
        return Vec::new();
    }
    let mut found = inputs::unmatched(&tree);
    found.extend(outputs::ignored(&tree));
    found.extend(outputs::below_files(&tree));
    found.extend(scripts::missing(&tree));
    found.extend(item::missing(&tree));
    found.extend(settings::denied(&tree));
    found
}

impl<'a> Tree<'a> {
    pub fn tasks(&self) -> impl Iterator<Item = (&'a Source, &'a Task)> {
        self.plans.iter().flat_map(|(source, plan)| plan.tasks().map(move |it| (*source, it)))
    }

    /// Tasks that are still to be done, as their plans say.
    pub fn open(&self) -> impl Iterator<Item = (&'a Source, &'a Task)> {
        self.tasks().filter(|(_, task)| is_open(task))
    }

    /// True where the name or description of a task has the text, or its command.
    pub fn is_spoken_of(&self, text: &str, but: &Task) -> bool {
        self.tasks().any(|(_, task)| task.id != but.id && speaks_of(task, text))
    }
}

pub(super) fn is_open(task: &Task) -> bool {
    !task.record.status.is_done() && task.record.status != Status::Skipped
}

pub(super) fn speaks_of(task: &Task, text: &str) -> bool {
    let spec = &task.spec;
    let command = spec.run.as_ref().map(ToString::to_string).unwrap_or_default();
    [&spec.name, &spec.description, &command].iter().any(|it| it.contains(text))
}
