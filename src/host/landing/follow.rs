//! The user's branch and checkout follow the integration tip, or say what keeps them.
//!
//! The order is: locks, look, files, index, branch. Killed at any point, the next call finds files
//! or index entries that already are as they are to be, and goes on.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};

use super::beneath::paths_of;
use super::checkout::{FastForward, Inspection};
use super::locks::{Turn, lock_index};
use super::sparse::outside;
use super::swap::Swaps;
use crate::base::name::{CommitId, RelPath};
use crate::engine::event::Placement;
use crate::engine::why::Obstacle;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::git::index::bytes_of;
use crate::host::git::object::{TreeChange, tree_changes};
use crate::host::git::tip::{Tip, first_parent};
use crate::host::git::{CheckoutState, Repository, branch_ref, object_id};

/// What a call to `follow` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// The tip, and what happened to parked landings on the way.
    pub tip: Tip,
    pub followed: Followed,
}

/// Where the user's branch stands after a call to `follow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It was at the tip already.
    Level,
    Moved {
        from: CommitId,
        to: CommitId,
    },
    /// It stays, and the landings wait under `refs/orch/tip/<branch>`.
    Parked(Obstacle),
}

impl Followed {
    /// As the engine is told.
    pub fn placement(&self) -> Placement {
        match self {
            Self::Level | Self::Moved { .. } => Placement::OnBranch,
            Self::Parked(obstacle) => Placement::Parked(obstacle.clone()),
        }
    }
}

impl Repository {
    /// Moves the user's branch, files and index to the tip where nothing of the user's is touched.
    pub fn follow(&self, branch: &str) -> Result<Follow> {
        let tip = self.settled_tip(branch)?;
        let found = self.beneath_among(&self.parked(branch)?)?;
        let followed = match found.is_empty() {
            true => self.follow_to(branch, &tip)?,
            false => Followed::Parked(self.obstacle_of(&found, &tip.commit)?),
        };
        Ok(Follow { tip, followed })
    }

    /// As `follow`, where the user has asked for all that is parked: their uncommitted text beneath
    /// it is committed with it, as far as it is what it was when the result was made.
    pub fn take(&self, branch: &str) -> Result<Follow> {
        let tip = self.tip(branch)?;
        let followed = self.follow_to(branch, &tip)?;
        Ok(Follow { tip, followed })
    }

    fn follow_to(&self, branch: &str, tip: &Tip) -> Result<Followed> {
        if tip.commit == tip.branch_head {
            return Ok(Followed::Level);
        }
        let Some(turn) = Turn::take(self)? else {
            return Ok(Followed::Parked(Obstacle::OtherOrch));
        };
        let git = self.local();
        let from = object_id(tip.branch_head.as_str())?;
        let to = object_id(tip.commit.as_str())?;
        if let Some(obstacle) = self.obstacle_beside(&git, branch, from)? {
            return Ok(Followed::Parked(obstacle));
        }
        let moving = Moving { git: &git, branch, from, to };
        let locks = moving.lock_files();
        turn.note(&locks)?;
        let index_lock = match lock_index(&git.index_path()) {
            Ok(lock) => lock,
            Err(obstacle) => return Ok(Followed::Parked(obstacle)),
        };
        fault::point("locked index");
        turn.note(&locks)?;
        let prepared = git.refs.transaction().prepare(
            [moving.edit()?],
            gix::lock::acquire::Fail::Immediately,
            gix::lock::acquire::Fail::Immediately,
        );
        let Ok(prepared) = prepared else {
            return Ok(Followed::Parked(Obstacle::BranchInUse));
        };
        fault::point("locked branch");
        turn.note(&locks)?;
        if self.state()?.branch.as_deref() != Some(branch) {
            return Ok(Followed::Parked(Obstacle::Switched));
        }
        let mut index = open_index(&git)?;
        let plan = match self.plan(&moving, &index)? {
            Ok(plan) => plan,
            Err(obstacle) => return Ok(Followed::Parked(obstacle)),
        };
        fault::point("looked");
        let mut swaps = Swaps::new(self.root());
        let stats = match plan.place_files(&git, &index, self, &mut swaps) {
            Ok(Ok(stats)) => stats,
            Ok(Err(path)) => {
                swaps.undo()?;
                return Ok(Followed::Parked(Obstacle::Edited(vec![path])));
            }
            Err(error) => {
                swaps.undo()?;
                return Err(error);
            }
        };
        fault::point("placed");
        plan.update_index(&mut index, &stats);
        let late = swaps.written_since();
        if !late.is_empty() {
            swaps.undo()?;
            let late = late.iter().filter_map(|it| self.path_below(it)).collect();
            return Ok(Followed::Parked(Obstacle::Edited(late)));
        }
        write_index(&index, index_lock)?;
        fault::point("indexed");
        let author = self.signature(&git);
        let mut time = gix::date::parse::TimeBuf::default();
        prepared.commit(Some(author.to_ref(&mut time))).doing("moving the branch", branch)?;
        fault::point("moved");
        swaps.finish()?;
        self.note_branch_at(branch, to)?;
        Ok(Followed::Moved { from: tip.branch_head.clone(), to: tip.commit.clone() })
    }

    fn path_below(&self, file: &Path) -> Option<RelPath> {
        RelPath::from_bytes(file.strip_prefix(self.root()).ok()?.as_os_str().as_bytes())
    }

    fn plan(
        &self,
        moving: &Moving<'_>,
        index: &gix::index::File,
    ) -> Result<std::result::Result<FastForward, Obstacle>> {
        if index.is_sparse() {
            return Ok(Err(Obstacle::SparseIndex));
        }
        let before = self.commit_tree(moving.git, moving.from)?;
        let after = self.commit_tree(moving.git, moving.to)?;
        let mut changes = tree_changes(moving.git, before, after)?;
        changes.extend(self.kept_changes(moving, &changes, after)?);
        let outside = &outside(moving.git, &changes)?;
        let halfway = &self.halfway(moving)?;
        let inspection = Inspection { repo: self, git: moving.git, index, outside, halfway };
        Ok(inspection.plan(changes)?.map_err(Obstacle::Edited))
    }

    /// Files that are on the branch as they will be, and hold text of the user's in between.
    fn kept_changes(
        &self,
        moving: &Moving<'_>,
        changes: &[TreeChange],
        after: ObjectId,
    ) -> Result<Vec<TreeChange>> {
        let mut paths = paths_of(&self.beneath_among(&self.parked(moving.branch)?)?);
        for change in changes {
            RelPath::from_bytes(&change.path).map(|path| paths.remove(&path));
        }
        let kept = paths.iter().map(|path| {
            let entry = self.entry_at(moving.git, after, path)?;
            Ok(TreeChange { path: path.to_bytes().into(), before: entry, after: entry })
        });
        kept.collect()
    }

    /// The trees of the landings between the branch and the tip: a run that was killed while it
    /// followed to one of these has left its content.
    fn halfway(&self, moving: &Moving<'_>) -> Result<Vec<ObjectId>> {
        let parked = self.parked(moving.branch)?;
        let commits = parked.iter().map(|commit| object_id(commit.as_str()));
        commits.map(|commit| self.commit_tree(moving.git, commit?)).collect()
    }

    /// What keeps the branch from following, without touching anything; `None` where nothing waits.
    pub fn why_parked(&self, branch: &str) -> Result<Option<Obstacle>> {
        let parked = self.parked(branch)?;
        let (Some(first), Some(last)) = (parked.first(), parked.last()) else { return Ok(None) };
        let git = self.local();
        let from = object_id(self.state()?.head.as_str())?;
        let to = object_id(last.as_str())?;
        if let Some(obstacle) = self.obstacle_beside(&git, branch, from)? {
            return Ok(Some(obstacle));
        }
        if first_parent(&git, object_id(first.as_str())?) != Some(from) {
            return Ok(Some(Obstacle::Moved));
        }
        let found = self.beneath_among(&parked)?;
        if !found.is_empty() && self.taken_back(&found, &self.state()?.head)?.is_empty() {
            return Ok(Some(self.obstacle_of(&found, last)?));
        }
        let moving = Moving { git: &git, branch, from, to };
        Ok(Some(self.plan(&moving, &open_index(&git)?)?.err().unwrap_or(Obstacle::Gone)))
    }

    /// Why the checkout cannot follow now, whatever the paths are.
    fn obstacle_beside(
        &self,
        git: &gix::Repository,
        branch: &str,
        from: ObjectId,
    ) -> Result<Option<Obstacle>> {
        let state = self.state()?;
        let CheckoutState { branch: current, operation_under_way, is_detached, .. } = &state;
        if let Some(operation) = *operation_under_way {
            return Ok(Some(Obstacle::Operation(operation)));
        }
        if *is_detached {
            return Ok(Some(Obstacle::Detached));
        }
        if current.as_deref() != Some(branch) {
            let current = current.clone();
            return Ok(Some(Obstacle::OtherBranch { current, wanted: branch.to_owned() }));
        }
        if let Some(place) = elsewhere(git, branch)? {
            let (branch, place) = (branch.to_owned(), place.display().to_string());
            return Ok(Some(Obstacle::CheckedOut { branch, place }));
        }
        if object_id(state.head.as_str())? != from {
            return Ok(Some(Obstacle::Moving));
        }
        Ok(None)
    }
}

/// One move of the user's branch.
struct Moving<'a> {
    git: &'a gix::Repository,
    branch: &'a str,
    from: ObjectId,
    to: ObjectId,
}

impl Moving<'_> {
    /// Through HEAD, so that its reflog is written as by `git merge --ff-only`.
    fn edit(&self) -> Result<RefEdit> {
        let message = format!("orch: land {}", self.to.to_hex_with_len(12)).into();
        let log = LogChange { mode: RefLog::AndReference, force_create_reflog: false, message };
        let expected = PreviousValue::MustExistAndMatch(Target::Object(self.from));
        let change = Change::Update { log, expected, new: Target::Object(self.to) };
        let name = "HEAD".try_into().doing("naming a ref", "HEAD")?;
        Ok(RefEdit { change, name, deref: true })
    }

    fn lock_files(&self) -> Vec<PathBuf> {
        let mut index = self.git.index_path().into_os_string();
        index.push(".lock");
        let index = PathBuf::from(index);
        let branch = format!("{}.lock", branch_ref(self.branch));
        vec![index, self.git.git_dir().join("HEAD.lock"), self.git.common_dir().join(branch)]
    }
}

/// Another worktree that has the branch checked out.
fn elsewhere(git: &gix::Repository, branch: &str) -> Result<Option<PathBuf>> {
    let wanted = format!("ref: {}", branch_ref(branch));
    let stands_on = |git_dir: &std::path::Path| {
        std::fs::read_to_string(git_dir.join("HEAD")).is_ok_and(|head| head.trim() == wanted)
    };
    let is_linked = git.git_dir() != git.common_dir();
    if is_linked && stands_on(git.common_dir()) {
        return Ok(Some(git.common_dir().to_owned()));
    }
    let own = std::fs::canonicalize(git.git_dir()).ok();
    for proxy in git.worktrees().doing("listing worktrees", git.path())? {
        let is_own = std::fs::canonicalize(proxy.git_dir()).ok() == own;
        if !is_own && stands_on(proxy.git_dir()) {
            return Ok(Some(proxy.base().unwrap_or_else(|_| proxy.git_dir().to_owned())));
        }
    }
    Ok(None)
}

/// The index as it is on disk now; an empty one where there is none yet.
fn open_index(git: &gix::Repository) -> Result<gix::index::File> {
    let file = git.index_path();
    let opened =
        gix::index::File::at_or_default(&file, git.object_hash(), false, Default::default());
    opened.doing("reading the index", &file)
}

fn write_index(index: &gix::index::File, mut lock: gix::lock::File) -> Result<()> {
    let doing = "writing the index";
    let place = lock.resource_path();
    let bytes = bytes_of(index).doing(doing, &place)?;
    lock.write_all(&bytes).doing(doing, &place)?;
    lock.commit().map(|_| ()).map_err(|why| Error::because(doing, why.error).at(&place))
}
