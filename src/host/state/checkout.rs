//! What the engine may know of files: the user's checkout, and parked landings where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::base::digest::Digest;
use crate::base::file::{Change, FileState, Patch};
use crate::base::name::{RelPath, TreeId};
use crate::host::error::Result;
use crate::host::git::Repository;
use crate::host::git::normalize::{Normalizer, version_of_filters};
use crate::host::scan::NormalForm;
use crate::spec::glob::GlobSet;

use crate::host::driver::Driver;

/// Content as git would store it.
struct AsGitStores {
    normalizer: Mutex<Normalizer>,
    version: Digest,
}

impl NormalForm for AsGitStores {
    fn version(&self) -> Digest {
        self.version
    }

    fn normalize(&self, path: &RelPath, content: Vec<u8>) -> Vec<u8> {
        let Ok(mut normalizer) = self.normalizer.lock() else { return content };
        match normalizer.normalize(path, &content) {
            Ok(std::borrow::Cow::Owned(normal)) => normal,
            Ok(std::borrow::Cow::Borrowed(_)) => content,
            Err(error) => {
                tracing::warn!(%path, %error, "its git filters failed; its bytes count as they are");
                content
            }
        }
    }

    fn is_as_is(&self, path: &RelPath) -> bool {
        self.normalizer.lock().is_ok_and(|mut it| it.is_as_is(path))
    }
}

pub(in crate::host) fn normal_form(repo: &Repository) -> Result<Arc<dyn NormalForm>> {
    let normalizer = repo.normalizer()?;
    let version = version_of_filters(repo);
    Ok(Arc::new(AsGitStores { normalizer: Mutex::new(normalizer), version }))
}

impl Driver {
    /// Present content: where a landing is parked and the user has not touched the path, what
    /// landed counts.
    pub(in crate::host) fn scan(
        &self,
        globs: &[GlobSet],
        paths: &[RelPath],
    ) -> Result<Vec<(RelPath, Option<FileState>)>> {
        let found = self.scanner.scan(globs, paths)?;
        let parked = self.parked_changes()?;
        if parked.is_empty() {
            return Ok(found);
        }
        let mut states: BTreeMap<RelPath, Option<FileState>> = found.into_iter().collect();
        for change in parked {
            let present = match states.get(&change.path) {
                Some(state) => *state,
                None => self.scanner.digest_of(&change.path)?,
            };
            let shown = if present == change.before { change.after } else { present };
            states.insert(change.path, shown);
        }
        Ok(states.into_iter().collect())
    }

    /// What differs between the user's HEAD and the integration tip.
    fn parked_changes(&self) -> Result<Vec<Change>> {
        let head = self.repo.state()?.head;
        if head == self.tip {
            return Ok(Vec::new());
        }
        let tip = self.repo.tree_of(&self.tip)?;
        let patch = self.repo.patch_between(&self.repo.tree_of(&head)?, &tip)?;
        let mut changes = patch.changes().to_vec();
        changes.extend(self.mended_at(&tip)?);
        Ok(changes)
    }

    /// What parked landings made of uncommitted text of the user's.
    fn mended_at(&self, tip: &TreeId) -> Result<Vec<Change>> {
        let Some(branch) = &self.branch else { return Ok(Vec::new()) };
        let parked = self.repo.parked(branch)?;
        let mut changes = Vec::new();
        for beneath in self.repo.beneath_among(&parked)? {
            for change in beneath.patch.changes() {
                let (path, before) = (change.path.clone(), change.after);
                changes.push(Change { after: self.repo.state_at(tip, &path)?, path, before });
            }
        }
        Ok(changes)
    }

    /// Files that a cached result changes and that the user has changed to what it changes them from.
    pub(in crate::host) fn made_on_edits(&self, patch: &Patch) -> Result<BTreeSet<RelPath>> {
        let paths: Vec<RelPath> = patch.paths().cloned().collect();
        let mut edited: BTreeSet<RelPath> = self.changed_by_user(&paths)?.into_iter().collect();
        for change in patch.changes() {
            if self.scanner.digest_of(&change.path)? != change.before {
                edited.remove(&change.path);
            }
        }
        Ok(edited)
    }

    /// Those of `paths` whose content in the checkout is the user's own: it differs from HEAD, and no
    /// parked landing was made on it.
    pub(in crate::host) fn changed_by_user(&self, paths: &[RelPath]) -> Result<Vec<RelPath>> {
        let head = self.repo.state()?.head;
        let mended = match head == self.tip {
            true => Vec::new(),
            false => self.mended_at(&self.repo.tree_of(&self.tip)?)?,
        };
        let is_mended = |path: &RelPath, present: Option<FileState>| {
            mended.iter().any(|it| it.path == *path && it.before == present)
        };
        let head = self.repo.tree_of(&head)?;
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for path in paths {
            let present = self.scanner.digest_of(path)?;
            if present != self.repo.state_at(&head, path)? && !is_mended(path, present) {
                let which = if present.is_some() { &mut changed } else { &mut gone };
                which.push(path.clone());
            }
        }
        changed.extend(self.repo.without_left_out(gone)?);
        Ok(changed)
    }
}
