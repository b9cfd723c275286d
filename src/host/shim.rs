//! `orch __shim`: stands between orch and a child, so that no process of the child's family
//! outlives the child, orch, or orch's patience. Light: no async runtime, no argument parser.
//!
//! Standard input is the life-line: the byte `B` lets the child begin, `T` asks the family politely,
//! its end (orch stopped, crashed or was killed) ends the family by force. The child reads from a file
//! instead. Where it is a socket, the shim says on it how the child ended.

pub mod confine;
#[cfg(all(target_os = "linux", not(orch_portable)))]
mod init;
#[cfg(all(target_os = "linux", not(orch_portable)))]
pub mod namespace;
pub mod reaper;
#[cfg(all(target_os = "linux", not(orch_portable)))]
mod relay;
#[cfg(not(all(target_os = "linux", not(orch_portable))))]
mod without;
#[cfg(not(all(target_os = "linux", not(orch_portable))))]
use without::{init, relay};

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group};

use super::platform;
use confine::Confinement;

/// The first argument by which orch starts itself as a shim.
pub const ARGUMENT: &str = "__shim";
/// Sent over the life-line: the family is on record, its child may start.
pub const BEGIN: u8 = b'B';
/// Sent over the life-line: end politely.
pub const TERMINATE: u8 = b'T';
/// The program that families in a container run under.
pub const CONTAINER: &str = "bwrap";
/// What the shim exits with where the child could not be started.
const NOT_STARTED: u8 = 127;
/// Of a report, in bytes: it must fit into the socket, since nobody reads before the shim has ended.
const REPORT_LIMIT: usize = 4096;

/// What keeps a family together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// The shim is what orphans come to, and ends what descends from it. Where it is killed itself, orch finds the
    /// family by its mark.
    #[default]
    Descent,
    /// A namespace of process numbers: the kernel ends it with its first process, and that with the shim.
    Namespace,
}

/// What a shim is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Read by the child, and removed; none is an empty one.
    pub stdin: Option<PathBuf>,
    /// The child starts once [`BEGIN`] has come, and never where something else does.
    pub waits: bool,
    /// The life-line is a socket, and gets one line: `exited N`, `signaled N` or `failed REASON`.
    pub reports: bool,
    pub role: Role,
    /// What the child is kept from.
    pub guard: Option<Confinement>,
    /// A program and its arguments.
    pub argv: Vec<OsString>,
}

/// Which of its processes a shim is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The only one.
    #[default]
    Alone,
    /// Outside of the namespace that its family has.
    Outside,
    /// The first within it.
    Init {
        /// The number of the one outside, for whom it has one.
        shim: OsString,
    },
}

impl From<Keeping> for Role {
    fn from(keeping: Keeping) -> Self {
        match keeping {
            Keeping::Descent => Self::Alone,
            Keeping::Namespace => Self::Outside,
        }
    }
}

impl Order {
    fn is_init(&self) -> bool {
        matches!(self.role, Role::Init { .. })
    }

    /// The arguments that tell orch of it:
    /// `[--stdin FILE] [--wait] [--report] [--own-numbers | --init NUMBER] [GUARD] -- PROGRAM ARGUMENT...`.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![ARGUMENT.into()];
        words.extend(self.stdin.iter().flat_map(|it| ["--stdin".into(), it.into()]));
        words.extend(self.waits.then(|| "--wait".into()));
        words.extend(self.reports.then(|| "--report".into()));
        match &self.role {
            Role::Alone => {}
            Role::Outside => words.push("--own-numbers".into()),
            Role::Init { shim } => words.extend(["--init".into(), shim.clone()]),
        }
        words.extend(self.guard.iter().flat_map(Confinement::arguments));
        words.push("--".into());
        words.extend_from_slice(&self.argv);
        words
    }
}

/// Follows an order given by its words, and exits as its program did (128 + signal where a signal ended it).
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
    if arguments.peek().is_some_and(|it| it == reaper::ARGUMENT) {
        return reaper::run();
    }
    let Some(order) = order_of(arguments) else {
        eprintln!("orch: {ARGUMENT} is internal");
        return ExitCode::from(2);
    };
    match &order.role {
        Role::Outside => relay::run(&order),
        Role::Alone => match platform::become_family_head() {
            Ok(()) => keep(&order),
            Err(error) => refuse(&order, &format!("cannot watch over its family: {error}")),
        },
        Role::Init { shim } => match init::settle(shim) {
            Ok(()) => keep(&order),
            Err(error) => {
                let why = format!("cannot give a family process numbers of its own: {error}");
                refuse(&order, &why)
            }
        },
    }
}

/// Keeps a family from its beginning to its end.
fn keep(order: &Order) -> ExitCode {
    if order.waits && !may_begin() {
        let ended = Ended::Signaled(Signal::TERM.as_raw());
        report(order, &ended.line());
        return ExitCode::from(ended.code());
    }
    let child = match start(order) {
        Ok(child) => child,
        Err(error) => {
            let program = order.argv[0].to_string_lossy();
            return refuse(order, &format!("cannot start {program}: {error}"));
        }
    };
    let is_contained = order.argv[0].to_str() == Some(CONTAINER);
    let is_init = order.is_init();
    std::thread::spawn(move || hold_life_line(child, is_contained, is_init));
    let ended = wait_for(child);
    // The kernel ends what is left in a namespace.
    if !is_init {
        platform::kill_descendants();
        let _ = kill_process_group(child, Signal::KILL);
    }
    report(order, &ended.line());
    ExitCode::from(ended.code())
}

fn order_of(mut arguments: impl Iterator<Item = OsString>) -> Option<Order> {
    let mut order = Order::default();
    let mut guard = confine::Words::default();
    loop {
        match arguments.next()?.to_str()? {
            "--stdin" => order.stdin = Some(arguments.next()?.into()),
            "--wait" => order.waits = true,
            "--report" => order.reports = true,
            "--own-numbers" => order.role = Role::Outside,
            "--init" => order.role = Role::Init { shim: arguments.next()? },
            "--" => break,
            word => guard.take(word, || arguments.next())?,
        }
    }
    order.guard = guard.confinement();
    order.argv = arguments.collect();
    (!order.argv.is_empty()).then_some(order)
}

/// Waits until the family is on record; false where it is to end instead.
fn may_begin() -> bool {
    let mut byte = [0];
    matches!(std::io::stdin().lock().read(&mut byte), Ok(1)) && byte[0] == BEGIN
}

fn start(order: &Order) -> std::io::Result<Pid> {
    let stdin = match &order.stdin {
        Some(path) => {
            let stdin = File::open(path)?;
            // Nobody else reads it, and it may hold what is kept masked alone.
            let _ = std::fs::remove_file(path);
            Stdio::from(stdin)
        }
        None => Stdio::null(),
    };
    let mut child = Command::new(&order.argv[0]);
    // The first within a namespace has the marker of the one outside.
    if !order.is_init() {
        platform::mark_family();
        child.env(platform::MARKER, marker());
    }
    order.guard.as_ref().map_or(Ok(()), Confinement::apply)?;
    if order.is_init() {
        init::give_up_rights()?;
    }
    let child = child
        .args(&order.argv[1..])
        .stdin(stdin)
        // Its own group: a polite signal reaches the family and not the shim.
        .process_group(0)
        .spawn()?;
    Ok(Pid::from_child(&child))
}

/// The attempt's marker with the shim's identity, so that a later orch finds the family by it.
fn marker() -> String {
    let attempt = std::env::var(platform::MARKER).unwrap_or_default();
    let shim = platform::this_process();
    format!("{attempt}.{}.{}", shim.pid, shim.start_ticks)
}

fn hold_life_line(child: Pid, is_contained: bool, is_init: bool) {
    let mut line = std::io::stdin().lock();
    let mut byte = [0];
    while let Ok(1) = line.read(&mut byte) {
        if byte[0] != TERMINATE {
            continue;
        }
        match is_contained {
            // The container would die at once, and all in it with it.
            true => platform::terminate_descendants_beside(CONTAINER),
            false => drop(kill_process_group(child, Signal::TERM)),
        }
    }
    if is_init {
        std::process::exit(137);
    }
    let _ = kill_process_group(child, Signal::KILL);
    if !platform::kill_descendants() {
        std::process::exit(137);
    }
}

#[derive(Clone, Copy)]
enum Ended {
    Exited(i32),
    Signaled(i32),
}

/// Reaps whatever dies until the child itself did. Orphans arrive here too.
fn wait_for(child: Pid) -> Ended {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                if let Some(code) = status.exit_status() {
                    return Ended::Exited(code);
                }
                if let Some(signal) = status.terminating_signal() {
                    return Ended::Signaled(signal);
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Ended::Signaled(9),
        }
    }
}

impl Ended {
    fn line(self) -> String {
        match self {
            Self::Exited(code) => format!("exited {code}"),
            Self::Signaled(signal) => format!("signaled {signal}"),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code as u8,
            Self::Signaled(signal) => (128 + signal) as u8,
        }
    }
}

fn refuse(order: &Order, why: &str) -> ExitCode {
    report(order, &format!("failed {why}"));
    eprintln!("orch: {why}");
    ExitCode::from(NOT_STARTED)
}

fn report(order: &Order, line: &str) {
    if !order.reports {
        return;
    }
    // Where orch is gone, nobody waits for it.
    let life_line = std::io::stdin().as_fd().try_clone_to_owned();
    let _ = life_line.and_then(|line_end| {
        UnixStream::from(line_end).write_all(&line.as_bytes()[..line.len().min(REPORT_LIMIT)])
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        let argv: Vec<OsString> = ["sh", "-c", "--stdin"].map(OsString::from).into();
        let check = |order: Order| {
            let words = order.words();
            assert_eq!(words[0], ARGUMENT);
            assert_eq!(order_of(words.into_iter().skip(1)), Some(order));
        };
        let plain = Order { argv, ..Order::default() };
        check(plain.clone());
        let init = Role::Init { shim: "7".into() };
        for role in [Role::Alone, Role::Outside, init] {
            let stdin = Some("in".into());
            check(Order { stdin, waits: true, reports: true, role, ..plain.clone() });
        }
        assert_eq!(order_of(["--".into()].into_iter()), None);
        assert_eq!(order_of(["x".into()].into_iter()), None);
    }
}
