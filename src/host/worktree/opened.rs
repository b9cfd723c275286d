//! Worktrees as gix has opened them: by the user's repository, whose settings no session can change. While nothing changed of what decides how one is opened, it is
//! not opened again: paths are resolved and configuration is read once, not twice for each attempt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::config::Source;

use crate::host::error::{Doing, Result};
use crate::host::scan::Stat;

/// The user's repository with the worktree below `root` in the place of the checkout: its objects, its
/// configuration and its attributes, and the worktree's files. What lies in the worktree's own git is not
/// read.
///
/// # Errors
/// One of them is gone.
pub(super) fn open_beside(checkout: &Path, root: &Path) -> Result<gix::Repository> {
    let doing = "opening a worktree";
    let mut git = gix::open(checkout).doing(doing, checkout)?;
    git.set_workdir(root.to_owned()).doing(doing, root)?;
    Ok(git)
}

/// What is open, by the worktree's folder.
#[derive(Default)]
pub(super) struct Opened(Mutex<BTreeMap<PathBuf, Arc<Known>>>);

struct Known {
    git: gix::ThreadSafeRepository,
    /// Folders on the way: each has to be the same one.
    folders: Vec<(PathBuf, Option<Stat>)>,
    /// Files that say where things lie and how git is configured: each has to be as it was.
    files: Vec<(PathBuf, Option<Stat>)>,
}

impl Opened {
    /// The worktree below `root`, by `open` where it is not known as it is now.
    pub fn at(
        &self,
        root: &Path,
        open: impl FnOnce() -> Result<gix::Repository>,
    ) -> Result<gix::Repository> {
        let known = self.known().get(root).cloned();
        if let Some(known) = known.filter(|it| it.is_as_it_was()) {
            return Ok(known.git.to_thread_local());
        }
        let git = open()?;
        match Known::of(root, &git) {
            Some(known) => self.known().insert(root.to_owned(), Arc::new(known)),
            None => self.known().remove(root),
        };
        Ok(git)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// `None` where a file is too young to tell by its stat what it held when it was read.
    fn of(root: &Path, git: &gix::Repository) -> Option<Self> {
        let (own, common) = (git.git_dir().to_owned(), git.common_dir().to_owned());
        let folders = [root.to_owned(), own.clone(), common.clone()];
        let mut files = vec![
            own.join("commondir"),
            own.join("gitdir"),
            own.join("config.worktree"),
            common.join("config"),
        ];
        let mut variable = |name: &str| std::env::var_os(name);
        let shared = [Source::System, Source::Git, Source::User];
        files.extend(shared.into_iter().filter_map(|it| it.storage_location(&mut variable)));
        let config = git.config_snapshot();
        files.extend(config.plumbing().sections().filter_map(|it| it.meta().path.clone()));
        files.sort();
        files.dedup();
        let files = with_stats(files);
        let is_settled = files.iter().all(|(_, stat)| stat.is_none_or(|it| it.is_settled_now()));
        let git = git.clone().into_sync();
        is_settled.then_some(Self { git, folders: with_stats(folders.into()), files })
    }

    fn is_as_it_was(&self) -> bool {
        let is_same = |(path, then): &(PathBuf, Option<Stat>)| match (then, Stat::at(path)) {
            (Some(then), Some(now)) => now.is_of_same(then),
            _ => false,
        };
        self.folders.iter().all(is_same)
            && self.files.iter().all(|(path, then)| Stat::at(path) == *then)
    }
}

fn with_stats(paths: Vec<PathBuf>) -> Vec<(PathBuf, Option<Stat>)> {
    paths.into_iter().map(|path| (path.clone(), Stat::at(&path))).collect()
}
