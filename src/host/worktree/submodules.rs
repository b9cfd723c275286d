//! Submodules of a worktree: filled from the user's own copies, at the commit that the tree names, each with
//! a git of its own. One that the user has not checked out stays empty.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::State;
use gix::index::entry::Mode;
use gix::objs::tree::EntryKind;

use super::opened::open_beside;
use super::own_git::{Likeness, OwnGit};
use super::pool::{Place, Pool, Worktree};
use super::status::differences;
use crate::base::digest::Digest;
use crate::base::name::RelPath;
use crate::host::error::{Doing, Error, Result};
use crate::host::git::normalize::metadata;
use crate::host::git::place::has_link_above;
use crate::host::git::{Repository, object_id};
use crate::host::removal::remove_folder;

use super::moving::remove_file;

/// A submodule, by its path from the top and the commit that it is to stand on.
struct Submodule {
    path: BString,
    commit: ObjectId,
}

impl Submodule {
    fn all_in(index: &State, above: &[u8]) -> Vec<Self> {
        let entries = index.entries().iter().filter(|entry| entry.mode == Mode::COMMIT);
        let all = entries.map(|entry| {
            let path = [above, entry.path(index).as_bytes()].concat();
            Self { path: path.into(), commit: entry.id }
        });
        all.collect()
    }

    fn below(&self, root: &Path) -> PathBuf {
        root.join(OsStr::from_bytes(&self.path))
    }

    /// What is remembered of its files.
    fn memory(&self, worktree: &Path) -> PathBuf {
        let digest = Digest::of(&self.path).to_string();
        worktree.with_extension(format!("{}.index", &digest[..12]))
    }

    fn tree_in(&self, git: &gix::Repository) -> Result<ObjectId> {
        let found =
            git.find_commit(self.commit).ok().and_then(|it| Some(it.tree_id().ok()?.detach()));
        found.ok_or_else(|| {
            let path = self.path.to_str_lossy();
            Error::new(format!(
                "the submodule `{path}` is to stand on {}, which your copy of it has not got",
                self.commit
            ))
            .at(git.git_dir())
            .help(format!("git submodule update --init {path}"))
        })
    }
}

impl Pool {
    /// Brings the submodules of a worktree that stands on its base to their commits.
    pub(super) fn fill_submodules(&self, tree: &Worktree) -> Result<()> {
        let mut waiting = Submodule::all_in(&tree.remembered()?.index, b"");
        while let Some(submodule) = waiting.pop() {
            let user = submodule.below(self.repository().root());
            if tree.is_brought(&submodule.path) || !user.join(".git").exists() {
                continue;
            }
            let root = submodule.below(tree.root());
            make_folder(&root)?;
            let git = self.opened_from(&user, &root)?;
            let wanted = submodule.tree_in(&git)?;
            OwnGit::of(&root).renew(&Likeness::of(&git)?, &submodule.commit.to_string())?;
            let memory = submodule.memory(tree.root());
            let place = Place { git: &git, root: &root, memory: &memory };
            let remembered = self.memory.of(git.object_hash(), &memory);
            let present = differences(&git, &remembered.index)?;
            let remembered = self.lay(&place, remembered, &present, wanted)?;
            let above = [submodule.path.as_slice(), b"/"].concat();
            waiting.extend(Submodule::all_in(&remembered.index, &above));
        }
        Ok(())
    }

    /// Removes submodules that were filled and are none in the tree that a worktree is moved to.
    pub(super) fn empty_submodules(
        &self,
        git: &gix::Repository,
        tree: &Worktree,
        old: &State,
    ) -> Result<()> {
        let wanted = object_id(tree.base().laid().as_str())?;
        for submodule in Submodule::all_in(old, b"") {
            let memory = submodule.memory(tree.root());
            let stays = || is_submodule(self.repository(), git, wanted, &submodule);
            if metadata(&memory)?.is_none()
                || stays()?
                || has_link_above(tree.root(), submodule.path.as_bstr())
            {
                continue;
            }
            let root = submodule.below(tree.root());
            if metadata(&root)?.is_some_and(|meta| meta.is_dir()) {
                remove_folder(&root).doing("removing a submodule", &root)?;
            }
            remove_file(&memory)?;
        }
        Ok(())
    }

    /// The first submodule whose files are not as they were filled in.
    pub(super) fn written_submodule(&self, tree: &Worktree) -> Result<Option<String>> {
        let mut waiting = Submodule::all_in(&tree.remembered()?.index, b"");
        while let Some(submodule) = waiting.pop() {
            let memory = submodule.memory(tree.root());
            if metadata(&memory)?.is_none() || tree.is_brought(&submodule.path) {
                continue;
            }
            let root = submodule.below(tree.root());
            // To remove one is a change of the tree that names it.
            if metadata(&root)?.is_none() {
                continue;
            }
            let user = submodule.below(self.repository().root());
            let is_link =
                has_link_above(tree.root(), submodule.path.as_bstr()) || root.is_symlink();
            let git = self.opened_from(&user, &root).ok().filter(|_| !is_link);
            let Some(git) = git else { return Ok(Some(submodule.path.to_string())) };
            let remembered = self.memory.at(git.object_hash(), &memory)?;
            if !differences(&git, &remembered.index)?.is_clean() {
                return Ok(Some(submodule.path.to_string()));
            }
            let above = [submodule.path.as_slice(), b"/"].concat();
            waiting.extend(Submodule::all_in(&remembered.index, &above));
        }
        Ok(None)
    }

    fn opened_from(&self, user: &Path, root: &Path) -> Result<gix::Repository> {
        self.opened.at(root, || open_beside(user, root))
    }
}

fn is_submodule(
    repo: &Repository,
    git: &gix::Repository,
    tree: ObjectId,
    submodule: &Submodule,
) -> Result<bool> {
    let Some(path) = RelPath::from_bytes(&submodule.path) else { return Ok(false) };
    let entry = repo.entry_at(git, tree, &path)?;
    Ok(entry.is_some_and(|it| it.kind == EntryKind::Commit))
}

fn make_folder(folder: &Path) -> Result<()> {
    match metadata(folder)? {
        Some(meta) if meta.is_dir() => Ok(()),
        Some(_) => {
            remove_file(folder)?;
            fs::create_dir(folder).doing("making the folder of a submodule", folder)
        }
        None => fs::create_dir_all(folder).doing("making the folder of a submodule", folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in, write_in};

    const ALLOW: [&str; 2] = ["-c", "protocol.file.allow=always"];

    /// A repository with a submodule that has one of its own, each with one file.
    fn nested() -> (Scratch, [Scratch; 2]) {
        let [inner, outer, top] =
            ["inner", "outer", "top"].map(|it| Scratch::new(&[("v.txt", it)]));
        let add = |to: &Scratch, of: &Scratch| {
            let url = of.root().display().to_string();
            to.git(&[&ALLOW[..], &["submodule", "-q", "add", &url, "lib"]].concat());
            to.commit("a submodule", &[]);
        };
        add(&outer, &inner);
        add(&top, &outer);
        top.git(&[&ALLOW[..], &["submodule", "-q", "update", "--init", "--recursive"]].concat());
        (top, [outer, inner])
    }

    fn read(root: &Path, path: &str) -> String {
        fs::read_to_string(root.join(path)).unwrap_or_else(|_| "-".to_owned())
    }

    #[test]
    fn they_are_filled_at_the_commits_of_the_tree() {
        let (top, [outer, _inner]) = nested();
        let pool = top.pool();
        let worktree = pool.acquire(&top.base()).unwrap();
        let root = worktree.root().to_owned();
        assert_eq!(read(&root, "lib/v.txt") + &read(&root, "lib/lib/v.txt"), "outerinner");
        assert_eq!(git_in(&root, &["submodule", "status", "--recursive"]).matches(' ').count(), 6);
        assert_eq!(git_in(&root, &["status", "--porcelain"]), "");
        assert!(pool.collect(&worktree).unwrap().patch.is_empty());
        drop(worktree);
        let old = top.base();
        outer.commit("bump", &[("v.txt", "newer")]);
        git_in(&top.root().join("lib"), &["pull", "-q", "--recurse-submodules=no"]);
        top.commit("bump", &[]);
        for (base, text) in [(&top.base(), "newer"), (&old, "outer"), (&top.base(), "newer")] {
            let worktree = pool.acquire(base).unwrap();
            assert_eq!(read(worktree.root(), "lib/v.txt"), text);
            assert_eq!(git_in(worktree.root(), &["status", "--porcelain"]), "");
        }
        top.git(&["rm", "-qf", "lib"]);
        top.commit("none any more", &[("lib/v.txt", "plain")]);
        let worktree = pool.acquire(&top.base()).unwrap();
        assert_eq!(
            read(worktree.root(), "lib/v.txt") + &read(worktree.root(), "lib/lib/v.txt"),
            "plain-"
        );
        assert!(pool.collect(&worktree).unwrap().left_out.is_empty());
    }

    #[test]
    fn what_is_written_into_one_is_refused_by_name() {
        let (top, _others) = nested();
        let pool = top.pool();
        let check = |change: fn(&Path), words: &str| {
            let worktree = pool.acquire(&top.base()).unwrap();
            change(worktree.root());
            let found = pool.collect(&worktree).map(|_| String::new());
            let found = found.unwrap_or_else(|why| why.on_one_line());
            assert!(found.contains(words), "{words}: {found}");
        };
        check(|root| write_in(root, "lib/v.txt", "changed"), "the submodule `lib`");
        check(|root| write_in(root, "lib/new.txt", "new"), "the submodule `lib`");
        check(|root| write_in(root, "lib/lib/v.txt", "changed"), "the submodule `lib/lib`");
        check(|root| fs::remove_dir_all(root.join("lib")).unwrap(), "");
        check(|root| drop(git_in(&root.join("lib"), &["tag", "mine"])), "");
    }

    #[test]
    fn one_that_is_not_here_is_left_empty_and_a_missing_commit_is_told() {
        let (top, [outer, _inner]) = nested();
        let pool = top.pool();
        outer.commit("bump", &[("v.txt", "newer")]);
        let newer = outer.head().to_string();
        top.git(&["update-index", "--cacheinfo", &format!("160000,{newer},lib")]);
        top.git(&["commit", "-qm", "bump"]);
        let error = pool.acquire(&top.base()).map(drop).unwrap_err();
        assert!(error.on_one_line().contains(&newer) && error.help.is_some(), "{error:?}");
        top.git(&["submodule", "-q", "deinit", "-f", "lib"]);
        let worktree = pool.acquire(&top.base()).unwrap();
        assert_eq!(read(worktree.root(), "lib/v.txt"), "-");
    }
}
