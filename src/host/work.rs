//! What threads do for a build.

pub(in crate::host) mod attempt;
pub(in crate::host) mod exhibits;
pub(in crate::host) mod folders;
pub(in crate::host) mod smoke;

use crate::base::name::AttemptId;
use crate::engine::event::SmokeReport;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::stream::Progress;
use crate::host::land::Kept;
use crate::host::process::ProcessInfo;

/// What the loop hears.
pub(in crate::host) enum Message {
    Started {
        attempt: AttemptId,
        info: ProcessInfo,
    },
    Progress {
        attempt: AttemptId,
        progress: Progress,
    },
    Ended {
        attempt: AttemptId,
        evidence: Box<Evidence>,
        kept: Option<Box<Kept>>,
    },
    /// The command of a smoke test runs.
    SmokeStarted {
        attempt: AttemptId,
    },
    SmokeEnded {
        attempt: AttemptId,
        report: Box<SmokeReport>,
    },
    /// It is over since the machine failed around it, on orch's own side.
    MachineFailed {
        attempt: AttemptId,
        evidence: Box<Evidence>,
    },
}
