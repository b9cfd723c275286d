//! `orch archive`: puts backlog items that are done into the archive, without building anything.

use crate::base::name::TaskRef;
use crate::engine::effect::BuildRequest;
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::host::clock::now;
use crate::spec::item::kind::ARCHIVE;
use crate::spec::item::stages::item_of;
use crate::ui::args::{ArchiveArgs, ShownArgs};
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::render::why::why_text;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::text::one_line;

use super::build;

/// Only what is accepted as a whole goes; with `-n` it is shown alone.
pub fn run(args: &ArchiveArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let wanted = build::named(project, &args.items, folder)?;
    let picture = project.picture(now())?;
    let is_wanted = |it: &&TaskPicture| {
        let is_end = item_of(&it.task.plan).is_some() && it.task.task.as_str() == ARCHIVE;
        is_end && wanted.as_ref().is_none_or(|wanted| wanted.contains(&it.task))
    };
    let ends: Vec<&TaskPicture> = picture.tasks.iter().filter(is_wanted).collect();
    if ends.is_empty() && wanted.is_some() {
        return Err(Failure::usage_with_help(
            "none of the targets is a backlog item",
            "`orch archive item:login`, or no target for all that are done",
        ));
    }
    let (ready, others): (Vec<_>, Vec<_>) = ends.into_iter().partition(|it| is_ready(it, &picture));
    if wanted.is_some() && !others.is_empty() {
        for it in &others {
            let why = one_line(&why_text(&it.reason, picture.billing));
            shell.warn(&format!("{} is not done: {why}", it.task))?;
        }
    }
    let targets: Vec<TaskRef> = ready.iter().map(|it| it.task.clone()).collect();
    if args.dry_run || targets.is_empty() {
        let lines = targets.iter().map(|it| format!("would archive  item:{}\n", slug_of(it)));
        shell.data(&lines.collect::<String>())?;
        shell.note(&format!("{} of {} would go", targets.len(), targets.len() + others.len()))?;
        let is_refused = wanted.is_some() && !others.is_empty();
        return Ok(if is_refused { Exit::Unfinished } else { Exit::Success });
    }
    let request = BuildRequest { targets: Some(targets), only: true, ..BuildRequest::of_all() };
    build::perform(request, project, shell, &ShownArgs::default())
}

fn slug_of(task: &TaskRef) -> &str {
    item_of(&task.plan).unwrap_or_default()
}

/// Everything before it is accepted, so that nothing but the end itself is to be done.
fn is_ready(end: &TaskPicture, picture: &Picture) -> bool {
    let is_accepted = |task: &TaskRef| {
        let state = picture.tasks.iter().find(|it| it.task == *task).map(|it| it.state);
        matches!(state, Some(TaskState::UpToDate | TaskState::Done(_) | TaskState::Skipped))
    };
    end.state == TaskState::Ready && end.depends_on.iter().all(is_accepted)
}
