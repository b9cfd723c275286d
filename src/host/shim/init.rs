//! The first process of a family with process numbers of its own. It prepares the place, gives up the
//! rights that it took, starts the child and reaps orphans; with it the kernel ends the family.

use std::ffi::OsStr;
use std::fs;
use std::io;

use rustix::mount::{MountFlags, mount};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};

pub use super::confine::rights::give_up as give_up_rights;
use super::namespace::{self, Namespace};

/// Where the numbers of the namespace's processes begin.
const LAST_NUMBER: &str = "/proc/sys/kernel/ns_last_pid";

/// Makes the calling process the first one of its namespace. `shim` is the number of the process that
/// started it, in the namespace of that.
///
/// # Errors
/// What of the place cannot be had: the caller then starts nothing.
pub fn settle(shim: &OsStr) -> io::Result<()> {
    // The life-line says the same, where this thread is not stopped.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    namespace::enter(&[Namespace::Mounts])?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(|error| {
        io::Error::new(io::Error::from(error).kind(), format!("mounting /proc: {error}"))
    })?;
    // Files in `/tmp` are named by these numbers: families are not to have them in common. Where the kernel
    // does not let them begin elsewhere they begin at 2.
    let _ = fs::write(LAST_NUMBER, shim.as_encoded_bytes());
    // Without a terminal of its own it has none: it is in the session of the shim.
    let _ = setsid();
    Ok(())
}
