//! An action: what decides a task's result, and beside it how the result is made. One walk of each
//! hashes and explains it.

pub mod earlier;

use crate::base::digest::{Digest, Fingerprint, Manifest, Recorded};
use crate::base::file::FileState;
use crate::base::name::{
    ActionKey, EnvName, ModelName, OutputDigest, RecipeDigest, RelPath, TaskRef, VerdictKey,
};
use crate::engine::world::Beside;
use crate::spec::agent::{Agent, Permission};
use crate::spec::config::Config;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CommandLine, Dependency, TaskSpec, Validator, ValidatorKind};
use crate::spec::rule::{ActionKind, Rule, Tests};

/// The encoding's version: raise it where the meaning of a key changes, and give results of the one
/// before their new keys.
const ACTION_DOMAIN: &str = "orch action v2";
const RECIPE_DOMAIN: &str = "orch recipe v1";
const VERDICT_DOMAIN: &str = "orch verdict v2";

/// What is asked for, and nothing else: no attempt number, time, place, status or wording of how.
pub struct Action<'a> {
    /// Told of a session: two plans may ask for the same in the same words and mean different things.
    pub task: &'a TaskRef,
    pub rule: &'a Rule,
    pub spec: &'a TaskSpec,
    /// What a command task runs.
    pub command: Option<&'a CommandLine>,
    /// How many sessions propose, where several do.
    pub proposals: Option<u32>,
    /// The design document's content, wherever it lies; absent content is content too.
    pub plan_doc: Option<Option<FileState>>,
    /// Declared inputs, by path.
    pub inputs: &'a [(RelPath, FileState)],
    /// Scripts that the command names, and what links lead to.
    pub beside: &'a Beside,
    /// Outputs of the real dependencies, by id; by `plan//id` those of other plans.
    pub needs: &'a [(Dependency, OutputDigest)],
    /// Listed variables with their values; `None` is unset.
    pub env: &'a [(EnvName, Option<String>)],
    /// Where project or rule have results hang on how they are made, too.
    pub recipe: Option<RecipeDigest>,
}

impl Action<'_> {
    pub fn key(&self) -> ActionKey {
        let mut fingerprint = Fingerprint::new(ACTION_DOMAIN);
        self.describe(&mut fingerprint);
        ActionKey(fingerprint.finish())
    }

    /// Tells every part. A field added to the type must be told here: the pattern is exhaustive.
    pub fn describe(&self, out: &mut dyn Manifest) {
        let Self {
            task,
            rule,
            spec,
            command,
            proposals,
            plan_doc,
            inputs,
            beside,
            needs,
            env,
            recipe,
        } = self;
        describe_rule(rule, out);
        match command {
            // Nobody reads what it is called.
            Some(command) => describe_command(command, out),
            None => {
                describe_task(spec, out);
                out.entry("reference", task.to_string().as_bytes());
            }
        }
        if let Some(count) = proposals {
            out.section("proposals");
            out.entry("count", count.to_string().as_bytes());
        }
        if let Some(state) = plan_doc {
            out.section("design document");
            out.entry("content", shown_state(*state).as_bytes());
        }
        out.section("inputs");
        for (path, state) in *inputs {
            describe_file(path, Some(*state), out);
        }
        describe_beside(beside, out);
        describe_globs("outputs", &spec.outputs, out);
        out.section("dependencies");
        for (task, output) in *needs {
            out.entry(&task.to_string(), output.to_string().as_bytes());
        }
        out.section("environment");
        for (name, value) in *env {
            // Values may be secrets: manifests are stored, so only their digest is told.
            let shown = match value {
                Some(value) => Digest::of(value.as_bytes()).to_string(),
                None => "unset".to_owned(),
            };
            out.entry(name.as_str(), shown.as_bytes());
        }
        if let Some(recipe) = recipe {
            out.section("recipe");
            out.entry("digest", recipe.to_string().as_bytes());
        }
    }
}

fn describe_task(spec: &TaskSpec, out: &mut dyn Manifest) {
    out.section("task");
    out.entry("name", meaning_of(&spec.name).as_bytes());
    out.text("description", &meaning_of(&spec.description));
}

/// What a text asks for, however it is written: line ends and what stands around it say nothing.
fn meaning_of(text: &str) -> String {
    text.trim().replace("\r\n", "\n")
}

/// The parts of a rule that decide a result. How it is asked for is told by the recipe; retry, limits,
/// pool and validators decide whether a result comes about, not what it is.
fn describe_rule(rule: &Rule, out: &mut dyn Manifest) {
    out.section("rule");
    out.entry("name", rule.name.as_str().as_bytes());
    out.entry("version", rule.version.to_string().as_bytes());
    let action: &[u8] = match rule.action {
        ActionKind::Session => b"session",
        ActionKind::Command => b"command",
    };
    out.entry("action", action);
    if let Some(allowed) = &rule.outputs.allowed {
        out.entry("allowed outputs", allowed.patterns.join("\n").as_bytes());
    }
    if !rule.outputs.keep.patterns.is_empty() {
        out.entry("kept files", rule.outputs.keep.patterns.join("\n").as_bytes());
    }
}

/// How a session's result is made: another wording, agent or model asks for the same thing. A command
/// has none of it.
pub struct Making<'a> {
    pub template: &'a str,
    pub agent: Option<&'a Agent>,
    /// Who picks among proposals.
    pub judge: Option<&'a Agent>,
    pub model: Option<&'a ModelName>,
    pub config: &'a Config,
}

impl Making<'_> {
    pub fn digest(&self) -> RecipeDigest {
        let mut fingerprint = Fingerprint::new(RECIPE_DOMAIN);
        self.describe(&mut fingerprint);
        RecipeDigest(fingerprint.finish())
    }

    pub fn describe(&self, out: &mut dyn Manifest) {
        let Self { template, agent, judge, model, config } = self;
        out.section(TEMPLATE);
        out.text("text", template);
        if let Some(agent) = agent {
            describe_agent(AGENT, agent, out);
        }
        if let Some(judge) = judge {
            describe_agent(JUDGE, judge, out);
        }
        out.section(MODEL);
        if let Some(model) = model {
            out.entry("name", model.as_str().as_bytes());
        }
        out.section(COMMANDS);
        out.entry("build", config.build_command.as_bytes());
        out.entry("test", config.test_command.as_bytes());
    }
}

const TEMPLATE: &str = "template";
const AGENT: &str = "agent";
const JUDGE: &str = "judge";
const MODEL: &str = "model";
const COMMANDS: &str = "commands";

/// True for a section of a manifest that tells how a result was made, not what was asked for.
pub fn is_of_recipe(section: &str) -> bool {
    [TEMPLATE, AGENT, JUDGE, MODEL, COMMANDS].contains(&section)
}

/// Both walks, kept: what `orch why` compares.
pub fn manifest_of(action: &Action<'_>, making: Option<&Making<'_>>) -> Recorded {
    let mut recorded = Recorded::default();
    action.describe(&mut recorded);
    if let Some(making) = making {
        making.describe(&mut recorded);
    }
    recorded
}

/// The digest of the recipe of what no session makes.
pub fn no_recipe() -> RecipeDigest {
    RecipeDigest(Fingerprint::new(RECIPE_DOMAIN).finish())
}

fn describe_agent(section: &str, agent: &Agent, out: &mut dyn Manifest) {
    out.section(section);
    out.entry("name", agent.name.as_str().as_bytes());
    out.text("body", &agent.body);
    out.entry("tools", agent.tools.join(",").as_bytes());
    if !agent.disallowed.is_empty() {
        out.entry("disallowed tools", agent.disallowed.join(",").as_bytes());
    }
    let permission: &[u8] = match agent.permission {
        Permission::LeastPrivilege => b"least",
        Permission::Bypass => b"bypass",
    };
    out.entry("permission", permission);
    if let Some(model) = &agent.model {
        out.entry("model", model.as_str().as_bytes());
    }
    describe_terms(agent, out);
}

/// Only what an agent asks for: recipes of others are as they were.
fn describe_terms(agent: &Agent, out: &mut dyn Manifest) {
    if let Some(effort) = agent.effort {
        out.entry("effort", effort.as_str().as_bytes());
    }
    if let Some(turns) = agent.max_turns {
        out.entry("turns", turns.to_string().as_bytes());
    }
    for server in &agent.servers {
        let defined = server.definition.as_deref().unwrap_or_default();
        out.entry(&format!("server {}", server.name), defined.as_bytes());
    }
}

fn describe_command(command: &CommandLine, out: &mut dyn Manifest) {
    out.section("command");
    match command {
        CommandLine::Argv(words) => {
            for (position, word) in words.iter().enumerate() {
                out.entry(&format!("word {position}"), word.as_bytes());
            }
        }
        CommandLine::Shell(line) => out.entry("shell", line.as_bytes()),
    }
}

fn describe_globs(section: &str, globs: &GlobSet, out: &mut dyn Manifest) {
    out.section(section);
    for pattern in &globs.patterns {
        out.entry(pattern, b"");
    }
}

/// Told only where there is any of it: results of other tasks were made before it was.
fn describe_beside(beside: &Beside, out: &mut dyn Manifest) {
    let Beside { scripts, links, linked } = beside;
    if !scripts.is_empty() {
        out.section("scripts");
    }
    for (path, state) in scripts {
        describe_file(path, *state, out);
    }
    if !links.is_empty() {
        out.section("links");
    }
    for (link, target) in links {
        out.entry(link.as_str(), target.as_str().as_bytes());
    }
    if !linked.is_empty() {
        out.section("linked files");
    }
    for (path, state) in linked {
        describe_file(path, *state, out);
    }
}

fn describe_file(path: &RelPath, state: Option<FileState>, out: &mut dyn Manifest) {
    out.entry(path.as_str(), shown_state(state).as_bytes());
}

fn shown_state(state: Option<FileState>) -> String {
    match state {
        Some(state) => format!("{} {}", state.kind.as_str(), state.digest),
        None => "absent".to_owned(),
    }
}

/// What decides a verdict: the validator, the task's specification, and the files that the task owns.
pub struct VerdictSubject<'a> {
    pub validator: &'a Validator,
    pub spec: &'a TaskSpec,
    /// The task's files as the validator sees them, by path; and the validator's own inputs.
    pub files: &'a [(RelPath, Option<FileState>)],
    /// Files that the verdict rests on and that the task changed, as they were before it.
    pub judging: &'a [(RelPath, Option<FileState>)],
    pub tests: Tests,
}

impl VerdictSubject<'_> {
    pub fn key(&self) -> VerdictKey {
        let mut fingerprint = Fingerprint::new(VERDICT_DOMAIN);
        self.describe(&mut fingerprint);
        VerdictKey(fingerprint.finish())
    }

    pub fn describe(&self, out: &mut dyn Manifest) {
        let Self { validator, spec, files, judging, tests } = self;
        out.section("validator");
        out.entry("name", validator.name.as_str().as_bytes());
        describe_check(validator, out);
        if validator.baseline == Some(true) {
            out.entry("baseline", b"yes");
        }
        describe_task(spec, out);
        out.section("files");
        for (path, state) in *files {
            describe_file(path, *state, out);
        }
        // Told only where there is any of it: other verdicts were reached before it was.
        if !judging.is_empty() {
            out.section("judged by, as before the task");
        }
        for (path, state) in *judging {
            describe_file(path, *state, out);
        }
        if *tests == Tests::Frozen {
            out.entry("tests", b"frozen");
        }
    }
}

/// What a validator runs or asks.
pub fn describe_check(validator: &Validator, out: &mut dyn Manifest) {
    match &validator.kind {
        ValidatorKind::Command(command) => describe_command(command, out),
        ValidatorKind::Agent(name) => out.entry("agent", name.as_str().as_bytes()),
    }
}

#[cfg(test)]
mod tests;
