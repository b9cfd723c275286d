//! Brings what git does not carry from the user's checkout into a worktree.

use std::path::Path;

use crate::host::error::{Doing, Result};
use crate::host::git::normalize::metadata;

/// Links a path of the user's checkout into the worktree; what is not there is not linked, and
/// what the tree itself has there stays.
pub(super) fn bring_link(source: &Path, target: &Path) -> Result<()> {
    if !source.exists() || metadata(target)?.is_some() {
        return Ok(());
    }
    make_parent(target)?;
    std::os::unix::fs::symlink(source, target).doing("linking into a worktree", target)
}

pub(super) fn bring_copy(source: &Path, target: &Path) -> Result<()> {
    let doing = "copying into a worktree";
    let Some(meta) = metadata(source)? else { return Ok(()) };
    if meta.is_dir() {
        for entry in std::fs::read_dir(source).doing(doing, source)? {
            let name = entry.doing(doing, source)?.file_name();
            bring_copy(&source.join(&name), &target.join(&name))?;
        }
        return Ok(());
    }
    if metadata(target)?.is_some() {
        return Ok(());
    }
    make_parent(target)?;
    if meta.is_symlink() {
        let link = std::fs::read_link(source).doing(doing, source)?;
        return std::os::unix::fs::symlink(link, target).doing(doing, target);
    }
    std::fs::copy(source, target).map(|_| ()).doing(doing, target)
}

fn make_parent(target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).doing("making a folder", parent)
}
