//! The git of a worktree: a folder of its own. It looks up objects in the user's repository and shares
//! nothing else with it. Each attempt finds it made anew, whatever the one before did to it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::copies::Copies;
use super::moving::remove_file;
use super::settings::settings_like;
use super::stores::Stores;
use crate::host::error::{Doing, Error, Result};
use crate::host::git::normalize::metadata;
use crate::host::removal::remove_folder;

const ALTERNATES: &str = "objects/info/alternates";

/// Worktrees hold texts as UTF-8, whatever they are in the user's checkout.
const AS_UTF8: &[u8] = b"\n* !working-tree-encoding\n";

/// Folders that a repository has.
const FOLDERS: &[&str] =
    &["info", "objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"];

/// What stays in the folder from attempt to attempt, where it is what it is to be.
const FILES: &[&str] = &["HEAD", "config", "index", "packed-refs", "shallow"];

/// What a worktree's git is made from, as the user's repository is now.
pub(super) struct Likeness {
    objects: String,
    config: String,
    pub copies: Copies,
    /// Files of the repository that are copied, each by its name; `None` where there is none.
    files: Vec<(&'static str, Option<Vec<u8>>)>,
    common: PathBuf,
    stores: Stores,
}

impl Likeness {
    /// # Errors
    /// The user's repository cannot be read.
    pub fn of(user: &gix::Repository) -> Result<Self> {
        let common = user.common_dir();
        let copied = ["info/exclude", "info/attributes", "shallow"];
        let files = copied.into_iter().map(|name| match fs::read(common.join(name)) {
            Ok(bytes) => Ok((name, Some(bytes))),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok((name, None)),
            Err(why) => Err(why).doing("reading a file of git's", common.join(name)),
        });
        let mut files = files.collect::<Result<Vec<_>>>()?;
        for (_, content) in files.iter_mut().filter(|(name, _)| *name == "info/attributes") {
            content.get_or_insert_default().extend_from_slice(AS_UTF8);
        }
        let (objects, config) = (alternates_of(user)?, settings_like(user));
        let (copies, stores) = (Copies::of(user)?, Stores::of(common));
        Ok(Self { objects, config, copies, files, common: common.to_owned(), stores })
    }
}

/// The line that leads to the user's objects.
fn alternates_of(user: &gix::Repository) -> Result<String> {
    let doing = "looking for the repository's objects";
    let objects = user.common_dir().join("objects");
    let objects = fs::canonicalize(&objects).doing(doing, &objects)?;
    match objects.to_str().filter(|it| !it.contains('\n') && !it.starts_with(['#', '"'])) {
        Some(path) => Ok(format!("{path}\n")),
        None => Err(Error::new("git cannot be told where these objects lie").at(&objects)),
    }
}

/// The folder `.git` in a worktree.
pub(super) struct OwnGit(PathBuf);

impl OwnGit {
    pub fn of(root: &Path) -> Self {
        Self(root.join(".git"))
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// What git commands in the worktree keep of its files.
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }

    /// True for one that was made here and leads to the objects of this repository.
    pub fn is_of(&self, user: &gix::Repository) -> bool {
        let is_folder = metadata(&self.0).ok().flatten().is_some_and(|meta| meta.is_dir());
        let leads = || fs::read(self.0.join(ALTERNATES)).ok();
        is_folder && alternates_of(user).is_ok_and(|it| leads() == Some(it.into_bytes()))
    }

    /// Makes it as new, standing on a commit. The index stays, for who moves the files to write.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn renew(&self, like: &Likeness, commit: &str) -> Result<()> {
        self.clear()?;
        for folder in FOLDERS {
            make_folder(&self.0.join(folder))?;
        }
        self.renew_refs(&like.copies)?;
        put(&self.0.join("config"), like.config.as_bytes())?;
        put(&self.0.join(ALTERNATES), like.objects.as_bytes())?;
        for (name, content) in &like.files {
            match content {
                Some(bytes) => put(&self.0.join(name), bytes)?,
                None => remove(&self.0.join(name))?,
            }
        }
        like.stores.link(&like.common, &self.0)?;
        put(&self.0.join("HEAD"), format!("{commit}\n").as_bytes())
    }

    /// Removes what an attempt left: commits, stashes, a merge that it began, locks.
    fn clear(&self) -> Result<()> {
        make_folder(&self.0)?;
        // What `worktree.setup` fetched of submodules that the user has not got is of the set-up.
        let is_kept =
            |name: &str| FILES.contains(&name) || FOLDERS.contains(&name) || name == "modules";
        remove_all_but(&self.0, is_kept)?;
        remove_all_but(&self.0.join("objects"), |name| ["info", "pack"].contains(&name))?;
        remove_all_but(&self.0.join("objects/pack"), |_| false)?;
        remove_all_but(&self.0.join("objects/info"), |name| name == "alternates")?;
        remove_all_but(&self.0.join("info"), |name| ["exclude", "attributes"].contains(&name))
    }

    fn renew_refs(&self, copies: &Copies) -> Result<()> {
        if !copies.changes_in(&self.0).is_empty() || has_lock(&self.0.join("refs")) {
            let refs = self.0.join("refs");
            remove(&refs)?;
            for folder in FOLDERS.iter().filter(|it| it.starts_with("refs")) {
                make_folder(&self.0.join(folder))?;
            }
            for (name, to) in &copies.symbolic {
                let place = self.0.join(name);
                let folder = place.parent().unwrap_or(&refs);
                fs::create_dir_all(folder).doing("making a folder", folder)?;
                put(&place, format!("ref: {to}\n").as_bytes())?;
            }
        }
        put(&self.0.join("packed-refs"), copies.packed.as_bytes())
    }
}

/// Something that is no ref lies below the folder: a link, or the lock of a process that was ended.
fn has_lock(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => has_lock(&entry.path()),
        Ok(kind) => !kind.is_file() || entry.file_name().as_encoded_bytes().ends_with(b".lock"),
        Err(_) => true,
    })
}

/// A folder that is really one: a link that lies there would lead what is written elsewhere.
fn make_folder(folder: &Path) -> Result<()> {
    match metadata(folder)? {
        Some(meta) if meta.is_dir() => return Ok(()),
        Some(_) => remove_file(folder)?,
        None => {}
    }
    fs::create_dir(folder).doing("making a folder of git's", folder)
}

fn remove_all_but(folder: &Path, is_kept: impl Fn(&str) -> bool) -> Result<()> {
    let doing = "clearing a worktree's git";
    if !metadata(folder)?.is_some_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).doing(doing, folder)? {
        let entry = entry.doing(doing, folder)?;
        if !entry.file_name().to_str().is_some_and(&is_kept) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(place: &Path) -> Result<()> {
    match metadata(place)? {
        Some(meta) if meta.is_dir() => {
            remove_folder(place).doing("clearing a worktree's git", place)
        }
        Some(_) => remove_file(place),
        None => Ok(()),
    }
}

/// Makes a file hold this, and nothing else be written: what lies there may be a link.
fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    let is_file = metadata(file)?.is_some_and(|meta| meta.is_file());
    if is_file && fs::read(file).is_ok_and(|is| is == bytes) {
        return Ok(());
    }
    remove(file)?;
    fs::write(file, bytes).doing("writing a file of git's", file)
}

/// True where the index that a session left is a plain file.
pub(super) fn is_plain_file(file: &Path) -> bool {
    metadata(file).ok().flatten().is_some_and(|meta| meta.is_file())
}

/// Where a linked worktree of git's says that its own folder is.
pub(super) fn linked_folder_of(root: &Path) -> Option<PathBuf> {
    let file = root.join(".git");
    let text = fs::read(&file).ok().filter(|_| is_plain_file(&file))?;
    let place = text.strip_prefix(b"gitdir:")?.trim().to_path().ok()?;
    fs::canonicalize(root.join(place)).ok()
}

#[cfg(test)]
mod tests;
