//! `orch skip`: leaves a task out; what depends on it goes on.

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
    decision::run(Decision::Skip, &selection, project, shell)
}
