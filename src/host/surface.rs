//! What the driver tells whoever watches a build, and what it hands back when one is over. The host
//! never prints: a surface does.

use serde::Serialize;

use crate::base::diagnostic::Diagnostic;
use crate::base::measure::{Moment, Usd};
use crate::base::name::{PlanName, TaskRef};
use crate::base::source::Source;
use crate::engine::effect::Notice;
use crate::engine::picture::{Extent, Picture};
use crate::engine::plan_change::ChangeReport;
use crate::engine::record::SmokeOutcome;
use crate::engine::stream::Progress;
use crate::engine::why::Parked;
use crate::host::outbox::Notifying;
use crate::spec::plan::Plan;

/// Something that shows a build to people or programs. Calls come from one thread, in the order
/// things happened; none of them may block for long.
pub trait Surface {
    /// Where everything stands; called after every step, often with little changed.
    fn show(&mut self, picture: &Picture, now: Moment);
    /// Which tasks the pictures it is shown must hold.
    fn extent(&self) -> Extent {
        Extent::Whole
    }
    /// Something worth telling once.
    fn say(&mut self, notice: &Notice, now: Moment);
    /// The documents that have errors now, while a build stays; none where all are right again.
    fn diagnose(&mut self, documents: &[CheckedDocument], now: Moment);
    /// Documents that this build is made from, with warnings that it has not told yet.
    fn caution(&mut self, documents: &[CheckedDocument], now: Moment);
    /// Who is to be told of what outside of orch, as the documents have it from now on.
    fn notify_by(&mut self, _notifying: Notifying) {}
    /// A step of a running attempt.
    fn stream(&mut self, task: &TaskRef, progress: &Progress, now: Moment);
}

/// How a build ended, as `--format json` prints it last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Wanted tasks.
    pub targets: u32,
    /// Of those, how many have an accepted result now.
    pub accepted: u32,
    /// Left out, by the user or by a session: neither accepted nor up to date.
    pub skipped: u32,
    pub up_to_date: u32,
    pub replayed: u32,
    pub ran: u32,
    pub failed: u32,
    pub blocked: u32,
    pub held: u32,
    /// Sessions started, validators' and retries included.
    pub sessions: u32,
    pub cost_usd: Usd,
    /// Some of it nobody is billed for: on a subscription it is what the API would have asked for.
    #[serde(skip)]
    pub is_api_equivalent: bool,
    /// Milliseconds from start to end.
    pub wall_ms: u64,
    /// The exit code that follows from all this; see `ui::exit`.
    pub exit: u8,
    /// What sessions changed in their plans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan_changes: Vec<ChangeReport>,
    /// What waits for the user's branch, and why.
    #[serde(skip)]
    pub parked: Option<Parked>,
    /// What came of the smoke tests of plans that are done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub smoke: Vec<PlanSmoke>,
}

/// One plan's smoke test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanSmoke {
    pub plan: PlanName,
    pub outcome: SmokeOutcome,
    pub message: String,
}

/// A document after `check`: what it is, and everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedDocument {
    /// The path as people should see it; the source's own path where that lies below the root.
    pub path: String,
    pub source: Source,
    pub diagnostics: Vec<Diagnostic>,
    /// The plan in its normal form, where the document is one and could be read.
    pub plan: Option<Plan>,
}

impl CheckedDocument {
    /// True where nothing keeps the document from being used.
    pub fn is_ok(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}
