//! The user's checkout: its branch, the integration tip, and what the engine may know of files there,
//! also where parked landings differ.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::base::digest::Digest;
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::name::{CommitId, RelPath, TaskRef, TreeId};
use crate::engine::record::lineage::Lineage;
use crate::host::common;
use crate::host::error::Result;
use crate::host::git::Repository;
use crate::host::git::committed::Committed;
use crate::host::git::lineage::Caching;
use crate::host::git::normalize::{Normalizer, version_of_filters};
use crate::host::git::tip::TipMove;
use crate::host::scan::{NormalForm, Scanner};
use crate::host::store::Store;
use crate::host::store::folder::Access;
use crate::spec::glob::GlobSet;

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

pub fn normal_form(repo: &Repository) -> Result<Arc<dyn NormalForm>> {
    let normalizer = repo.normalizer()?;
    let version = version_of_filters(repo);
    Ok(Arc::new(AsGitStores { normalizer: Mutex::new(normalizer), version }))
}

/// A checkout, and where the landings of its branch have come to.
pub struct Checkout {
    pub root: PathBuf,
    pub access: Access,
    pub repo: Repository,
    pub scanner: Scanner,
    /// `None` where HEAD is detached and nothing is to be written.
    pub branch: Option<String>,
    /// The integration tip.
    pub tip: CommitId,
    /// What was done to parked landings and is not told yet.
    pub moved: Option<TipMove>,
    /// What HEAD has below the folders of declared inputs.
    pub committed: Committed,
}

/// Where the status lines of a plan go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Into commits; the checkout's file follows with the branch.
    Committed,
    /// Into the file as it lies: it is not tracked, or the user has changed it.
    InPlace,
}

impl Checkout {
    /// As it is found on this branch, with its tip.
    pub fn of(
        repo: Repository,
        access: Access,
        branch: Option<String>,
        tip: CommitId,
    ) -> Result<Self> {
        let root = repo.root().to_owned();
        Ok(Self {
            scanner: Scanner::open(&root, access, normal_form(&repo)?),
            root,
            access,
            repo,
            branch,
            tip,
            moved: None,
            committed: Committed::default(),
        })
    }

    /// To build and land in: parked landings that do not fit any more are set aside.
    pub fn settled(repo: Repository, branch: String) -> Result<Self> {
        // Looking at the tip notes what was seen: a dead run's lock may be in the way.
        repo.clear_dead_locks()?;
        let tip = repo.settled_tip(&branch)?;
        let found = Self::of(repo, Access::ReadWrite, Some(branch), tip.commit)?;
        Ok(Self { moved: tip.moved, ..found })
    }

    /// To look at only.
    pub fn to_see(repo: Repository) -> Result<Self> {
        let state = repo.state()?;
        let tip = match &state.branch {
            Some(branch) => repo.peek_tip(branch)?,
            None => state.head,
        };
        Self::of(repo, Access::ReadOnly, state.branch, tip)
    }

    /// Makes one that was to be looked at only one to build in.
    pub fn arm(&mut self, branch: String) -> Result<()> {
        self.access = Access::ReadWrite;
        self.repo.clear_dead_locks()?;
        self.tip = self.repo.tip(&branch)?.commit;
        self.branch = Some(branch);
        self.scanner = Scanner::open(&self.root, self.access, normal_form(&self.repo)?);
        Ok(())
    }

    pub fn store(&self) -> Store {
        common::store_of(&self.root, self.access)
    }

    pub fn branch(&self) -> Result<String> {
        match &self.branch {
            Some(branch) => Ok(branch.clone()),
            None => self.repo.branch(),
        }
    }

    pub fn refresh_tip(&mut self) -> Result<CommitId> {
        let branch = self.branch()?;
        self.tip = self.repo.tip(&branch)?.commit;
        Ok(self.tip.clone())
    }

    /// True where the user's branch has all that landed.
    pub fn is_level(&self) -> Result<bool> {
        Ok(self.repo.state()?.head == self.tip)
    }

    pub fn lineage(&self) -> Result<Lineage> {
        let file = self.root.join(".orch/lineage-v1");
        let caching = match self.access {
            Access::ReadWrite => Caching::ReadWrite(&file),
            Access::ReadOnly => Caching::ReadOnly(&file),
        };
        self.repo.read_lineage(&self.tip, caching)
    }

    /// Tasks whose landings wait under the tip's ref, oldest first.
    pub fn parked_tasks(&self) -> Result<Vec<TaskRef>> {
        let parked = self.repo.parked(&self.branch()?)?;
        let lineage = self.lineage()?;
        let landings = lineage.landings.iter().filter(|it| parked.contains(&it.commit));
        Ok(landings.map(|it| it.task.clone()).collect())
    }

    /// Files whose uncommitted text of the user's lies beneath those landings.
    pub fn parked_edits(&self) -> Result<BTreeSet<RelPath>> {
        let parked = self.repo.parked(&self.branch()?)?;
        let found = self.repo.beneath_among(&parked)?;
        Ok(found.iter().flat_map(|it| it.patch.paths().cloned()).collect())
    }

    /// Where a plan's status lines go. A file that is exactly as committed changes only by commits,
    /// so that a checkout which cannot follow stays as it is; any other is edited where it lies.
    pub fn home_of(&self, path: &RelPath) -> Result<Home> {
        let tree = self.repo.tree_of(&self.tip)?;
        if !self.repo.has_path(&tree, path)? {
            return Ok(Home::InPlace);
        }
        let head = self.repo.tree_of(&self.repo.state()?.head)?;
        let present = self.scanner.digest_of(path)?;
        let is_committed = present == self.repo.state_at(&head, path)?
            || present == self.repo.state_at(&tree, path)?;
        Ok(if is_committed { Home::Committed } else { Home::InPlace })
    }

    /// True where the tip has the path; also where that cannot be told.
    pub fn is_tracked(&self, path: &RelPath) -> bool {
        let tree = self.repo.tree_of(&self.tip);
        tree.and_then(|tree| self.repo.has_path(&tree, path)).unwrap_or(true)
    }

    /// The plan as it stands at the tip.
    pub fn tip_text(&self, path: &RelPath) -> Result<Arc<str>> {
        self.repo.text_at(&self.repo.tree_of(&self.tip)?, path)
    }

    /// Present content: where a landing is parked and the user has not touched the path, what
    /// landed counts.
    pub fn scan(
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

    /// Present content, where what a sparse checkout leaves out is as HEAD has it.
    pub fn scan_as_if_whole(&self, paths: &[RelPath]) -> Result<Vec<(RelPath, Option<FileState>)>> {
        let mut found = self.scan(&[], paths)?;
        let gone = found.iter().filter(|(_, state)| state.is_none()).map(|(path, _)| path.clone());
        let gone: Vec<RelPath> = gone.collect();
        let removed: BTreeSet<RelPath> = self.repo.without_left_out(gone)?.into_iter().collect();
        let head = self.repo.tree_of(&self.repo.state()?.head)?;
        for (path, state) in &mut found {
            if state.is_none() && !removed.contains(path) {
                *state = self.repo.state_at(&head, path)?;
            }
        }
        Ok(found)
    }

    /// What differs between the user's HEAD and the integration tip.
    fn parked_changes(&self) -> Result<Vec<FileChange>> {
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
    fn mended_at(&self, tip: &TreeId) -> Result<Vec<FileChange>> {
        let Some(branch) = &self.branch else { return Ok(Vec::new()) };
        let parked = self.repo.parked(branch)?;
        let mut changes = Vec::new();
        for beneath in self.repo.beneath_among(&parked)? {
            for change in beneath.patch.changes() {
                let (path, before) = (change.path.clone(), change.after);
                changes.push(FileChange { after: self.repo.state_at(tip, &path)?, path, before });
            }
        }
        Ok(changes)
    }

    /// Files that a cached result changes and that the user has changed to what it changes them from.
    pub fn made_on_edits(&self, patch: &Patch) -> Result<BTreeSet<RelPath>> {
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
    pub fn changed_by_user(&self, paths: &[RelPath]) -> Result<Vec<RelPath>> {
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
