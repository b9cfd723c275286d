//! Exit codes: one number for each way to end, never 0 on doubt.

use std::process::ExitCode;

/// How a command of orch ends. The numbers are documented and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything that was wanted is accepted, or the question was answered. Also a reader that
    /// closed the pipe: it has what it wanted.
    Success,
    /// Some wanted task failed or is blocked, or something asked about is not in order.
    Unfinished,
    /// The documents or the command line are wrong; nothing was run.
    BadDocuments,
    /// Stopped on request, with work left.
    Stopped,
    /// The budget is used up.
    BudgetReached,
    /// Waiting for a usage limit was refused or took too long.
    LimitReached,
    /// The machine failed: disk, git, processes; or orch itself, which a fault tells.
    MachineFailed,
    /// Ended by Ctrl-C.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    pub const ALL: [Exit; 9] = [
        Exit::Success,
        Exit::Unfinished,
        Exit::BadDocuments,
        Exit::Stopped,
        Exit::BudgetReached,
        Exit::LimitReached,
        Exit::MachineFailed,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unfinished => 1,
            Self::BadDocuments => 2,
            Self::Stopped => 3,
            Self::BudgetReached => 4,
            Self::LimitReached => 75,
            Self::MachineFailed => 101,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The exit of a build's summary; a number that is not documented is a failed machine.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::MachineFailed)
    }

    /// What it means, in a few words for a summary line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done",
            Self::Unfinished => "not finished",
            Self::BadDocuments => "the documents are wrong",
            Self::Stopped => "stopped",
            Self::BudgetReached => "budget reached",
            Self::LimitReached => "usage limit reached",
            Self::MachineFailed => "the machine failed",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_an_unknown_one_is_no_success() {
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code()), exit);
        }
        assert_eq!(Exit::from_code(42), Exit::MachineFailed);
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 75, 101, 130, 143]);
    }
}
