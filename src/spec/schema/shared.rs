//! Shapes that several documents have.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// `90s`, `10m`, `1h 30m`, or seconds as a number.
pub(super) struct Duration;

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let unit = "(ms|s|secs?|m|mins?|h|hours?|d|days?)";
        json_schema!({
            "description": "`90s`, `10m`, `1h 30m`, or seconds as a number",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": format!(r"^([0-9.]+{unit}\s*)+$|^[0-9.]+$") },
            ],
        })
    }
}

/// A list, or one of its items alone.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A list of words that is run as it stands, or one line for `sh -c`.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum CommandLine {
    Argv(Vec<String>),
    Shell(String),
}

/// Several sessions do the task independently, and a judge picks the result that goes on.
#[derive(JsonSchema)]
pub(super) struct Proposals {
    /// How many sessions; 1 is no competition.
    #[schemars(range(min = 1, max = 9))]
    pub count: u32,
    /// The agent that judges; `design-judge` where none is given.
    pub judge: Option<String>,
}

/// What judges a task's output: the name of an agent, or a command or agent with its particulars.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum Validator {
    Agent(String),
    Full(Box<ValidatorFields>),
}

/// One validator. It has either `run` or `agent`.
#[derive(JsonSchema)]
pub(super) struct ValidatorFields {
    /// Its name, unique in its task. The agent's, or the command's words, where none is given.
    pub name: Option<String>,
    /// Exit 0 is PASS, anything else FAIL.
    pub run: Option<CommandLine>,
    /// An agent whose answer holds the verdict.
    pub agent: Option<String>,
    /// Files it reads beside those the task wrote.
    pub inputs: Option<OneOrMany>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// A command only: whether what failed before the task, too, is excused.
    pub baseline: Option<bool>,
}

/// What an attempt may reach of the machine.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum Sandbox {
    Short(SandboxKind),
    Full(SandboxFields),
}

/// `bwrap`: everything may be read, the worktree be written. `none`: no bounds.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SandboxKind {
    Bwrap,
    None,
}

/// A sandbox with its particulars.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SandboxFields {
    /// `bwrap` where none is given.
    pub kind: Option<SandboxKind>,
    /// Whether it has the network; sessions always have.
    pub network: Option<bool>,
    /// Places that may be written beside the worktree: absolute, or below `~/`.
    pub write: Option<OneOrMany>,
}

/// What is run when all of a plan is done: `false`, a command, or its particulars.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum Smoke {
    Use(bool),
    Command(CommandLine),
    Full(Box<SmokeFields>),
}

/// A smoke test in particular.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SmokeFields {
    /// What is run, in your checkout; that of the rule `smoke` where none is given.
    pub run: Option<CommandLine>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Variables of the environment that reach it.
    pub env: Option<OneOrMany>,
    /// It is left out where no server answers. False for a `run` of your own.
    pub needs_server: Option<bool>,
}
