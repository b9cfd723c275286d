//! An action: everything that decides a task's result. One walk hashes and explains it.

use crate::base::digest::{Digest, Fingerprint, Manifest, Recorded};
use crate::base::file::FileState;
use crate::base::name::{ActionKey, EnvName, ModelName, OutputDigest, RelPath, TaskId, VerdictKey};
use crate::spec::agent::{Agent, Permission};
use crate::spec::config::Config;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CommandLine, TaskSpec, Validator, ValidatorKind};
use crate::spec::rule::{ActionKind, Rule};

/// The encoding's version: raise it where the meaning of a key changes.
const ACTION_DOMAIN: &str = "orch action v1";
const VERDICT_DOMAIN: &str = "orch verdict v1";

/// What decides a task's result, and nothing else: no attempt number, time, place or status.
pub struct Action<'a> {
    pub rule: &'a Rule,
    pub agent: Option<&'a Agent>,
    /// How many sessions propose, and who picks.
    pub judge: Option<(u32, &'a Agent)>,
    pub model: Option<&'a ModelName>,
    pub work: Work<'a>,
    /// The design document with its content; absent content is content too.
    pub plan_doc: Option<(RelPath, Option<FileState>)>,
    /// Declared inputs, by path.
    pub inputs: &'a [(RelPath, FileState)],
    /// What the task itself says of its outputs.
    pub outputs: &'a GlobSet,
    /// Outputs of the real dependencies, by id.
    pub needs: &'a [(TaskId, OutputDigest)],
    /// Listed variables with their values; `None` is unset.
    pub env: &'a [(EnvName, Option<String>)],
}

/// What runs.
pub enum Work<'a> {
    /// The rendered prompt without its volatile part.
    Session(&'a str),
    Command(&'a CommandLine),
}

impl Action<'_> {
    pub fn key(&self) -> ActionKey {
        let mut fingerprint = Fingerprint::new(ACTION_DOMAIN);
        self.describe(&mut fingerprint);
        ActionKey(fingerprint.finish())
    }

    /// The same walk as the key's, kept: what `orch why` compares.
    pub fn manifest(&self) -> Recorded {
        let mut recorded = Recorded::default();
        self.describe(&mut recorded);
        recorded
    }

    /// Tells every part. A field added to the type must be told here: the pattern is exhaustive.
    pub fn describe(&self, out: &mut dyn Manifest) {
        let Self { rule, agent, judge, model, work, plan_doc, inputs, outputs, needs, env } = self;
        describe_rule(rule, out);
        if let Some(agent) = agent {
            describe_agent(agent, out);
        }
        if let Some((count, judge)) = judge {
            describe_judge(*count, judge, out);
        }
        out.section("model");
        if let Some(model) = model {
            out.entry("model", model.as_str().as_bytes());
        }
        match work {
            Work::Session(prompt) => {
                out.section("prompt");
                out.entry("text", prompt.as_bytes());
            }
            Work::Command(command) => describe_command(command, out),
        }
        if let Some((path, state)) = plan_doc {
            out.section("design document");
            describe_file(path, *state, out);
        }
        out.section("inputs");
        for (path, state) in *inputs {
            describe_file(path, Some(*state), out);
        }
        describe_globs("outputs", outputs, out);
        out.section("dependencies");
        for (task, output) in *needs {
            out.entry(task.as_str(), output.to_string().as_bytes());
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
    }
}

/// The parts of a rule that decide a result. The prompt template is told by the rendered prompt;
/// retry, limits, pool and validators decide whether a result comes about, not what it is.
fn describe_rule(rule: &Rule, out: &mut dyn Manifest) {
    out.section("rule");
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

fn describe_judge(count: u32, judge: &Agent, out: &mut dyn Manifest) {
    out.section("proposals");
    out.entry("count", count.to_string().as_bytes());
    out.entry("judge", judge.body.as_bytes());
    if let Some(model) = &judge.model {
        out.entry("judge's model", model.as_str().as_bytes());
    }
}

fn describe_agent(agent: &Agent, out: &mut dyn Manifest) {
    out.section("agent");
    out.entry("body", agent.body.as_bytes());
    out.entry("tools", agent.tools.join(",").as_bytes());
    if !agent.disallowed.is_empty() {
        out.entry("disallowed tools", agent.disallowed.join(",").as_bytes());
    }
    let permission: &[u8] = match agent.permission {
        Permission::LeastPrivilege => b"least",
        Permission::Bypass => b"bypass",
    };
    out.entry("permission", permission);
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

fn describe_file(path: &RelPath, state: Option<FileState>, out: &mut dyn Manifest) {
    let shown = match state {
        Some(state) => format!("{:?} {}", state.kind, state.digest),
        None => "absent".to_owned(),
    };
    out.entry(path.as_str(), shown.as_bytes());
}

/// What decides a verdict: the validator, the task's specification, the project's commands, and the
/// files that the task owns.
pub struct VerdictSubject<'a> {
    pub validator: &'a Validator,
    /// The validating agent, where it is one.
    pub agent: Option<&'a Agent>,
    pub spec: &'a TaskSpec,
    pub config: &'a Config,
    /// The task's files as the validator sees them, by path; and the validator's own inputs.
    pub files: &'a [(RelPath, Option<FileState>)],
}

impl VerdictSubject<'_> {
    pub fn key(&self) -> VerdictKey {
        let mut fingerprint = Fingerprint::new(VERDICT_DOMAIN);
        self.describe(&mut fingerprint);
        VerdictKey(fingerprint.finish())
    }

    pub fn describe(&self, out: &mut dyn Manifest) {
        let Self { validator, agent, spec, config, files } = self;
        out.section("validator");
        out.entry("name", validator.name.as_str().as_bytes());
        describe_check(validator, out);
        if validator.baseline == Some(true) {
            out.entry("baseline", b"yes");
        }
        if let Some(agent) = agent {
            describe_agent(agent, out);
        }
        out.section("task");
        out.entry("name", spec.name.as_bytes());
        out.entry("description", spec.description.as_bytes());
        out.section("commands");
        out.entry("build", config.build_command.as_bytes());
        out.entry("test", config.test_command.as_bytes());
        out.section("files");
        for (path, state) in *files {
            describe_file(path, *state, out);
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
