//! Worktrees whose sessions go on later: `<n>.parked` says which one does in it, so that no other
//! attempt takes it, in this process or a later one. It is there from the session's start, so that the
//! work of one that is killed together with orch is not lost.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::base::BaseTree;
use super::moving::remove_file;
use super::pool::{Pool, Worktree};
use crate::base::name::{CommitId, SessionId, TreeId};
use crate::host::error::{Doing, Error, Result};

/// The ending of the file that marks a parked worktree.
pub(super) const EXTENSION: &str = "parked";

/// Who waits, and what its patch is taken against.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    session: SessionId,
    tip: CommitId,
    commit: CommitId,
    tree: TreeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<TreeId>,
}

impl Pool {
    /// Leaves a worktree to a session that goes on later: nobody takes or moves it.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn park(&self, mut worktree: Worktree, session: &SessionId) -> Result<()> {
        worktree.mark(session)?;
        worktree.leave();
        Ok(())
    }

    /// Takes a session's worktree as it was left; `None` where it is gone or broken.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn unpark(&self, session: &SessionId) -> Result<Option<Worktree>> {
        for number in 1..=self.highest()? {
            let stem = self.stem(number);
            let Some(mark) = mark_of(&stem).filter(|mark| mark.session == *session) else {
                continue;
            };
            let Some(lock) = self.try_lock(number)? else { return Ok(None) };
            // The mark stays until it is let go of: killed meanwhile, it is parked as before.
            let mut found = self.as_it_is(stem.clone(), &base_of(mark), lock);
            match &mut found {
                Some(worktree) => worktree.set_marked(true),
                None => remove_file(&stem.with_extension(EXTENSION))?,
            }
            return Ok(found);
        }
        Ok(None)
    }

    /// Gives worktrees back to the pool whose session nobody waits for any more.
    ///
    /// # Errors
    /// The pool cannot be read, or a mark cannot be removed.
    pub fn unpark_all_but(&self, wanted: &BTreeSet<SessionId>) -> Result<()> {
        for number in 1..=self.highest()? {
            let stem = self.stem(number);
            let file = stem.with_extension(EXTENSION);
            let is_wanted = mark_of(&stem).is_some_and(|mark| wanted.contains(&mark.session));
            if file.exists() && !is_wanted {
                remove_file(&file)?;
            }
        }
        Ok(())
    }
}

impl Worktree {
    /// Marks it as a session's own; let go of, it is so no more, unless this process dies before.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn mark(&mut self, session: &SessionId) -> Result<()> {
        let BaseTree { tip, commit, tree, start } = self.base().clone();
        let mark = Mark { session: session.clone(), tip, commit, tree, start };
        let file = self.root().with_extension(EXTENSION);
        let text = serde_json::to_vec(&mark)
            .map_err(|error| Error::because("marking a worktree", error).at(&file))?;
        std::fs::write(&file, text).doing("marking a worktree", &file)?;
        self.set_marked(true);
        Ok(())
    }

    /// Lets go of it without taking its mark away.
    fn leave(mut self) {
        self.set_marked(false);
        if let Some(held) = self.held.take() {
            held.leave();
        }
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if self.is_marked() {
            // One that stays is looked through at the next start.
            let _ = std::fs::remove_file(self.root().with_extension(EXTENSION));
        }
    }
}

/// What the patch of a parked session is taken against; `None` where none is parked there.
pub(super) fn base_of_parked(stem: &Path) -> Option<BaseTree> {
    mark_of(stem).map(base_of)
}

fn base_of(mark: Mark) -> BaseTree {
    let Mark { tip, commit, tree, start, .. } = mark;
    BaseTree { tip, commit, tree, start }
}

/// A mark that cannot be read marks nothing.
fn mark_of(stem: &Path) -> Option<Mark> {
    let text = std::fs::read(stem.with_extension(EXTENSION)).ok()?;
    serde_json::from_slice(&text).ok()
}
