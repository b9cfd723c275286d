//! Worktrees as earlier versions made them: linked to the user's repository, where `git worktree list`
//! showed them. They get a git of their own, and what git knew of them goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gix::bstr::ByteSlice;

use super::own_git::linked_folder_of;
use crate::host::error::{Doing, Result};

/// Making a registration took an instant: one that stays half made for so long is nobody's.
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// Where git has noted the worktree below `root`, whose repository shares `common`; `None` for one that is
/// not linked to it.
pub(super) fn registration_of(common: &Path, root: &Path) -> Option<PathBuf> {
    let registered = fs::canonicalize(common).ok()?.join("worktrees");
    linked_folder_of(root).filter(|it| it.parent() == Some(&registered))
}

/// Removes what git has noted of worktrees below the folder of a pool, where these are not linked to it
/// any more.
///
/// # Errors
/// It cannot be removed.
pub(super) fn unregister_all(common: &Path, pool: &Path) -> Result<()> {
    let folder = common.join("worktrees");
    clear_half_registered(&folder)?;
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Some(root) = worktree_of(&entry.path()) else { continue };
        let is_of_pool = root.parent() == Some(pool);
        if is_of_pool && registration_of(common, &root).is_none() {
            unregister(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes what git has noted of one worktree.
///
/// # Errors
/// It cannot be removed.
pub(super) fn unregister(registration: &Path) -> Result<()> {
    fs::remove_dir_all(registration).doing("forgetting a worktree", registration)?;
    if let Some(folder) = registration.parent() {
        // git has no such folder where there is no worktree; it fails where there are others.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// The worktree that git noted there.
fn worktree_of(registration: &Path) -> Option<PathBuf> {
    let text = fs::read(registration.join("gitdir")).ok()?;
    let file = registration.join(text.trim().to_path().ok()?);
    Some(file.parent()?.to_owned())
}

/// Removes registrations that have the pool's kind of name, a number, and do not say where their worktree
/// is: git stumbles over them.
fn clear_half_registered(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_numbered = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if is_numbered && is_forsaken(&path) {
            fs::remove_dir_all(&path).doing("removing half a worktree of a dead run", &path)?;
        }
    }
    // As above.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Waits until it is whole, gone or old.
fn is_forsaken(registration: &Path) -> bool {
    while registration.is_dir() && is_half(registration) {
        let changed = fs::metadata(registration).and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age > Some(DEAD_AFTER) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn is_half(registration: &Path) -> bool {
    fs::read(registration.join("gitdir")).map_or(true, |to| to.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_a_worktree_of_the_pool_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        for (name, gitdir) in [("1", "/x/.git\n"), ("2", ""), ("mine", "")] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("gitdir"), gitdir).unwrap();
            fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
        }
        clear_half_registered(folder.path()).unwrap();
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(["1", "2", "mine"].map(left), [true, false, true]);
        clear_half_registered(&folder.path().join("none")).unwrap();
    }
}
