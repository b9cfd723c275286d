//! Making worktrees, clearing them away, and bringing those that earlier versions made up to date.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{MutexGuard, PoisonError};

use gix::progress::Discard;
use gix::worktree::stack::state::attributes::Source;

use super::base::BaseTree;
use super::copies::Copies;
use super::held::{self, Held};
use super::memory::Remembered;
use super::moving::remove_file;
use super::own_git::{Likeness, OwnGit, linked_folder_of};
use super::parked::{self, base_of_parked};
use super::pool::{Pool, REFS, Worktree};
use super::registration::{registration_of, unregister, unregister_all};
use crate::host::error::{Doing, Result};
use crate::host::fault;
use crate::host::git::normalize::metadata;
use crate::host::git::{extent, object_id};
use crate::host::removal::remove_folder;

impl Pool {
    /// Clears away what dead runs left half made, and what is still held for them. Worktrees in use and
    /// whole ones stay; those of an earlier version get a git of their own.
    pub fn sweep(&self) -> Result<()> {
        let doing = "looking through the pool of worktrees";
        for entry in fs::read_dir(self.folder()).doing(doing, self.folder())? {
            let path = entry.doing(doing, self.folder())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let Ok(number) = name.parse::<u32>() else { continue };
            if let Some(_lock) = self.try_lock(number)? {
                self.part_from_user(&path)?;
                if self.whole(&path).is_none() {
                    self.clear(&path)?;
                }
            }
        }
        let common = self.repository().local().common_dir().to_owned();
        unregister_all(&common, self.folder())?;
        let is_in_use = |number: &str| match number.parse() {
            Ok(number) => {
                let is_parked = self.stem(number).with_extension(parked::EXTENSION).exists();
                is_parked || !matches!(self.try_lock(number), Ok(Some(_)))
            }
            Err(_) => false,
        };
        held::let_go(self.repository(), self.folder(), is_in_use)
    }

    /// Removes every worktree that is not in use; returns how many.
    pub fn remove_all(&self) -> Result<usize> {
        let mut removed = 0;
        for number in 1..=self.highest()? {
            let stem = self.stem(number);
            if stem.exists()
                && let Some(_lock) = self.try_lock(number)?
            {
                self.clear(&stem)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// What sessions changed in their own git since this was last asked, as phrases.
    pub fn strays(&self) -> Vec<String> {
        std::mem::take(&mut *self.noted_strays())
    }

    fn noted_strays(&self) -> MutexGuard<'_, Vec<String>> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a session did to the copies of refs in its git.
    pub(super) fn note_strays(&self, tree: &Worktree) {
        if let Some(given) = Copies::noted(&tree.refs_file()) {
            let changes = given.changes_in(OwnGit::of(tree.root()).folder());
            self.noted_strays().extend(changes);
        }
    }

    /// Makes a worktree with the files of the base.
    pub(super) fn make(&self, root: &Path, base: &BaseTree) -> Result<gix::Repository> {
        let doing = "making a worktree";
        fs::create_dir(root).doing(doing, root)?;
        let git = self.opened(root)?;
        let own = OwnGit::of(root);
        own.renew(&Likeness::of(&git)?, base.commit.as_str())?;
        let tree = object_id(base.laid().as_str())?;
        let mut index = git.index_from_tree(&tree).doing("reading a tree", root)?;
        let mut options = git.checkout_options(Source::IdMapping).doing(doing, root)?;
        options.destination_is_initially_empty = true;
        let objects = git.objects.clone().into_arc().doing(doing, root)?;
        let (none, never) = (&Discard, &AtomicBool::new(false));
        let made =
            gix::worktree::state::checkout(&mut index, root, objects, none, none, never, options);
        extent::reading(&git, doing, root.display().to_string(), made)?;
        fault::point("made worktree");
        Remembered::write(index, tree, &root.with_extension("index"))?;
        Ok(git)
    }

    /// Makes the worktree's git as new, standing on its base.
    pub(super) fn renew_git(&self, git: &gix::Repository, tree: &Worktree) -> Result<OwnGit> {
        let (own, like) = (OwnGit::of(tree.root()), Likeness::of(git)?);
        own.renew(&like, tree.base().commit.as_str())?;
        let (file, note) = (tree.refs_file(), like.copies.note());
        if !fs::read(&file).is_ok_and(|is| is == note.as_bytes()) {
            fs::write(&file, note).doing("noting the refs of a worktree", &file)?;
        }
        Ok(own)
    }

    /// Removes a worktree with all that belongs to it, whatever state it is in. Its lock is held.
    pub(super) fn clear(&self, stem: &Path) -> Result<()> {
        self.forget(stem)?;
        let common = self.repository().local().common_dir().to_owned();
        let registration = registration_of(&common, stem);
        let doing = "removing a broken worktree";
        match metadata(stem)? {
            Some(meta) if meta.is_dir() => remove_folder(stem).doing(doing, stem)?,
            Some(_) => remove_file(stem)?,
            None => {}
        }
        registration.map_or(Ok(()), |it| unregister(&it))
    }

    /// Removes all that is remembered of a worktree beside it, but for its lock.
    fn forget(&self, stem: &Path) -> Result<()> {
        let doing = "forgetting a worktree";
        let name = stem.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        for entry in fs::read_dir(self.folder()).doing(doing, self.folder())? {
            let file = entry.doing(doing, self.folder())?.path();
            let rest = file.file_name().and_then(|it| it.to_str()?.strip_prefix(name));
            if rest.is_some_and(|it| it.starts_with('.') && it != ".lock") {
                remove_file(&file)?;
            }
        }
        Ok(())
    }

    /// Gives a worktree that is linked to the user's repository a git of its own, with its files, index
    /// and HEAD as they are.
    fn part_from_user(&self, root: &Path) -> Result<()> {
        let user = self.repository().local();
        let Some(linked) = registration_of(user.common_dir(), root) else { return Ok(()) };
        debug_assert_eq!(linked_folder_of(root).as_ref(), Some(&linked));
        let doing = "giving a worktree a git of its own";
        let Ok(head) = fs::read_to_string(linked.join("HEAD")) else { return Ok(()) };
        let index = fs::read(linked.join("index")).ok();
        remove_file(&root.join(".git"))?;
        let (own, like) = (OwnGit::of(root), Likeness::of(&user)?);
        own.renew(&like, head.trim())?;
        if let Some(index) = index {
            fs::write(own.index(), index).doing(doing, root)?;
        }
        fs::write(root.with_extension(REFS), like.copies.note()).doing(doing, root)?;
        if let Some(base) = base_of_parked(root) {
            let number = root.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            Held::new(self.repository(), self.folder(), number, &base)?.leave();
        }
        unregister(&linked)
    }
}
