//! `orch accept`: takes the files as they are for a task's result.

use crate::engine::record::Decision;
use crate::ui::args::SomeTargetsArgs;
use crate::ui::project::Project;
use crate::ui::shell::{Ran, Shell};

use super::{Place, decision};

pub fn run(
    args: &SomeTargetsArgs,
    project: &mut dyn Project,
    shell: &mut Shell,
    place: Place,
) -> Ran {
    decision::run(Decision::Accept, args, project, (shell, place))
}
