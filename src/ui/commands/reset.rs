//! `orch reset`: forgets what is recorded for a task.

use crate::engine::record::Decision;
use crate::ui::args::SomeTargetsArgs;
use crate::ui::project::Project;
use crate::ui::shell::{Ran, Shell};

use super::decision;
use super::selection::Selection;

pub fn run(
    args: &SomeTargetsArgs,
    project: &mut dyn Project,
    shell: &mut Shell,
    folder: &str,
) -> Ran {
    let selection = Selection::of(project, &args.targets, folder)?;
    decision::run(Decision::Reset, &selection, project, shell)
}
