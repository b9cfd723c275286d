//! Refs that hold what attempts start from: nothing else leads to it once the user's branch is rewritten, and
//! git clears away what nothing leads to.

use std::path::Path;

use crate::base::digest::Digest;
use crate::host::error::Result;
use crate::host::git::{Repository, object_id};

use super::base::BaseTree;

/// All of these refs lie below it, each pool's in a folder of its own: checkouts share the refs.
const BELOW: &str = "refs/orch/bases";

/// What one worktree's attempt starts from, held until this is dropped.
pub(super) struct Held {
    repo: Repository,
    name: String,
    is_left: bool,
}

impl Held {
    /// Holds what an attempt in the worktree `number` starts from.
    ///
    /// # Errors
    /// The refs cannot be written.
    pub fn new(repo: &Repository, pool: &Path, number: &str, base: &BaseTree) -> Result<Self> {
        let name = format!("{}/{number}", folder_of(pool));
        let held = Self { repo: repo.clone(), name, is_left: false };
        held.point("commit", Some(base.commit.as_str()))?;
        held.point("start", base.start.as_ref().map(|it| it.as_str()))?;
        Ok(held)
    }

    /// The refs stay: a session goes on from it later.
    pub fn leave(mut self) {
        self.is_left = true;
    }

    fn point(&self, part: &str, to: Option<&str>) -> Result<()> {
        let name = format!("{}/{part}", self.name);
        let Some(to) = to.map(object_id).transpose()? else { return self.repo.forget(&name) };
        if self.repo.ref_target(&name)? != Some(to) {
            self.repo.keep_commit(&name, to)?;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_left {
            // One that stays is looked through at the next start.
            for part in ["commit", "start"] {
                let _ = self.repo.forget(&format!("{}/{part}", self.name));
            }
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// Lets go of what a pool's worktrees hold, but for those of which `is_wanted` is true.
///
/// # Errors
/// Refs cannot be read or removed.
pub(super) fn let_go(
    repo: &Repository,
    pool: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<()> {
    let folder = format!("{}/", folder_of(pool));
    for name in repo.refs_below(&folder)? {
        let number = name[folder.len()..].split('/').next().unwrap_or_default();
        if !is_wanted(number) {
            repo.forget(&name)?;
        }
    }
    Ok(())
}

fn folder_of(pool: &Path) -> String {
    let digest = Digest::of(pool.as_os_str().as_encoded_bytes()).to_string();
    format!("{BELOW}/{}", &digest[..12])
}
