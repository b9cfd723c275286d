//! What is on record: the fold over the journal and git's lineage.

mod closing;
mod given_up;
mod in_git;
mod in_journal;
mod part;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{
    AccountId, ActionKey, CommitId, ModelName, OutputDigest, PlanName, RecipeDigest, RelPath,
    SessionId, TaskRef, VerdictKey,
};
use crate::spec::plan::Status;

use crate::engine::limits::Window;
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::past::ledger::{Totals, Typical};
use crate::engine::past::view::Touch;
use crate::engine::record::lineage::{Landing, Lineage};
use crate::engine::record::question::Dialogue;
use crate::engine::record::{
    AttemptEnded, Decision, Judged, Proposed, Provenance, Record, Rekeyed, SmokeEnded,
};
use crate::engine::report::Reported;

pub use given_up::GivenUp;

/// Names the encoding of a [`History`].
pub const SCHEMA: u32 = 15;

/// All that is known of earlier runs. Its encoding is kept on the disk: a change to any type in it
/// asks for a new [`SCHEMA`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    tasks: BTreeMap<TaskRef, Arc<TaskHistory>>,
    verdicts: BTreeMap<VerdictKey, KnownVerdict>,
    touches: BTreeMap<RelPath, Vec<Touch>>,
    /// What was spent.
    pub totals: Totals,
    /// Windows of accounts that were used up, and that no session came through since.
    limits: BTreeMap<(Window, Option<AccountId>), KnownLimit>,
    /// When a person last asked for a task again.
    pub last_asked: Option<Moment>,
    smokes: BTreeMap<PlanName, SmokeEnded>,
    n_landings: u32,
    /// A result had a key of an earlier form: there may be more in the cache.
    pub has_earlier_keys: bool,
    /// What is folded from now on happens now, after all that git has told.
    #[serde(skip)]
    is_live: bool,
}

/// A limit that was met and not lifted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLimit {
    pub at: Moment,
    /// Seconds since 1970; absent where nobody says it.
    pub resets_at: Option<u64>,
}

/// What is known of one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHistory {
    /// The accepted result that counts; `None` where none ever did, or a person reset it.
    pub accepted: Option<AcceptedFact>,
    /// The last landing's or receipt's facts in git.
    in_git: Option<AcceptedFact>,
    /// Files the task's landings touched, as the last of them left each.
    pub owned: BTreeMap<RelPath, Option<FileState>>,
    /// The status that orch last wrote into the plan.
    pub written: Option<Status>,
    /// A person's decision that no later result has answered.
    pub decision: Option<Decision>,
    pub n_attempts: u32,
    pub cost: Usd,
    /// Of that, since its last accepted result.
    pub cost_since: Usd,
    /// What its own sessions and its validators' cost.
    pub work: Typical,
    pub validation: Typical,
    /// The session that went on last, with what the CLI counts for it.
    session_total: Option<(SessionId, Usd)>,
    /// How long its last good attempt took.
    pub took: Option<Millis>,
    pub last_failure: Option<Failure>,
    /// What it was given up for, by key and recipe, the newest last, and only so many of it:
    /// who edits a task back to what it was does not buy it again.
    given_up: Vec<GivenUp>,
    /// The session that ended last without a result, which may go on.
    pub left_off: Option<LeftOff>,
    /// Of an attempt that ended well, and of which nothing has come yet.
    done: Option<ActionKey>,
    /// An attempt began since a person had all forgotten.
    has_begun: bool,
    /// What the newest attempt that counts failed by, with its key.
    error: Option<(ActionKey, String)>,
    /// Findings of the newest FAIL, with the key of the result they are about.
    findings: Option<(ActionKey, Vec<String>)>,
    pub model: Option<ModelName>,
    /// The stored manifest of the newest accepted result.
    pub manifest: Option<Digest>,
    /// The last accepted result's commit is no longer on the branch: it was reset away, and with it
    /// the status line.
    pub is_lost: bool,
    /// What was written is an uncommitted edit.
    pub is_loose: bool,
    /// What its sessions asked and people answered, since its last accepted result.
    pub dialogue: Dialogue,
    /// Proposals of one key that wait for a judge or for their landing.
    pub proposals: Vec<Proposed>,
    /// What a judge said of them.
    pub judged: Option<Judged>,
    /// All that git tells of the task, oldest first: its landings, each with its place among all, and what its
    /// receipts are of.
    commits: Vec<(u32, CommitId)>,
    receipts: Vec<(ActionKey, OutputDigest)>,
    /// The journal has told of what is newest in git: all that it tells from there on is newer.
    has_met_newest: bool,
}

impl TaskHistory {
    /// The last result changed no file and was told by a receipt, which is no longer in git: the
    /// branch was moved back, and with it the status line.
    pub fn has_lost_receipt(&self) -> bool {
        let Some(accepted) = &self.accepted else { return false };
        let in_git = self.in_git.as_ref().is_some_and(|it| it.key == accepted.key);
        let was_told = matches!(accepted.provenance, Provenance::Ran | Provenance::Replayed);
        accepted.commit.is_none() && was_told && !in_git && !self.is_loose
    }

    /// What the CLI counts for a session of the task by now; zero where it never said.
    pub fn session_total(&self, session: &SessionId) -> Usd {
        let known = self.session_total.as_ref().filter(|(id, _)| id == session);
        known.map(|(_, total)| *total).unwrap_or_default()
    }

    /// Keys of an earlier form that still count: of the result that stands, and of the last failure.
    pub fn earlier_keys(&self) -> impl Iterator<Item = ActionKey> {
        let result = self.accepted.as_ref().filter(|it| it.recipe.is_none()).map(|it| it.key);
        let failure = self.last_failure.as_ref().filter(|it| it.recipe.is_none());
        result.into_iter().chain(failure.map(|it| it.key))
    }

    /// What stands was made by another recipe than this one.
    pub fn has_other_recipe(&self, now: Option<RecipeDigest>) -> bool {
        let made_by = self.accepted.as_ref().and_then(|it| it.recipe);
        made_by.is_some() && made_by != now
    }

    /// Takes in the present key of a result and a failure.
    pub fn rekey(&mut self, rekeyed: &Rekeyed) {
        let Rekeyed { from, to, recipe, manifest, .. } = rekeyed;
        let facts = [&mut self.accepted, &mut self.in_git].into_iter().flatten();
        for fact in facts.filter(|fact| fact.key == *from) {
            (fact.key, fact.recipe) = (*to, Some(*recipe));
            self.manifest = *manifest;
        }
        if let Some(failure) = self.last_failure.as_mut().filter(|it| it.key == *from) {
            (failure.key, failure.recipe) = (*to, Some(*recipe));
        }
        for given_up in self.given_up.iter_mut().filter(|it| it.key == *from) {
            (given_up.key, given_up.recipe) = (*to, Some(*recipe));
        }
        let keys =
            [self.error.as_mut().map(|it| &mut it.0), self.findings.as_mut().map(|it| &mut it.0)];
        keys.into_iter().flatten().filter(|key| **key == *from).for_each(|key| *key = *to);
    }

    /// An attempt for this key ended well, and neither a result nor a failure has come of it.
    pub fn is_open(&self, key: ActionKey) -> bool {
        self.done == Some(key)
    }

    fn book(&mut self, ended: &AttemptEnded) {
        self.cost += ended.cost;
        self.cost_since += ended.cost;
        if ended.cost > Usd::ZERO {
            let is_work = ended.validator.is_none();
            if is_work { &mut self.work } else { &mut self.validation }.add(ended.cost);
        }
        // Validators' sessions do not go on.
        let total = ended.spend.session_total.filter(|_| ended.validator.is_none());
        if let (Some(session), Some(total)) = (&ended.session, total) {
            self.session_total = Some((session.clone(), total));
        }
    }

    /// Takes in how the session of its work ended; one that was ended before it said anything leaves
    /// what was there before.
    fn leave_off(&mut self, ended: &AttemptEnded) {
        let was_silent = ended.session.is_none() && ended.outcome == OutcomeClass::Aborted;
        if was_silent {
            return;
        }
        let session = ended.session.clone().filter(|_| ended.outcome != OutcomeClass::Done);
        self.left_off = session.map(|session| LeftOff {
            key: ended.key,
            recipe: ended.recipe,
            session,
            class: ended.outcome,
            message: ended.message.clone(),
        });
    }

    /// Why the last attempt for a key was not accepted; `None` where the task was not to blame.
    pub fn error_of(&self, key: ActionKey) -> Option<&str> {
        let error = self.error.as_ref().filter(|(about, _)| *about == key)?;
        Some(&error.1)
    }

    /// What validators found wrong with the last rejected result for a key.
    pub fn findings_of(&self, key: ActionKey) -> &[String] {
        let findings = self.findings.as_ref().filter(|(about, _)| *about == key);
        findings.map_or(&[], |(_, findings)| findings.as_slice())
    }

    /// The accepted result for a key, if it stands: the newest, or where that changed no file and is
    /// in git not at all, since the branch was moved or it is not committed yet, what git has.
    pub fn standing(&self, key: ActionKey) -> Option<&AcceptedFact> {
        let newest = self.accepted.as_ref()?;
        let in_git = self.in_git.as_ref().filter(|_| newest.commit.is_none());
        [Some(newest), in_git].into_iter().flatten().find(|fact| fact.key == key)
    }
}

/// One accepted result, as far as deciding needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedFact {
    pub key: ActionKey,
    /// How it was made; `None` where the key is of an earlier form.
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    pub report: Option<Reported>,
    pub provenance: Provenance,
    pub commit: Option<CommitId>,
    pub at: Option<Moment>,
    /// It came with a change of the plan, as far as is known here.
    pub changes_plan: bool,
}

/// A session that may go on, and how it was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOff {
    pub key: ActionKey,
    /// What it was told to do it by; `None` where nobody knows.
    pub recipe: Option<RecipeDigest>,
    pub session: SessionId,
    pub class: OutcomeClass,
    pub message: String,
}

impl LeftOff {
    /// It was ended in the midst of this key's work, by nothing that it did.
    pub fn is_cut_off(&self, key: ActionKey) -> bool {
        self.key == key && self.class == OutcomeClass::Aborted
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub key: ActionKey,
    /// How the result was to be made.
    pub recipe: Option<RecipeDigest>,
    pub class: OutcomeClass,
    pub message: String,
    /// A person has asked for another try since.
    pub is_waived: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownVerdict {
    pub verdict: Verdict,
    pub findings: Vec<String>,
}

impl History {
    /// Folds git first, then the journal: the journal knows more, but a landing it names counts
    /// only while git still has it.
    pub fn new(records: &[Record], lineage: &Lineage) -> Self {
        let mut history = Self::default();
        history.fold_lineage(lineage);
        for task in history.tasks.values_mut().map(Arc::make_mut) {
            task.accepted = task.in_git.clone();
        }
        for record in records {
            history.fold(record);
        }
        history
    }

    pub fn task(&self, task: &TaskRef) -> Option<&TaskHistory> {
        self.tasks.get(task).map(Arc::as_ref)
    }

    /// What is known of a task as of now, to be kept while more becomes known.
    pub fn task_now(&self, task: &TaskRef) -> Arc<TaskHistory> {
        self.tasks.get(task).cloned().unwrap_or_default()
    }

    fn task_mut(&mut self, task: TaskRef) -> &mut TaskHistory {
        Arc::make_mut(self.tasks.entry(task).or_default())
    }

    /// Every task with what is known of it.
    pub fn tasks(&self) -> impl Iterator<Item = (&TaskRef, &TaskHistory)> {
        self.tasks.iter().map(|(task, past)| (task, past.as_ref()))
    }

    /// The last smoke test of a plan.
    pub fn smoke(&self, plan: &PlanName) -> Option<&SmokeEnded> {
        self.smokes.get(plan)
    }

    pub fn verdict(&self, key: &VerdictKey) -> Option<&KnownVerdict> {
        self.verdicts.get(key)
    }

    /// Windows that are used up as far as is known, of an account: its own, and those of which
    /// nobody knows whose they are. Of an account that nobody knows, all.
    pub fn limits_of(
        &self,
        account: Option<AccountId>,
    ) -> impl Iterator<Item = (&Window, &KnownLimit)> {
        let is_its = move |owner: Option<AccountId>| {
            owner.is_none() || account.is_none() || owner == account
        };
        let its = self.limits.iter().filter(move |((_, owner), _)| is_its(*owner));
        its.map(|((window, _), known)| (window, known))
    }

    /// All windows that are used up as far as is known, of whichever account.
    pub fn limits(&self) -> impl Iterator<Item = (&Window, Option<AccountId>, &KnownLimit)> {
        self.limits.iter().map(|((window, account), known)| (window, *account, known))
    }

    /// Landings on a path, oldest first.
    pub fn touches(&self, path: &RelPath) -> &[Touch] {
        self.touches.get(path).map_or(&[], Vec::as_slice)
    }

    /// Every path that a landing touched.
    pub fn touched_paths(&self) -> impl Iterator<Item = &RelPath> {
        self.touches.keys()
    }

    /// Tasks whose landings touched one of the paths, the newest of each path.
    pub fn tasks_that_touched(&self, paths: &[RelPath]) -> Vec<TaskRef> {
        let newest = |path: &RelPath| self.touches.get(path)?.last().map(|it| it.by.clone());
        let tasks: std::collections::BTreeSet<TaskRef> = paths.iter().filter_map(newest).collect();
        tasks.into_iter().collect()
    }

    /// What the task would own after `patch`: its earlier files, overlaid.
    pub fn owned_after(&self, task: &TaskRef, patch: &Patch) -> Patch {
        let mut owned = self.tasks.get(task).map(|it| it.owned.clone()).unwrap_or_default();
        for change in patch.changes() {
            owned.insert(change.path.clone(), change.after);
        }
        let changes = owned
            .into_iter()
            .map(|(path, after)| FileChange { path, before: other_than(after), after })
            .collect();
        Patch::new(changes)
    }

    /// All that earlier runs left is folded: what comes now is newer than anything of it.
    #[must_use]
    pub fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    /// Takes in a landing of this run.
    pub fn add_landing(&mut self, landing: &Landing) {
        self.fold_landing(landing);
        let task = self.task_mut(landing.task.clone());
        task.accepted = task.in_git.clone();
    }
}

/// A before that differs from `after`, for patches that only their after matters of.
fn other_than(after: Option<FileState>) -> Option<FileState> {
    match after {
        Some(_) => None,
        None => Some(FileState::regular(b"")),
    }
}
