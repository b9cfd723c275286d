//! The shape of `orch.yaml`.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::shared::{Duration, OneOrMany, Sandbox, Smoke};

/// Settings of a project: `orch.yaml` at the root of the repository.
#[derive(JsonSchema)]
#[schemars(title = "orch settings", deny_unknown_fields)]
pub(super) struct Config {
    /// What builds the project; named in prompts.
    pub build_command: Option<String>,
    /// What tests the project; named in prompts.
    pub test_command: Option<String>,
    /// What starts the development server.
    pub dev_server_command: Option<String>,
    /// Where the development server listens.
    #[schemars(range(min = 1))]
    pub dev_server_port: Option<u16>,
    /// Folder of the project's agents.
    pub agents_dir: Option<String>,
    /// Folder of the project's rules and prompts.
    pub rules_dir: Option<String>,
    /// Folders of the plans that are active.
    pub plans_dirs: Option<OneOrMany>,
    /// How sessions run.
    pub session: Option<Session>,
    /// What git does not carry into a worktree.
    pub worktree: Option<Worktree>,
    /// How many actions of a pool run at once. `sessions` and `commands` exist always.
    #[schemars(extend("additionalProperties" = { "type": "integer", "minimum": 1 }))]
    pub pools: Option<BTreeMap<String, u32>>,
    /// How many actions run at once; the number of cores where none is given.
    #[schemars(range(min = 1))]
    pub jobs: Option<u32>,
    /// How much may be spent, in dollars; at a bound nothing new starts, and the build ends with exit code 4.
    pub budget: Option<Budget>,
    /// Which model a session is asked of, and when another one.
    pub models: Option<Models>,
    /// When the service counts as down.
    pub breaker: Option<Breaker>,
    /// What a build does at a usage limit of the account.
    pub limits: Option<UsageLimits>,
    /// What attempts may reach whose rule says nothing of it.
    pub sandbox: Option<Sandbox>,
    /// How much runs at once, beside `jobs` and `pools`.
    pub schedule: Option<Schedule>,
    /// What is run when a plan is done: `false`, a command, or its particulars.
    pub smoke: Option<Smoke>,
    /// A server that is started for smoke tests and ended after them.
    pub dev_server: Option<DevServer>,
}

/// Bounds in dollars; 0 is none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Budget {
    /// One build.
    #[schemars(range(min = 0))]
    pub run: Option<f64>,
    /// A day, in UTC, over all builds.
    #[schemars(range(min = 0))]
    pub day: Option<f64>,
    /// A plan that has no budget of its own, over all builds.
    #[schemars(range(min = 0))]
    pub plan: Option<f64>,
    /// A task, from one accepted result to the next.
    #[schemars(range(min = 0))]
    pub task: Option<f64>,
    /// What a session is taken to cost while nothing like it was ever paid; 0.50 where it is not given.
    #[schemars(range(min = 0))]
    pub guess: Option<f64>,
}

/// Which model a session is asked of, and when another one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Models {
    /// From the smallest to the largest; `[haiku, sonnet, opus]` where none is given.
    pub ladder: Option<OneOrMany>,
    /// Where neither task nor agent names one.
    pub starting: Option<String>,
    /// One step up after so many failed attempts; never by itself where none is given.
    #[schemars(range(min = 1))]
    pub escalate_after: Option<u32>,
    /// Never above this one.
    pub max: Option<String>,
    /// The model of agents that validate, instead of their own.
    pub validation: Option<String>,
}

/// When the service counts as down.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Breaker {
    /// So many failures in a row, of whichever tasks; 3 where none is given, 0 for never.
    pub threshold: Option<u32>,
    /// How long no session starts then, before one tries; 5m where none is given.
    pub reset: Option<Duration>,
    /// After so long none tries again in this build; 6h where none is given.
    pub patience: Option<Duration>,
}

/// What a build does at a usage limit of the account.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct UsageLimits {
    /// Whether the reset is waited for; `up_to` where none is given.
    pub wait: Option<LimitWait>,
    /// The longest wait for one reset, in hours, for `up_to`; 6 where none is given.
    #[schemars(range(min = 0, max = 10000))]
    pub hours: Option<f64>,
    /// So many resets are waited for in one build; 10 where none is given.
    pub max_auto_resumes: Option<u32>,
    /// Sessions go on where the account pays for use beyond its plan; false where it is not given.
    pub overage: Option<bool>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LimitWait {
    Never,
    UpTo,
    Always,
}

/// How sessions run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Session {
    /// The CLI: its words, or one text that is split at blanks.
    pub claude: Option<OneOrMany>,
    /// A script for the embedded stand-in: sessions are played, not run.
    pub scripted: Option<String>,
    /// Variables of the environment that sessions get beside the built-in list.
    pub env: Option<OneOrMany>,
    /// The model where neither task nor agent names one.
    pub model: Option<String>,
    /// How long a session may take where its rule has no limit.
    pub wall: Option<Duration>,
}

/// What git does not carry into a worktree.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Worktree {
    /// A line for the shell, run once in a fresh worktree.
    pub setup: Option<String>,
    /// Paths that are linked from the checkout.
    pub link: Option<OneOrMany>,
    /// Paths that are copied from the checkout.
    pub copy: Option<OneOrMany>,
    /// Git-ignored paths that stay from attempt to attempt; a name without `/` in any folder.
    pub keep: Option<OneOrMany>,
}

/// How much runs at once, beside `jobs` and `pools`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Schedule {
    /// How long siblings wait for the first of them to warm the provider's cache; fitted to how long
    /// such tasks take where it is not given.
    pub warm_up: Option<Duration>,
    /// Megabytes that a session takes: none starts where less is free. 0: memory is not minded.
    pub session_memory: Option<u32>,
    /// Actions for each core at most.
    #[schemars(range(min = 1))]
    pub per_core: Option<u32>,
}

/// A server that is started for smoke tests and ended after them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct DevServer {
    /// A line for the shell; `dev_server_command` where none is given.
    pub command: Option<String>,
    /// Where it listens; `dev_server_port` where none is given.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How long it may take to answer.
    pub wait: Option<Duration>,
}
