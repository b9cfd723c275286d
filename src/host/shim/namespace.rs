//! Namespaces that a family of processes can have to itself. An ordinary user needs a user
//! namespace around them, in which he is himself and nobody else.

use std::fs;
use std::io::{self, ErrorKind};

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities};

/// What a family can have to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// What is mounted. What others mount later is seen; what the family mounts, nobody else sees.
    Mounts,
    /// The numbers of processes. The caller stays where it is: its next child is the first process
    /// of the namespace, and with that one all of them end.
    Processes,
}

/// Moves the calling thread, and the children it has later, into new namespaces. Afterwards it may
/// mount in them: whoever starts a stranger's program gives up that right before.
///
/// Root stays root of the machine. Anybody else is root of a user namespace as well, under his own
/// ids: files of others are as far from him as before, and no program makes him somebody else
/// (`sudo`).
///
/// # Errors
/// The kernel does not let this user have them; the process has other threads; the caller is root
/// without the right to namespaces (in a container), and would lose its right to others' files.
pub fn enter(wanted: &[Namespace]) -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    let has_right = capabilities(None)?.effective.contains(CapabilitySet::SYS_ADMIN);
    if uid.is_root() && !has_right {
        let why = "root may not make namespaces here (no CAP_SYS_ADMIN)";
        return Err(io::Error::new(ErrorKind::PermissionDenied, why));
    }
    let mut flags: UnshareFlags = wanted.iter().copied().map(flag_of).collect();
    flags.set(UnshareFlags::NEWUSER, !has_right);
    unshare(flags)?;
    if !has_right {
        // Whoever may set groups could leave one that a file is closed to.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", standing_for_itself(uid.as_raw()))?;
        fs::write("/proc/self/gid_map", standing_for_itself(gid.as_raw()))?;
    }
    if wanted.contains(&Namespace::Mounts) {
        mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    }
    Ok(())
}

fn flag_of(namespace: Namespace) -> UnshareFlags {
    match namespace {
        Namespace::Mounts => UnshareFlags::NEWNS,
        Namespace::Processes => UnshareFlags::NEWPID,
    }
}

#[expect(deprecated, reason = "only `FILES` is unsafe, and no `Namespace` stands for it")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    Ok(rustix::thread::unshare(flags)?)
}

/// The line that maps one id, as the kernel reads it: inside, outside, how many.
fn standing_for_itself(id: u32) -> String {
    format!("{id} {id} 1\n")
}
