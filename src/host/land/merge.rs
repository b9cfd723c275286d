//! Merging what an attempt left, or a cached patch, onto the integration tip.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::base::file::Patch;
use crate::base::name::{AttemptId, CommitId, RelPath, TaskRef};
use crate::engine::event::{Conflict, Event, Merged};
use crate::engine::outcome::evidence::{DocumentsFound, DocumentsLeft};
use crate::engine::record::AcceptedResult;
use crate::engine::step::Engine;
use crate::host::clock;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::git::merge::{Merge, MergeConflict};
use crate::host::git::object::ReplayTrees;
use crate::host::state::State;
use crate::host::store::Store;
use crate::host::worktree::Did;
use crate::spec::config::Config;

use super::Landings;
use super::kept::{Kept, MergedOnto};

/// A cached result with the contents of its patch, as far as the store has them.
pub struct Cached {
    pub result: AcceptedResult,
    pub contents: BTreeMap<Digest, Vec<u8>>,
}

impl Cached {
    /// Reads the contents.
    pub fn read(result: AcceptedResult, store: &Store) -> Self {
        let sides = result.patch.changes().iter().flat_map(|it| [it.before, it.after]);
        let digests: BTreeSet<Digest> = sides.flatten().map(|it| it.digest).collect();
        let read = |it: Digest| Some((it, store.get(&it).ok().flatten()?));
        let contents = digests.into_iter().filter_map(read).collect();
        Self { result, contents }
    }
}

impl Landings {
    pub fn merge(&mut self, attempt: AttemptId, state: &mut State) -> Result<Event> {
        let onto = state.checkout.refresh_tip()?;
        let judged = state.engine.judged_with(attempt);
        let Some(kept) = self.shelf.get_mut(&attempt) else {
            return Ok(lost(attempt));
        };
        // Its content is in git by now: the worktree may serve somebody else.
        kept.worktree = kept.worktree.take().filter(|_| kept.stays);
        let (tip, users) = (&kept.tip, kept.users.as_ref());
        let did = Did { tip, base: &kept.base, left: &kept.tree, users };
        let apart = state.checkout.repo.apart(&did, &judged)?;
        let beneath = match state.checkout.repo.lay_beneath(&apart, tip, &onto, &kept.task)? {
            Ok(beneath) => beneath,
            Err(conflict) => return self.conflicted(attempt, conflict, onto, state),
        };
        match state.checkout.repo.merge(&apart.base, &apart.left, &beneath)? {
            Merge::Clean(merged) => {
                // What failed on the user's own text is no fault of before: that is to be mended.
                let was = state.checkout.repo.tree_of(&onto)?;
                let (candidate, patch) = (merged.tree.clone(), merged.patch);
                let is_as_judged = kept.tip == onto && kept.users.is_none();
                let repo = &state.checkout.repo;
                let read = || documents::read_both(repo, &was, &candidate, &state.loaded.extra);
                let own = state.engine.plan_path_of(&kept.task);
                if !is_as_judged
                    && let Some(why) = unfit(&patch, own.as_ref(), state.config(), read)?
                {
                    return self.conflicted(attempt, why, onto, state);
                }
                let before = repo.tree_of(&beneath)?;
                kept.merged = Some(MergedOnto { onto, beneath, tree: merged.tree });
                let merged = Merged { candidate, beneath: was, before, patch };
                Ok(Event::Merged { attempt, merged })
            }
            Merge::Conflict(conflict) => self.conflicted(attempt, conflict, onto, state),
        }
    }

    fn conflicted(
        &self,
        attempt: AttemptId,
        conflict: MergeConflict,
        onto: CommitId,
        state: &State,
    ) -> Result<Event> {
        let Some(kept) = self.shelf.get(&attempt) else { return Ok(lost(attempt)) };
        let subject = format!("orch: attempt {} that did not merge", attempt.0);
        let name = format!("{}{}-{}", kept_prefix(&kept.task), clock::now().0, attempt.0);
        let kept_as = state.checkout.repo.keep(&name, &kept.tree, &kept.tip, &subject)?;
        let with = state.engine.history().tasks_that_touched(&conflict.paths);
        let uncommitted =
            state.checkout.repo.laid_over(&conflict.paths, &kept.base, &kept.tip, &onto)?;
        let conflict = Conflict {
            paths: conflict.paths,
            uncommitted,
            with,
            tip: onto,
            description: conflict.description,
            kept_as,
            at: clock::now(),
        };
        Ok(Event::Conflicted { attempt, conflict })
    }

    /// A cached patch: its trees are rebuilt from the store, then merged like any other.
    pub fn replay(
        &mut self,
        attempt: AttemptId,
        cached: Cached,
        state: &mut State,
    ) -> Result<Event> {
        let Cached { result, contents } = cached;
        let onto = state.checkout.refresh_tip()?;
        let tree = state.checkout.repo.tree_of(&onto)?;
        let content = |digest: &Digest| contents.get(digest).cloned();
        match state.checkout.repo.replay_trees(&tree, &result.patch, &content)? {
            ReplayTrees::Built { base, theirs } => {
                let (task, stands_on) = (result.task.clone(), onto.clone());
                let kept = Kept {
                    task,
                    base,
                    tree: theirs,
                    tip: onto,
                    stands_on,
                    worktree: None,
                    stays: false,
                    start: None,
                    merged: None,
                    users: Some(state.checkout.made_on_edits(&result.patch)?),
                    left_out: Vec::new(),
                };
                self.shelf.insert(attempt, kept);
                self.merge(attempt, state)
            }
            ReplayTrees::Lost(paths) => Ok(Event::Conflicted {
                attempt,
                conflict: Conflict {
                    paths,
                    uncommitted: Vec::new(),
                    with: Vec::new(),
                    tip: onto,
                    description: "the store has lost contents of the cached patch".to_owned(),
                    kept_as: String::new(),
                    at: clock::now(),
                },
            }),
        }
    }
}

/// How the names begin of what is kept of a task's conflicts. The digest tells tasks apart whose
/// ids are one where only letters and digits count.
pub fn kept_prefix(task: &TaskRef) -> String {
    let name = task.to_string();
    format!("{name}-{}-", Digest::of(name.as_bytes()).short())
}

pub fn lost(attempt: AttemptId) -> Event {
    Event::LandingFailed { attempt, message: "its result is gone from this process".to_owned() }
}

/// Documents that were right where the attempt started, and are wrong with what landed since. The
/// task's own plan is left out: what the attempt changes in that comes later.
fn unfit(
    patch: &Patch,
    own: Option<&RelPath>,
    config: &Config,
    read: impl FnOnce() -> Result<Box<DocumentsLeft>>,
) -> Result<Option<MergeConflict>> {
    let is_document = |it: &&RelPath| documents::is_document(it, config);
    let paths: Vec<RelPath> = patch.paths().filter(is_document).cloned().collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let mut read = read()?;
    for DocumentsFound { documents, .. } in [&mut read.before, &mut read.after] {
        documents.plans.retain(|it| Some(&it.path) != own);
    }
    let made = Engine::first_error_made(*read);
    Ok(made.map(|description| MergeConflict { paths, description }))
}
