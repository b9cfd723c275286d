//! Where documents are read: in a folder, or in a tree of git, laid over the user's checkout.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Unread, check_size, read_text, text_of, unreadable};
use crate::base::name::{RelPath, TreeId};
use crate::host::error::{Doing, Result};
use crate::host::git::Repository;
use crate::host::git::browse::{Browsed, EntryKind};
use crate::host::git::object::TreeEntry;
use crate::host::store::folder::is_absent;

/// So many links are followed on the way to a file.
const MAX_LINKS: usize = 16;

pub(super) trait Place {
    /// Names in a folder; none where there is no such folder.
    fn names(&self, folder: &RelPath) -> Result<Vec<String>>;

    /// True for a folder, and for a link to one.
    fn is_folder(&self, path: &RelPath) -> bool;

    /// Where a folder really is, where it is anywhere.
    fn identity_of(&self, folder: &RelPath) -> Option<PathBuf>;

    /// Whether anything is at the path, were it a link to nowhere.
    fn is_there(&self, path: &RelPath) -> Result<bool>;

    fn text(&self, path: &RelPath) -> std::result::Result<Arc<str>, Unread>;
}

/// Files below a folder, as they lie.
pub(super) struct Disk<'a>(pub &'a Path);

impl Place for Disk<'_> {
    fn names(&self, folder: &RelPath) -> Result<Vec<String>> {
        names_in(&file_at(self.0, folder))
    }

    fn is_folder(&self, path: &RelPath) -> bool {
        file_at(self.0, path).is_dir()
    }

    fn identity_of(&self, folder: &RelPath) -> Option<PathBuf> {
        fs::canonicalize(file_at(self.0, folder)).ok()
    }

    fn is_there(&self, path: &RelPath) -> Result<bool> {
        Ok(is_at(&file_at(self.0, path)))
    }

    fn text(&self, path: &RelPath) -> std::result::Result<Arc<str>, Unread> {
        read_text(&file_at(self.0, path), path)
    }
}

/// The user's checkout with what a tree has otherwise than HEAD: what the user has not committed, and
/// what git does not track, is there too.
pub(super) struct Laid {
    root: PathBuf,
    tree: Browsed,
    head: Browsed,
    /// Only what git does not know is read where it lies.
    is_committed: bool,
}

/// Where a path leads.
enum Spot {
    Inside(RelPath),
    /// By a link out of the repository.
    Outside(PathBuf),
}

impl Laid {
    pub fn of(repo: &Repository, tree: &TreeId) -> Result<Self> {
        let head = repo.tree_of(&repo.state()?.head)?;
        Ok(Self {
            root: repo.root().to_owned(),
            tree: repo.browse(tree)?,
            head: repo.browse(&head)?,
            is_committed: false,
        })
    }

    pub fn committed(self) -> Self {
        Self { is_committed: true, ..self }
    }

    /// What the tree has at the path; `Err` where that is for the checkout to say.
    fn own(&self, path: &RelPath) -> Result<std::result::Result<Option<TreeEntry>, PathBuf>> {
        let own = self.tree.entry_of(path)?;
        let is_as_head = self.head.entry_of(path)? == own;
        let is_lying = is_as_head && !(self.is_committed && own.is_some());
        Ok(if is_lying { Err(file_at(&self.root, path)) } else { Ok(own) })
    }

    fn spot(&self, path: &RelPath) -> Result<Spot> {
        let mut path = path.clone();
        for _ in 0..MAX_LINKS {
            let Some(led) = self.led(&path)? else { break };
            match RelPath::normalize(&led) {
                Some(inside) => path = inside,
                None => return Ok(Spot::Outside(self.root.join(led))),
            }
        }
        Ok(Spot::Inside(path))
    }

    /// The path behind the first link on its way.
    fn led(&self, path: &RelPath) -> Result<Option<String>> {
        let text = path.as_str();
        let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
        for end in ends {
            let Some(above) = RelPath::new(&text[..end]) else { continue };
            let found = self.tree.entry_of(&above)?;
            let Some(link) = found.filter(|it| it.kind == EntryKind::Link) else { continue };
            let target = String::from_utf8_lossy(&self.tree.bytes_of(link)?).into_owned();
            let rest = &text[end..];
            return Ok(Some(match (target.starts_with('/'), above.parent()) {
                (false, Some(parent)) => format!("{parent}/{target}{rest}"),
                _ => format!("{target}{rest}"),
            }));
        }
        Ok(None)
    }

    fn bytes(&self, path: &RelPath) -> Result<std::result::Result<Vec<u8>, Option<PathBuf>>> {
        let file = match self.spot(path)? {
            Spot::Outside(file) => return Ok(Err(Some(file))),
            Spot::Inside(path) => self.own(&path)?,
        };
        let entry = match file {
            Err(file) => return Ok(Err(Some(file))),
            Ok(None) => return Ok(Err(None)),
            Ok(Some(entry)) => entry,
        };
        match entry.kind {
            EntryKind::Blob | EntryKind::BlobExecutable => Ok(Ok(self.tree.bytes_of(entry)?)),
            // Read where it lies, it tells that it is no file.
            _ => Ok(Err(Some(self.root.clone()))),
        }
    }
}

impl Place for Laid {
    fn names(&self, folder: &RelPath) -> Result<Vec<String>> {
        let folder = match self.spot(folder)? {
            Spot::Outside(folder) => return names_in(&folder),
            Spot::Inside(folder) => folder,
        };
        let (own, head) = (self.tree.entries_of(&folder)?, self.head.entries_of(&folder)?);
        let lying: BTreeSet<String> =
            names_in(&file_at(&self.root, &folder))?.into_iter().collect();
        let all: BTreeSet<&String> = own.keys().chain(&lying).collect();
        let is_there = |name: &&String| match own.get(*name) == head.get(*name) {
            true if !self.is_committed || !own.contains_key(*name) => lying.contains(*name),
            _ => own.contains_key(*name),
        };
        Ok(all.into_iter().filter(is_there).cloned().collect())
    }

    fn is_folder(&self, path: &RelPath) -> bool {
        match self.spot(path) {
            Ok(Spot::Outside(folder)) => folder.is_dir(),
            Ok(Spot::Inside(path)) => match self.own(&path) {
                Ok(Ok(own)) => own.is_some_and(|it| it.kind == EntryKind::Tree),
                Ok(Err(folder)) => folder.is_dir(),
                Err(_) => false,
            },
            Err(_) => false,
        }
    }

    fn identity_of(&self, folder: &RelPath) -> Option<PathBuf> {
        match self.spot(folder).ok()? {
            Spot::Outside(folder) => fs::canonicalize(folder).ok(),
            Spot::Inside(folder) => Some(file_at(&self.root, &folder)),
        }
    }

    fn is_there(&self, path: &RelPath) -> Result<bool> {
        Ok(self.own(path)?.map_or_else(|file| is_at(&file), |own| own.is_some()))
    }

    fn text(&self, path: &RelPath) -> std::result::Result<Arc<str>, Unread> {
        match self.bytes(path) {
            Ok(Ok(bytes)) => {
                check_size(path, bytes.len() as u64)?;
                text_of(path, bytes)
            }
            Ok(Err(Some(file))) => read_text(&file, path),
            Ok(Err(None)) => Err(unreadable(path, &io::ErrorKind::NotFound.into())),
            Err(error) => Err(unreadable(path, &io::Error::other(error.on_one_line()))),
        }
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let doing = "reading a folder of documents";
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).doing(doing, folder),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.doing(doing, folder)?.file_name().into_string().ok());
    }
    Ok(names)
}

fn is_at(file: &Path) -> bool {
    !fs::symlink_metadata(file).as_ref().is_err_and(is_absent)
}

fn file_at(root: &Path, path: &RelPath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    root.join(std::ffi::OsStr::from_bytes(&path.to_bytes()))
}
