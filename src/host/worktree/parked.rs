//! Worktrees that wait for a person's answer: `<n>.parked` says which session goes on in it, so that
//! no other attempt takes it, in this process or a later one.

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
}

impl Pool {
    /// Marks a worktree as a session's own. It may be let go of then: nobody takes or moves it.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn park(&self, worktree: &Worktree, session: &SessionId) -> Result<()> {
        let base = worktree.base();
        let mark = Mark {
            session: session.clone(),
            tip: base.tip.clone(),
            commit: base.commit.clone(),
            tree: base.tree.clone(),
        };
        let file = worktree.root().with_extension(EXTENSION);
        let text = serde_json::to_vec(&mark)
            .map_err(|error| Error::because("marking a worktree", error).at(&file))?;
        std::fs::write(&file, text).doing("marking a worktree", &file)
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
            remove_file(&stem.with_extension(EXTENSION))?;
            let Mark { tip, commit, tree, .. } = mark;
            return Ok(self.as_it_is(stem, &BaseTree { tip, commit, tree }, lock));
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

/// A mark that cannot be read marks nothing.
fn mark_of(stem: &Path) -> Option<Mark> {
    let text = std::fs::read(stem.with_extension(EXTENSION)).ok()?;
    serde_json::from_slice(&text).ok()
}
