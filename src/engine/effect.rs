//! What the engine wants done, and what it can be asked for.

mod intent;
mod item;
mod notice;
mod request;
mod step;

pub use intent::Intent;
pub use item::{ItemEdit, ItemEnd};
pub use notice::{Finished, Notice, Reopened, Warning};
pub use request::{Amount, BuildRequest, Request};
pub use step::Step;

use crate::base::digest::{Digest, Recorded};
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{
    ActionKey, AttemptId, CommitId, EnvName, ModelName, OutputDigest, PlanName, PoolName,
    RecipeDigest, RelPath, SessionId, TaskRef, TreeId, ValidatorName,
};
use crate::spec::agent::{Effort, Permission, Server};
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CommandLine, Status};
use crate::spec::rule::Limits;
use crate::spec::sandbox::Sandboxing;

use crate::engine::plan_change::PlanChange;
use crate::engine::record::lineage::{Landed, VerdictMark};
use crate::engine::record::{AcceptedResult, Decision, Lookup, Record};
use crate::engine::report::{Report, Reported};

/// Something the host is to do. Results come back as events.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answered by `FilesScanned`: every file below the root that a glob takes (git-ignored ones
    /// too where a pattern names them without wildcard), and these paths.
    Scan { globs: Vec<GlobSet>, paths: Vec<RelPath> },
    /// Answered by `Rechecked`: as `Scan`, for one task that is about to be decided or started.
    Recheck { task: TaskRef, globs: Vec<GlobSet>, paths: Vec<RelPath> },
    /// Answered by `Restored`: what has become of these files; those that a sparse checkout leaves out are
    /// as HEAD has them.
    FindLost { task: TaskRef, paths: Vec<RelPath> },
    /// Answered by `Restored`: these committed files are put back where nothing is in their place.
    Restore { task: TaskRef, paths: Vec<RelPath> },
    /// Answered by `Looked`: the present content of these paths.
    Look { paths: Vec<RelPath> },
    /// Answered by `FilesFound`: which of these paths are files of the user's checkout.
    FindFiles { paths: Vec<RelPath> },
    /// Answered by `CandidatesFound`. `manifest` is the stored manifest of the last accepted result;
    /// `lookup` is false where only that is wanted.
    FindCandidates {
        task: TaskRef,
        key: ActionKey,
        /// What it was in an earlier form of keys: results that were kept under that count as well.
        older: Option<ActionKey>,
        manifest: Option<Digest>,
        lookup: Lookup,
    },
    /// Answered by `AttemptProgressed`*, then `AttemptEnded`.
    Run(Box<Launch>),
    /// Answered by `Merged` or `Conflicted`: the patch of a finished attempt onto the tip.
    Merge { attempt: AttemptId },
    /// As `Merge`, for a cached result that no attempt of this run made.
    Replay { attempt: AttemptId, result: Box<AcceptedResult> },
    /// Answered by `Landed`, `Settled`, `Merged` (the tip moved and the merge gives other content
    /// than was validated), `Conflicted`, `PlanRefused`, `PlanGone` or `LandingFailed`.
    Land(Box<LandingRequest>),
    /// Answered by `SmokeStarted`, then `SmokeEnded`, or by the latter alone.
    Smoke(Box<SmokeLaunch>),
    /// The attempt's task is gone: its patch is kept under a ref for a person to look at.
    Keep { attempt: AttemptId, task: TaskRef },
    /// Answered by `Shelved`: what a proposal left is kept under this ref.
    Shelve { attempt: AttemptId, kept_as: String, subject: String },
    /// As `Merge`, for a proposal of another build. Where the ref does not hold that commit any more:
    /// answered by `LandingFailed`.
    Recall { attempt: AttemptId, task: TaskRef, kept_as: String, commit: CommitId },
    /// A result that was put into the action cache before its validators spoke is not to be found
    /// there any more, since it comes again with its verdicts; nor is one of its key that was refused.
    Disown { key: ActionKey, output: OutputDigest },
    /// A result that was put there before its validators spoke is kept as one that was refused.
    Refuse { key: ActionKey, output: OutputDigest },
    /// A kept ref is no longer wanted.
    Forget { kept_as: String },
    /// The attempt's session goes on later: its worktree stays as it is, also beyond this process,
    /// until a launch with `Base::Parked` or a later look finds nobody waiting for it.
    Park { attempt: AttemptId, session: SessionId },
    /// A parked worktree is no longer wanted.
    Unpark { session: SessionId },
    /// The worktree is wanted as it is until the attempt is over, whatever else is done with what it
    /// holds: its session may have to go on.
    Stay { attempt: AttemptId },
    /// What an attempt left that was not accepted is kept for the next one under this ref; where it
    /// left nothing, there is no such ref afterwards.
    Leave { attempt: AttemptId, key: ActionKey, kept_as: String },
    /// The attempt's worktree and kept patch are no longer wanted.
    Drop { attempt: AttemptId },
    /// End the attempt's family: first politely, then by force.
    Stop { attempt: AttemptId },
    /// Append to the journal before anything that follows from it is done.
    Append(Record),
    /// Put an accepted result into the action cache.
    Remember(Box<AcceptedResult>),
    /// Answered by `StatusWritten`.
    WriteStatus(StatusEdit),
    /// Say something on every surface.
    Publish(Notice),
    /// Send `Woken` at this moment; of several requests the earliest counts, the others come again.
    WakeAt(Moment),
    /// Everything asked for is decided.
    Finish,
}

/// One attempt to run: of a task, or of a validator on a task's candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    pub attempt: AttemptId,
    pub task: TaskRef,
    pub key: ActionKey,
    /// 1 for the first try.
    pub number: u32,
    pub purpose: Purpose,
    pub action: LaunchAction,
    pub base: Base,
    /// Paths whose present content in the user's checkout is laid over the base (documents and
    /// declared inputs that are not committed); they are no part of the attempt's patch.
    pub overlay: Vec<RelPath>,
    /// Patterns of declared inputs: what they take of HEAD and the user has removed is not in the
    /// base either, though no overlay can name it.
    pub declared: Vec<GlobSet>,
    pub env: Vec<EnvName>,
    pub limits: Limits,
    pub pool: PoolName,
    /// What it may reach of the machine.
    pub sandbox: Sandboxing,
    /// Each pattern must match a file afterwards.
    pub required_outputs: GlobSet,
    /// Its plan, which it may edit: a copy is laid where its tools may write.
    pub plan: Option<RelPath>,
    /// What its verdict rests on, where it is a command that judges a candidate.
    pub bench: Option<Bench>,
    /// Reports that it gets to read, laid where the engine says.
    pub needs: Vec<NeededReport>,
    /// What it answers is an output.
    pub is_report: bool,
}

/// How a candidate lies before the command that judges it: of the files that its verdict rests on, those
/// of before the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bench {
    /// The tree that the candidate's change was made on.
    pub before: TreeId,
    /// These are as they were there.
    pub held: Vec<RelPath>,
    /// Of these, keys and sections are as they were there.
    pub parts: Vec<(RelPath, Vec<String>)>,
    /// Changed files that the verdict may rest on: told with what they assert.
    pub doubted: Vec<RelPath>,
    /// Other files that were changed although the task does not speak of them: where a judging file runs
    /// one, that is told as well.
    pub others: Vec<RelPath>,
    /// Judging files by name or pattern, from which that is told.
    pub roots: GlobSet,
    /// Where tests lie.
    pub tests: GlobSet,
}

/// The report of a task, for one that comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededReport {
    pub task: TaskRef,
    pub name: String,
    pub report: Reported,
}

impl Launch {
    pub fn is_session(&self) -> bool {
        matches!(self.action, LaunchAction::Session(_))
    }

    /// The same attempt with a new session: what it was to go on with is gone.
    #[must_use]
    pub fn afresh(mut self) -> Self {
        let mut base = Base::Tip;
        if let LaunchAction::Session(session) = &mut self.action {
            session.resume = None;
            if let Some(next) = session.otherwise.pop() {
                (base, session.prompt) = (next.base, next.prompt);
            }
        }
        Self { base, ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Work,
    Validate(ValidatorName),
    /// Compares proposals, which are laid into its worktree.
    Judge(ValidatorName, Vec<Exhibit>),
}

/// A proposal as its judge sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    pub label: String,
    /// The tree that holds its files; `None` where it wrote none.
    pub tree: Option<TreeId>,
    /// Those of them that it wrote.
    pub paths: Vec<RelPath>,
    /// What it said, where it wrote no file.
    pub answer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchAction {
    Session(SessionLaunch),
    Command(CommandLine),
}

/// What a session is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLaunch {
    /// Goes to the CLI by stdin.
    pub prompt: String,
    pub model: Option<ModelName>,
    /// What it may use.
    pub tools: Vec<String>,
    /// What it may not use, whatever `tools` and `permission` say.
    pub denied: Vec<String>,
    pub permission: Permission,
    /// How hard it is to think; `None` leaves it to the CLI.
    pub effort: Option<Effort>,
    /// Model calls it may make at most; the rule's own limit holds beside it.
    pub max_turns: Option<u32>,
    /// Servers that give it tools.
    pub servers: Vec<Server>,
    /// Go on with this session instead of starting one.
    pub resume: Option<SessionId>,
    /// What to begin with where the base is gone, the last one first.
    pub otherwise: Vec<Fallback>,
    /// What the budget leaves for it; the rule's own limit holds beside it.
    pub max_usd: Option<Usd>,
    /// The JSON Schema that its last answer has to meet.
    pub schema: Option<String>,
}

/// Another way to begin: with a new session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub base: Base,
    pub prompt: String,
}

/// The tree a worktree starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The integration tip, with the overlay.
    Tip,
    /// What would land, with the overlay.
    Candidate(TreeId),
    /// What had landed by then, with nothing over it.
    Landed(Landed),
    /// As `Tip`, with what an earlier attempt for this key left (`Effect::Leave`) merged onto it.
    Left { kept_as: String, key: ActionKey },
    /// The parked worktree of an earlier attempt as it was left, maybe by another process: its session
    /// goes on.
    Parked(SessionId),
}

/// A command that is run in the user's checkout when plans are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmokeLaunch {
    pub attempt: AttemptId,
    pub plans: Vec<PlanName>,
    pub run: CommandLine,
    /// Variables of the caller that reach it.
    pub env: Vec<EnvName>,
    pub timeout: Millis,
    /// It is left out where no server answers.
    pub needs_server: bool,
    /// It is none of this project where one of these is missing.
    pub needs_files: Vec<RelPath>,
    /// It need not run where tree and command are those that it passed with.
    pub passed: Option<Digest>,
}

/// A patch to put on the branch, with what its commit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandingRequest {
    pub attempt: AttemptId,
    pub task: TaskRef,
    /// First line of the commit message.
    pub subject: String,
    pub key: ActionKey,
    pub recipe: RecipeDigest,
    /// Digest of the merged patch that validators saw: other content must be validated again.
    pub expected: OutputDigest,
    /// Digest of all files the task owns afterwards: what dependents' keys hold.
    pub output: OutputDigest,
    /// Its answer, where that is part of the output: told in the commit's message.
    pub report: Option<Report>,
    pub verdicts: Vec<VerdictMark>,
    pub session: Option<SessionId>,
    pub model: Option<ModelName>,
    pub cost: crate::base::measure::Usd,
    /// Written into the plan in the same commit where the plan is tracked and otherwise clean.
    pub status: StatusEdit,
    /// `B of A 6, B 9, C 4`, where it won a competition.
    pub proposals: Option<String>,
    /// What the session changed in its plan: made with the landing, or nothing lands.
    pub plan_change: Option<PlanChange>,
}

/// Fields of a task in its plan file to be set by minimal text edit; the file is read again first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEdit {
    pub plan_path: RelPath,
    pub task: TaskRef,
    pub status: Status,
    pub attempts: Option<u32>,
    pub result_message: Option<String>,
    pub last_error: Option<String>,
    pub model_used: Option<ModelName>,
    /// ISO 8601 with offset, made by the host from the engine's clock.
    pub completed_at: Option<Moment>,
    pub validation_findings: Option<String>,
    /// Set for a stage of a backlog item, whose file has no status lines: what is written there instead.
    pub item: Option<ItemEdit>,
}

/// A person's decision about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decide {
    pub task: TaskRef,
    pub decision: Decision,
}

/// What a task's key was made of, kept for `orch why`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub key: ActionKey,
    pub manifest: Recorded,
}
