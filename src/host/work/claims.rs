//! Files by which parallel workers of the original told one another what they were at. Nobody reads
//! them any more: what an attempt leaves has none, whatever an old plan or agent asks for.

use crate::base::file::FileChange;
use crate::base::name::RelPath;
use crate::host::error::Result;
use crate::host::worktree::{Collected, Worktree};

use super::Workshop;

/// Signs of life, a file for each worker; and the list of files that somebody is at, with what is
/// written beside it.
const HEARTBEATS: &str = ".claude/subagent-status";
const CLAIMS: &str = ".claude/agent-claims";

pub fn is_one(path: &RelPath) -> bool {
    path.is_within(HEARTBEATS) || path.as_str().starts_with(CLAIMS)
}

/// What an attempt left, without those that it wrote. One that it removed stays removed: a task may
/// be to clear them away.
pub fn taken_out(shop: &Workshop, worktree: &Worktree, collected: Collected) -> Result<Collected> {
    let is_written = |change: &&FileChange| change.after.is_some() && is_one(&change.path);
    let changes = collected.patch.changes().iter().filter(is_written);
    let paths: Vec<RelPath> = changes.map(|it| it.path.clone()).collect();
    paths.iter().try_fold(collected, |collected, path| shop.pool.without(worktree, collected, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_the_protocol_is_one() {
        let check = |path: &str| is_one(&RelPath::new(path).unwrap());
        assert!(check(".claude/subagent-status/subagent-1-2.json"));
        assert!(check(".claude/agent-claims.json") && check(".claude/agent-claims.json.tmp"));
        assert!(!check(".claude/subagent-status-old.md") && !check("src/agent-claims.json"));
    }
}
