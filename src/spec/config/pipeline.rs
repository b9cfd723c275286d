//! How `orch watch` works through the backlog.

use crate::spec::yaml::Fields;

/// Bounds of the work on backlog items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PipelineConfig {
    /// Items that are worked on at once.
    pub items: u32,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self { items: 2 }
    }
}

pub(super) fn read(fields: &mut Fields<'_, '_>, pipeline: &mut PipelineConfig) {
    let Some(mut inner) = fields.fields("pipeline") else { return };
    pipeline.items = inner.count("items").unwrap_or(pipeline.items);
    inner.rest();
}
