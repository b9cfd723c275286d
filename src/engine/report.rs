//! The answer of a session that counts as an output of its task, like a file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::name::{CommitId, OutputDigest};

/// A report's text, without the status object at its end. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Report {
    text: Arc<str>,
    is_fail: bool,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Written {
    text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_fail: bool,
}

/// What is told of a report where its text is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMark {
    /// Under which the store has the text.
    pub digest: Digest,
    /// It says FAIL of what it looked at.
    pub is_fail: bool,
}

impl Report {
    /// `None` where the text says nothing; `is_fail` says whether its verdict is one.
    pub fn new(text: &str, is_fail: bool) -> Option<Self> {
        // It stands in commits and on terminals: nothing in it may move a cursor.
        let is_plain = |it: &char| matches!(it, '\n' | '\t') || !it.is_control() && !is_bidi(*it);
        let text: String = text.trim().chars().filter(is_plain).collect();
        (!text.is_empty()).then(|| Self { text: Arc::from(text), is_fail })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn mark(&self) -> ReportMark {
        ReportMark { digest: Digest::of(self.text.as_bytes()), is_fail: self.is_fail }
    }
}

/// Marks that turn the direction of writing.
fn is_bidi(it: char) -> bool {
    matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl From<Written> for Report {
    fn from(written: Written) -> Self {
        Self { text: Arc::from(written.text), is_fail: written.is_fail }
    }
}

impl From<Report> for Written {
    fn from(report: Report) -> Self {
        Self { text: report.text.as_ref().to_owned(), is_fail: report.is_fail }
    }
}

/// A report of an accepted result, and where its text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    pub mark: ReportMark,
    /// The commit whose message has it, in any clone.
    pub told_in: Option<CommitId>,
}

/// The output of a task that has files and a report.
pub fn output_with(files: OutputDigest, report: Option<ReportMark>) -> OutputDigest {
    let Some(report) = report else { return files };
    let mut fingerprint = Fingerprint::new("orch output with report v1");
    fingerprint.entry("files", files.to_string().as_bytes());
    fingerprint.entry("report", report.digest.to_string().as_bytes());
    OutputDigest(fingerprint.finish())
}
