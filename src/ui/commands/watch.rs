//! `orch watch`: stays, and builds whenever a document or an input changes.

use crate::engine::effect::BuildRequest;
use crate::host::clock::now;
use crate::ui::args::WatchArgs;
use crate::ui::project::Project;
use crate::ui::shell::{Ran, Shell};

use super::build::{self, preview};

/// Keeps going after failures: the next edit may mend them. `--once` is a build that does so too.
pub fn run(args: &WatchArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    if args.once || args.dry_run {
        let refused = build::refuse_bad_documents(project, &args.targets, shell, folder)?;
        if let Some(exit) = refused {
            return Ok(exit);
        }
    }
    let request = BuildRequest {
        targets: build::named(project, &args.targets, folder)?,
        keep_going: true,
        jobs: args.jobs.unwrap_or(0),
        watch: !args.once,
        budget: args.budget.quota(),
        models: args.models.flags(),
        ..BuildRequest::default()
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
