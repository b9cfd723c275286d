//! `orch __shim --reaper`: outlives orch, and ends the families that are left where orch and their shims were
//! killed. One for all families of an orch that have no namespace.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::ExitCode;

use crate::host::platform::{self, ProcessInfo};

/// The argument by which a shim is told to be one.
pub const ARGUMENT: &str = "--reaper";

/// What orch says of a family: its shim is there, or all of it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    There(ProcessInfo),
    Gone(ProcessInfo),
}

impl Word {
    /// A line of standard input.
    pub fn line(self) -> String {
        let (sign, ProcessInfo { pid, start_ticks }) = match self {
            Self::There(info) => ('+', info),
            Self::Gone(info) => ('-', info),
        };
        format!("{sign} {pid} {start_ticks}\n")
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let sign = words.next()?;
        let pid = words.next()?.parse().ok()?;
        let info = ProcessInfo { pid, start_ticks: words.next()?.parse().ok()? };
        match sign {
            "+" => Some(Self::There(info)),
            "-" => Some(Self::Gone(info)),
            _ => None,
        }
    }
}

/// Hears of families until orch is gone, and ends those that are left.
pub fn run() -> ExitCode {
    // What the terminal sends to orch is not for it.
    let _ = platform::become_family_head();
    let mut there = BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match Word::read(&line) {
            Some(Word::There(info)) => drop(there.insert((info.pid, info.start_ticks))),
            Some(Word::Gone(info)) => drop(there.remove(&(info.pid, info.start_ticks))),
            None => {}
        }
    }
    for (pid, start_ticks) in there {
        platform::reap(ProcessInfo { pid, start_ticks });
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back() {
        let info = ProcessInfo { pid: 7, start_ticks: 99 };
        for word in [Word::There(info), Word::Gone(info)] {
            assert_eq!(Word::read(word.line().trim_end()), Some(word));
        }
        assert_eq!(Word::read("+ 7"), None);
    }
}
