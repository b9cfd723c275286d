//! Rights by which a family could undo its guard.

use std::io;

use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// To mount, or to enter the namespaces of others; to go through others, who are not confined; to open
/// a file by its number, whatever is mounted over it.
const UNDOING: CapabilitySet =
    CapabilitySet::SYS_ADMIN.union(CapabilitySet::SYS_PTRACE).union(CapabilitySet::DAC_READ_SEARCH);

/// Takes them from this thread and what it starts, for good. Root keeps his others; whoever is not root has
/// none: what he has in a user namespace of his own is for setting it up alone.
pub fn give_up() -> io::Result<()> {
    let has = capabilities(None)?;
    if has.effective.contains(CapabilitySet::SETPCAP) {
        for it in UNDOING.iter() {
            remove_capability_from_bounding_set(it)?;
        }
    }
    let kept = match geteuid().is_root() {
        true => has.permitted.difference(UNDOING),
        false => CapabilitySet::empty(),
    };
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: has.effective.intersection(kept),
            permitted: kept,
            inheritable: has.inheritable.intersection(kept),
        },
    )?;
    Ok(())
}
