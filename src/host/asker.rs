//! Who asks orch for something: somebody outside, or a process of an attempt that the build here runs. A
//! session does not decide about its own work.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::name::TaskRef;

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
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "a process of {task}"),
            None => f.write_str("a process of the build here"),
        }
    }
}

/// What this process is to the build of the checkout `root`. `start` is the folder it was started in.
pub fn this_process(root: &Path, start: Option<&Path>) -> Asker {
    let asker = asker(std::process::id(), root);
    if asker != Asker::Outside {
        return asker;
    }
    // Whoever left the family by force is still where it was.
    let worktrees = root.join(folder::NAME).join("worktrees");
    let is_within = start.is_some_and(|it| it.starts_with(worktrees));
    match is_within && Lock::holder_of(root).is_some() {
        true => Asker::Inside(Inside::default()),
        false => Asker::Outside,
    }
}

/// What a process is to the build of the checkout `root`: known by what it descends from, whatever it did
/// to its environment, its session or its parent.
pub fn asker(pid: u32, root: &Path) -> Asker {
    let lineage = platform::lineage_of(pid);
    if lineage.is_empty() {
        return Asker::Unknown;
    }
    // The one furthest up that is of this checkout is the shim, whose environment nobody else made.
    let shim = lineage.iter().rev().find(|&&pid| is_of(pid, root));
    if let Some(&shim) = shim {
        return Asker::Inside(Inside { task: task_of(shim) });
    }
    let builder = Lock::holder_of(root);
    match builder.is_some_and(|builder| lineage[1..].iter().any(|&it| is_the(it, &builder))) {
        true => Asker::Inside(Inside::default()),
        false => Asker::Outside,
    }
}

fn is_of(pid: u32, root: &Path) -> bool {
    platform::variable_of(pid, CHECKOUT)
        .is_some_and(|it| it.as_bytes() == root.as_os_str().as_bytes())
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
