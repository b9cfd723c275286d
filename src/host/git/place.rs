//! Puts single files of a tree into a checkout: whole or not at all, filters applied.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};
use gix::filter::plumbing::pipeline::convert::ToWorktreeOutcome;
use gix::index::entry::{Mode, Stat};
use gix::objs::tree::EntryKind;
use gix::worktree::stack::state::attributes::Source;
use tempfile::{NamedTempFile, TempDir};

use super::encoding::Encodings;
use super::known::Texts;
use super::normalize::{gone, metadata};
use super::object::{TreeEntry, blob};
use crate::base::name::RelPath;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::store::aside;

/// What to do with a folder in the place of a file, or a file in the place of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupied {
    /// The checkout is orch's own: take it away.
    Replace,
    /// The checkout is the user's: only empty folders give way.
    Refuse,
}

/// Writes files of one checkout.
pub(crate) struct Placer<'r> {
    git: &'r gix::Repository,
    root: PathBuf,
    occupied: Occupied,
    filters: gix::filter::Pipeline<'r>,
    index: &'r gix::index::State,
    /// Known once the filters have changed something of the user's.
    encodings: Option<Encodings<'r>>,
    texts: Texts,
}

impl<'r> Placer<'r> {
    /// Attributes are read from the checkout, and where it lacks them from `index`.
    pub fn new(
        git: &'r gix::Repository,
        index: &'r gix::index::State,
        root: &Path,
        occupied: Occupied,
    ) -> Result<Self> {
        let filters = filters(git, index).doing("reading git's filters", root)?;
        let (root, texts) = (root.to_owned(), Texts::default());
        Ok(Self { git, root, occupied, filters, index, encodings: None, texts })
    }

    /// With texts that need not be read.
    pub fn knowing(self, texts: &Texts) -> Self {
        Self { texts: texts.clone(), ..self }
    }

    /// Makes the path hold the entry and returns what the index is to remember of the file.
    pub fn put(&mut self, path: &BStr, entry: TreeEntry) -> Result<Stat> {
        let file = self.file(path);
        match self.ready(path, entry)? {
            None => {}
            Some(Ready::Link(made)) => {
                std::fs::rename(made.path().join(LINK), &file).doing("making a link", &file)?;
            }
            Some(Ready::File(made)) => {
                let persisted = made.persist(&file).map_err(|why| why.error);
                persisted.doing("writing a file", &file)?;
            }
        }
        stat_of(&file)
    }

    /// Makes room for the entry, and the entry beside its place; a submodule is a folder, which is made at
    /// once.
    pub fn ready(&mut self, path: &BStr, entry: TreeEntry) -> Result<Option<Ready>> {
        let file = self.file(path);
        self.make_folders(path)?;
        if metadata(&file)?.is_some_and(|meta| meta.is_dir()) && entry.kind != EntryKind::Commit {
            self.clear_folder(&file)?;
        }
        Ok(match entry.kind {
            EntryKind::Commit => {
                std::fs::create_dir_all(&file).doing("making a folder", &file)?;
                None
            }
            EntryKind::Link => Some(Ready::Link(self.made_link(&file, entry)?)),
            _ => Some(Ready::File(self.made_file(path, &file, entry)?)),
        })
    }

    fn file(&self, path: &BStr) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }

    fn make_folders(&self, path: &BStr) -> Result<()> {
        for folder in folders_above(path) {
            let folder = self.root.join(folder);
            match metadata(&folder)? {
                Some(meta) if meta.is_dir() => continue,
                Some(_) => self.clear_file(&folder)?,
                None => {}
            }
            std::fs::create_dir(&folder).doing("making a folder", &folder)?;
        }
        Ok(())
    }

    fn clear_folder(&self, folder: &Path) -> Result<()> {
        let cleared = match self.occupied {
            Occupied::Replace => std::fs::remove_dir_all(folder),
            Occupied::Refuse => remove_empty_folders(folder),
        };
        cleared.doing("replacing a folder by a file", folder)
    }

    fn clear_file(&self, file: &Path) -> Result<()> {
        match self.occupied {
            Occupied::Replace => {
                std::fs::remove_file(file).doing("replacing a file by a folder", file)
            }
            Occupied::Refuse => Err(Error::new("a file is in the place of a folder").at(file)),
        }
    }

    fn made_link(&self, file: &Path, entry: TreeEntry) -> Result<TempDir> {
        let target = blob(self.git, entry.id)?;
        let scratch = aside::folder_in(&aside::place_for(&self.root, file));
        let scratch = scratch.doing("making a link", file)?;
        let link = scratch.path().join(LINK);
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), &link)
            .doing("making a link", file)?;
        Ok(scratch)
    }

    fn made_file(&mut self, path: &BStr, file: &Path, entry: TreeEntry) -> Result<NamedTempFile> {
        let doing = "writing a file";
        let known = RelPath::from_bytes(path).and_then(|path| self.texts.of(&path, entry.id));
        let stored = match &known {
            Some(text) => Cow::Borrowed(text.as_str().as_bytes()),
            None => Cow::Owned(blob(self.git, entry.id)?),
        };
        let outcome = self
            .filters
            .convert_to_worktree(&stored, path, Default::default())
            .doing("applying git's filters", file)?;
        let mut temp =
            aside::file_with(&aside::place_for(&self.root, file), permissions(entry.kind))
                .doing(doing, file)?;
        match outcome {
            ToWorktreeOutcome::Unchanged(bytes) => temp.write_all(bytes).doing(doing, file)?,
            ToWorktreeOutcome::Buffer(bytes) if self.occupied == Occupied::Replace => {
                temp.write_all(bytes).doing(doing, file)?;
            }
            ToWorktreeOutcome::Buffer(bytes) => {
                let bytes = bytes.to_vec();
                let known = match &mut self.encodings {
                    Some(known) => known,
                    unread => unread.insert(Encodings::of(self.git, self.index)?),
                };
                temp.write_all(&known.written(path, bytes)?).doing(doing, file)?;
            }
            mut process => {
                std::io::copy(&mut process, &mut temp).doing("applying git's filters", file)?;
            }
        }
        fault::point("placing file");
        Ok(temp)
    }
}

/// What is to be put at a path, beside it.
pub(crate) enum Ready {
    File(NamedTempFile),
    /// A folder with the link in it.
    Link(TempDir),
}

/// How a link is called in its folder.
const LINK: &str = "link";

impl Ready {
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(made) => made.path().to_owned(),
            Self::Link(made) => made.path().join(LINK),
        }
    }
}

/// Makes the path absent and removes folders that this leaves empty.
pub(crate) fn remove(root: &Path, path: &BStr) -> Result<()> {
    let file = root.join(OsStr::from_bytes(path));
    let Some(meta) = metadata(&file)? else { return Ok(()) };
    if has_link_above(root, path) {
        return Ok(());
    }
    let removed =
        if meta.is_dir() { std::fs::remove_dir(&file) } else { std::fs::remove_file(&file) };
    match removed {
        // A submodule's folder with content stays, as with git.
        Err(why) if !meta.is_dir() && !gone(&why) => {
            return Err(why).doing("removing a file", &file);
        }
        _ => {}
    }
    remove_empty_above(root, &file);
    Ok(())
}

/// Removes the folders above a file that are empty now.
pub(crate) fn remove_empty_above(root: &Path, file: &Path) {
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != root) {
        if std::fs::remove_dir(empty).is_err() {
            break;
        }
        folder = empty.parent();
    }
}

/// What converts between a checkout and git, as `gix::Repository::filter_pipeline` has it, with an
/// index that is at hand.
pub(crate) fn filters<'r>(
    git: &'r gix::Repository,
    index: &gix::index::State,
) -> std::result::Result<gix::filter::Pipeline<'r>, gix::Error> {
    let attributes = git.attributes_only(index, Source::WorktreeThenIdMapping)?;
    gix::filter::Pipeline::new(git, attributes.detach())
}

/// Removes a folder that holds nothing but folders; fails at the first file.
fn remove_empty_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_folders(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

/// The permissions a new file asks for; the umask takes its part, as with git.
fn permissions(kind: EntryKind) -> std::fs::Permissions {
    let mode = if kind == EntryKind::BlobExecutable { 0o777 } else { 0o666 };
    std::fs::Permissions::from_mode(mode)
}

/// Whether a folder on the way is really a link: what lies behind it is no content of the path.
pub(crate) fn has_link_above(root: &Path, path: &BStr) -> bool {
    folders_above(path).any(|folder| root.join(folder).is_symlink())
}

/// What the index remembers of a file.
pub(crate) fn stat_of(file: &Path) -> Result<Stat> {
    let doing = "looking at a file";
    let meta = gix::index::fs::Metadata::from_path_no_follow(file).doing(doing, file)?;
    Stat::from_fs(&meta).doing(doing, file)
}

/// The mode of an entry as the index writes it.
pub(crate) fn index_mode(kind: EntryKind) -> Mode {
    match kind {
        EntryKind::BlobExecutable => Mode::FILE_EXECUTABLE,
        EntryKind::Link => Mode::SYMLINK,
        EntryKind::Commit => Mode::COMMIT,
        EntryKind::Tree => Mode::DIR,
        EntryKind::Blob => Mode::FILE,
    }
}

/// The folders that a path lies in, outermost first.
pub(crate) fn folders_above(path: &BStr) -> impl Iterator<Item = &Path> {
    let ends = path.find_iter(b"/").collect::<Vec<_>>();
    ends.into_iter().map(move |end| Path::new(OsStr::from_bytes(&path[..end])))
}
