//! Stopping: nothing new starts, and what runs may finish or is ended.

use super::Admission;

/// How far a stop has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopping {
    #[default]
    No,
    /// Nothing new starts; what runs may end.
    Asked,
    /// What runs is ended too.
    Now,
}

impl Admission {
    pub fn stop(&mut self, how: Stopping) {
        self.stopping = self.stopping.max(how);
    }

    /// A person interrupts: the second time what runs is ended, too.
    pub fn interrupt(&mut self) {
        let already = self.stopping >= Stopping::Asked;
        self.stop(if already { Stopping::Now } else { Stopping::Asked });
    }
}
