//! One attempt: what it is, what it does, what it produced.

use crate::base::digest::Recorded;
use crate::base::file::{FileState, Patch};
use crate::base::measure::{Moment, Usd};
use crate::base::name::{
    ActionKey, AttemptId, ModelName, RecipeDigest, RelPath, SessionId, TaskRef, TreeId,
};
use crate::engine::admission::{Activity, Origin, Phase, Running};
use crate::engine::broken::{Must, Sound};
use crate::engine::event::Merged;
use crate::engine::graph::NodeId;
use crate::engine::outcome::OutcomeClass;
use crate::engine::plan_change::PlanChange;
use crate::engine::record::VerdictReached;
use crate::engine::record::lineage::Landed;
use crate::engine::report::Report;
use crate::engine::world::{Recipe, Slot};
use crate::spec::plan::Validator;

use super::contest::{Contest, Won};
use super::review::{Doubt, Suspect};

/// A running attempt, or the validation of a result that stands.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub task: TaskRef,
    /// Its place in the present graph; `None` where the task is gone meanwhile.
    pub node: Option<NodeId>,
    pub slot: Slot,
    pub recipe: Recipe,
    pub key: ActionKey,
    /// How its result is made, or was, where it is replayed.
    pub made_by: RecipeDigest,
    pub manifest: Recorded,
    pub number: u32,
    pub origin: Origin,
    pub at_work: AtWork,
    pub made: Produced,
    pub review: Review,
    /// Proposals that compete for being this attempt's result.
    pub contest: Option<Contest>,
}

/// What an attempt does at present.
#[derive(Clone, Debug)]
pub struct AtWork {
    pub phase: Phase,
    pub since: Moment,
    pub doing: Activity,
}

/// What an attempt produced, from its evidence to its landing.
#[derive(Clone, Debug, Default)]
pub struct Produced {
    /// It was accepted before, by whatever judged it then.
    pub has_passed: bool,
    /// What changed in its worktree.
    pub patch: Patch,
    /// The change as it would land.
    pub merged: Patch,
    /// The tree that validators look at; `None` is the present state.
    pub candidate: Option<TreeId>,
    /// The tip that the candidate was merged onto, and the tree that its change is made on.
    pub beneath: Option<TreeId>,
    pub before: Option<TreeId>,
    /// What its session changed in the plan.
    pub plan_change: Option<PlanChange>,
    pub read_set: Vec<(RelPath, Option<FileState>)>,
    pub transcript: Option<crate::base::digest::Digest>,
    pub message: Option<String>,
    /// Its answer, where that is an output.
    pub report: Option<Report>,
    /// Answers that a session with a question proposes.
    pub options: Vec<String>,
    pub session: Option<SessionId>,
    pub model: Option<ModelName>,
    /// Spent by this attempt and its validators so far.
    pub cost: Usd,
    pub duration: crate::base::measure::Millis,
    /// When the session or command ended, of a replayed result too.
    pub made_at: Option<Moment>,
    /// The session had begun to work, and its worktree is whole.
    pub has_worked: bool,
    /// Its worktree is kept until its validators have spoken.
    pub stays: bool,
    /// It was sent to find out whether sessions work again.
    pub was_probe: bool,
    /// The program of sessions was nowhere.
    pub lacks_cli: bool,
    /// It is the proposal that won.
    pub won: Option<Won>,
}

/// How far the validators of a result are.
#[derive(Clone, Debug, Default)]
pub struct Review {
    pub validators: Vec<Validator>,
    /// Which of them is at work, and how often it reached no verdict.
    pub next: usize,
    pub n_no_verdict: u32,
    /// How often the service kept one from its verdict.
    pub n_service_failures: u32,
    pub reached: Vec<VerdictReached>,
    /// A FAIL that is looked into at present.
    pub suspect: Option<Suspect>,
    /// A PASS that is held against what the judging files were.
    pub doubt: Option<Doubt>,
    /// It is of what the task's plan left, not of a result.
    pub is_closing: bool,
    /// Of what had landed by then, to find out since when it fails.
    pub probed: Option<Landed>,
    /// The result is in the action cache, without verdicts.
    pub is_kept: bool,
}

impl Produced {
    /// The change as it would land, and on what.
    pub fn take_merged(&mut self, merged: Merged) {
        self.merged = merged.patch;
        self.candidate = Some(merged.candidate);
        self.beneath = Some(merged.beneath);
        self.before = Some(merged.before);
    }
}

impl Review {
    /// The validator whose turn it is; `None` where all of them have spoken.
    pub fn validator(&self) -> Option<&Validator> {
        self.validators.get(self.next)
    }

    /// The validator that is at work.
    #[track_caller]
    pub fn at_work(&self) -> Sound<&Validator> {
        self.validator().must("no validator is at work on a result that is under review")
    }
}

impl Attempt {
    /// True where its rule does not hold such an end against the task.
    pub fn is_uncounted(&self, class: OutcomeClass) -> bool {
        self.recipe.rule.retry.uncounted.contains(&class)
    }

    /// What others may have to wait for.
    pub fn as_running(&self, id: AttemptId) -> Running<'_> {
        Running {
            id,
            task: &self.task,
            node: self.node,
            slot: self.slot,
            recipe: &self.recipe,
            key: self.key,
            origin: self.origin,
            phase: self.at_work.phase,
            since: self.at_work.since,
            n: self.contest.as_ref().map_or(1, Contest::n_running),
            has_spoken: self.at_work.doing != Activity::Untold || self.made.cost != Usd::ZERO,
            has_session: self.made.session.is_some(),
        }
    }
}
