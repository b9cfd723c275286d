//! The words in a record: what people typed, and what is said to them. Nothing is decided by these.

use super::Record;

impl Record {
    /// Free text, in which anything may stand; names, keys and digests are none.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::RunStarted { args, .. } => args.iter_mut().collect(),
            Self::AttemptEnded(ended) => vec![&mut ended.message],
            Self::VerdictReached(reached) => reached.findings.iter_mut().collect(),
            Self::Judged(judged) => vec![&mut judged.reasons],
            Self::Asked(question) => {
                question.options.iter_mut().chain([&mut question.text]).collect()
            }
            Self::Answered { text, .. } => vec![text],
            Self::SmokeEnded(ended) => vec![&mut ended.message],
            Self::GaveUp { message, .. } => vec![message],
            Self::AttemptStarted { .. }
            | Self::ProcessStarted { .. }
            | Self::Accepted(_)
            | Self::Rekeyed(_)
            | Self::Proposed(_)
            | Self::StatusWritten { .. }
            | Self::Decided { .. }
            | Self::LimitHit { .. }
            | Self::LimitLifted { .. }
            | Self::PlanToClose { .. }
            | Self::RunEnded { .. } => Vec::new(),
        }
    }
}
