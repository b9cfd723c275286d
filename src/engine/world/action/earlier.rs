//! Keys of the form before: a result that has one is known by it, and gets its present one.

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::file::{FileKind, FileState};
use crate::base::name::{ActionKey, EnvName, ModelName, OutputDigest, RelPath, VerdictKey};
use crate::spec::agent::{Agent, Permission};
use crate::spec::config::Config;
use crate::spec::plan::{CommandLine, Dependency, TaskSpec, Validator};
use crate::spec::rule::{ActionKind, Rule};

use super::{describe_check, describe_command, describe_globs};

/// An action as it was told before: what is asked for and how in one.
pub struct Earlier<'a> {
    pub rule: &'a Rule,
    pub agent: Option<&'a Agent>,
    pub judge: Option<(u32, &'a Agent)>,
    pub model: Option<&'a ModelName>,
    /// The rendered prompt; `None` for a command.
    pub prompt: Option<&'a str>,
    pub command: Option<&'a CommandLine>,
    pub plan_doc: Option<(RelPath, Option<FileState>)>,
    pub inputs: &'a [(RelPath, FileState)],
    pub spec: &'a TaskSpec,
    pub needs: &'a [(Dependency, OutputDigest)],
    pub env: &'a [(EnvName, Option<String>)],
}

impl Earlier<'_> {
    pub fn key(&self) -> ActionKey {
        let mut out = Fingerprint::new("orch action v1");
        self.describe_maker(&mut out);
        if let Some(prompt) = self.prompt {
            out.section("prompt");
            out.entry("text", prompt.as_bytes());
        } else if let Some(command) = self.command {
            describe_command(command, &mut out);
        }
        if let Some((path, state)) = &self.plan_doc {
            out.section("design document");
            describe_file(path, *state, &mut out);
        }
        out.section("inputs");
        for (path, state) in self.inputs {
            describe_file(path, Some(*state), &mut out);
        }
        describe_globs("outputs", &self.spec.outputs, &mut out);
        out.section("dependencies");
        for (task, output) in self.needs {
            out.entry(&task.to_string(), output.to_string().as_bytes());
        }
        out.section("environment");
        for (name, value) in self.env {
            let shown = value.as_ref().map(|value| Digest::of(value.as_bytes()).to_string());
            out.entry(name.as_str(), shown.as_deref().unwrap_or("unset").as_bytes());
        }
        ActionKey(out.finish())
    }

    fn describe_maker(&self, out: &mut dyn Manifest) {
        out.section("rule");
        let action: &[u8] = match self.rule.action {
            ActionKind::Session => b"session",
            ActionKind::Command => b"command",
        };
        out.entry("action", action);
        if let Some(allowed) = &self.rule.outputs.allowed {
            out.entry("allowed outputs", allowed.patterns.join("\n").as_bytes());
        }
        if !self.rule.outputs.keep.patterns.is_empty() {
            out.entry("kept files", self.rule.outputs.keep.patterns.join("\n").as_bytes());
        }
        if let Some(agent) = self.agent {
            describe_agent(agent, out);
        }
        if let Some((count, judge)) = self.judge {
            out.section("proposals");
            out.entry("count", count.to_string().as_bytes());
            out.entry("judge", judge.body.as_bytes());
            if let Some(model) = &judge.model {
                out.entry("judge's model", model.as_str().as_bytes());
            }
        }
        out.section("model");
        if let Some(model) = self.model {
            out.entry("model", model.as_str().as_bytes());
        }
    }
}

/// A verdict as it was told before.
pub struct EarlierVerdict<'a> {
    pub validator: &'a Validator,
    pub agent: Option<&'a Agent>,
    pub spec: &'a TaskSpec,
    pub config: &'a Config,
    pub files: &'a [(RelPath, Option<FileState>)],
}

impl EarlierVerdict<'_> {
    pub fn key(&self) -> VerdictKey {
        let mut out = Fingerprint::new("orch verdict v1");
        out.section("validator");
        out.entry("name", self.validator.name.as_str().as_bytes());
        describe_check(self.validator, &mut out);
        if self.validator.baseline == Some(true) {
            out.entry("baseline", b"yes");
        }
        if let Some(agent) = self.agent {
            describe_agent(agent, &mut out);
        }
        out.section("task");
        out.entry("name", self.spec.name.as_bytes());
        out.entry("description", self.spec.description.as_bytes());
        out.section("commands");
        out.entry("build", self.config.build_command.as_bytes());
        out.entry("test", self.config.test_command.as_bytes());
        out.section("files");
        for (path, state) in self.files {
            describe_file(path, *state, &mut out);
        }
        VerdictKey(out.finish())
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

fn describe_file(path: &RelPath, state: Option<FileState>, out: &mut dyn Manifest) {
    let kind = |kind: FileKind| match kind {
        FileKind::Regular => "Regular",
        FileKind::Executable => "Executable",
        FileKind::Symlink => "Symlink",
        FileKind::Submodule => "Submodule",
    };
    let shown = match state {
        Some(state) => format!("{} {}", kind(state.kind), state.digest),
        None => "absent".to_owned(),
    };
    out.entry(path.as_str(), shown.as_bytes());
}
