//! Sparse checkouts: the user's may be one, orch's own worktrees are whole.

use gix::bstr::{BString, ByteSlice};
use gix::config::Source;
use gix::index::entry::Flags;

use super::moving::remove_file;
use crate::host::error::{Doing, Result};

/// Paths that the worktree's own index says are left out of it, so that their absence means nothing.
pub(super) struct LeftOut(Vec<BString>);

impl LeftOut {
    pub fn read(git: &gix::Repository) -> Result<Self> {
        let index = git.index_or_empty().doing("reading a worktree's index", git.path())?;
        let skipped = index.entries().iter().filter(|it| it.flags.contains(Flags::SKIP_WORKTREE));
        Ok(Self(skipped.map(|entry| entry.path(&index).to_owned()).collect()))
    }

    /// In a sparse index one entry, ending in a slash, stands for a whole folder.
    pub fn holds(&self, path: &[u8]) -> bool {
        self.0.iter().any(|it| it == path || it.ends_with_str("/") && path.starts_with(it))
    }
}

/// Makes a worktree whole again, for git commands that run in it too: git hands a sparse checkout
/// on to worktrees made from it, and a session may have begun one.
pub(super) fn end_sparse(git: &gix::Repository) -> Result<()> {
    let is_linked = git.git_dir() != git.common_dir();
    if !is_linked || git.config_snapshot().boolean("core.sparseCheckout") != Some(true) {
        return Ok(());
    }
    remove_file(&git.git_dir().join("info/sparse-checkout"))?;
    let file = git.git_dir().join("config.worktree");
    let doing = "ending a worktree's sparse checkout";
    let mut config = match file.exists() {
        true => gix::config::File::from_path_no_includes(file.clone(), Source::Worktree),
        false => Ok(gix::config::File::default()),
    }
    .doing(doing, &file)?;
    for key in ["core.sparseCheckout", "index.sparse"] {
        config.set_raw_value(key, "false").doing(doing, &file)?;
    }
    std::fs::write(&file, config.to_bstring().as_slice()).doing(doing, &file)
}
