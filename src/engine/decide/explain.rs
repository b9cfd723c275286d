//! Why a task is stale: what differs from its last accepted result.

use crate::base::digest::{Difference, Recorded, differences};
use crate::engine::graph::NodeId;
use crate::engine::world::World;

use super::Board;

impl Board {
    /// Names the changed inputs by comparing manifests.
    pub(super) fn explain(&mut self, id: NodeId, previous: Option<Recorded>, world: &World) {
        let (Some(previous), Some(now)) = (previous, world.manifest(self.slot(id))) else { return };
        let changed: Vec<String> = differences(&previous, &now).iter().map(told).collect();
        let run = self.run(id);
        if let Some(first) = changed.first()
            && run.reason == "its inputs changed"
        {
            let more = changed.len() - 1;
            run.reason =
                if more == 0 { first.clone() } else { format!("{first}, and {more} more") };
        }
        run.changed = changed;
    }
}

/// `inputs `src/a.rs` changed`
fn told(difference: &Difference) -> String {
    let (section, name, how) = match difference {
        Difference::Changed { section, name, .. } => (section, name, "changed"),
        Difference::Added { section, name, .. } => (section, name, "is new"),
        Difference::Removed { section, name, .. } => (section, name, "is gone"),
    };
    format!("{section} `{name}` {how}")
}
