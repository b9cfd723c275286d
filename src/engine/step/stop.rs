//! Stopping: nothing new starts, and what runs may finish or is ended.

use crate::base::name::AttemptId;
use crate::engine::effect::Effect;

use super::Engine;

/// How far a stop has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopping {
    No,
    /// Nothing new starts; what runs may end.
    Asked,
    /// What runs is ended too.
    Now,
}

impl Engine {
    pub(super) fn stop(&mut self, how: Stopping) {
        let Some(build) = &mut self.build else { return };
        build.stopping = build.stopping.max(how);
    }

    pub(super) fn interrupt(&mut self) {
        let already = self.build.as_ref().is_some_and(|it| it.stopping >= Stopping::Asked);
        self.stop(if already { Stopping::Now } else { Stopping::Asked });
    }

    /// Under [`Stopping::Now`] every attempt that lives is told once, also one that began later: a
    /// validator of what was just ending.
    pub(super) fn end_what_runs(&mut self) {
        let Some(build) = self.build.as_ref().filter(|it| it.stopping == Stopping::Now) else {
            return;
        };
        let live = build.attempts.keys().chain(build.reviews.keys()).copied();
        let live = live.chain(build.proposals.keys().copied()).chain(build.smokes.running());
        let new: Vec<AttemptId> = live.filter(|it| !self.stopped.contains(it)).collect();
        self.step.extend(new.iter().map(|&attempt| Effect::Stop { attempt }));
        self.stopped.extend(new);
    }
}
