//! The answer of a session that counts as an output of its task, like a file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::name::{CommitId, OutputDigest};

/// A report's text, without the status object at its end. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Report(Arc<str>);

impl Report {
    /// `None` where the text says nothing.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(Arc::from(text)))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Under which the store has the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl From<Report> for String {
    fn from(report: Report) -> Self {
        report.0.as_ref().to_owned()
    }
}

/// A report of an accepted result, and where its text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Under which the store has it.
    pub digest: Digest,
    /// The commit whose message has it, in any clone.
    pub told_in: Option<CommitId>,
}

/// The output of a task that has files and a report.
pub fn output_with(files: OutputDigest, report: Option<&Report>) -> OutputDigest {
    let Some(report) = report else { return files };
    let mut fingerprint = Fingerprint::new("orch output with report v1");
    fingerprint.entry("files", files.to_string().as_bytes());
    fingerprint.entry("report", report.digest().to_string().as_bytes());
    OutputDigest(fingerprint.finish())
}
