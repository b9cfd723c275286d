//! `orch watch`: stays, and builds whenever a document or an input changes.

use crate::engine::effect::BuildRequest;
use crate::ui::args::WatchArgs;
use crate::ui::project::Project;
use crate::ui::shell::{Ran, Shell};

use super::Place;
use super::build::{self, Shown, preview};
use super::selection::Selection;

/// Keeps going after failures: the next edit may mend them. `--once` is a build that does so too.
pub fn run(args: &WatchArgs, project: &mut dyn Project, shell: &mut Shell, place: Place) -> Ran {
    if args.once || args.dry_run {
        let refused = build::refuse_bad_documents(project, &args.targets, shell, place)?;
        if let Some(exit) = refused {
            return Ok(exit);
        }
    }
    let selection = Selection::of(project, &args.targets, place.folder)?;
    let request = BuildRequest {
        targets: selection.wanted,
        keep_going: true,
        jobs: args.jobs.unwrap_or(0),
        watch: !args.once,
        ..BuildRequest::default()
    };
    if args.dry_run {
        return preview::run(&request, &selection.picture, shell, place.is_json);
    }
    if request.watch {
        shell.note("watching; Ctrl-C ends it")?;
    }
    let shown = Shown { events: args.events.as_deref(), is_verbose: args.verbose };
    build::perform(request, project, (shell, place), shown)
}
