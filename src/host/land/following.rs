//! The user's branch follows what landed, or what landed waits for it.

use crate::host::error::Result;
use crate::host::landing::{Follow, Followed};
use crate::host::state::checkout::Checkout;

/// Where the user's branch is behind the integration tip.
#[derive(Debug, Default)]
pub struct Following {
    /// Landings that the user's branch has not followed to, and why.
    waiting: Option<String>,
}

impl Following {
    /// What waits for the user's branch, in words for people, as it was last looked at.
    pub fn waiting(&self) -> Option<&str> {
        self.waiting.as_deref()
    }

    /// Takes parked work onto the branch where nothing of the user's stands in the way.
    pub fn take(&mut self, checkout: &mut Checkout) -> Result<Followed> {
        let follow = checkout.repo.take(&checkout.branch()?)?;
        self.note(checkout, follow)
    }

    /// Finishes what a killed run left half done, too, and takes landings that waited where nothing
    /// stands in the way any more.
    pub fn follow(&mut self, checkout: &mut Checkout) -> Result<Followed> {
        let follow = checkout.repo.follow(&checkout.branch()?)?;
        self.note(checkout, follow)
    }

    fn note(&mut self, checkout: &mut Checkout, follow: Follow) -> Result<Followed> {
        checkout.tip = follow.tip.commit;
        checkout.moved = follow.tip.moved.or(checkout.moved.take());
        self.waiting = match &follow.followed {
            Followed::Parked { reason, .. } => because(checkout, reason)?,
            Followed::Level | Followed::Moved { .. } => None,
        };
        Ok(follow.followed)
    }

    /// Looks whether landings wait, and moves nothing.
    pub fn look(&mut self, checkout: &Checkout) -> Result<()> {
        let Some(branch) = &checkout.branch else { return Ok(()) };
        self.waiting = match checkout.repo.why_parked(branch)? {
            Some(reason) => because(checkout, &reason)?,
            None => None,
        };
        Ok(())
    }
}

fn because(checkout: &Checkout, reason: &str) -> Result<Option<String>> {
    let commits = checkout.repo.parked(&checkout.branch()?)?;
    let n_landings = checkout.repo.landings_among(&commits)?;
    let n_commits = commits.len() - checkout.repo.beneath_among(&commits)?.len();
    Ok((!commits.is_empty()).then(|| format!("{}: {reason}", wait(n_commits, n_landings))))
}

/// Landings are what `orch land` counts; commits are what git shows.
fn wait(n_commits: usize, n_landings: usize) -> String {
    let noun = if n_landings == 1 { "landing" } else { "landings" };
    match (n_commits, n_commits.saturating_sub(n_landings)) {
        (1, 0) => "1 landing waits".to_owned(),
        (1, _) => "1 commit with status lines waits".to_owned(),
        (n, 0) => format!("{n} landings wait"),
        (n, rest) => format!("{n} commits wait ({n_landings} {noun}, {rest} with status lines)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_as_land_counts_it() {
        let check = |counts: [(usize, usize); 5]| counts.map(|(n, landings)| wait(n, landings));
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
}
