//! The shape of `orch.yaml`.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::shared::{Duration, OneOrMany};

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
