//! What an attempt left in orch's hands: facts only, no judgement. `outcome` judges.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::diagnostic::Diagnostic;
use crate::base::digest::Digest;
use crate::base::file::{FileState, Patch};
use crate::base::measure::Millis;
use crate::base::name::{CommitId, RelPath, SessionId};

use crate::engine::documents::Documents;
use crate::engine::outcome::tally::Tally;
use crate::engine::report::Report;
use crate::engine::stream::StreamFacts;

/// Where a session leaves its result, relative to its worktree.
pub const STATUS_FILE: &str = ".orch/task/status.json";

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Exited(i32),
    Signaled(i32),
    /// It never ran: what was tried and why it failed.
    LaunchFailed(String),
    /// It never ran, since the program of sessions is nowhere: where it was looked for, and what to do.
    NoCli(String),
    /// It never ran, since something that its agent asks for is not there: what, and what to do.
    Unequipped(String),
    /// It never ran, since the project's own set-up line failed in its worktree: how.
    SetupFailed(String),
    /// orch ended it at its wall limit.
    TimedOut,
    /// orch ended it because nothing went on for too long.
    Stalled,
    /// orch ended it because its first event never came.
    NeverStarted,
    /// orch ended it because it did not exit after its result, by which it is judged.
    Lingered,
    /// orch ended it on request (stop, interrupt, an input that is gone).
    Cancelled,
}

impl Ending {
    /// True where there is no program to run sessions with.
    pub fn lacks_cli(&self) -> bool {
        matches!(self, Self::NoCli(_))
    }

    /// False where no process of the attempt itself was ever there.
    pub fn has_run(&self) -> bool {
        !matches!(
            self,
            Self::LaunchFailed(_) | Self::NoCli(_) | Self::Unequipped(_) | Self::SetupFailed(_)
        )
    }
}

/// What is kept of the end of an output, in bytes.
pub const OUTPUT_KEPT: usize = 64 * 1024;

/// Everything known when an attempt is over and its family of processes is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub ending: Ending,
    /// Sessions only.
    pub stream: Option<StreamFacts>,
    pub status_file: StatusFile,
    /// What changed in the worktree against the tree it started from.
    pub patch: Patch,
    /// How it left its plan, where that is not as it was given.
    pub plan_edit: Option<PlanEdit>,
    /// What it changed in the folders of documents, and in the settings. Its own plan is none of it.
    pub other_documents: Vec<OtherDocument>,
    /// All documents before and after, where it changed any of them.
    pub documents: Option<Box<DocumentsLeft>>,
    /// What it did to its own worktree, so that nothing of it can be read.
    pub damage: Option<String>,
    /// Tracked files, lock files apart, that a validator changed in what it judges.
    pub judged_changed: Vec<RelPath>,
    /// Files of the judged change that its verdict may rest on.
    pub bench: Vec<BenchFile>,
    /// The commit the worktree stood on.
    pub base: Option<CommitId>,
    /// Declared outputs of which no file exists.
    pub missing_outputs: Vec<String>,
    /// Declared outputs that are there by name only, each with what it is: `a.md is empty`.
    pub hollow_outputs: Vec<String>,
    /// Declared outputs that are as they were before.
    pub unchanged_outputs: Vec<RelPath>,
    /// Declared outputs that are there but cannot land, since git ignores them.
    pub ignored_outputs: Vec<String>,
    /// Content, before the start, of the files the session read or wrote.
    pub read_set: Vec<(RelPath, Option<FileState>)>,
    /// Declared inputs among the files that it was denied to read.
    pub denied_inputs: Vec<RelPath>,
    /// End of stdout (commands) and stderr, lossy UTF-8, at most [`OUTPUT_KEPT`] each.
    pub stdout_tail: String,
    pub stderr_tail: String,
    pub session: Option<SessionId>,
    /// What it answered, kept in the store, where that is an output.
    pub report: Option<Report>,
    /// The stored transcript.
    pub transcript: Option<Digest>,
    /// What its session was told, stored.
    pub prompt: Option<Digest>,
    pub duration: Millis,
}

impl Evidence {
    /// That it ended so, and that nothing else is known.
    pub fn of(ending: Ending) -> Self {
        Self {
            ending,
            stream: None,
            status_file: StatusFile::Absent,
            patch: Patch::default(),
            plan_edit: None,
            base: None,
            damage: None,
            judged_changed: Vec::new(),
            bench: Vec::new(),
            missing_outputs: Vec::new(),
            hollow_outputs: Vec::new(),
            unchanged_outputs: Vec::new(),
            ignored_outputs: Vec::new(),
            other_documents: Vec::new(),
            documents: None,
            read_set: Vec::new(),
            denied_inputs: Vec::new(),
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            session: None,
            report: None,
            transcript: None,
            prompt: None,
            duration: Millis(0),
        }
    }
}

/// A file that a verdict may rest on, and that what is judged changed; `None` where it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchFile {
    pub path: RelPath,
    pub before: Option<Tally>,
    pub now: Option<Tally>,
}

/// A plan that a session edited. The file is no part of its patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanEdit {
    pub laid: Arc<str>,
    /// What is wrong with it where it cannot be read.
    pub left: Result<Arc<str>, String>,
}

/// A file in a folder of documents, or the settings, that an attempt changed: its text, `None` where
/// there is none, or none in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDocument {
    pub path: RelPath,
    pub before: Option<Arc<str>>,
    pub after: Option<Arc<str>>,
}

/// All documents beneath an attempt and as it left them, by the settings of either; with what is wrong
/// with them before they are parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentsLeft {
    pub before: DocumentsFound,
    pub after: DocumentsFound,
}

/// Documents, and what was wrong when they were read from where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentsFound {
    pub documents: Documents,
    pub problems: Vec<Diagnostic>,
}

/// The result file that a session writes as its last act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatusFile {
    #[default]
    Absent,
    /// There, but not JSON, not an object, or without a usable status: the reason.
    Unreadable(String),
    Given(StatusReport),
}

/// What the status file says. The agent's prose is an annotation, never evidence of success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Must name the running task.
    #[serde(default)]
    pub task_id: Option<String>,
    pub status: String,
    #[serde(default)]
    pub message: Option<String>,
    /// With status `question`: what the session cannot decide by itself.
    #[serde(default)]
    pub question: Option<String>,
    /// Answers that it proposes.
    #[serde(default)]
    pub options: Vec<String>,
    #[serde(default)]
    pub plan_modified: bool,
    /// Kept as they came, for the surfaces that deliver them.
    #[serde(default)]
    pub slack_messages: Vec<serde_json::Value>,
}
