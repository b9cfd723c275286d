//! The shape of a plan.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use schemars::JsonSchema;

use super::shared::{CommandLine, Duration, OneOrMany, Proposals, Smoke, Validator};

/// A plan: sections of tasks. Keys beside these are kept and have no meaning.
#[derive(JsonSchema)]
#[schemars(title = "orch plan")]
pub(super) struct Plan {
    /// What holds for the whole plan.
    pub meta: Option<Meta>,
    /// Groups of tasks, in order.
    pub sections: Vec<Section>,
}

/// What holds for the whole plan.
#[derive(JsonSchema)]
pub(super) struct Meta {
    /// The title.
    pub name: Option<String>,
    /// What the plan is for.
    pub description: Option<String>,
    /// The design document, a path below the root. Its content is in the key of every task.
    pub plan_doc: Option<String>,
    /// When it was written.
    pub created: Option<String>,
    /// The backlog item it was made from.
    pub source_item: Option<String>,
    /// Attempts of a task that says nothing of its own.
    pub max_attempts_default: Option<u32>,
    /// `file` (the default): a task without `depends_on` waits for every task before it. `free`: only
    /// `depends_on` orders.
    pub order: Option<Order>,
    /// Which agents' tasks are validated by which agents.
    pub validation: Option<Validation>,
    /// Wait before the second attempt.
    pub backoff_base: Option<Duration>,
    /// Longest wait between attempts.
    pub backoff_max: Option<Duration>,
    /// What may be spent on the plan, over all builds.
    pub budget: Option<Budget>,
    /// So many failures of the service in a row, the last of a task of this plan, and no session starts.
    pub circuit_breaker_threshold: Option<u32>,
    /// How long none starts then.
    pub circuit_breaker_reset_timeout: Option<Duration>,
    /// Which model, and when the next one up.
    pub model_escalation: Option<Escalation>,
    /// Written by the orchestrator; nothing depends on it.
    pub status: Option<String>,
    /// What is run when all of the plan is done: `false`, a command, or its particulars.
    pub smoke: Option<Smoke>,
}

/// A bound of money; a part that is 0 is not set.
#[derive(JsonSchema)]
pub(super) struct Budget {
    /// How much of the ceiling may be spent, in percent; 100 where it is not given.
    #[schemars(range(min = 0))]
    pub max_quota_percent: Option<f64>,
    /// The ceiling in dollars; none where it is not given.
    #[schemars(range(min = 0))]
    pub quota_ceiling_usd: Option<f64>,
    /// What is to be left of the ceiling, in dollars.
    #[schemars(range(min = 0))]
    pub reserved_budget_usd: Option<f64>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    File,
    Free,
}

/// Which agents' tasks are validated by which agents.
#[derive(JsonSchema)]
pub(super) struct Validation {
    /// False where it is not given.
    pub enabled: Option<bool>,
    /// Tasks of these agents are validated; `coder` where none is given.
    pub run_after: Option<OneOrMany>,
    /// By these agents; `validator` where none is given.
    pub validators: Option<OneOrMany>,
    /// After so many FAILs the task has failed.
    pub max_validation_attempts: Option<u32>,
}

/// Which model, and when the next one up.
#[derive(JsonSchema)]
pub(super) struct Escalation {
    /// False where it is not given.
    pub enabled: Option<bool>,
    /// One step up after so many failed attempts; 2 where none is given.
    #[schemars(range(min = 1))]
    pub escalate_after: Option<u32>,
    /// Never above this model; `opus` where none is given.
    pub max_model: Option<String>,
    /// The model of agents that validate; `sonnet` where none is given.
    pub validation_model: Option<String>,
    /// The model where neither task nor agent names one; `sonnet` where none is given.
    pub starting_model: Option<String>,
}

/// A group of tasks.
#[derive(JsonSchema)]
pub(super) struct Section {
    /// Unique in the plan.
    pub id: String,
    /// What it is about.
    pub name: String,
    /// Written by orch: what its tasks add up to.
    pub status: Option<Status>,
    /// The tasks, in order.
    pub tasks: Option<Vec<Task>>,
}

/// One unit of work.
#[derive(JsonSchema)]
pub(super) struct Task {
    /// Unique in the plan. Quote it: `2.10` without quotes is a number to many programs.
    pub id: String,
    /// What it is, in a few words; they choose the rule where nothing else does.
    pub name: String,
    /// What is to be done, where, and how one can tell that it is done.
    pub description: Option<String>,
    /// Set it back to `pending` to ask for a re-run, to `skipped` to go on without it.
    pub status: Option<Status>,
    /// Who does it.
    pub agent: Option<String>,
    /// How it is built.
    pub rule: Option<String>,
    /// Makes it a command task: what runs instead of a session.
    pub run: Option<CommandLine>,
    /// Ids of the tasks whose results it needs.
    pub depends_on: Option<OneOrMany>,
    /// The same as `depends_on`.
    #[schemars(extend("deprecated" = true))]
    pub dependencies: Option<OneOrMany>,
    /// Tasks of one group do not wait for one another.
    pub parallel_group: Option<String>,
    /// Tasks that name the same resource never run at once.
    pub exclusive_resources: Option<OneOrMany>,
    /// Path patterns it reads; their content is in its key.
    pub inputs: Option<OneOrMany>,
    /// Path patterns that must each name a file when it is done.
    pub outputs: Option<OneOrMany>,
    /// Exactly these judge it; those of its rule and plan where the key is not given.
    pub validators: Option<Vec<Validator>>,
    /// The model, as the CLI takes it.
    pub model: Option<String>,
    /// Variables of the environment that reach it; their values are in its key.
    pub env: Option<OneOrMany>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Attempts in all.
    pub max_attempts: Option<u32>,
    /// Several sessions do it, and a judge picks one result. The rule decides where it is not given.
    pub proposals: Option<Proposals>,
    /// Whether it may end without a change. The rule decides where it is not given.
    pub no_change: Option<NoChange>,
    /// `never`: an accepted result is not used again.
    pub cache: Option<Cache>,
    /// The candidate to use: an action key in hexadecimal.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub pin: Option<String>,
    /// Written by orch.
    pub attempts: Option<u32>,
    /// Written by orch: what the session said.
    pub result_message: Option<String>,
    /// Written by orch.
    pub last_error: Option<String>,
    /// Written by orch.
    pub validation_findings: Option<String>,
    /// Written by orch.
    pub validation_attempts: Option<u32>,
    /// Written by orch: a time.
    pub last_attempt: Option<String>,
    /// Written by orch: a time.
    pub completed_at: Option<String>,
    /// Written by orch.
    pub model_used: Option<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Pending,
    InProgress,
    Completed,
    Complete,
    Verified,
    Failed,
    Skipped,
    Suspended,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum NoChange {
    Allowed,
    Refused,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cache {
    Always,
    Never,
}
