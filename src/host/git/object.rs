//! Trees, blobs and patches: git's ids on one side, contents by BLAKE3 on the other.

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::diff::tree::recorder::Change as Recorded;
use gix::objs::TreeRefIter;
use gix::objs::tree::{EntryKind, EntryMode};

use super::extent::reading;
use super::{Repository, object_id};
use crate::base::digest::Digest;
use crate::base::file::{FileChange, FileKind, FileState, Patch};
use crate::base::name::{CommitId, RelPath, TreeId};
use crate::host::error::{Doing, Error, Result};

/// What a tree holds at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub id: ObjectId,
    pub kind: EntryKind,
}

/// What differs between two trees at one path; files only, sorted by git's order.
#[derive(Clone, Debug)]
pub(crate) struct TreeChange {
    pub path: BString,
    pub before: Option<TreeEntry>,
    pub after: Option<TreeEntry>,
}

/// The two trees a recorded patch is replayed from: merge `theirs` on `base` onto the tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayTrees {
    Built {
        base: TreeId,
        theirs: TreeId,
    },
    /// Contents that neither the repository nor the store has any more.
    Lost(Vec<RelPath>),
}

/// Gives the bytes of a content, where it has them.
pub type ContentSource<'a> = &'a dyn Fn(&Digest) -> Option<Vec<u8>>;

impl Repository {
    /// The tree of a commit.
    pub fn tree_of(&self, commit: &CommitId) -> Result<TreeId> {
        let id = self.commit_tree(&self.local(), object_id(commit.as_str())?)?;
        Ok(tree_id(id))
    }

    /// The tree `left`, with paths of this kind as they are in `base`.
    pub fn tree_without(
        &self,
        base: &TreeId,
        left: &TreeId,
        is_out: impl Fn(&RelPath) -> bool,
    ) -> Result<TreeId> {
        let git = self.local();
        let (base, left) = (object_id(base.as_str())?, object_id(left.as_str())?);
        let changes = tree_changes(&git, base, left)?.into_iter();
        let out = changes.filter(|it| RelPath::from_bytes(&it.path).is_none_or(|it| is_out(&it)));
        let edits = out.map(|it| (it.path.into(), it.before)).collect();
        Ok(tree_id(edit_tree(&git, left, edits)?))
    }

    /// What a commit says; `None` where it is not here.
    pub fn message_of(&self, commit: &CommitId) -> Result<Option<String>> {
        let git = self.local();
        let doing = "reading a commit";
        let found =
            git.try_find_object(object_id(commit.as_str())?).doing(doing, commit.as_str())?;
        let commit = found.and_then(|it| it.try_into_commit().ok());
        Ok(commit.map(|it| it.message_raw_sloppy().to_string()))
    }

    /// The bytes of a file or link in a tree; `None` where there is none.
    pub fn read_path_at(&self, tree: &TreeId, path: &RelPath) -> Result<Option<Vec<u8>>> {
        let git = self.local();
        match self.entry_at(&git, object_id(tree.as_str())?, path)? {
            Some(entry) if entry.kind != EntryKind::Commit => blob(&git, entry.id).map(Some),
            Some(entry) => Ok(Some(entry.id.to_string().into_bytes())),
            None => Ok(None),
        }
    }

    /// The state of a path in a tree.
    pub fn state_at(&self, tree: &TreeId, path: &RelPath) -> Result<Option<FileState>> {
        let git = self.local();
        let entry = self.entry_at(&git, object_id(tree.as_str())?, path)?;
        entry.map(|entry| self.state_of(&git, entry)).transpose()
    }

    /// Whether a tree holds a file at the path.
    pub fn has_path(&self, tree: &TreeId, path: &RelPath) -> Result<bool> {
        Ok(self.entry_at(&self.local(), object_id(tree.as_str())?, path)?.is_some())
    }

    /// The bytes of a content that this process has met in a patch or lineage of this repository.
    pub fn blob_bytes(&self, digest: &Digest) -> Option<Vec<u8>> {
        let id = *self.contents().objects.get(digest)?;
        let git = self.local();
        match git.try_find_object(id) {
            Ok(Some(object)) if object.kind == gix::objs::Kind::Blob => Some(object.data.clone()),
            _ => Some(id.to_string().into_bytes()).filter(|hex| Digest::of(hex) == *digest),
        }
    }

    /// What changed from one tree to another.
    pub fn patch_between(&self, before: &TreeId, after: &TreeId) -> Result<Patch> {
        let git = self.local();
        let changes = tree_changes(&git, object_id(before.as_str())?, object_id(after.as_str())?)?;
        self.patch_of(&git, &changes)
    }

    /// The files of a tree that are asked for, by path.
    pub fn files_of(
        &self,
        tree: &TreeId,
        takes: &dyn Fn(&RelPath) -> bool,
    ) -> Result<Vec<(RelPath, Option<FileState>)>> {
        let git = self.local();
        let mut files = tree_changes(&git, git.empty_tree().id, object_id(tree.as_str())?)?;
        files.retain(|it| RelPath::from_bytes(&it.path).is_some_and(|path| takes(&path)));
        let files = self.patch_of(&git, &files)?;
        Ok(files.changes().iter().map(|it| (it.path.clone(), it.after)).collect())
    }

    /// Rebuilds the trees around a recorded patch, so that its merge onto `onto` takes over only
    /// what the patch did.
    pub fn replay_trees(
        &self,
        onto: &TreeId,
        patch: &Patch,
        content: ContentSource<'_>,
    ) -> Result<ReplayTrees> {
        let mut lost = Vec::new();
        let befores = patch.changes().iter().map(|change| (&change.path, change.before));
        let base = self.tree_with(onto, befores, content, &mut lost)?;
        let afters = patch.changes().iter().map(|change| (&change.path, change.after));
        let theirs = self.tree_with(&base, afters, content, &mut lost)?;
        if lost.is_empty() {
            return Ok(ReplayTrees::Built { base, theirs });
        }
        lost.sort();
        lost.dedup();
        Ok(ReplayTrees::Lost(lost))
    }

    /// The tree `base` with the patch's after states in it, whatever was there before; `Err` of
    /// the inner result names the paths whose content is nowhere.
    pub fn tree_from_patch(
        &self,
        base: &TreeId,
        patch: &Patch,
        content: ContentSource<'_>,
    ) -> Result<std::result::Result<TreeId, Vec<RelPath>>> {
        let mut lost = Vec::new();
        let afters = patch.changes().iter().map(|change| (&change.path, change.after));
        let tree = self.tree_with(base, afters, content, &mut lost)?;
        Ok(if lost.is_empty() { Ok(tree) } else { Err(lost) })
    }

    fn tree_with<'a>(
        &self,
        base: &TreeId,
        states: impl Iterator<Item = (&'a RelPath, Option<FileState>)>,
        content: ContentSource<'_>,
        lost: &mut Vec<RelPath>,
    ) -> Result<TreeId> {
        let git = self.local();
        let base = object_id(base.as_str())?;
        let mut edits = Vec::new();
        for (path, state) in states {
            let present = self.entry_at(&git, base, path)?;
            let present_state = present.map(|entry| self.state_of(&git, entry)).transpose()?;
            if present_state == state {
                continue;
            }
            match state.map(|state| self.entry_for(&git, state, content)).transpose()? {
                Some(None) => lost.push(path.clone()),
                Some(Some(entry)) => edits.push((path.to_bytes(), Some(entry))),
                None => edits.push((path.to_bytes(), None)),
            }
        }
        edit_tree(&git, base, edits).map(tree_id)
    }

    fn entry_for(
        &self,
        git: &gix::Repository,
        state: FileState,
        content: ContentSource<'_>,
    ) -> Result<Option<TreeEntry>> {
        let kind = entry_kind(state.kind);
        let Some(bytes) = self.blob_bytes(&state.digest).or_else(|| content(&state.digest)) else {
            return Ok(None);
        };
        if Digest::of(&bytes) != state.digest {
            return Ok(None);
        }
        let id = match kind {
            EntryKind::Commit => object_id(&String::from_utf8_lossy(&bytes))?,
            _ => git.write_blob(&bytes).doing("writing a blob", self.root())?.detach(),
        };
        Ok(Some(TreeEntry { id, kind }))
    }

    pub(crate) fn commit_tree(&self, git: &gix::Repository, commit: ObjectId) -> Result<ObjectId> {
        let commit = git.find_commit(commit).doing("reading a commit", commit.to_string())?;
        Ok(commit.tree_id().doing("reading a commit", commit.id.to_string())?.detach())
    }

    pub(crate) fn entry_at(
        &self,
        git: &gix::Repository,
        tree: ObjectId,
        path: &RelPath,
    ) -> Result<Option<TreeEntry>> {
        let bytes = path.to_bytes();
        let doing = "reading a tree";
        let mut tree = reading(git, doing, tree.to_string(), git.find_tree(tree))?;
        let mut names = bytes.split(|b| *b == b'/').peekable();
        while let Some(name) = names.next() {
            let Some(entry) = tree.find_entry(name) else { return Ok(None) };
            let (mode, id) = (entry.mode(), entry.object_id());
            if names.peek().is_none() {
                return Ok(file_entry(mode, id));
            }
            // What lies below a submodule is in another repository.
            if !mode.is_tree() {
                return Ok(None);
            }
            tree = reading(git, doing, id.to_string(), git.find_tree(id))?;
        }
        Ok(None)
    }

    pub(crate) fn patch_of(&self, git: &gix::Repository, changes: &[TreeChange]) -> Result<Patch> {
        let state =
            |entry: Option<TreeEntry>| entry.map(|entry| self.state_of(git, entry)).transpose();
        let mut patch = Vec::with_capacity(changes.len());
        for change in changes {
            let Some(path) = RelPath::from_bytes(&change.path) else { continue };
            patch.push(FileChange {
                path,
                before: state(change.before)?,
                after: state(change.after)?,
            });
        }
        Ok(Patch::new(patch))
    }

    pub(crate) fn state_of(&self, git: &gix::Repository, entry: TreeEntry) -> Result<FileState> {
        let kind = file_kind(entry.kind);
        let known = self.contents().digests.get(&entry.id).copied();
        let digest = match known {
            Some(digest) => digest,
            None if kind == FileKind::Submodule => Digest::of(entry.id.to_string().as_bytes()),
            None => Digest::of(&blob(git, entry.id)?),
        };
        if known.is_none() {
            let mut contents = self.contents();
            contents.digests.insert(entry.id, digest);
            contents.objects.insert(digest, entry.id);
        }
        Ok(FileState { digest, kind })
    }
}

pub(crate) fn blob(git: &gix::Repository, id: ObjectId) -> Result<Vec<u8>> {
    let mut object = reading(git, "reading a blob", id.to_string(), git.find_blob(id))?;
    Ok(object.take_data())
}

/// What differs between two trees, without rename detection.
pub(crate) fn tree_changes(
    git: &gix::Repository,
    before: ObjectId,
    after: ObjectId,
) -> Result<Vec<TreeChange>> {
    if before == after {
        return Ok(Vec::new());
    }
    let old = reading(git, "reading a tree", before.to_string(), git.find_tree(before))?;
    let new = reading(git, "reading a tree", after.to_string(), git.find_tree(after))?;
    let mut recorder = gix::diff::tree::Recorder::default();
    gix::diff::tree(
        TreeRefIter::from_bytes(&old.data, before.kind()),
        TreeRefIter::from_bytes(&new.data, after.kind()),
        gix::diff::tree::State::default(),
        &git.objects,
        &mut recorder,
    )
    .map_err(|why| Error::because("comparing two trees", why))?;
    let changes = recorder.records.into_iter().map(tree_change);
    Ok(changes.filter(|change| change.before.is_some() || change.after.is_some()).collect())
}

fn tree_change(change: Recorded) -> TreeChange {
    match change {
        Recorded::Addition { entry_mode, oid, path, .. } => {
            TreeChange { path, before: None, after: file_entry(entry_mode, oid) }
        }
        Recorded::Deletion { entry_mode, oid, path, .. } => {
            TreeChange { path, before: file_entry(entry_mode, oid), after: None }
        }
        Recorded::Modification { previous_entry_mode, previous_oid, entry_mode, oid, path } => {
            let before = file_entry(previous_entry_mode, previous_oid);
            TreeChange { path, before, after: file_entry(entry_mode, oid) }
        }
    }
}

/// Writes `base` with these paths set or removed. Removals go first, so that a file may take the
/// place of a folder. What is set must be there and have a name that git takes; what stays is not
/// looked at again, as gix's own editor would, file by file.
pub(crate) fn edit_tree(
    git: &gix::Repository,
    base: ObjectId,
    edits: Vec<(Vec<u8>, Option<TreeEntry>)>,
) -> Result<ObjectId> {
    if edits.is_empty() {
        return Ok(base);
    }
    let doing = "editing a tree";
    let place = || base.to_string();
    let tree = git.find_tree(base).doing(doing, place())?;
    let root = gix::objs::Tree::from(tree.decode().doing(doing, place())?);
    let mut editor = gix::objs::tree::Editor::new(root, &git.objects, git.object_hash());
    for (path, _) in edits.iter().filter(|(_, entry)| entry.is_none()) {
        editor.remove(parts_of(path)).doing(doing, path.as_bstr().to_string())?;
    }
    for (path, entry) in &edits {
        if let Some(entry) = entry {
            check_entry(git, path, *entry)?;
            let edited = editor.upsert(parts_of(path), entry.kind, entry.id);
            edited.doing(doing, path.as_bstr().to_string())?;
        }
    }
    let written = editor.write(|tree| git.write_object(tree).map(gix::Id::detach));
    written.doing(doing, place())
}

fn parts_of(path: &[u8]) -> impl Iterator<Item = &BStr> {
    path.split(|byte| *byte == b'/').map(ByteSlice::as_bstr)
}

/// # Errors
/// The object is not there, or a part of the path may not be in a tree (`.git`, `..`).
fn check_entry(git: &gix::Repository, path: &[u8], entry: TreeEntry) -> Result<()> {
    use gix::validate::path::component::{Mode, Options};
    let doing = "editing a tree";
    let place = || path.as_bstr().to_string();
    let config = git.config_snapshot();
    let options = Options {
        protect_windows: cfg!(windows),
        protect_hfs: config.boolean("core.protectHFS").unwrap_or(cfg!(target_os = "macos")),
        protect_ntfs: config.boolean("core.protectNTFS").unwrap_or(true),
    };
    let link = (entry.kind == EntryKind::Link).then_some(Mode::Symlink);
    for part in parts_of(path) {
        gix::validate::path::component(part, link, options).doing(doing, place())?;
    }
    if entry.kind != EntryKind::Commit && !git.has_object(entry.id) {
        return Err(Error::new("editing a tree: its object is missing").at(place()));
    }
    Ok(())
}

pub(crate) fn tree_id(id: ObjectId) -> TreeId {
    TreeId::new(id.to_string())
}

fn file_entry(mode: EntryMode, id: impl Into<ObjectId>) -> Option<TreeEntry> {
    (!mode.is_tree()).then(|| TreeEntry { id: id.into(), kind: mode.kind() })
}

pub(crate) fn file_kind(kind: EntryKind) -> FileKind {
    match kind {
        EntryKind::BlobExecutable => FileKind::Executable,
        EntryKind::Link => FileKind::Symlink,
        EntryKind::Commit => FileKind::Submodule,
        EntryKind::Blob | EntryKind::Tree => FileKind::Regular,
    }
}

pub(crate) fn entry_kind(kind: FileKind) -> EntryKind {
    match kind {
        FileKind::Regular => EntryKind::Blob,
        FileKind::Executable => EntryKind::BlobExecutable,
        FileKind::Symlink => EntryKind::Link,
        FileKind::Submodule => EntryKind::Commit,
    }
}
