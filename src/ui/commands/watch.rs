//! `orch watch`: stays, and builds whenever a document or an input changes.

use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::BuildRequest;
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::host::clock::now;
use crate::spec::item::stages::{item_behind, item_of};
use crate::ui::args::WatchArgs;
use crate::ui::project::Project;
use crate::ui::shell::{Ran, Shell};

use super::build::{self, preview};

/// Keeps going after failures: the next edit may mend them. `--once` is a build that does so too.
pub fn run(args: &WatchArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let is_once = args.once || args.max_items.is_some();
    if is_once || args.dry_run {
        let refused = build::refuse_bad_documents(project, &args.targets, shell, folder)?;
        if let Some(exit) = refused {
            return Ok(exit);
        }
    }
    let mut targets = build::named(project, &args.targets, folder)?;
    if let Some(max) = args.max_items {
        targets = Some(with_first_items(&project.picture(now())?, targets, max));
    }
    let request = BuildRequest {
        targets,
        keep_going: true,
        jobs: args.jobs.unwrap_or(0),
        watch: !is_once,
        budget: args.budget.quota(),
        models: args.models.flags(),
        archives: !args.no_archive,
        ..BuildRequest::of_all()
    };
    build::refuse_bad_models(project, &request)?;
    if args.dry_run {
        let picture = project.picture(now())?;
        build::tell_cautions(project, &request, shell)?;
        return preview::run(&request, &picture, args.shown.verbose.then_some(project), shell);
    }
    if request.watch {
        shell.note("watching; Ctrl-C ends it")?;
    }
    build::perform(request, project, shell, &args.shown)
}

/// The targets, or all that is active, with no more than so many items: those whose turn comes first of the
/// ones that have anything to be done.
fn with_first_items(picture: &Picture, targets: Option<Vec<TaskRef>>, max: u32) -> Vec<TaskRef> {
    let is_target = |task: &&TaskPicture| match &targets {
        Some(targets) => targets.contains(&task.task),
        None => task.is_wanted,
    };
    let is_open = |it: &&TaskPicture| matches!(it.state, TaskState::Ready | TaskState::Waiting);
    let wanted: Vec<&TaskPicture> = picture.tasks.iter().filter(is_target).collect();
    let mut items: Vec<&str> = Vec::new();
    for task in wanted.iter().copied().filter(is_open) {
        let item = item_of(&task.task.plan).filter(|it| !items.contains(it));
        items.extend(item);
    }
    items.truncate(max as usize);
    let is_taken = |it: &TaskPicture| match item_of(&it.task.plan) {
        Some(item) => items.contains(&item),
        None => !items_have(picture, &it.task.plan) || items.contains(&item_behind(&it.task.plan)),
    };
    wanted.into_iter().filter(|it| is_taken(it)).map(|it| it.task.clone()).collect()
}

/// True for a plan that was made of an item that is there.
fn items_have(picture: &Picture, plan: &PlanName) -> bool {
    picture.plans.iter().any(|it| item_of(&it.name) == Some(item_behind(plan)))
}
