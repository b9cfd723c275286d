//! What an attempt before left and what does not merge with what is there by now: it is kept, laid
//! beside the worktree's own files, and told to the session.

use std::fs;
use std::path::Path;

use crate::base::name::RelPath;
use crate::engine::effect::{Launch, LaunchAction};
use crate::engine::world::prompt::{LEFT_ASIDE, left_aside_part};
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::land::kept_prefix;
use crate::host::worktree::Collided;

use super::{Workshop, clear_way};

/// Lays what collided into the worktree, and tells its session; of an earlier attempt nothing stays.
pub fn lay(
    shop: &Workshop,
    collided: Option<&Collided>,
    launch: &mut Launch,
    root: &Path,
) -> Result<()> {
    let Some(Collided { tree, stands_on, conflict }) = collided else { return Ok(()) };
    let LaunchAction::Session(session) = &mut launch.action else { return Ok(()) };
    let folder = root.join(LEFT_ASIDE);
    clear_way(root, &folder)?;
    let mut files: Vec<(RelPath, bool)> = Vec::new();
    for path in &conflict.paths {
        let content = shop.repo.read_path_at(tree, path)?;
        files.push((path.clone(), content.is_some()));
        let Some(content) = content else { continue };
        let place = folder.join(path.as_str());
        let doing = "laying aside what an attempt left";
        fs::create_dir_all(place.parent().unwrap_or(&place)).doing(doing, &place)?;
        fs::write(&place, content).doing(doing, &place)?;
    }
    let name = format!("{}{}-{}", kept_prefix(&launch.task), clock::now().0, launch.attempt.0);
    let subject = format!("orch: what an attempt of {} left, and what did not merge", launch.task);
    let kept_as = shop.repo.keep(&name, tree, stands_on, &subject)?;
    session.prompt.push_str(&left_aside_part(&kept_as, &files, &conflict.description));
    Ok(())
}
