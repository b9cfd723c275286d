//! Folders beside git's own in the user's repository, where filters keep contents (`lfs`). A worktree's git
//! has the same ones: what lies in the user's is there by links, what is added stays in the worktree.

use std::fs::{self, DirEntry};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::host::error::{Doing, Result};

/// Folders that are git's, or other programs' for something else than contents.
#[rustfmt::skip]
const OF_GIT: &[&str] = &[
    "branches", "hooks", "info", "logs", "modules", "objects", "rebase-apply", "rebase-merge", "refs", "reftable",
    "rr-cache", "sequencer", "svn", "worktrees",
];

/// A larger store is not linked file by file: `git lfs` finds the user's beside the objects by itself.
const MANY: usize = 2000;

/// What a store holds, by paths from the repository's folder; folders before what is in them.
#[derive(Debug, Default)]
pub(super) struct Stores {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Stores {
    /// Those of the repository whose folder this is.
    pub fn of(common: &Path) -> Self {
        let mut found = Self::default();
        for entry in fs::read_dir(common).into_iter().flatten().flatten() {
            let is_of_git = entry.file_name().to_str().is_none_or(|name| OF_GIT.contains(&name));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_of_git {
                let mut store = Self::default();
                store.take(common, Path::new(""), &entry);
                if store.files.len() <= MANY {
                    found.folders.extend(store.folders);
                    found.files.extend(store.files);
                }
            }
        }
        found
    }

    fn take(&mut self, common: &Path, above: &Path, entry: &DirEntry) {
        let path = above.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                let entries = fs::read_dir(common.join(&path)).into_iter().flatten().flatten();
                self.folders.push(path.clone());
                for entry in entries {
                    if self.files.len() > MANY {
                        break;
                    }
                    self.take(common, &path, &entry);
                }
            }
            Ok(_) => self.files.push(path),
            Err(_) => {}
        }
    }

    /// Makes them in the folder of another git, where there are none.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn link(&self, common: &Path, own: &Path) -> Result<()> {
        let doing = "linking what filters keep";
        for folder in &self.folders {
            let place = own.join(folder);
            fs::create_dir(&place).doing(doing, &place)?;
        }
        for file in &self.files {
            let place = own.join(file);
            symlink(common.join(file), &place).doing(doing, &place)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in, write_in};

    #[test]
    fn filters_find_what_they_keep_and_what_a_session_adds_stays_its_own() {
        let scratch = Scratch::new(&[(".gitattributes", "*.bin filter=store\n")]);
        let place = "d=$(git rev-parse --git-common-dir)/store";
        let clean = format!(
            "{place}; mkdir -p $d; cat > $d/$$; h=$(git hash-object $d/$$); mv $d/$$ $d/$h; echo $h"
        );
        let smudge = format!("{place}; read h; cat $d/$h");
        scratch.git(&["config", "filter.store.clean", &clean]);
        scratch.git(&["config", "filter.store.smudge", &smudge]);
        scratch.git(&["config", "filter.store.required", "true"]);
        scratch.commit("large", &[("a.bin", "large\n")]);
        let pool = scratch.pool();
        let worktree = pool.acquire(&scratch.base()).unwrap();
        let root = worktree.root().to_owned();
        let store = scratch.root().join(".git/store");
        let kept = || fs::read_dir(&store).unwrap().count();
        assert_eq!(fs::read_to_string(root.join("a.bin")).unwrap(), "large\n");
        fs::remove_file(root.join("a.bin")).unwrap();
        git_in(&root, &["checkout", "-q", "--", "a.bin"]);
        write_in(&root, "b.bin", "new\n");
        git_in(&root, &["add", "b.bin"]);
        assert_eq!(
            (fs::read_to_string(root.join("a.bin")).unwrap().as_str(), kept()),
            ("large\n", 1)
        );
        pool.collect(&worktree).unwrap();
        assert_eq!(kept(), 2, "what is taken is the user's, too");
        drop(worktree);
        let worktree = pool.acquire(&scratch.base()).unwrap();
        let own = worktree.root().join(".git/store");
        assert_eq!(fs::read_dir(own).unwrap().count(), 2);
    }
}
