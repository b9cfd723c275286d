//! Who asks orch for something: somebody outside, or a process of an attempt that the build here runs. A
//! session does not decide about its own work.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::name::TaskRef;

use super::git::checkouts;
use super::lock::{Holder, Lock};
use super::platform::{self, CHECKOUT};
use super::store::folder;

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// No process of the build here, as far as the system tells.
    Outside,
    Inside(Inside),
    /// It is gone, or of a number space of its own: nothing can be told of it.
    Unknown,
}

/// A process of an attempt, or another one that the build here started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// Whose attempt it is, where that is known.
    pub task: Option<TaskRef>,
    /// The checkout that is built, where it is another one of the same repository.
    pub checkout: Option<PathBuf>,
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "a process of {task}"),
            None => f.write_str("a process of the build here"),
        }
    }
}

/// What this process is to the builds of the repository that the checkout `root` is of. `start` is the
/// folder it was started in.
pub fn this_process(root: &Path, start: Option<&Path>) -> Asker {
    let asker = asker(std::process::id(), root);
    if asker != Asker::Outside {
        return asker;
    }
    // Whoever left the family by force is still where it was.
    let is_in_build = |checkout: &PathBuf| {
        let worktrees = checkout.join(folder::NAME).join("worktrees");
        start.is_some_and(|it| it.starts_with(worktrees)) && Lock::holder_of(checkout).is_some()
    };
    match checkouts::all_of(root).into_iter().find(is_in_build) {
        Some(checkout) => Asker::Inside(Inside::of(checkout, root)),
        None => Asker::Outside,
    }
}

/// What a process is to the builds of the repository that the checkout `root` is of: known by what it
/// descends from, whatever it did to its environment, its session or its parent.
pub fn asker(pid: u32, root: &Path) -> Asker {
    let lineage = platform::lineage_of(pid);
    if lineage.is_empty() {
        return Asker::Unknown;
    }
    // The one furthest up that is of this repository is the shim, whose environment nobody else made.
    let of_build = |&pid: &u32| Some((pid, checkout_of(pid, root)?));
    if let Some((shim, checkout)) = lineage.iter().rev().find_map(of_build) {
        let inside = Inside::of(checkout, root);
        return Asker::Inside(Inside { task: task_of(shim), ..inside });
    }
    let builds = |checkout: &PathBuf| {
        let builder = Lock::holder_of(checkout);
        builder.is_some_and(|builder| lineage[1..].iter().any(|&it| is_the(it, &builder)))
    };
    match checkouts::all_of(root).into_iter().find(builds) {
        Some(checkout) => Asker::Inside(Inside::of(checkout, root)),
        None => Asker::Outside,
    }
}

impl Inside {
    fn of(checkout: PathBuf, root: &Path) -> Self {
        Self { task: None, checkout: Some(checkout).filter(|it| it != root) }
    }
}

/// The checkout whose build a process is of, where that is one of the repository of `root`.
fn checkout_of(pid: u32, root: &Path) -> Option<PathBuf> {
    let checkout = platform::variable_of(pid, CHECKOUT)?;
    let checkout = Path::new(&checkout);
    checkouts::are_of_one(checkout, root).then(|| checkout.to_owned())
}

fn task_of(pid: u32) -> Option<TaskRef> {
    TaskRef::parse(platform::variable_of(pid, "ORCH_TASK")?.to_str()?)
}

/// Containers number their processes anew: the number alone could be anybody's.
fn is_the(pid: u32, builder: &Holder) -> bool {
    pid == builder.pid && platform::command_of(pid).as_deref() == Some(&builder.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_nobodys_attempt() {
        let root = tempfile::tempdir().unwrap();
        let check = |start: &str| this_process(root.path(), Some(&root.path().join(start)));
        assert_eq!(check(""), Asker::Outside);
        assert_eq!(check(".orch/worktrees/1"), Asker::Outside, "nothing is built here");
        let _lock = Lock::exclusive(root.path(), &Holder::this_process()).unwrap();
        assert_eq!(check("src"), Asker::Outside);
        assert_eq!(check(".orch/worktrees/1/src"), Asker::Inside(Inside::default()));
        assert_eq!(
            asker(std::process::id(), root.path()),
            Asker::Outside,
            "it holds the lock itself"
        );
    }
}
