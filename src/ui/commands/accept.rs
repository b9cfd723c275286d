//! `orch accept`: takes the files as they are for a task's result.

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
    decision::run(Decision::Accept, &selection, project, shell)
}
