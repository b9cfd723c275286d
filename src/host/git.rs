//! The user's repository, read and written through gix: one thread-safe handle for every room.
//!
//! Nothing here runs hooks (`pre-commit`, `post-commit`, `reference-transaction`, ...), signs
//! commits, or touches the stash and the configuration. Filters (`.gitattributes`, line endings)
//! and merge drivers that git's configuration names do run, as git would run them.

pub(crate) mod browse;
pub mod checkouts;
pub(crate) mod committed;
pub mod edited;
pub(crate) mod encoding;
pub mod extent;
pub(crate) mod index;
pub mod inherited;
pub(crate) mod known;
pub mod lineage;
mod lineage_cache;
pub mod merge;
pub mod normalize;
pub mod object;
mod own_folder;
pub mod place;
mod remotes;
pub mod set_aside;
mod sparse;
pub mod surroundings;
pub mod tip;
pub mod trailer;

#[cfg(test)]
pub(crate) mod scratch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};

use self::known::Texts;
use crate::base::digest::Digest;
use crate::base::name::CommitId;
use crate::host::error::{Doing, Error, Result};
use crate::host::store::folder;

/// Name and address of commits where git knows no user.
pub(crate) const NOBODY: (&str, &str) = ("orch", "orch@localhost");

/// A repository with a checkout. Cheap to clone; every clone shares what was learnt of contents.
#[derive(Clone)]
pub struct Repository(Arc<Shared>);

struct Shared {
    git: gix::ThreadSafeRepository,
    root: PathBuf,
    contents: Mutex<Contents>,
    texts: Texts,
}

/// Which git object holds which content, as far as this process has met them.
#[derive(Default)]
struct Contents {
    digests: HashMap<ObjectId, Digest>,
    objects: HashMap<Digest, ObjectId>,
}

/// Where the user's checkout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutState {
    /// The branch that is worked on; during a rebase or bisect the one it will come back to.
    /// `None` where HEAD is detached for good.
    pub branch: Option<String>,
    /// The commit that HEAD stands on.
    pub head: CommitId,
    /// What the user is in the middle of, as in "a rebase".
    pub operation_under_way: Option<&'static str>,
    /// HEAD names no branch.
    pub is_detached: bool,
}

impl Repository {
    /// Finds the repository that `start` lies in.
    ///
    /// # Errors
    /// There is none, it has no checkout, or it is another user's and git has not been told to trust it:
    /// what it says would be run.
    pub fn discover(start: &Path) -> Result<Self> {
        let own = gix::open::Options::default().bail_if_untrusted(true);
        let options = gix::sec::trust::Mapping { full: own.clone(), reduced: own };
        let git = gix::ThreadSafeRepository::discover_opts(start, Default::default(), options)
            .map_err(|why| extent::not_opened(start, why))?;
        let Some(root) = git.work_dir().map(Path::to_owned) else {
            return Err(Error::new("the repository is bare: there is no checkout to work with")
                .at(git.path())
                .help("clone it, and run orch in the clone"));
        };
        let root = std::fs::canonicalize(&root).doing("resolving the repository root", &root)?;
        let contents = Mutex::default();
        Ok(Self(Arc::new(Shared { git, root, contents, texts: Texts::default() })))
    }

    /// The top folder of the user's checkout, absolute.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// `.orch` in the checkout's top folder, made where it is missing. It ignores itself, so that
    /// it never shows as a change of the user's.
    pub fn orch_folder(&self) -> Result<PathBuf> {
        let folder = self.root().join(".orch");
        folder::make_private(&folder).doing("making .orch", &folder)?;
        ignore_itself(&folder)?;
        Ok(folder)
    }

    /// The branch to land on.
    ///
    /// # Errors
    /// HEAD is detached, this is the worktree of an attempt, or the branch has no commit yet.
    pub fn branch(&self) -> Result<String> {
        if checkouts::checkout_of_attempt(self.root()).is_some() {
            return Err(Error::new(
                "this is the worktree of an attempt: nothing is built or decided in it",
            )
            .at(self.root())
            .help("run orch in the checkout; what an attempt asks for is refused there, too")
            .of_user());
        }
        self.state()?.branch.ok_or_else(|| {
            Error::new("HEAD is detached: there is no branch to land on").at(self.root()).help(
                "switch to one with `git switch <branch>`, or make one with `git switch -c <name>`",
            )
        })
    }

    /// Where the checkout stands now.
    ///
    /// # Errors
    /// The branch has no commit yet, or HEAD cannot be read.
    pub fn state(&self) -> Result<CheckoutState> {
        let git = self.local();
        let head = git.head().doing("reading HEAD", self.root())?;
        if head.is_unborn() {
            return Err(Error::new("the branch has no commit yet, so nothing can land on it")
                .at(self.root())
                .help("make the first one: git commit --allow-empty -m start"));
        }
        let is_detached = head.is_detached();
        let operation_under_way = git.state().map(operation_name);
        let branch = match head.referent_name() {
            Some(name) => branch_of(&name.as_bstr().to_string()),
            None if operation_under_way.is_some() => interrupted_branch(git.path()),
            None => None,
        };
        let head = git.head_id().doing("reading HEAD", self.root())?.detach();
        Ok(CheckoutState { branch, head: commit_id(head), operation_under_way, is_detached })
    }

    /// A handle for this thread; reads refs and objects as they are now.
    pub(crate) fn local(&self) -> gix::Repository {
        let mut git = self.0.git.to_thread_local();
        git.object_cache_size_if_unset(8 * 1024 * 1024);
        git
    }

    /// What a ref points to now; `None` where there is no such ref.
    pub(crate) fn ref_target(&self, name: &str) -> Result<Option<ObjectId>> {
        let git = self.local();
        let found = git.try_find_reference(name).doing("reading a ref", name)?;
        found
            .map(|mut r| r.peel_to_id().map(gix::Id::detach))
            .transpose()
            .doing("reading a ref", name)
    }

    /// The names of all refs that begin like this, which ends in a slash.
    pub(crate) fn refs_below(&self, folder: &str) -> Result<Vec<String>> {
        let doing = "listing refs";
        let git = self.local();
        let refs = git.references().doing(doing, self.root())?;
        let found = refs.prefixed(folder).doing(doing, self.root())?.flatten();
        Ok(found.map(|it| it.name().as_bstr().to_string()).collect())
    }

    /// Moves a ref where it still holds `expected` (`None`: is absent). False: someone else moved it.
    pub(crate) fn swap_ref(&self, swap: RefSwap<'_>) -> Result<bool> {
        let expected = match swap.from {
            Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
            None => PreviousValue::MustNotExist,
        };
        let git = self.local();
        let edit = ref_edit(&swap, expected)?;
        let author = self.signature(&git);
        let mut time = gix::date::parse::TimeBuf::default();
        super::fault::point("moving ref");
        match git.edit_references_as([edit], Some(author.to_ref(&mut time))) {
            Ok(_) => {
                super::fault::point("moved ref");
                Ok(true)
            }
            Err(_) if self.ref_target(swap.name)? != swap.from => Ok(false),
            Err(why) => Err(Error::because("moving a ref", why).at(swap.name)),
        }
    }

    /// Who orch commits as: the user as git knows them, else `orch <orch@localhost>`; now.
    pub(crate) fn signature(&self, git: &gix::Repository) -> gix::actor::Signature {
        let configured = git.author().or_else(|| git.committer()).and_then(|found| found.ok());
        let (name, email) = match configured {
            Some(person) => (person.name.to_owned(), person.email.to_owned()),
            None => (NOBODY.0.into(), NOBODY.1.into()),
        };
        gix::actor::Signature { name, email, time: gix::date::Time::now_local_or_utc() }
    }

    /// Texts that need not be read.
    pub(crate) fn texts(&self) -> &Texts {
        &self.0.texts
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the ignore file that hides a folder and itself from git.
pub(crate) fn ignore_itself(folder: &Path) -> Result<()> {
    let file = folder.join(".gitignore");
    // An empty one is what a full disk left.
    if std::fs::metadata(&file).is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    std::fs::write(&file, "*\n").doing("making a folder ignore itself", &file)
}

/// A compare-and-swap of one ref. `log` becomes the reflog's message.
pub(crate) struct RefSwap<'a> {
    pub name: &'a str,
    pub from: Option<ObjectId>,
    pub to: ObjectId,
    pub log: &'a str,
}

fn ref_edit(swap: &RefSwap<'_>, expected: PreviousValue) -> Result<RefEdit> {
    let name: FullName = swap.name.try_into().doing("naming a ref", swap.name)?;
    let log = LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: swap.log.into(),
    };
    let change = Change::Update { log, expected, new: Target::Object(swap.to) };
    Ok(RefEdit { change, name, deref: false })
}

/// The ref of a branch.
pub(crate) fn branch_ref(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

pub(crate) fn commit_id(id: ObjectId) -> CommitId {
    CommitId::new(id.to_string())
}

pub(crate) fn object_id(hex: &str) -> Result<ObjectId> {
    ObjectId::from_hex(hex.as_bytes()).doing("reading an object id", hex)
}

fn branch_of(full_name: &str) -> Option<String> {
    full_name.strip_prefix("refs/heads/").map(str::to_owned)
}

/// The branch that a rebase or bisect took the checkout away from.
fn interrupted_branch(git_dir: &Path) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(git_dir.join(name)).ok();
    let rebased = read("rebase-merge/head-name").or_else(|| read("rebase-apply/head-name"));
    if let Some(name) = rebased {
        return branch_of(name.trim());
    }
    let bisected = read("BISECT_START")?.trim().to_owned();
    ObjectId::from_hex(bisected.as_bytes()).is_err().then_some(bisected)
}

fn operation_name(state: gix::state::InProgress) -> &'static str {
    use gix::state::InProgress as S;
    match state {
        S::ApplyMailbox | S::ApplyMailboxRebase => "an `am`",
        S::Bisect => "a bisect",
        S::CherryPick | S::CherryPickSequence => "a cherry-pick",
        S::Merge => "a merge",
        S::Rebase | S::RebaseInteractive => "a rebase",
        S::Revert | S::RevertSequence => "a revert",
    }
}
