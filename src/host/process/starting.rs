//! A family that is held back until it is on record.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::host::platform::ProcessInfo;
use crate::host::shim;

/// A family whose shim is there and whose child is not yet: whoever keeps the record lets it begin.
/// Where that never happens nothing of it ever runs.
#[derive(Clone, Debug)]
pub struct Starting {
    pub info: ProcessInfo,
    pub(super) life_line: Arc<UnixStream>,
}

impl Starting {
    /// Starts the child. A shim that is gone starts nothing, which shows as the family's end.
    pub fn begin(&self) {
        // One byte never waits for room.
        let _ = (&*self.life_line).write_all(&[shim::BEGIN]);
    }
}

impl PartialEq for Starting {
    fn eq(&self, other: &Self) -> bool {
        self.info == other.info
    }
}
