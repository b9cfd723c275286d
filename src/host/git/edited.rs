//! Files of the user's checkout that are not as git's index has them, by their stat alone.

use std::collections::BTreeMap;

use gix::index::entry::Flags;

use super::Repository;
use crate::base::name::RelPath;
use crate::host::error::{Doing, Result};
use crate::host::scan::Stat;

/// Such files, and how each lies there; `None` for one that is gone.
#[derive(Clone, Debug, Default)]
pub struct Edited(BTreeMap<RelPath, Option<Stat>>);

impl Edited {
    /// Those that were written or removed since an earlier moment. What a landing placed is as the index
    /// has it, and not among them.
    pub fn since(&self, earlier: &Self) -> Vec<RelPath> {
        let changed = self.0.iter().filter(|(path, stat)| earlier.0.get(*path) != Some(*stat));
        changed.map(|(path, _)| path.clone()).collect()
    }
}

impl Repository {
    /// Looks at every file that git tracks: a system call each.
    pub fn edited(&self) -> Result<Edited> {
        let git = self.local();
        let index = git.index_or_empty().doing("reading the index", self.root())?;
        let mut edited = Edited::default();
        for entry in index.entries() {
            let Some(path) = RelPath::from_bytes(entry.path(&index)) else { continue };
            if entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID) {
                continue;
            }
            let stat = Stat::at(&self.root().join(path.as_str()));
            if stat.is_none_or(|it| !it.is_dir() && !is_as_noted(&it, &entry.stat)) {
                edited.0.insert(path, stat);
            }
        }
        Ok(edited)
    }
}

/// A size of zero in the index says only that the file was as young as the index.
fn is_as_noted(stat: &Stat, noted: &gix::index::entry::Stat) -> bool {
    let (seconds, nanoseconds) = (i64::from(noted.mtime.secs), i64::from(noted.mtime.nsecs));
    let is_same_size =
        noted.size == 0 || u64::from(noted.size) == stat.size() & u64::from(u32::MAX);
    is_same_size && stat.was_written_at(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use crate::host::git::scratch::Scratch;

    #[test]
    fn what_is_written_or_removed_is_named_and_what_was_edited_before_is_not() {
        let scratch = Scratch::new(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n"), ("d/e", "1\n")]);
        let repo = scratch.repo();
        scratch.write("a", "mine\n");
        let before = repo.edited().unwrap();
        assert_eq!(repo.edited().unwrap().since(&before), []);
        scratch.write("b", "theirs\n");
        scratch.write("new", "not tracked\n");
        std::fs::remove_file(scratch.root().join("d/e")).unwrap();
        let names: Vec<String> =
            repo.edited().unwrap().since(&before).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["b", "d/e"]);
        scratch.git(&["add", "-A"]);
        assert_eq!(repo.edited().unwrap().since(&before), []);
    }
}
