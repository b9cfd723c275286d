//! From targets to the part of a picture that is asked for.

use std::collections::BTreeSet;

use crate::base::name::TaskRef;
use crate::engine::picture::{Picture, TaskPicture};
use crate::host::clock::now;
use crate::ui::project::Project;
use crate::ui::shell::Failure;
use crate::ui::target::{self, Known};

/// A picture, and the tasks of it that the targets name.
pub struct Selection {
    pub picture: Picture,
    /// `None`: no target was given.
    pub wanted: Option<Vec<TaskRef>>,
}

impl Selection {
    /// Asks for the picture and looks the targets up in it. `folder` is the working folder below
    /// the root.
    pub fn of(
        project: &mut dyn Project,
        targets: &[String],
        folder: &str,
    ) -> Result<Self, Failure> {
        let picture = project.picture(now())?;
        let tasks = target::tasks_of(&picture);
        let known = Known { plans: &picture.plans, tasks: &tasks, folder };
        let wanted = target::resolve(targets, known)?;
        Ok(Self { picture, wanted })
    }

    /// The tasks named, or all of them.
    pub fn tasks(&self) -> Vec<TaskRef> {
        match &self.wanted {
            Some(wanted) => wanted.clone(),
            None => target::tasks_of(&self.picture),
        }
    }

    /// What failed last has failed; see [`Picture::with_failures`].
    #[must_use]
    pub fn with_failures(self) -> Self {
        Self { picture: self.picture.with_failures(), ..self }
    }

    /// The picture with nothing but the tasks named and their plans. Counts stay those of all.
    pub fn narrowed(self) -> Picture {
        let Self { mut picture, wanted } = self;
        let Some(wanted) = wanted else { return picture };
        let wanted: BTreeSet<TaskRef> = wanted.into_iter().collect();
        picture.tasks.retain(|task| wanted.contains(&task.task));
        let plans: BTreeSet<_> = wanted.iter().map(|task| &task.plan).collect();
        picture.plans.retain(|plan| plans.contains(&plan.name));
        picture
    }
}

/// The task in the picture it was found in.
pub fn task_in<'a>(picture: &'a Picture, task: &TaskRef) -> Option<&'a TaskPicture> {
    picture.tasks.iter().find(|found| found.task == *task)
}
