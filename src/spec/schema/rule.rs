//! The shape of a rule file.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::shared::{CommandLine, Duration, OneOrMany, Proposals, Sandbox, Validator};
use crate::spec::outcome::OutcomeClass;

/// How one kind of node is built. What is not written comes from the rule it extends, or has a default.
#[derive(JsonSchema)]
#[schemars(title = "orch rule", deny_unknown_fields)]
pub(super) struct Rule {
    /// Its name; the stem of the file where none is given.
    pub rule: Option<String>,
    /// The rule it changes parts of. Its own name means the built-in one it replaces.
    pub extends: Option<String>,
    /// What it does, in a sentence.
    pub describe: Option<String>,
    /// Which tasks it takes by itself. Not inherited from a rule of another name.
    #[serde(rename = "match")]
    pub matches: Option<Match>,
    /// What runs. `session` where none is given.
    pub action: Option<Action>,
    /// Who does the task where the task names nobody.
    pub agent: Option<String>,
    /// A minijinja template: the path of a file below the rules folder, or the text itself.
    pub prompt: Option<String>,
    /// What it reads.
    pub inputs: Option<Inputs>,
    /// What it writes.
    pub outputs: Option<Outputs>,
    /// What judges its output.
    pub validators: Option<Vec<Validator>>,
    /// Variables of the environment that reach the action; their values are in the key.
    pub env: Option<OneOrMany>,
    /// How often and when to try again.
    pub retry: Option<Retry>,
    /// Bounds of one attempt.
    pub limits: Option<Limits>,
    /// What bounds how many actions run at once: `sessions`, `commands`, or a pool of `orch.yaml`.
    pub pool: Option<String>,
    /// Tools the action cannot do without.
    pub needs_tools: Option<OneOrMany>,
    /// Several sessions do the task, and a judge picks one result.
    pub proposals: Option<Proposals>,
    /// What a command rule runs where the task has no `run`.
    pub run: Option<CommandLine>,
    /// What its attempts may reach of the machine; as the settings say where it is not given.
    pub sandbox: Option<Sandbox>,
}

/// Which tasks a rule takes by itself.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Match {
    /// Whole words at the start of a task's name, in any case.
    pub phrases: Option<OneOrMany>,
    /// Tasks of these agents.
    pub agents: Option<OneOrMany>,
    /// Higher is asked first; 0 where none is given.
    pub priority: Option<i32>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Session,
    Command,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Inputs {
    /// Path patterns; their content is in the key.
    pub declared: Option<OneOrMany>,
    /// What the session read last time counts when its result is to be replayed.
    pub discovered: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Outputs {
    /// Writing anything else fails the task. Anything may be written where this is not given.
    pub allowed: Option<OneOrMany>,
    /// A run that changed nothing has failed. True for sessions where it is not given.
    pub must_change: Option<bool>,
    /// Files that a task may only delete or empty where it names them, such as tests.
    pub keep: Option<OneOrMany>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Retry {
    /// Attempts in all: 3 for a session, 1 for a command where none is given.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
    /// Attempts that do not count, before the task is given up all the same: 8 where none is given.
    pub waits: Option<u32>,
    /// How long to wait between attempts.
    pub backoff: Option<Backoff>,
    /// Outcomes that are not held against the task, beside those that never are.
    #[schemars(extend("items" = { "enum": outcomes() }))]
    pub uncounted: Option<OneOrMany>,
    /// What to do by how the attempt ended; of a list, the first time, the second time and so on.
    #[schemars(extend("propertyNames" = { "enum": outcomes() }))]
    pub on: Option<BTreeMap<String, RetrySteps>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Backoff {
    /// Before the second attempt; doubled before each further one.
    pub base: Option<Duration>,
    /// Never longer than this.
    pub cap: Option<Duration>,
}

/// One step, or a list of them.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum RetrySteps {
    Always(RetryStep),
    InTurn(Vec<RetryStep>),
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RetryStep {
    /// A new session after the backoff.
    Fresh,
    /// A new session at once.
    Now,
    /// The same session goes on at once, told what was missing.
    Resume,
    /// A new session of the next model up.
    Escalate,
    /// A new session that thinks harder.
    Effort,
    /// Later, and then where it was.
    Wait,
    /// No session starts until somebody has seen to it.
    Hold,
    /// The task is parked until a person has answered.
    Ask,
    /// No further attempt.
    Stop,
}

/// Bounds of one attempt; `none` takes an inherited one away.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Limits {
    /// How long it may take.
    pub wall: Option<Bound<Duration>>,
    /// How long nothing may be heard.
    pub stall: Option<Bound<Duration>>,
    /// How many turns a session may take.
    pub turns: Option<Bound<u32>>,
    /// What it may cost, in US dollars.
    pub usd: Option<Bound<f64>>,
}

#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum Bound<T> {
    At(T),
    None(Unbounded),
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unbounded {
    None,
}

/// What `on` and `uncounted` may name.
fn outcomes() -> Vec<&'static str> {
    OutcomeClass::failures().map(OutcomeClass::as_str).collect()
}
