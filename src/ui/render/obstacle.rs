//! Words for what keeps the user's branch from following what landed.

use crate::base::name::RelPath;
use crate::engine::why::{Obstacle, Parked, ParkedCount};

/// How many files are named.
const NAMED: usize = 3;

/// What waits, and why.
pub fn parked_text(parked: &Parked) -> String {
    let why = obstacle_text(&parked.obstacle);
    match parked.count {
        Some(count) => format!("{}: {why}", count_text(count)),
        None => why,
    }
}

/// Why a branch does not follow.
pub fn obstacle_text(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::OtherOrch => "another orch is moving the branch".to_owned(),
        Obstacle::IndexInUse => "a git command is using the index".to_owned(),
        Obstacle::IndexLock(why) => format!("git's index cannot be locked: {why}"),
        Obstacle::SparseIndex => {
            "the index is sparse (`git sparse-checkout reapply --no-sparse-index` ends that)"
                .to_owned()
        }
        Obstacle::BranchInUse => "the branch is being moved by a git command".to_owned(),
        Obstacle::Switched => "another branch was switched to at this moment".to_owned(),
        Obstacle::Moving => "the branch moved at this moment".to_owned(),
        Obstacle::Moved => "the branch has moved meanwhile".to_owned(),
        Obstacle::Operation(name) => format!("{name} is under way"),
        Obstacle::Detached => "HEAD is detached".to_owned(),
        Obstacle::OtherBranch { current, wanted } => {
            let current = current.as_deref().unwrap_or("another branch");
            format!("the checkout is on `{current}`, not on `{wanted}`")
        }
        Obstacle::CheckedOut { branch, place } => {
            format!("`{branch}` is checked out in {place}, too")
        }
        Obstacle::Edited(paths) => format!("you have changes of your own in {}", named(paths)),
        Obstacle::MadeOnEdits(paths) => format!(
            "made on uncommitted edits of yours in {}, which `orch land` commits, too",
            named(paths)
        ),
        Obstacle::MadeOnLostEdits(paths) => format!(
            "made on edits of yours in {} that are others by now: commit or restore them",
            named(paths)
        ),
        Obstacle::Gone => "nothing stands in the way any more".to_owned(),
    }
}

fn named(paths: &[RelPath]) -> String {
    let shown: Vec<_> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    let more = match paths.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

fn count_text(count: ParkedCount) -> String {
    let noun = if count.landings == 1 { "landing" } else { "landings" };
    match (count.commits, count.commits.saturating_sub(count.landings)) {
        (1, 0) => "1 landing waits".to_owned(),
        (1, _) => "1 commit with status lines waits".to_owned(),
        (n, 0) => format!("{n} landings wait"),
        (n, rest) => {
            format!("{n} commits wait ({} {noun}, {rest} with status lines)", count.landings)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_as_land_counts_it() {
        let check = |counts: [(usize, usize); 5]| {
            counts.map(|(commits, landings)| count_text(ParkedCount { commits, landings }))
        };
        assert_eq!(
            check([(1, 1), (1, 0), (3, 3), (4, 3), (2, 1)]),
            [
                "1 landing waits",
                "1 commit with status lines waits",
                "3 landings wait",
                "4 commits wait (3 landings, 1 with status lines)",
                "2 commits wait (1 landing, 1 with status lines)",
            ]
        );
    }

    #[test]
    fn the_first_files_are_named() {
        let path = |name: &&str| RelPath::new(name).unwrap();
        let check =
            |names: &[&str]| obstacle_text(&Obstacle::Edited(names.iter().map(path).collect()));
        assert_eq!(check(&["a"]), "you have changes of your own in `a`");
        assert_eq!(
            check(&["a", "b", "c", "d"]),
            "you have changes of your own in `a`, `b`, `c` and 1 more"
        );
    }
}
