//! Content as git would store it: line endings, encodings and clean filters of `.gitattributes`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gix::filter::plumbing::pipeline::convert::ToGitOutcome;
use gix::worktree::stack::state::attributes::Source;

use super::Repository;
use super::encoding::{Encodings, is_big};
use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::file::{FileKind, FileState};
use crate::base::name::RelPath;
use crate::host::error::{Doing, Result};
use crate::host::pieces;

/// Turns files of the checkout into what git would store. Made for one pass over files; make a
/// new one after attributes or configuration changed. Not shared between threads.
pub struct Normalizer {
    git: gix::Repository,
    root: PathBuf,
    /// Filters that apply everywhere: `core.autocrlf`, attributes outside the checkout.
    always: bool,
    /// Folder -> whether an attributes file lies in it or above.
    attributed: HashMap<PathBuf, bool>,
    filters: Option<Filters>,
}

struct Filters {
    pipeline: gix::filter::plumbing::Pipeline,
    attributes: gix::worktree::Stack,
    index: gix::worktree::IndexPersistedOrInMemory,
}

/// A file of the checkout: what it is, and its bytes as git would store them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    pub state: FileState,
    pub bytes: Vec<u8>,
}

impl Repository {
    /// A reader of the user's checkout as git would store it.
    pub fn normalizer(&self) -> Result<Normalizer> {
        Normalizer::new(self.local(), self.root().to_owned())
    }
}

impl Normalizer {
    pub(crate) fn new(git: gix::Repository, root: PathBuf) -> Result<Self> {
        let always = {
            let config = git.config_snapshot();
            let autocrlf = config.string("core.autocrlf");
            let converts =
                autocrlf.is_some_and(|v| !matches!(v.as_slice(), b"false" | b"no" | b"off" | b"0"));
            converts || config.string("core.attributesFile").is_some() || has_outer_attributes(&git)
        };
        Ok(Self { git, root, always, attributed: HashMap::new(), filters: None })
    }

    /// The bytes of a regular file as git would store them. Borrowed where nothing applies.
    pub fn normalize<'a>(&mut self, path: &RelPath, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        if self.is_as_is(path) {
            return Ok(Cow::Borrowed(bytes));
        }
        self.convert(&rel_of(path), bytes).map(Cow::Owned)
    }

    /// True where git stores a regular file as it lies on the disk: no filter applies.
    pub fn is_as_is(&mut self, path: &RelPath) -> bool {
        !self.always && !self.is_attributed(rel_of(path).parent().unwrap_or(Path::new("")))
    }

    /// The state of a path of the checkout, as of what [`Normalizer::read`] gives.
    pub fn state_of(&mut self, path: &RelPath) -> Result<Option<FileState>> {
        let file = self.root.join(rel_of(path));
        match metadata(&file)? {
            Some(meta) if meta.is_file() && self.is_as_is(path) => {
                let doing = "reading a file";
                let mut opened = File::open(&file).doing(doing, &file)?;
                let digest = pieces::digest_of(&mut opened, meta.len()).doing(doing, &file)?;
                Ok(Some(FileState { digest, kind: kind_of(&meta) }))
            }
            _ => Ok(self.read(path)?.map(|file| file.state)),
        }
    }

    /// What the checkout holds at a path; `None` for nothing, a folder, or what git cannot store.
    pub fn read(&mut self, path: &RelPath) -> Result<Option<FileRead>> {
        let file = self.root.join(rel_of(path));
        let Some(meta) = metadata(&file)? else { return Ok(None) };
        if meta.is_symlink() {
            let target = std::fs::read_link(&file).doing("reading a link", &file)?;
            let bytes = target.as_os_str().as_bytes().to_vec();
            return Ok(Some(FileRead::new(FileKind::Symlink, bytes)));
        }
        if !meta.is_file() {
            return Ok(None);
        }
        let bytes = std::fs::read(&file).doing("reading a file", &file)?;
        let stored = match self.normalize(path, &bytes)? {
            Cow::Owned(stored) => stored,
            Cow::Borrowed(_) => bytes,
        };
        Ok(Some(FileRead::new(kind_of(&meta), stored)))
    }

    fn is_attributed(&mut self, folder: &Path) -> bool {
        if let Some(known) = self.attributed.get(folder) {
            return *known;
        }
        let own = self.root.join(folder).join(".gitattributes").exists();
        let found = own || folder.parent().is_some_and(|parent| self.is_attributed(parent));
        self.attributed.insert(folder.to_owned(), found);
        found
    }

    fn convert(&mut self, rel: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
        let doing = "converting a file to what git stores";
        if self.filters.is_none() {
            self.filters = Some(Filters::new(&self.git)?);
        }
        let Some(filters) = &mut self.filters else { return Ok(bytes.to_vec()) };
        if is_big(bytes) {
            let path = gix::path::into_bstr(rel).doing(doing, rel)?;
            Encodings::of(&self.git, &filters.index)?.refuse_unread(&path, bytes)?;
        }
        let platform =
            filters.attributes.at_path(rel, None, &self.git.objects).doing(doing, rel)?;
        let (index, git) = (&filters.index, &self.git);
        let outcome = filters
            .pipeline
            .convert_to_git(
                bytes,
                rel,
                &mut |_, attributes| {
                    platform.matching_attributes(attributes);
                },
                &mut |buffer| {
                    let path = gix::path::into_bstr(rel)?.into_owned();
                    let Some(entry) = index.entry_by_path(path.as_ref()) else { return Ok(None) };
                    let object = gix::objs::Find::try_find(&git.objects, &entry.id, buffer)?;
                    Ok(object.filter(|object| object.kind == gix::objs::Kind::Blob).map(|_| ()))
                },
            )
            .doing(doing, rel)?;
        let mut stored = Vec::with_capacity(bytes.len());
        match outcome {
            ToGitOutcome::Unchanged(same) => stored.extend_from_slice(same),
            ToGitOutcome::Buffer(buffer) => stored.extend_from_slice(buffer),
            ToGitOutcome::Process(mut process) => {
                process.read_to_end(&mut stored).doing(doing, rel)?;
            }
        }
        Ok(stored)
    }
}

impl FileRead {
    fn new(kind: FileKind, bytes: Vec<u8>) -> Self {
        Self { state: FileState { digest: Digest::of(&bytes), kind }, bytes }
    }
}

impl Filters {
    fn new(git: &gix::Repository) -> Result<Self> {
        let doing = "reading git's filters";
        let index = git.index_or_empty().doing(doing, git.path())?;
        let attributes = git
            .attributes_only(&index, Source::WorktreeThenIdMapping)
            .doing(doing, git.path())?
            .detach();
        let pipeline = gix::filter::Pipeline::new(git, attributes).doing(doing, git.path())?;
        let (pipeline, attributes) = pipeline.into_parts();
        let index = gix::worktree::IndexPersistedOrInMemory::Persisted(index);
        Ok(Self { pipeline, attributes, index })
    }
}

fn rel_of(path: &RelPath) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&path.to_bytes()))
}

fn kind_of(meta: &Metadata) -> FileKind {
    match meta.permissions().mode() & 0o100 {
        0 => FileKind::Regular,
        _ => FileKind::Executable,
    }
}

/// What lies at a path without following a link; `None` where nothing does.
pub(crate) fn metadata(file: &Path) -> Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(file) {
        Ok(meta) => Ok(Some(meta)),
        Err(why) if gone(&why) => Ok(None),
        Err(why) => Err(why).doing("looking at a file", file),
    }
}

/// Nothing is there: not the file, or not even its folder.
pub(crate) fn gone(why: &std::io::Error) -> bool {
    matches!(why.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// What decides conversions for all files, beside attributes below the root: another digest, and the same
/// bytes may be stored otherwise.
pub(crate) fn version_of_filters(repo: &Repository) -> Digest {
    let git = repo.local();
    let mut print = Fingerprint::new("orch filters v2");
    let config = git.config_snapshot();
    for key in ["core.autocrlf", "core.eol", "core.attributesFile"] {
        print.entry(key, config.string(key).as_deref().map_or(&[], |value| value.as_slice()));
    }
    let own = [repo.root().join(".gitattributes"), git.common_dir().join("config")];
    let named = config.trusted_path("core.attributesFile").ok().flatten();
    for file in own.into_iter().chain(outer_attributes(&git)).chain(named) {
        print.entry(&file.to_string_lossy(), &std::fs::read(&file).unwrap_or_default());
    }
    print.finish()
}

fn has_outer_attributes(git: &gix::Repository) -> bool {
    outer_attributes(git).any(|file| file.exists())
}

/// Attributes files outside the checkout; their places are git's defaults.
fn outer_attributes(git: &gix::Repository) -> impl Iterator<Item = PathBuf> {
    let config_home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let user = config_home.or_else(home).map(|dir| dir.join("git/attributes"));
    let places =
        [Some(git.common_dir().join("info/attributes")), user, Some("/etc/gitattributes".into())];
    places.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in, write_in};

    /// Also of a linked worktree, whose `.git` is a file.
    #[test]
    fn other_filters_have_another_version() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        let linked = scratch.root().join("../linked");
        scratch.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
        for root in [scratch.root().to_owned(), linked] {
            let version = || version_of_filters(&Repository::discover(&root).unwrap());
            let mut seen = vec![version()];
            assert_eq!(seen, [version()]);
            git_in(&root, &["config", "core.autocrlf", "input"]);
            seen.push(version());
            write_in(&scratch.root(), ".git/info/attributes", "*.txt text\n");
            seen.push(version());
            write_in(&root, ".gitattributes", "*.md text\n");
            seen.push(version());
            let all: std::collections::BTreeSet<_> = seen.iter().collect();
            assert_eq!(all.len(), seen.len(), "{}", root.display());
            git_in(&root, &["config", "--unset", "core.autocrlf"]);
            std::fs::remove_file(scratch.root().join(".git/info/attributes")).unwrap();
        }
    }
}
