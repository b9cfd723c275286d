//! `orch reset`: forgets what is recorded for a task.

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
    decision::run(Decision::Reset, args, project, (shell, place))
}
