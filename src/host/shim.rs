//! `orch __shim`: stands between orch and a child, so that no process of the child's family
//! outlives the child, orch, or orch's patience. Light: no async runtime, no argument parser.
//!
//! Standard input is the life-line: the byte `T` asks the family politely, its end (orch stopped,
//! crashed or was killed) ends the family by force. The child reads from a file instead. Where it is
//! a socket, the shim says on it how the child ended.

pub mod confine;
#[cfg(all(target_os = "linux", not(orch_portable)))]
pub mod namespace;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group};

use super::platform;
use confine::Confinement;

/// The first argument by which orch starts itself as a shim.
pub const ARGUMENT: &str = "__shim";
/// Sent over the life-line: end politely.
pub const TERMINATE: u8 = b'T';
/// The program that families in a container run under.
pub const CONTAINER: &str = "bwrap";
/// What the shim exits with where the child could not be started.
const NOT_STARTED: u8 = 127;
/// Of a report, in bytes: it must fit into the socket, since nobody reads before the shim has ended.
const REPORT_LIMIT: usize = 4096;

/// What the shim was told to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Order {
    stdin: Option<PathBuf>,
    reports: bool,
    guard: Option<Confinement>,
    argv: Vec<OsString>,
}

/// Arguments that start `argv` under a shim; see [`run`].
pub fn arguments(
    stdin: Option<&Path>,
    guard: Option<&Confinement>,
    argv: &[OsString],
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![ARGUMENT.into(), "--report".into()];
    if let Some(stdin) = stdin {
        arguments.extend(["--stdin".into(), stdin.into()]);
    }
    arguments.extend(guard.into_iter().flat_map(Confinement::arguments));
    arguments.push("--".into());
    arguments.extend_from_slice(argv);
    arguments
}

/// `[--stdin FILE] [--report] [GUARD] -- PROGRAM ARGUMENT...`: runs the program and exits as it did
/// (128 + signal where a signal ended it). With `--report` the life-line is a socket, and gets one
/// line: `exited N`, `signaled N` or `failed REASON`.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(order) = order_of(arguments) else {
        eprintln!("orch: {ARGUMENT} is internal");
        return ExitCode::from(2);
    };
    if let Err(error) = platform::become_family_head() {
        return refuse(&order, &format!("cannot watch over its family: {error}"));
    }
    let child = match start(&order) {
        Ok(child) => child,
        Err(error) => {
            let program = order.argv[0].to_string_lossy();
            return refuse(&order, &format!("cannot start {program}: {error}"));
        }
    };
    let is_contained = order.argv[0].to_str() == Some(CONTAINER);
    std::thread::spawn(move || hold_life_line(child, is_contained));
    let ended = wait_for(child);
    platform::kill_descendants();
    let _ = kill_process_group(child, Signal::KILL);
    report(&order, &ended.line());
    ExitCode::from(ended.code())
}

fn order_of(mut arguments: impl Iterator<Item = OsString>) -> Option<Order> {
    let mut order = Order::default();
    let mut guard = confine::Words::default();
    loop {
        match arguments.next()?.to_str()? {
            "--stdin" => order.stdin = Some(arguments.next()?.into()),
            "--report" => order.reports = true,
            "--" => break,
            word => guard.take(word, || arguments.next())?,
        }
    }
    order.guard = guard.confinement();
    order.argv = arguments.collect();
    (!order.argv.is_empty()).then_some(order)
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
    order.guard.as_ref().map_or(Ok(()), Confinement::apply)?;
    let child = Command::new(&order.argv[0])
        .args(&order.argv[1..])
        .env(platform::MARKER, marker())
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

fn hold_life_line(child: Pid, is_contained: bool) {
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
    fn arguments_read_back() {
        let argv: Vec<OsString> = ["sh", "-c", "--stdin"].map(OsString::from).into();
        let words = arguments(Some(Path::new("in")), None, &argv);
        let order = order_of(words.into_iter().skip(1)).unwrap();
        assert_eq!(order, Order { stdin: Some("in".into()), reports: true, guard: None, argv });
        assert_eq!(order_of(["--".into()].into_iter()), None);
        assert_eq!(order_of(["x".into()].into_iter()), None);
    }
}
