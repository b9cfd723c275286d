//! Which folders are watched: all that git does not ignore, one watch each, and git's own few files
//! that say where branches stand.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::base::name::RelPath;
use crate::host::scan::{IgnoreRules, git_folders_of, is_off_limits};

use super::{STOP_FILE, Watched};

pub struct Tree {
    root: PathBuf,
    always: Vec<RelPath>,
    rules: IgnoreRules,
    /// `None` where the system gives no watcher at all.
    watcher: Option<RecommendedWatcher>,
    polls: bool,
    /// git's folder and the one where branches are kept; often the same.
    git: Vec<PathBuf>,
}

impl Tree {
    pub fn new(watched: Watched, watcher: notify::Result<RecommendedWatcher>) -> Self {
        let Watched { root, mut always } = watched;
        always.extend(RelPath::new(STOP_FILE));
        let rules = IgnoreRules::of(&root);
        let git = git_folders_of(&root);
        let mut tree = Self { root, always, rules, watcher: None, polls: false, git };
        match watcher {
            Ok(watcher) => tree.watcher = Some(watcher),
            Err(error) => tree.poll_because(&error),
        }
        tree
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True where changes must be looked for, since not all of them are told.
    pub fn is_polling(&self) -> bool {
        self.polls
    }

    /// Reads ignore rules anew when they are next needed.
    pub fn forget_rules(&mut self) {
        self.rules = IgnoreRules::of(&self.root);
    }

    /// True for what nobody wants to hear of.
    pub fn is_left_out(&mut self, path: &RelPath, is_folder: bool) -> bool {
        let parts = || path.as_str().split('/');
        if parts().any(|part| is_off_limits(part.as_ref())) {
            return true;
        }
        let is_wanted = self.always.iter().any(|always| {
            path.is_within(always.as_str()) || is_folder && always.is_within(path.as_str())
        });
        !is_wanted
            && match is_folder {
                true => self.rules.ignores_folder(path),
                false => self.rules.ignores_file(path),
            }
    }

    /// True for files by which `HEAD` or a branch moves.
    pub fn is_ref(&self, place: &Path) -> bool {
        let is_lock = place.extension().is_some_and(|extension| extension == "lock");
        let below = self.git.iter().filter_map(|git| place.strip_prefix(git).ok());
        !is_lock
            && below.into_iter().any(|path| {
                path == Path::new("HEAD")
                    || path == Path::new("packed-refs")
                    || path.starts_with("refs/heads")
            })
    }

    /// Watches a folder and all below it (`None` is the root), and adds the files in it to `found`.
    pub fn watch_below(&mut self, folder: Option<&RelPath>, found: &mut BTreeSet<RelPath>) {
        let mut waiting = vec![folder.cloned()];
        while let Some(folder) = waiting.pop() {
            let place = self.place_of(folder.as_ref());
            let is_other_repository = folder.is_some() && place.join(".git").exists();
            if is_other_repository {
                continue;
            }
            // Watched first and listed then, so that nothing comes in between.
            self.watch(&place, RecursiveMode::NonRecursive);
            let Ok(entries) = fs::read_dir(&place) else { continue };
            for entry in entries.flatten() {
                let Some(path) = super::path_below(&self.root, &entry.path()) else { continue };
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if self.is_left_out(&path, is_folder) {
                    continue;
                }
                if is_folder {
                    waiting.push(Some(path));
                } else {
                    found.insert(path);
                }
            }
        }
    }

    pub fn watch_refs(&mut self) {
        for git in self.git.clone() {
            self.watch(&git, RecursiveMode::NonRecursive);
            self.watch(&git.join("refs/heads"), RecursiveMode::Recursive);
        }
    }

    /// After a failure that leaves changes untold, changes are looked for.
    pub fn note_failure(&mut self, error: &notify::Error) {
        match &error.kind {
            ErrorKind::PathNotFound => {}
            ErrorKind::Io(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            ErrorKind::Io(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                tracing::warn!("a folder cannot be watched: {error}");
            }
            _ => self.poll_because(error),
        }
    }

    fn watch(&mut self, place: &Path, mode: RecursiveMode) {
        let watched = self.watcher.as_mut().map(|watcher| watcher.watch(place, mode));
        if let Some(Err(error)) = watched {
            self.note_failure(&error);
        }
    }

    fn poll_because(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.polls, true) {
            tracing::warn!(
                "files cannot all be watched ({error}); everything is looked at every {} seconds \
                 instead. More may be allowed by the limits fs.inotify.max_user_watches and \
                 fs.inotify.max_user_instances",
                super::POLL.as_secs()
            );
        }
    }

    fn place_of(&self, path: Option<&RelPath>) -> PathBuf {
        match path {
            Some(path) => self.root.join(std::ffi::OsStr::from_bytes(&path.to_bytes())),
            None => self.root.clone(),
        }
    }
}
