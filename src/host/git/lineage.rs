//! Reads the lineage from the trailers of the integration tip's history, cached by tip.

use std::path::Path;

use gix::ObjectId;
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;

use super::object::tree_changes;
use super::trailer::{self, LandingTrailers};
use super::{Repository, commit_id, lineage_cache, object_id};
use crate::base::file::Patch;
use crate::base::name::CommitId;
use crate::engine::record::lineage::{Landing, Lineage, Receipt};
use crate::host::error::{Doing, Error, Result};

/// What may be done with the cache file, `.orch/lineage-v1`.
#[derive(Clone, Copy, Debug)]
pub enum Caching<'a> {
    Off,
    /// For runs without side effects.
    ReadOnly(&'a Path),
    ReadWrite(&'a Path),
}

impl Repository {
    /// All landings and receipts that the tip's history holds, oldest first. A cache that is
    /// missing, damaged or of another history is read over; only git failing is an error.
    pub fn read_lineage(&self, tip: &CommitId, caching: Caching<'_>) -> Result<Lineage> {
        // What a shallow clone lacks may be fetched while the tip stays the same.
        let caching =
            if self.local().is_shallow().unwrap_or(false) { Caching::Off } else { caching };
        let file = match caching {
            Caching::Off => None,
            Caching::ReadOnly(file) | Caching::ReadWrite(file) => Some(file),
        };
        let cached = file.and_then(lineage_cache::load);
        if let Some(cached) = &cached
            && cached.tip.as_ref() == Some(tip)
        {
            return Ok(cached.clone());
        }
        let lineage = self.read_on(tip, cached)?;
        if let Caching::ReadWrite(file) = caching {
            lineage_cache::save(file, &lineage)?;
        }
        Ok(lineage)
    }

    /// Reads only what is newer than `known`, where `known` is of this history.
    fn read_on(&self, tip: &CommitId, known: Option<Lineage>) -> Result<Lineage> {
        let git = self.local();
        let tip_id = object_id(tip.as_str())?;
        let known_tip =
            known.as_ref().and_then(|known| object_id(known.tip.as_ref()?.as_str()).ok());
        let hidden = known_tip.filter(|old| is_ancestor(&git, *old, tip_id));
        let mut lineage = known.filter(|_| hidden.is_some()).unwrap_or_default();
        lineage.tip = Some(tip.clone());
        let mut commits = history(&git, tip_id, hidden)?;
        commits.reverse();
        for commit in commits {
            self.read_commit(&git, commit, &mut lineage)?;
        }
        Ok(lineage)
    }

    fn read_commit(
        &self,
        git: &gix::Repository,
        id: ObjectId,
        lineage: &mut Lineage,
    ) -> Result<()> {
        let commit = git.find_commit(id).doing("reading a commit", id.to_string())?;
        let message = commit.message_raw().doing("reading a commit", id.to_string())?;
        let trailers = trailer::read(&String::from_utf8_lossy(message));
        if let Some(form) = trailers.later_form {
            return Err(later(id, &form));
        }
        let order = order_after(lineage);
        lineage.receipts.extend(trailers.receipts.into_iter().map(|receipt| Receipt {
            order,
            commit: commit_id(id),
            task: receipt.task,
            action: receipt.action,
            recipe: receipt.recipe,
            output: receipt.output,
            report: receipt.report,
            verdicts: receipt.verdicts,
        }));
        if let Some(trailers) = trailers.landing
            && let Some(patch) = self.commit_patch(git, &commit)?
        {
            lineage.landings.push(Landing { order, ..landing(id, trailers, patch) });
        }
        Ok(())
    }

    /// What a commit changed against its first parent; `None` where a shallow clone lacks that one.
    fn commit_patch(
        &self,
        git: &gix::Repository,
        commit: &gix::Commit<'_>,
    ) -> Result<Option<Patch>> {
        let before = match commit.parent_ids().next() {
            Some(parent) if !git.has_object(parent) && git.is_shallow().unwrap_or(false) => {
                return Ok(None);
            }
            Some(parent) => self.commit_tree(git, parent.detach())?,
            None => git.empty_tree().id,
        };
        let after = self.commit_tree(git, commit.id)?;
        self.patch_of(git, &tree_changes(git, before, after)?).map(Some)
    }
}

/// Results that are not understood are not taken for none: they would be bought again.
fn later(commit: ObjectId, form: &str) -> Error {
    let commit = commit.to_hex_with_len(12);
    let message = format!("commit {commit} holds a result whose key is of form {form}");
    Error::new(message).of_user().help("a later version of orch made it: update orch, then go on")
}

/// The place behind everything that is known; commits are read oldest first.
fn order_after(lineage: &Lineage) -> u32 {
    let last_landing = lineage.landings.last().map(|it| it.order + 1);
    let last_receipt = lineage.receipts.last().map(|it| it.order + 1);
    last_landing.max(last_receipt).unwrap_or(0)
}

/// A landing as told, without the plan's status line where it is no part of the task's output.
pub(crate) fn landing(commit: ObjectId, trailers: LandingTrailers, patch: Patch) -> Landing {
    let mut changes = patch.changes().to_vec();
    if let Some(plan) = &trailers.plan {
        changes.retain(|change| change.path != *plan);
    }
    Landing {
        order: 0,
        commit: commit_id(commit),
        task: trailers.task,
        action: trailers.action,
        recipe: trailers.recipe,
        output: trailers.output,
        report: trailers.report,
        session: trailers.session,
        model: trailers.model,
        cost: trailers.cost,
        verdicts: trailers.verdicts,
        changes,
    }
}

/// Every commit that `tip` reaches and `hidden` does not, newest first.
pub(crate) fn history(
    git: &gix::Repository,
    tip: ObjectId,
    hidden: impl IntoIterator<Item = ObjectId>,
) -> Result<Vec<ObjectId>> {
    let doing = "walking the history";
    let walk = git
        .rev_walk([tip])
        .with_hidden(hidden)
        .sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst))
        .all()
        .doing(doing, tip.to_string())?;
    walk.map(|info| info.map(|info| info.id).doing(doing, tip.to_string())).collect()
}

/// Whether `old` is `new` or one of its ancestors; an unknown commit is not.
pub(crate) fn is_ancestor(git: &gix::Repository, old: ObjectId, new: ObjectId) -> bool {
    old == new
        || (git.has_object(old)
            && git.merge_base(old, new).ok().flatten().is_some_and(|base| base.detach() == old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in};

    /// Tasks told by the history of a clone that has only the newest `depth` commits.
    fn tasks_of_clone(of: &Scratch, depth: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let clone = folder.path().join("clone");
        let url = format!("file://{}", of.root().display());
        let depth = format!("--depth={depth}");
        git_in(folder.path(), &["clone", "-q", &depth, &url, "clone"]);
        let repo = Repository::discover(&clone).unwrap();
        let tip = repo.tip("main").unwrap().commit;
        let cache = folder.path().join("lineage-v1");
        let lineage = repo.read_lineage(&tip, Caching::ReadWrite(&cache)).unwrap();
        assert!(!cache.exists(), "more of the history may be fetched below the same tip");
        lineage.landings.iter().map(|landing| landing.task.to_string()).collect()
    }

    #[test]
    fn a_landing_at_the_end_of_a_shallow_history_is_none() {
        let scratch = Scratch::new(&[("a", "a")]);
        for n in 1..=3 {
            let key = "0".repeat(64);
            let message =
                format!("it\n\nOrch-Task: p//{n}\nOrch-Action: {key}\nOrch-Output: {key}\n");
            scratch.commit(&message, &[(&format!("f{n}"), "x")]);
        }
        assert_eq!(tasks_of_clone(&scratch, 1), [""; 0]);
        assert_eq!(tasks_of_clone(&scratch, 2), ["p//3"]);
        assert_eq!(tasks_of_clone(&scratch, 3), ["p//2", "p//3"]);
    }

    #[test]
    fn below_a_submodule_there_are_no_files() {
        let scratch = Scratch::new(&[("lib/a", "a")]);
        let commit = scratch.head();
        let entry = format!("160000,{},lib/sub", commit.as_str().replace('1', "2"));
        scratch.git(&["update-index", "--add", "--cacheinfo", &entry]);
        scratch.git(&["commit", "-q", "-m", "submodule"]);
        let (repo, tip) = (scratch.repo(), scratch.tip());
        let git = repo.local();
        let tree = repo.commit_tree(&git, object_id(tip.as_str()).unwrap()).unwrap();
        let is_there = |path: &str| {
            let path = crate::base::name::RelPath::new(path).unwrap();
            repo.entry_at(&git, tree, &path).unwrap().is_some()
        };
        let paths = ["lib", "lib/a", "lib/a/b", "lib/sub", "lib/sub/x", "lib/x", "x/y"];
        assert_eq!(paths.map(is_there), [false, true, false, true, false, false, false]);
    }
}
