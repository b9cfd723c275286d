//! The user's branch follows what landed, or what landed waits for it.

use crate::engine::why::{Obstacle, Parked, ParkedCount};
use crate::host::error::Result;
use crate::host::landing::{Follow, Followed};
use crate::host::state::checkout::Checkout;

/// Where the user's branch is behind the integration tip.
#[derive(Debug, Default)]
pub struct Following {
    /// Landings that the user's branch has not followed to.
    waiting: Option<Parked>,
}

impl Following {
    /// What waits for the user's branch, as it was last looked at.
    pub fn waiting(&self) -> Option<&Parked> {
        self.waiting.as_ref()
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
            Followed::Parked(obstacle) => parked(checkout, obstacle)?,
            Followed::Level | Followed::Moved { .. } => None,
        };
        Ok(follow.followed)
    }

    /// Looks whether landings wait, and moves nothing.
    pub fn look(&mut self, checkout: &Checkout) -> Result<()> {
        let Some(branch) = &checkout.branch else { return Ok(()) };
        self.waiting = match checkout.repo.why_parked(branch)? {
            Some(obstacle) => parked(checkout, &obstacle)?,
            None => None,
        };
        Ok(())
    }
}

fn parked(checkout: &Checkout, obstacle: &Obstacle) -> Result<Option<Parked>> {
    let commits = checkout.repo.parked(&checkout.branch()?)?;
    let landings = checkout.repo.landings_among(&commits)?;
    let count = commits.len() - checkout.repo.beneath_among(&commits)?.len();
    let count = Some(ParkedCount { commits: count, landings });
    Ok((!commits.is_empty()).then(|| Parked { obstacle: obstacle.clone(), count }))
}
