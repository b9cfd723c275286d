//! The plan in a session's worktree: a copy that it may edit, and what it made of it.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use crate::base::file::{FileChange, FileKind, Patch};
use crate::base::name::{RelPath, TreeId};
use crate::engine::effect::{Launch, LaunchAction};
use crate::engine::outcome::evidence::{OtherDocument, PlanEdit};
use crate::engine::world::prompt::PLAN_COPY;
use crate::host::documents;
use crate::host::error::{Doing, Result};
use crate::host::worktree::{BaseTree, Collected, Worktree};

use super::{Workshop, clear_way};

/// The plan that a launch may edit, as it is beneath the attempt. Not a command's: see [`beneath`].
pub fn text_for(shop: &Workshop, launch: &Launch, base: &BaseTree) -> Result<Option<Arc<str>>> {
    match &launch.plan {
        Some(path) if !is_command(launch) => text_at(shop, &base.tree, path),
        _ => Ok(None),
    }
}

/// Lays the copy of the plan into a worktree where a session begins; a validator gets none, and one
/// that was there is gone.
pub fn lay(launch: &Launch, text: Option<&str>, root: &Path) -> Result<()> {
    if is_command(launch) {
        return Ok(());
    }
    let copy = root.join(PLAN_COPY);
    clear_way(root, &copy)?;
    let Some(text) = text else { return Ok(()) };
    let doing = "laying the plan into a worktree";
    fs::create_dir_all(copy.parent().unwrap_or(&copy)).doing(doing, &copy)?;
    fs::write(&copy, text).doing(doing, &copy)
}

/// What a command's edit of its plan is told from: it edits the file in place, if at all.
pub fn beneath(
    shop: &Workshop,
    launch: &Launch,
    worktree: &Worktree,
    patch: &Patch,
) -> Result<Option<Arc<str>>> {
    match &launch.plan {
        Some(path) if is_command(launch) && patch.paths().any(|it| it == path) => {
            text_at(shop, &worktree.base().tree, path)
        }
        _ => Ok(None),
    }
}

fn is_command(launch: &Launch) -> bool {
    matches!(launch.action, LaunchAction::Command(_))
}

fn text_at(shop: &Workshop, tree: &TreeId, path: &RelPath) -> Result<Option<Arc<str>>> {
    let text = shop.repo.read_path_at(tree, path)?;
    Ok(text.and_then(|it| String::from_utf8(it).ok()).map(Arc::from))
}

/// What a session made of its plan, and its work without that: the plan is no part of its patch.
pub fn taken_out(
    shop: &Workshop,
    own: Own<'_>,
    worktree: &Worktree,
    collected: Collected,
) -> Result<(Collected, Option<PlanEdit>)> {
    let Own { path, laid } = own;
    let is_in_patch = collected.patch.paths().any(|it| it == path);
    let in_place = match is_in_patch {
        false => Ok(Arc::clone(laid)),
        true => match shop.repo.read_path_at(&collected.tree, path)? {
            None => Err(format!("`{path}` was removed")),
            Some(bytes) => String::from_utf8(bytes)
                .map(Arc::from)
                .map_err(|_| format!("`{path}` is not UTF-8 any more")),
        },
    };
    let copy = match read_copy(&worktree.root().join(PLAN_COPY)) {
        Ok(None) => Ok(Arc::clone(laid)),
        Ok(Some(text)) => Ok(text.into()),
        Err(why) => Err(format!("`{PLAN_COPY}` cannot be read: {why}")),
    };
    let left = match (in_place, copy) {
        (Ok(one), Ok(other)) if one == other || other == *laid => Ok(one),
        (Ok(one), Ok(other)) if one == *laid => Ok(other),
        (Ok(_), Ok(_)) => {
            Err(format!("`{PLAN_COPY}` and `{path}` were both edited, not in the same way"))
        }
        (Err(why), _) | (_, Err(why)) => Err(why),
    };
    let collected = match is_in_patch {
        true => shop.pool.without(worktree, collected, path)?,
        false => collected,
    };
    let edit = PlanEdit { laid: Arc::clone(laid), left };
    let is_edited = edit.left.as_ref() != Ok(laid);
    Ok((collected, is_edited.then_some(edit)))
}

/// Documents that an attempt changed; its own plan is out of what was collected by then.
pub fn others_in(
    shop: &Workshop,
    worktree: &Worktree,
    collected: &Collected,
) -> Result<Vec<OtherDocument>> {
    let (was, is) = (&worktree.base().tree, &collected.tree);
    // What a link leads to is no text of its own.
    let is_file = |it: &&FileChange| it.after.is_none_or(|it| it.kind != FileKind::Symlink);
    let files = collected.patch.changes().iter().filter(is_file).map(|it| &it.path);
    let changed = files.filter(|path| documents::is_document(path, &shop.config));
    let other = |path: &RelPath| {
        let (before, after) = (text_at(shop, was, path)?, text_at(shop, is, path)?);
        Ok(OtherDocument { path: path.clone(), before, after })
    };
    changed.map(other).collect()
}

/// True where documents may be others with the patch, so that all of them have to be looked at.
pub fn has_document(shop: &Workshop, patch: &Patch) -> bool {
    patch.paths().any(|path| documents::is_document(path, &shop.config))
}

fn read_copy(place: &Path) -> std::io::Result<Option<String>> {
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_file() => return Err(std::io::Error::other("it is no plain file")),
        Ok(_) => {}
    }
    let mut text = String::new();
    let limit = crate::spec::yaml::MAX_BYTES as u64 + 1;
    fs::File::open(place)?.take(limit).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The plan that a launch may edit, with its text as it was laid.
pub struct Own<'a> {
    path: &'a RelPath,
    laid: &'a Arc<str>,
}

/// `None` where the launch may edit none.
pub fn plan_of<'a>(launch: &'a Launch, laid: Option<&'a Arc<str>>) -> Option<Own<'a>> {
    Some(Own { path: launch.plan.as_ref()?, laid: laid? })
}
