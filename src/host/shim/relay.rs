//! A shim whose family has process numbers of its own: it stays outside and starts the first process of
//! the namespace, [`init`](super::init). With that one the kernel ends all others, whatever they did to
//! their environment, their session or their parent.
//!
//! A process whose children get another namespace than its own can have no threads: one loop passes on
//! what comes from either side.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set,
    set_capabilities,
};

use super::namespace::{self, Namespace};
use super::{Ended, Order, Role, marker, refuse, report};
use crate::host::platform;

/// How long a killed family may take to vanish before it is given up (uninterruptible sleep).
const KILL_DEADLINE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// What the first process needs to prepare the place, and gives up before it starts the child: to mount, and to
/// take that right away for good.
const LENT: CapabilitySet = CapabilitySet::SYS_ADMIN.union(CapabilitySet::SETPCAP);

/// Runs the order in a namespace of its own, to its end.
pub fn run(order: &Order) -> ExitCode {
    let (init, line) = match start(order) {
        Ok(started) => started,
        Err(error) => {
            let why = format!("cannot give a family process numbers of its own: {error}");
            return refuse(order, &why);
        }
    };
    match watch(init, &line) {
        Ok((said, status)) => conclude(order, &said, status),
        // Dying ends the family, too.
        Err(error) => refuse(order, &format!("cannot watch over its family: {error}")),
    }
}

fn start(order: &Order) -> io::Result<(Child, UnixStream)> {
    platform::become_family_head()?;
    // Both are of the namespace that orch is in.
    let (marker, own) = (marker(), std::process::id());
    let (line, line_of_init) = UnixStream::pair()?;
    namespace::enter(&[Namespace::Processes])?;
    lend_rights()?;
    let init = Command::new(platform::own_program()?)
        .args(words_of_init(order, own))
        .env(platform::MARKER, marker)
        .stdin(Stdio::from(OwnedFd::from(line_of_init)))
        .spawn()?;
    Ok((init, line))
}

fn words_of_init(order: &Order, own: u32) -> Vec<OsString> {
    let role = Role::Init { shim: own.to_string().into() };
    Order { role, reports: true, ..order.clone() }.words()
}

/// An ordinary user's rights in his user namespace end with the next program, but for these.
fn lend_rights() -> io::Result<()> {
    let has = capabilities(None)?;
    let lent = LENT.intersection(has.permitted);
    set_capabilities(None, CapabilitySets { inheritable: has.inheritable.union(lent), ..has })?;
    for it in lent.iter() {
        configure_capability_in_ambient_set(it, true)?;
    }
    Ok(())
}

/// Passes orch's words down until the first process has ended; answers with what that said, and how it
/// ended: all others have then, too.
fn watch(mut init: Child, line: &UnixStream) -> io::Result<(Vec<u8>, ExitStatus)> {
    let above = io::stdin();
    let (mut is_held, mut said, mut buffer) = (true, Vec::new(), [0; 512]);
    loop {
        let mut ends = vec![PollFd::new(line, PollFlags::IN)];
        if is_held {
            ends.push(PollFd::new(&above, PollFlags::IN));
        }
        match poll(&mut ends, (!is_held).then_some(&KILL_DEADLINE)) {
            Ok(0) => std::process::exit(137),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has_news: Vec<bool> = ends.iter().map(|it| !it.revents().is_empty()).collect();
        if has_news.get(1) == Some(&true) {
            match read(above.as_fd(), &mut buffer) {
                Ok(n @ 1..) => drop((&*line).write_all(&buffer[..n])),
                Err(Errno::INTR) => {}
                // orch has stopped, crashed or was killed.
                Ok(_) | Err(_) => {
                    is_held = false;
                    let _ = kill_process(Pid::from_child(&init), Signal::KILL);
                }
            }
        }
        if has_news[0] {
            match read(line, &mut buffer) {
                Ok(n @ 1..) => said.extend_from_slice(&buffer[..n]),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return Ok((said, init.wait()?)),
            }
        }
    }
}

fn conclude(order: &Order, said: &[u8], status: ExitStatus) -> ExitCode {
    match status.signal() {
        // Killed by somebody outside, or by us.
        Some(signal) => {
            let ended = Ended::Signaled(signal);
            report(order, &ended.line());
            ExitCode::from(ended.code())
        }
        None => {
            report(order, &String::from_utf8_lossy(said));
            ExitCode::from(status.code().unwrap_or(1) as u8)
        }
    }
}
