//! The one place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::measure::Moment;

/// Now, in milliseconds since 1970; a clock before that is 1970.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
