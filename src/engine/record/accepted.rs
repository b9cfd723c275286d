//! That a result counts, and by which key.

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::measure::Moment;
use crate::base::name::{ActionKey, CommitId, OutputDigest, RecipeDigest, TaskRef};

use super::lineage::VerdictMark;
use crate::engine::report::ReportMark;

/// A result was accepted for a task. `manifest` is the digest of its stored manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub at: Moment,
    pub task: TaskRef,
    pub key: ActionKey,
    /// How it was made; `None` in records of earlier versions, whose keys are of another form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    pub provenance: Provenance,
    pub manifest: Option<Digest>,
    /// Of its report, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportMark>,
    /// The landing; `None` where nothing changed.
    pub commit: Option<CommitId>,
    /// Its session changed the plan, too: that is in no file of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes_plan: bool,
}

/// The present key of a result or a failure that has one of an earlier form: by what lies here, where
/// that is what it was made of, else by the tree of its own landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekeyed {
    pub at: Moment,
    pub task: TaskRef,
    pub from: ActionKey,
    pub to: ActionKey,
    pub recipe: RecipeDigest,
    /// What it is made of, as it is told now.
    pub manifest: Option<Digest>,
    /// Its verdicts, with their present keys.
    pub verdicts: Vec<VerdictMark>,
}

/// How a result was obtained; how the attempt *ended* is another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    Ran,
    Replayed,
    /// The plan said `completed` and there was no record anywhere.
    Adopted,
    /// A person accepted it.
    AcceptedByHand,
}

impl Provenance {
    /// As in the journal and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Replayed => "replayed",
            Self::Adopted => "adopted",
            Self::AcceptedByHand => "accepted-by-hand",
        }
    }
}
