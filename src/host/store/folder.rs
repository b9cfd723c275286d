//! orch's own folder `.orch/`: made on the first write, kept out of git by its own `.gitignore`.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::host::error::{Doing, Error, Result};
use crate::host::fault;

/// Files that are written in place are opened so: one that is a link is an error.
pub const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// The folder's name below the repository root.
pub const NAME: &str = ".orch";
/// Where files are written before they get their name.
const TMP: &str = "tmp";
const IGNORE: &str = ".gitignore";

/// What an opener may do to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is created, changed or removed, not even what is found damaged.
    ReadOnly,
    ReadWrite,
}

/// `.orch/` of one repository. Making the value touches nothing.
#[derive(Clone, Debug)]
pub struct OrchFolder {
    path: PathBuf,
    access: Access,
}

impl OrchFolder {
    pub fn below(root: &Path, access: Access) -> Self {
        Self { path: root.join(NAME), access }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where `name` lies in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn may_write(&self) -> bool {
        self.access == Access::ReadWrite
    }

    /// Makes the folder where it is missing; an error where writing is not allowed.
    pub fn create(&self) -> Result<()> {
        if !self.may_write() {
            return Err(
                Error::new("writing to a folder that was opened for reading").at(&self.path)
            );
        }
        self.refuse_links()?;
        let made = make_private(&self.path)
            .and_then(|()| self.ignore_itself())
            .and_then(|()| fs::create_dir_all(self.join(TMP)));
        made.doing("making orch's folder", &self.path)
    }

    /// All that orch writes or clears away lies in the folder itself: through a link that a repository brings
    /// along it would do so elsewhere. The folder, what is in it and what is in its folders are looked at; none
    /// but orch makes any deeper.
    ///
    /// # Errors
    /// There is a link.
    fn refuse_links(&self) -> Result<()> {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_symlink()) {
            return Err(is_a_link(&self.path));
        }
        for folder in folders_without_links(&self.path)? {
            folders_without_links(&folder)?;
        }
        Ok(())
    }

    /// Writes a whole file: whoever reads it sees the old content or the new, nothing between.
    pub fn write_whole(&self, to: &Path, pieces: &[&[u8]]) -> Result<()> {
        let mut aside = self.aside()?;
        for piece in pieces {
            aside.write_all(piece).doing("writing a file", to)?;
        }
        fault::point("storing");
        publish(aside, to)?;
        fault::point("stored");
        Ok(())
    }

    /// A file beside all others, to be [`publish`]ed when complete.
    pub fn aside(&self) -> Result<NamedTempFile> {
        let is_made = self.join(TMP).is_dir() && self.is_ignored();
        if !self.may_write() || !is_made {
            self.create()?;
        }
        let tmp = self.join(TMP);
        super::aside::file_in(&tmp).doing("making a file", &tmp)
    }

    fn ignore_itself(&self) -> io::Result<()> {
        if self.is_ignored() { Ok(()) } else { fs::write(self.join(IGNORE), "*\n") }
    }

    /// An empty file is what a full disk left.
    fn is_ignored(&self) -> bool {
        fs::metadata(self.join(IGNORE)).is_ok_and(|found| found.len() > 0)
    }
}

/// The folders in a folder; none where it is not there.
fn folders_without_links(path: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(folders),
        Err(error) => return Err(error).doing("listing a folder", path),
    };
    for entry in entries {
        // Others may be at work here: what is gone again is no link.
        let Ok((entry, kind)) = entry.and_then(|it| it.file_type().map(|kind| (it, kind))) else {
            continue;
        };
        if kind.is_symlink() {
            return Err(is_a_link(&entry.path()));
        }
        folders.extend(kind.is_dir().then(|| entry.path()));
    }
    Ok(folders)
}

fn is_a_link(path: &Path) -> Error {
    let doing = "a link lies where orch keeps what is its own";
    Error::new(doing).at(path).help("look where it leads, and remove it").of_user()
}

/// Makes a folder that only its owner may look into. One that is there and is this user's becomes so: what
/// sessions said and were asked lies in it.
pub fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let meta = fs::metadata(path)?;
    let is_own = meta.uid() == rustix::process::geteuid().as_raw();
    if is_own && meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Gives a complete file its name, over what was there.
pub fn publish(aside: NamedTempFile, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).doing("making a folder", parent)?;
    }
    aside.persist(to).map(drop).map_err(|error| error.error).doing("renaming a new file", to)
}

/// The content of a file; `None` where there is none.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error).doing("reading a file", path),
    }
}

/// True where an error says that there is no such file.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The names in a folder, sorted; none where there is no such folder.
pub fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("listing a folder", folder),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.doing("listing a folder", folder)?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_through_a_link_however_deep_it_lies() {
        let precious = tempfile::tempdir().unwrap();
        let file = precious.path().join("file");
        fs::write(&file, "").unwrap();
        for name in ["", "tmp", "lock", ".gitignore", "cas-v1/ab", "worktrees/1", "inbox/x.json"] {
            let root = tempfile::tempdir().unwrap();
            let place = root.path().join(NAME).join(name);
            let place = if name.is_empty() { root.path().join(NAME) } else { place };
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            let is_file = name.contains('.') || name == "lock";
            let target = if is_file { file.as_path() } else { precious.path() };
            std::os::unix::fs::symlink(target, &place).unwrap();
            let folder = OrchFolder::below(root.path(), Access::ReadWrite);
            let refused = folder.create().unwrap_err();
            assert!(refused.is_users && refused.to_string().contains("a link lies"), "{name}");
            assert_eq!(fs::read(&file).unwrap(), b"", "{name}");
            assert_eq!(names_in(precious.path()).unwrap(), ["file"], "{name}");
        }
    }

    #[test]
    fn the_folder_is_for_its_owner_alone_also_one_of_an_earlier_version() {
        let root = tempfile::tempdir().unwrap();
        let mode = |folder: &OrchFolder| fs::metadata(folder.path()).unwrap().mode() & 0o777;
        let folder = OrchFolder::below(root.path(), Access::ReadWrite);
        folder.create().unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder.create().unwrap();
        assert_eq!(mode(&folder), 0o700);
    }
}
