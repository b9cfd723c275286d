//! What an attempt was to do: the other half of a judgement.

use crate::base::name::{PlanName, RelPath, TaskId};
use crate::engine::limits::Clock;

/// What an attempt was to do: the other half of a judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The id that the status file must name.
    pub task_id: TaskId,
    /// The plan that it may name with it; `None` where nobody knows it.
    pub plan: Option<PlanName>,
    pub kind: AttemptKind,
    /// Where the session says how it went.
    pub report: ReportPlace,
    pub no_change_allowed: bool,
    /// Declared outputs that were there before, and that it left as they were.
    pub untouched: Vec<RelPath>,
    /// Written paths that the rule does not allow.
    pub stray_writes: Vec<RelPath>,
    /// What it did to documents that are not its to change.
    pub documents: Vec<String>,
    /// Files that are gone or empty although the rule keeps them and the task does not name them.
    pub lost_files: Vec<RelPath>,
    /// Whether it has to look at something, to have a say.
    pub sight: Sight,
    /// Declared inputs that it was not let read.
    pub unread: Vec<RelPath>,
    pub schema_expected: bool,
    /// Tools the session was given whole: where its result lacks something, a denied call of one of
    /// them is the reason, unless the very same call was allowed later.
    pub needed_tools: Vec<String>,
    /// When and where the attempt ended: resets are told as times of day.
    pub clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptKind {
    Session,
    Command,
    /// A session or a command whose result is a verdict.
    Validator,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportPlace {
    #[default]
    StatusFile,
    /// Agents that may not write say it in a fenced JSON block at the end of their text.
    StatusFileOrText,
    /// Nobody looked for a report: the stream alone is judged.
    Unseen,
}

/// What a session must have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Its files speak for themselves, or it has looked before.
    #[default]
    Free,
    /// All that it leaves is what it says of what is there.
    Needed,
}

impl Expectation {
    /// A session that edits files, reports by file and must change something.
    pub fn of_session(task_id: TaskId) -> Self {
        Self {
            task_id,
            plan: None,
            kind: AttemptKind::Session,
            report: ReportPlace::StatusFile,
            no_change_allowed: false,
            untouched: Vec::new(),
            stray_writes: Vec::new(),
            documents: Vec::new(),
            lost_files: Vec::new(),
            sight: Sight::default(),
            unread: Vec::new(),
            schema_expected: false,
            needed_tools: ["Write", "Edit", "MultiEdit", "NotebookEdit", "Bash"]
                .map(str::to_owned)
                .into(),
            clock: Clock::default(),
        }
    }

    /// A stream without its worktree, such as one from a bug report.
    pub fn of_stream(clock: Clock) -> Self {
        Self {
            report: ReportPlace::Unseen,
            no_change_allowed: true,
            clock,
            ..Self::of_session(TaskId::new("-"))
        }
    }

    /// A command; changing nothing is fine.
    pub fn of_command(task_id: TaskId) -> Self {
        Self { kind: AttemptKind::Command, no_change_allowed: true, ..Self::of_session(task_id) }
    }

    /// A validator: needs no tool but those it got, and reports by its verdict.
    pub fn of_validator(task_id: TaskId) -> Self {
        let kind = AttemptKind::Validator;
        Self { kind, needed_tools: Vec::new(), ..Self::of_command(task_id) }
    }
}
