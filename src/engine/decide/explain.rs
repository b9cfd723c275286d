//! Why a task is stale: what differs from its last accepted result.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Recorded;
use crate::engine::graph::NodeId;
use crate::engine::world::World;

use super::Board;

impl Board {
    /// Names the changed inputs by comparing manifests.
    pub(super) fn explain(&mut self, id: NodeId, previous: Option<Recorded>, world: &World) {
        let (Some(previous), Some(now)) = (previous, world.manifest(self.slot(id))) else { return };
        let changed = changes_between(&previous, &now);
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

/// What differs between two manifests, one line each: `inputs: src/a.rs changed`.
fn changes_between(before: &Recorded, now: &Recorded) -> Vec<String> {
    let table = |manifest: &Recorded| -> BTreeMap<(String, String), String> {
        manifest
            .values()
            .map(|(section, name, value)| ((section.to_owned(), name.to_owned()), value.to_owned()))
            .collect()
    };
    let (before, now) = (table(before), table(now));
    let keys: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let how = match (before.get(key), now.get(key)) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(_), Some(_)) => "changed",
                (None, _) => "is new",
                (_, None) => "is gone",
            };
            Some(format!("{} `{}` {how}", key.0, key.1))
        })
        .collect()
}
