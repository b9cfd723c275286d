//! Reports of earlier tasks, laid into the worktree of one that works from them.

use std::fs;
use std::path::Path;

use crate::engine::effect::{Launch, NeededReport, Purpose};
use crate::engine::world::prompt::{NEEDS, place_of};
use crate::host::error::{Doing, Result};
use crate::host::reports::text_of;

use super::{Workshop, clear_way};

/// Lays what a task gets to read; of an earlier attempt nothing stays.
pub fn lay(shop: &Workshop, launch: &Launch, root: &Path) -> Result<()> {
    if launch.needs.is_empty() || matches!(launch.purpose, Purpose::Judge(..)) {
        return Ok(());
    }
    let doing = "laying reports into a worktree";
    let folder = root.join(NEEDS);
    clear_way(root, &folder)?;
    fs::create_dir_all(&folder).doing(doing, &folder)?;
    for need in &launch.needs {
        let place = root.join(place_of(&need.task.task));
        let text = text_of(&need.report, &need.task, &shop.store, &shop.repo)?;
        let text = text.unwrap_or_else(|| gone(need));
        fs::write(&place, text).doing(doing, &place)?;
    }
    Ok(())
}

fn gone(need: &NeededReport) -> String {
    format!(
        "The report of task {} is not to be found any more: neither in orch's store nor in git.\n",
        need.task
    )
}
