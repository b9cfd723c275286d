//! Why nothing starts for a backlog item.

use crate::base::name::{PlanName, TaskRef};
use crate::spec::item::Standing;

/// What keeps an item's stages from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemHold {
    /// It is in the archive, and this plan was made of it.
    Archived,
    /// Its file says that it is not to be worked on.
    Standing(Standing),
    /// It waits for an item that is on hold, has failed or was dropped.
    NeverDone(String),
    /// It waits for a name that means no item, or several.
    Unknown(String),
    /// It waits for itself, by way of others.
    Circle,
    /// So many verifications said FAIL before, as its log tells.
    CyclesUsed(u32),
    /// A person is to agree to its plan first: the task that stands for that.
    Unapproved(TaskRef),
    /// The plan that was made of it is not to be seen in the checkout.
    Unplanned(PlanName),
}
