//! What is known of some tasks, apart from the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::name::{RelPath, TaskRef};
use crate::engine::past::view::Touch;

use super::{History, TaskHistory};

impl History {
    /// What is known of no single task and no verdict.
    #[must_use]
    pub fn common(&self) -> Self {
        Self {
            totals: self.totals.clone(),
            limits: self.limits.clone(),
            last_asked: self.last_asked,
            has_earlier_keys: self.has_earlier_keys,
            smokes: self.smokes.clone(),
            ..Self::default()
        }
    }

    /// The same with what is known of these tasks, and of landings on these paths, and no others.
    #[must_use]
    pub fn with(
        &self,
        tasks: BTreeMap<TaskRef, Arc<TaskHistory>>,
        touches: BTreeMap<RelPath, Vec<Touch>>,
    ) -> Self {
        Self { tasks, touches, ..self.common() }
    }
}
