//! Reports of earlier tasks, laid into the worktree of one that works from them.

use std::fs;
use std::path::Path;

use crate::engine::effect::{Launch, NeededReport, Purpose};
use crate::engine::world::prompt::{NEEDS, place_of};
use crate::host::error::{Doing, Result};
use crate::host::git::trailer;

use super::{Workshop, clear_way};

/// Lays what a task gets to read; of an earlier attempt nothing stays.
pub fn lay(shop: &Workshop, launch: &Launch, root: &Path) -> Result<()> {
    if launch.needs.is_empty() || launch.purpose != Purpose::Work {
        return Ok(());
    }
    let doing = "laying reports into a worktree";
    let folder = root.join(NEEDS);
    clear_way(root, &folder)?;
    fs::create_dir_all(&folder).doing(doing, &folder)?;
    for need in &launch.needs {
        let place = root.join(place_of(&need.task.task));
        let text = text_of(shop, need)?.unwrap_or_else(|| gone(need));
        fs::write(&place, text).doing(doing, &place)?;
    }
    Ok(())
}

/// From the store, else from the commit that tells it, as in a fresh clone.
fn text_of(shop: &Workshop, need: &NeededReport) -> Result<Option<String>> {
    if let Some(bytes) = shop.store.get(&need.report.mark.digest)? {
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let Some(commit) = &need.report.told_in else { return Ok(None) };
    let message = shop.repo.message_of(commit)?;
    Ok(message.and_then(|it| trailer::report_in(&it, &need.task)))
}

fn gone(need: &NeededReport) -> String {
    format!(
        "The report of task {} is not to be found any more: neither in orch's store nor in git.\n",
        need.task
    )
}
