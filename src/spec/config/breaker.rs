//! When the service counts as down: `breaker`.

use crate::base::measure::Millis;
use crate::spec::yaml::Fields;

/// The circuit breaker's settings. A plan's own `circuit_breaker_*` win for its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BreakerConfig {
    /// So many failures of the service in a row open it; 0: never.
    pub threshold: u32,
    /// How long it stays open before one session tries.
    pub reset: Millis,
    /// After so long no session tries again in this build.
    pub patience: Millis,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { threshold: 3, reset: Millis::seconds(300), patience: Millis::seconds(6 * 3600) }
    }
}

pub(super) fn read(mut fields: Fields<'_, '_>) -> BreakerConfig {
    let default = BreakerConfig::default();
    let read = BreakerConfig {
        threshold: fields.count("threshold").unwrap_or(default.threshold),
        reset: fields.duration("reset").unwrap_or(default.reset),
        patience: fields.duration("patience").unwrap_or(default.patience),
    };
    fields.rest();
    read
}
