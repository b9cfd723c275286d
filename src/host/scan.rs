//! The scan: what content files have now. Content is hashed once and remembered by the file's stat,
//! so that an unchanged tree costs one `lstat` a file. Watching gives hints; this is the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use crate::base::digest::Digest;
use crate::base::file::{FileKind, FileState};
use crate::base::name::RelPath;
use crate::spec::glob::GlobSet;

use super::error::{Doing, Result};
use super::halves::in_halves;
use super::pieces;
use super::store::folder::{self, Access, OrchFolder};

mod cache;
mod links;
mod submodule;
mod walk;

use cache::Cache;
pub use cache::Stat;
pub use submodule::{commit_of as submodule_commit_of, git_folders_of};
pub use walk::{Rules as IgnoreRules, is_off_limits, path_below};

/// Fewer paths than this are looked at on one thread.
const SPLIT_FROM: usize = 512;
/// A file that changes while it is read is read again, so many times.
const READS: usize = 4;

/// What a scan answers: each path once, sorted; `None` where nothing is there.
pub type Found = Vec<(RelPath, Option<FileState>)>;

/// How content is brought into the form in which git stores it (line endings and other clean
/// filters).
pub trait NormalForm: Send + Sync {
    /// Another one whenever the same bytes may come out differently: what was hashed before counts
    /// no more.
    fn version(&self) -> Digest;

    /// The content that git would store for `path`.
    fn normalize(&self, path: &RelPath, content: Vec<u8>) -> Vec<u8>;

    /// True where that is its content as it lies on the disk, whatever it is.
    fn is_as_is(&self, path: &RelPath) -> bool;
}

/// Content as it lies on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsIs;

impl NormalForm for AsIs {
    fn version(&self) -> Digest {
        Digest::of(b"as is")
    }

    fn normalize(&self, _: &RelPath, content: Vec<u8>) -> Vec<u8> {
        content
    }

    fn is_as_is(&self, _: &RelPath) -> bool {
        true
    }
}

/// Looks at files below one root.
pub struct Scanner {
    root: PathBuf,
    /// The root, held open; `None` where it could not be.
    top: Option<File>,
    folder: OrchFolder,
    form: Arc<dyn NormalForm>,
    /// Never freed piece by piece: where a scanner ends, so does its process, or nearly.
    cache: ManuallyDrop<RwLock<Cache>>,
}

impl Scanner {
    /// Reads the remembered digests; without them, or where they are damaged, everything is hashed
    /// once.
    pub fn open(root: &Path, access: Access, form: Arc<dyn NormalForm>) -> Self {
        let folder = OrchFolder::below(root, access);
        let cache = ManuallyDrop::new(RwLock::new(Cache::load(&folder, form.version())));
        Self { root: root.to_owned(), top: File::open(root).ok(), folder, form, cache }
    }

    /// The content of one path now; `None` where no file is. A folder is a submodule or nothing.
    pub fn digest_of(&self, path: &RelPath) -> Result<Option<FileState>> {
        let found = match &self.top {
            // From there the way to the file is shorter.
            Some(top) => Stat::below(top.as_fd(), &path.to_bytes()).map_err(io::Error::from),
            None => fs::symlink_metadata(self.place_of(path)).map(|meta| Stat::of(&meta)),
        };
        match found.and_then(|stat| self.state_of(path, stat)) {
            Ok(state) => Ok(state),
            Err(error) if folder::is_absent(&error) => Ok(None),
            Err(error) => Err(error).doing("reading a file", self.place_of(path)),
        }
    }

    /// Every file that a set takes, and each of `paths` whether it is there or not. A pattern
    /// without wildcards is looked at where it points, ignored by git or not; others are looked for
    /// among the files that git does not ignore. Fails where a named file cannot be read.
    pub fn scan(&self, globs: &[GlobSet], paths: &[RelPath]) -> Result<Found> {
        let mut search = walk::Search::new(globs)?;
        let asked: BTreeSet<&RelPath> = paths.iter().collect();
        let named: BTreeSet<&RelPath> = asked.iter().copied().chain(search.literals()).collect();
        let mut found = self.states_of(&named.into_iter().collect::<Vec<_>>())?;
        search.descend(&self.root, &found);
        found.retain(|(path, _)| asked.contains(path) || search.takes_literal(path));
        let walked = self.walk(&search);
        if walked.is_empty() {
            return Ok(found);
        }
        let mut all: BTreeMap<RelPath, Option<FileState>> = found.into_iter().collect();
        all.extend(walked.into_iter().map(|(path, state)| (path, Some(state))));
        Ok(all.into_iter().collect())
    }

    /// Keeps what was hashed for the next start. Does nothing where too little is new, or where the
    /// scanner may not write.
    pub fn save(&self) -> Result<()> {
        if !self.folder.may_write() || !self.known().is_worth_saving() {
            return Ok(());
        }
        self.known_mut().save(&self.folder)
    }

    /// What paths are, in their order.
    fn states_of(&self, paths: &[&RelPath]) -> Result<Found> {
        let look = |paths: &[&RelPath]| -> Result<Found> {
            paths.iter().map(|&path| Ok((path.clone(), self.digest_of(path)?))).collect()
        };
        let mut all = Vec::with_capacity(paths.len());
        for part in in_halves(paths, SPLIT_FROM, look) {
            all.append(&mut part?);
        }
        Ok(all)
    }

    /// The state of a file whose `lstat` is known.
    fn state_of(&self, path: &RelPath, stat: Stat) -> io::Result<Option<FileState>> {
        if stat.is_dir() {
            let commit = submodule::commit_of(&self.place_of(path));
            return Ok(commit.map(|id| FileState {
                digest: Digest::of(id.as_str().as_bytes()),
                kind: FileKind::Submodule,
            }));
        }
        if !stat.is_file() && !stat.is_symlink() {
            return Ok(None);
        }
        if let Some(digest) = self.known().digest_of(path, &stat) {
            return Ok(Some(FileState { digest, kind: kind_of(&stat) }));
        }
        if stat.is_symlink() { self.link_state(path, stat) } else { self.hash(path) }
    }

    fn link_state(&self, path: &RelPath, stat: Stat) -> io::Result<Option<FileState>> {
        let seen = SystemTime::now();
        let target = match fs::read_link(self.place_of(path)) {
            Ok(target) => target.into_os_string().into_vec(),
            Err(error) if folder::is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let digest = Digest::of(&target);
        self.known_mut().learn(path, stat, digest, seen);
        Ok(Some(FileState { digest, kind: FileKind::Symlink }))
    }

    /// Reads a file until its stat is the same before and after; what never settles is not
    /// remembered.
    fn hash(&self, path: &RelPath) -> io::Result<Option<FileState>> {
        let place = self.place_of(path);
        let mut state = None;
        for _ in 0..READS {
            let seen = SystemTime::now();
            let (before, digest, after) =
                match hash_regular(&place, |file, size| self.digest(path, file, size)) {
                    Ok(Some(hashed)) => hashed,
                    Ok(None) => return Ok(None),
                    Err(error) if folder::is_absent(&error) => return Ok(None),
                    Err(error) => return Err(error),
                };
            let stat = Stat::of(&after);
            state = Some(FileState { digest, kind: kind_of(&stat) });
            if stat == Stat::of(&before) {
                self.known_mut().learn(path, stat, digest, seen);
                break;
            }
        }
        Ok(state)
    }

    /// The digest of what git would store.
    fn digest(&self, path: &RelPath, file: &mut File, size: u64) -> io::Result<Digest> {
        if self.form.is_as_is(path) {
            return pieces::digest_of(file, size);
        }
        let mut content = Vec::with_capacity(size as usize);
        file.read_to_end(&mut content)?;
        Ok(Digest::of(&self.form.normalize(path, content)))
    }

    fn place_of(&self, path: &RelPath) -> PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(&path.to_bytes()))
    }

    // The cache is consistent after every single step, so a panic elsewhere does not spoil it.
    fn known(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stat before, digest, stat after; `None` where it is no regular file (any more).
fn hash_regular(
    place: &Path,
    digest: impl FnOnce(&mut File, u64) -> io::Result<Digest>,
) -> io::Result<Option<(fs::Metadata, Digest, fs::Metadata)>> {
    // A link or a pipe may have taken the file's place: follow none, wait for none.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let mut file = match File::options().read(true).custom_flags(flags as i32).open(place) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let before = file.metadata()?;
    if !before.is_file() {
        return Ok(None);
    }
    let digest = digest(&mut file, before.len())?;
    let after = file.metadata()?;
    Ok(Some((before, digest, after)))
}

fn kind_of(stat: &Stat) -> FileKind {
    if stat.is_symlink() {
        FileKind::Symlink
    } else if stat.is_executable() {
        FileKind::Executable
    } else {
        FileKind::Regular
    }
}

#[cfg(test)]
mod tests;
