//! The state of a task in words.

use crate::engine::picture::TaskState;
use crate::engine::record::Provenance;

/// `failed: left no status file`; a reason that says the state itself stands alone.
pub fn with_reason(state: &str, reason: &str) -> String {
    match reason {
        "" => state.to_owned(),
        reason if reason.starts_with(state) => reason.to_owned(),
        reason => format!("{state}: {reason}"),
    }
}

/// The state in words.
pub fn word_of(state: TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "waits",
        TaskState::Ready => "would run",
        TaskState::BackingOff => "tries again",
        TaskState::Running => "running",
        TaskState::UpToDate => "up to date",
        TaskState::Done(Provenance::Ran) => "done",
        TaskState::Done(Provenance::Replayed) => "replayed",
        TaskState::Done(Provenance::Adopted) => "adopted",
        TaskState::Done(Provenance::AcceptedByHand) => "accepted",
        TaskState::Skipped => "skipped",
        TaskState::Failed(_) => "failed",
        TaskState::Held => "held",
        TaskState::Blocked => "blocked",
        TaskState::Suspended => "suspended",
    }
}
