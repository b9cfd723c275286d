//! What an attempt left, laid onto what is there by now: what goes together, and what collided.

use std::collections::BTreeSet;

use crate::base::name::{CommitId, RelPath, TreeId};
use crate::engine::effect::Base;
use crate::host::error::Result;
use crate::host::git::Repository;
use crate::host::git::merge::{Merge, MergeConflict};

use super::base::{BaseTree, Left};

/// Files that an attempt left and that do not merge with what is there by now.
#[derive(Clone, Debug)]
pub struct Collided {
    /// Their versions are in this tree.
    pub tree: TreeId,
    /// What the attempt stood on.
    pub stands_on: CommitId,
    pub conflict: MergeConflict,
}

/// A merge in which what is there by now has the last word.
pub(super) struct Together {
    pub tree: TreeId,
    conflict: Option<MergeConflict>,
}

impl Repository {
    /// What collides with this base of what an attempt left; `None` where all of it merges, or nothing
    /// is left.
    pub fn collided(&self, base: &Base, onto: &BaseTree) -> Result<Option<Collided>> {
        let Base::Left { kept_as, key } = base else { return Ok(None) };
        let Some(left) = self.left_as(kept_as, *key)? else { return Ok(None) };
        let Together { conflict, .. } = self.together(&left, onto)?;
        let Left { tree, stands_on, .. } = left;
        Ok(conflict.map(|conflict| Collided { tree, stands_on, conflict }))
    }

    /// What an attempt left, merged; a file that collides stays as it is there by now.
    pub(super) fn together(&self, left: &Left, onto: &BaseTree) -> Result<Together> {
        let mut conflict = match self.merge(&left.base, &left.tree, &onto.commit)? {
            Merge::Clean(merged) => return Ok(Together { tree: merged.tree, conflict: None }),
            Merge::Conflict(conflict) => conflict,
        };
        let collides: BTreeSet<RelPath> = conflict.paths.iter().cloned().collect();
        let rest = self.tree_without(&left.base, &left.tree, |it| collides.contains(it))?;
        let tree = match self.merge(&left.base, &rest, &onto.commit)? {
            Merge::Clean(merged) => merged.tree,
            // What was moved about can only be looked at as a whole.
            Merge::Conflict(_) => {
                let all = self.patch_between(&left.base, &left.tree)?;
                conflict.paths = all.paths().cloned().collect();
                onto.tree.clone()
            }
        };
        Ok(Together { tree, conflict: Some(conflict) })
    }
}
