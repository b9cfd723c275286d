//! Three-way merges in memory: what would land, or where it collides.

use std::collections::BTreeSet;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::merge::blob::builtin_driver::text::Labels;
use gix::merge::tree::{Conflict, TreatAsUnresolved};
use gix::refs::transaction::PreviousValue;

use super::object::{TreeChange, blob, edit_tree, tree_changes, tree_id};
use super::{Repository, commit_id, object_id};
use crate::base::file::Patch;
use crate::base::name::{CommitId, RelPath, TreeId};
use crate::host::error::{Doing, Result};

/// What became of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    Clean(Merged),
    Conflict(MergeConflict),
}

/// A clean merge: this tree would land, and changes this against the tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub tree: TreeId,
    pub patch: Patch,
}

/// A merge that a person or another session must make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeConflict {
    pub paths: Vec<RelPath>,
    /// The conflicted hunks with markers, at most 16 KiB.
    pub description: String,
}

/// Most that a description of conflicts holds, in bytes.
const DESCRIPTION_LIMIT: usize = 16 * 1024;

impl Repository {
    /// Merges what changed from `base` to `theirs` onto a commit. Objects are written, no ref is.
    pub fn merge(&self, base: &TreeId, theirs: &TreeId, onto: &CommitId) -> Result<Merge> {
        let git = self.local();
        let ours = self.commit_tree(&git, object_id(onto.as_str())?)?;
        let sides =
            Sides { base: object_id(base.as_str())?, ours, theirs: object_id(theirs.as_str())? };
        Ok(match merge_trees(&git, sides)? {
            TreeMerge::Clean(tree) => {
                let patch = self.patch_of(&git, &tree_changes(&git, ours, tree)?)?;
                Merge::Clean(Merged { tree: tree_id(tree), patch })
            }
            TreeMerge::Conflict { tree, conflicts } => Merge::Conflict(MergeConflict {
                paths: conflict_paths(&conflicts),
                description: describe(&git, tree, &conflicts),
            }),
        })
    }

    /// Keeps a tree reachable as a commit under `refs/orch/kept/<name>`; returns that ref.
    pub fn keep(
        &self,
        name: &str,
        tree: &TreeId,
        parent: &CommitId,
        subject: &str,
    ) -> Result<String> {
        let git = self.local();
        let commit = self.new_commit(
            &git,
            NewCommit {
                tree: object_id(tree.as_str())?,
                parent: object_id(parent.as_str())?,
                message: subject,
            },
        )?;
        self.keep_commit(&format!("refs/orch/kept/{}", ref_safe(name)), commit)
    }

    /// As `keep`, under a ref of any name, which is replaced where it is there.
    pub fn keep_as(
        &self,
        name: &str,
        tree: &TreeId,
        parent: &CommitId,
        subject: &str,
    ) -> Result<CommitId> {
        let (tree, parent) = (object_id(tree.as_str())?, object_id(parent.as_str())?);
        let commit =
            self.new_commit(&self.local(), NewCommit { tree, parent, message: subject })?;
        self.keep_commit(name, commit)?;
        Ok(CommitId::new(commit.to_string()))
    }

    /// What `keep_as` kept: its tree, and the commit it stands on. `None` where the ref does not hold
    /// that commit any more.
    pub fn kept_as(&self, name: &str, commit: &CommitId) -> Result<Option<(TreeId, CommitId)>> {
        let git = self.local();
        let doing = "reading a kept commit";
        let Some(mut found) = git.try_find_reference(name).doing(doing, name)? else {
            return Ok(None);
        };
        let Ok(id) = found.peel_to_id() else { return Ok(None) };
        if id.detach() != object_id(commit.as_str())? {
            return Ok(None);
        }
        let Ok(commit) = git.find_commit(id) else { return Ok(None) };
        let parent = commit.parent_ids().next().map(|it| CommitId::new(it.to_string()));
        let tree = commit.tree_id().ok().map(|it| TreeId::new(it.to_string()));
        Ok(tree.zip(parent))
    }

    /// Drops what `keep` kept. Absent is fine.
    pub fn forget(&self, kept_ref: &str) -> Result<()> {
        let git = self.local();
        match git.try_find_reference(kept_ref).doing("reading a ref", kept_ref)? {
            Some(reference) => reference.delete().doing("deleting a ref", kept_ref),
            None => Ok(()),
        }
    }

    /// Drops all that `keep` kept under names that begin like this.
    pub fn forget_all(&self, name_start: &str) -> Result<()> {
        let start = format!("refs/orch/kept/{}", ref_safe(name_start));
        let git = self.local();
        let refs = git.references().doing("listing refs", &start)?;
        let kept = refs.prefixed("refs/orch/kept/").doing("listing refs", &start)?;
        for reference in kept.flatten() {
            if reference.name().as_bstr().starts_with(start.as_bytes()) {
                reference.delete().doing("deleting a ref", &start)?;
            }
        }
        Ok(())
    }

    pub(crate) fn keep_commit(&self, name: &str, commit: ObjectId) -> Result<String> {
        let git = self.local();
        let swap = super::RefSwap { name, from: None, to: commit, log: "orch: kept" };
        let edit = super::ref_edit(&swap, PreviousValue::Any)?;
        let author = self.signature(&git);
        let mut time = gix::date::parse::TimeBuf::default();
        git.edit_references_as([edit], Some(author.to_ref(&mut time)))
            .doing("writing a ref", name)?;
        Ok(name.to_owned())
    }

    pub(crate) fn new_commit(&self, git: &gix::Repository, new: NewCommit<'_>) -> Result<ObjectId> {
        let author = self.signature(git);
        let commit = gix::objs::Commit {
            tree: new.tree,
            parents: [new.parent].into_iter().collect(),
            author: author.clone(),
            committer: author,
            encoding: None,
            message: new.message.into(),
            extra_headers: Vec::new(),
        };
        Ok(git.write_object(&commit).doing("writing a commit", self.root())?.detach())
    }

    /// As `merge`, where a conflict in only the file at `ours_wins` is settled for the tip's side.
    pub(crate) fn merge_favoring(
        &self,
        sides: Sides,
        ours_wins: Option<&RelPath>,
    ) -> Result<std::result::Result<ObjectId, Vec<RelPath>>> {
        let git = self.local();
        let (tree, conflicts) = match merge_trees(&git, sides)? {
            TreeMerge::Clean(tree) => return Ok(Ok(tree)),
            TreeMerge::Conflict { tree, conflicts } => (tree, conflicts),
        };
        let paths = conflict_paths(&conflicts);
        match ours_wins {
            Some(plan) if paths.iter().all(|path| path == plan) => {
                let ours = self.entry_at(&git, sides.ours, plan)?;
                Ok(Ok(edit_tree(&git, tree, vec![(plan.to_bytes(), ours)])?))
            }
            _ => Ok(Err(paths)),
        }
    }
}

/// A commit to be written with orch's author and the present time.
pub(crate) struct NewCommit<'a> {
    pub tree: ObjectId,
    pub parent: ObjectId,
    pub message: &'a str,
}

/// The three trees of a merge.
#[derive(Clone, Copy)]
pub(crate) struct Sides {
    pub base: ObjectId,
    pub ours: ObjectId,
    pub theirs: ObjectId,
}

enum TreeMerge {
    Clean(ObjectId),
    /// The tree holds the conflicted files with markers.
    Conflict {
        tree: ObjectId,
        conflicts: Vec<Conflict>,
    },
}

fn merge_trees(git: &gix::Repository, sides: Sides) -> Result<TreeMerge> {
    let Sides { base, ours, theirs } = sides;
    // Where only one side did something, that is the result.
    if base == theirs || ours == theirs {
        return Ok(TreeMerge::Clean(ours));
    }
    if base == ours {
        return Ok(TreeMerge::Clean(theirs));
    }
    match merge_apart(git, sides)? {
        Some(tree) => Ok(TreeMerge::Clean(tree)),
        None => merge_contents(git, sides),
    }
}

/// The merge of two sides of which neither changed what the other did: what theirs did, done to ours.
/// `None` where they met.
fn merge_apart(git: &gix::Repository, sides: Sides) -> Result<Option<ObjectId>> {
    let own = tree_changes(git, sides.base, sides.ours)?;
    let other = tree_changes(git, sides.base, sides.theirs)?;
    let is_moved_along =
        may_have_moved(&own) && adds(&other) || may_have_moved(&other) && adds(&own);
    if have_met(&own, &other) || is_moved_along {
        return Ok(None);
    }
    let edits = other.into_iter().map(|it| (it.path.into(), it.after)).collect();
    edit_tree(git, sides.ours, edits).map(Some)
}

/// True where both changed one path, or one changed a path that is a folder of the other's.
pub(crate) fn have_met(one: &[TreeChange], other: &[TreeChange]) -> bool {
    fn paths(changes: &[TreeChange]) -> BTreeSet<&[u8]> {
        changes.iter().map(|it| it.path.as_slice()).collect()
    }
    let (ones, others) = (paths(one), paths(other));
    let is_below = |path: &[u8], among: &BTreeSet<&[u8]>| {
        let ends = path.find_iter(b"/").chain([path.len()]);
        ends.into_iter().any(|end| among.contains(&path[..end]))
    };
    ones.iter().any(|path| is_below(path, &others))
        || others.iter().any(|path| is_below(path, &ones))
}

/// True where a folder may have another name now: what the other side adds to it goes with it.
fn may_have_moved(changes: &[TreeChange]) -> bool {
    adds(changes) && changes.iter().any(|it| it.after.is_none())
}

fn adds(changes: &[TreeChange]) -> bool {
    changes.iter().any(|it| it.before.is_none())
}

/// The merge of two sides that changed the same files, by their lines.
fn merge_contents(git: &gix::Repository, sides: Sides) -> Result<TreeMerge> {
    let Sides { base, ours, theirs } = sides;
    let doing = "merging";
    let labels = Labels {
        ancestor: Some(b"base".as_bstr()),
        current: Some(b"tip".as_bstr()),
        other: Some(b"task".as_bstr()),
    };
    let options = git.tree_merge_options().doing(doing, git.path())?;
    let mut outcome =
        git.merge_trees(base, ours, theirs, labels, options).doing(doing, git.path())?;
    let tree = outcome.tree.write().doing(doing, git.path())?.detach();
    let mut conflicts = outcome.conflicts;
    conflicts.retain(|conflict| conflict.is_unresolved(TreatAsUnresolved::git()));
    let is_clean = conflicts.is_empty();
    Ok(if is_clean { TreeMerge::Clean(tree) } else { TreeMerge::Conflict { tree, conflicts } })
}

fn conflict_paths(conflicts: &[Conflict]) -> Vec<RelPath> {
    let locations = conflicts.iter().flat_map(|c| [c.ours.location(), c.theirs.location()]);
    let mut paths: Vec<RelPath> = locations.filter_map(|path| RelPath::from_bytes(path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn describe(git: &gix::Repository, tree: ObjectId, conflicts: &[Conflict]) -> String {
    let mut text = String::new();
    for conflict in conflicts {
        let path: BString = conflict.ours.location().to_owned();
        text.push_str(&format!("{path}:"));
        let [_, ours, theirs] = conflict.entries();
        match (ours, theirs) {
            (None, Some(_)) => text.push_str(
                " changed by the task, but not at the tip any more (or not committed yet)\n",
            ),
            (Some(_), None) => text.push_str(" deleted by the task, but changed at the tip\n"),
            _ => text.push_str(&hunks(git, tree, path.as_bstr())),
        }
    }
    truncated(text)
}

/// The marked regions of a conflicted file, with two lines around each.
fn hunks(git: &gix::Repository, tree: ObjectId, path: &gix::bstr::BStr) -> String {
    let entry = git.find_tree(tree).ok().and_then(|tree| {
        tree.lookup_entry(path.split(|b| *b == b'/')).ok().flatten().map(|e| e.object_id())
    });
    let bytes = entry.and_then(|id| blob(git, id).ok()).unwrap_or_default();
    let content = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = content.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| line.starts_with("<<<<<<<"));
    let mut text = String::new();
    for (start, _) in starts {
        let length = lines[start..].iter().position(|line| line.starts_with(">>>>>>>"));
        let end = length.map_or(lines.len(), |length| (start + length + 3).min(lines.len()));
        text.push_str(&format!("\n@@ line {}\n", start + 1));
        for line in &lines[start.saturating_sub(2)..end] {
            text.push_str(line);
            text.push('\n');
        }
    }
    if text.is_empty() {
        " both sides changed it, and it cannot be merged line by line\n".into()
    } else {
        text
    }
}

fn truncated(mut text: String) -> String {
    const CUT: &str = "\n(cut here)\n";
    if text.len() > DESCRIPTION_LIMIT {
        let mut end = DESCRIPTION_LIMIT - CUT.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

/// A name as one part of a ref: anything but letters, digits, `-` and `_` becomes `-`.
fn ref_safe(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    name.chars().map(safe).collect()
}

impl NewCommit<'_> {
    /// Writes a commit with a person and time of its own, so that its id depends on nothing else.
    pub(crate) fn write_as(
        &self,
        git: &gix::Repository,
        who: gix::actor::Signature,
    ) -> Result<CommitId> {
        let commit = gix::objs::Commit {
            tree: self.tree,
            parents: [self.parent].into_iter().collect(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: self.message.into(),
            extra_headers: Vec::new(),
        };
        let id = git.write_object(&commit).doing("writing a commit", git.path())?;
        Ok(commit_id(id.detach()))
    }
}

#[cfg(test)]
mod tests;
