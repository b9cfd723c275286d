//! Scripts for the stand-in of the session CLI: what each attempt says and does.
//!
//! A script is a YAML map. A key names whose attempts it plays, the most special one wins:
//! `plan//task`, `task`, `*`; for validators `validate:NAME:plan//task`, `validate:NAME:task`,
//! `validate:NAME`, `validate:*`. A value is a list of attempts, each a list of steps; the last
//! attempt is played again where more are needed. A plain list of steps is one attempt.
//!
//! ```yaml
//! "1.1":
//!   - - say: I look around.
//!     - fail: { class: overloaded }
//!   - - write: { path: src/a.rs, content: "fn a() {}\n" }
//!     - cost: 0.12
//! "validate:validator":
//!   - - verdict: { is: WARN, findings: ["[WARN] no test"] }
//! ```
//!
//! Steps: `say: TEXT` · `read: PATH` · `write: {path, content}` · `append: {path, content}` ·
//! `edit: {path, old, new}` · `delete: PATH` · `run: SHELL LINE` · `sleep: 300ms` · `cost: USD` ·
//! `model: NAME` · `deny: TOOL` or `deny: {tool, path}` · `status: completed|failed|none` or
//! `status: {status, message, task_id, plan_modified, slack_messages}` · `ask: TEXT` or `ask: {question, options}` ·
//! `verdict: PASS|WARN|FAIL` or `verdict: {is, findings}` · `structured: {...}` (as `--json-schema` asks) ·
//! `save-prompt: PATH` · `noise: TEXT` (a line that is no event) · `limit: {resets_at: SECONDS}` ·
//! `fail: {exit: N}` or `fail: {class: CLASS}` (an outcome class in kebab-case) · `hang` ·
//! `ignore-term` · `cut` (ends in the middle of an event, exit 0).
//!
//! An attempt that reaches its end writes a status file that says completed, unless it has a
//! `status`, `ask` or `verdict` step; it ends with a success result and exit 0.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::host::error::{Doing, Error, Result};

/// The first argument by which orch starts itself as the stand-in.
pub const ARGUMENT: &str = "__scripted";

/// Attempts by target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    targets: BTreeMap<String, Vec<Attempt>>,
}

/// The steps of one attempt.
pub type Attempt = Vec<Step>;

/// One thing the stand-in does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Say(String),
    Read(String),
    Write(FileStep),
    Append(FileStep),
    Edit(EditStep),
    Delete(String),
    Run(String),
    Sleep(String),
    Cost(f64),
    Model(String),
    Deny(DenyStep),
    Status(StatusStep),
    Ask(AskStep),
    Verdict(VerdictStep),
    /// The answer that `--json-schema` asks for.
    Structured(Value),
    SavePrompt(String),
    Noise(String),
    Limit(LimitStep),
    Fail(FailStep),
    Hang,
    IgnoreTerm,
    Cut,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileStep {
    pub path: String,
    pub content: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditStep {
    pub path: String,
    pub old: String,
    pub new: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum DenyStep {
    Tool(String),
    Call { tool: String, path: String },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum StatusStep {
    Word(String),
    Whole {
        status: String,
        message: Option<String>,
        task_id: Option<String>,
        #[serde(default)]
        plan_modified: bool,
        #[serde(default)]
        slack_messages: Vec<Value>,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum AskStep {
    Text(String),
    Whole {
        question: String,
        #[serde(default)]
        options: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum VerdictStep {
    Word(String),
    Whole {
        is: String,
        #[serde(default)]
        findings: Vec<String>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitStep {
    pub resets_at: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailStep {
    pub exit: Option<u8>,
    pub class: Option<String>,
}

impl Script {
    /// Reads a script file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).doing("reading the script", path)?;
        Self::parse(&text).map_err(|why| {
            Error::new(format!("reading the script: {why}"))
                .at(path)
                .help("steps are listed in docs/FORMATS.md under `script`")
        })
    }

    /// Reads a script; the error names target, attempt and step.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let value: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(map) = value else {
            return Err("not a map of targets".to_owned());
        };
        let mut targets = BTreeMap::new();
        for (target, attempts) in map {
            let attempts = attempts_of(attempts).map_err(|why| format!("`{target}`: {why}"))?;
            targets.insert(target, attempts);
        }
        Ok(Self { targets })
    }

    /// The steps of an attempt, counted from 1; `None` where the script knows no such target.
    pub fn steps(&self, task: &str, validator: Option<&str>, number: usize) -> Option<&Attempt> {
        let short = task.split_once("//").map_or(task, |(_, task)| task);
        let names = match validator {
            None => vec![task.to_owned(), short.to_owned(), "*".to_owned()],
            Some(validator) => vec![
                format!("validate:{validator}:{task}"),
                format!("validate:{validator}:{short}"),
                format!("validate:{validator}"),
                "validate:*".to_owned(),
            ],
        };
        let attempts = names.iter().find_map(|name| self.targets.get(name))?;
        attempts.get(number.saturating_sub(1)).or(attempts.last())
    }
}

fn attempts_of(value: Value) -> std::result::Result<Vec<Attempt>, String> {
    let Value::Array(items) = value else {
        return Err("not a list of attempts".to_owned());
    };
    let attempts = if items.iter().any(Value::is_array) || items.is_empty() {
        items
    } else {
        vec![Value::Array(items)]
    };
    let attempt = |(n, attempt): (usize, Value)| {
        let Value::Array(steps) = attempt else {
            return Err(format!("attempt {} is not a list of steps", n + 1));
        };
        steps.into_iter().enumerate().map(|(step, value)| step_of(n, step, value)).collect()
    };
    attempts.into_iter().enumerate().map(attempt).collect()
}

fn step_of(attempt: usize, step: usize, value: Value) -> std::result::Result<Step, String> {
    serde_json::from_value(value)
        .map_err(|error| format!("attempt {}, step {}: {error}", attempt + 1, step + 1))
}

/// `300ms`, `2s`, `1m`.
pub fn duration_of(text: &str) -> Option<std::time::Duration> {
    let text = text.trim();
    let digits = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let scale = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    Some(std::time::Duration::from_millis(number.saturating_mul(scale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
'1.1':
- - say: first
  - fail: {class: overloaded}
- - write: {path: a, content: x}
  - hang
'p//1.1':
- say: special
'*':
- status: {status: failed, message: no}
validate:v:
- verdict: {is: WARN, findings: ['[WARN] a']}
";

    #[test]
    fn the_most_special_target_wins_and_the_last_attempt_repeats() {
        let script = Script::parse(SAMPLE).unwrap();
        let steps = |task, validator, number| script.steps(task, validator, number).map(Vec::len);
        assert_eq!(steps("p//1.1", None, 1), Some(1));
        assert_eq!(script.steps("q//1.1", None, 9).unwrap()[1], Step::Hang);
        assert_eq!(steps("q//2", None, 1), Some(1));
        assert_eq!(steps("q//2", Some("v"), 1), Some(1));
        assert_eq!(steps("q//2", Some("w"), 1), None);
    }

    #[test]
    fn mistakes_are_named_by_place() {
        let check = |text: &str| Script::parse(text).unwrap_err();
        let why = check("'1':\n- - say: a\n  - jump: b\n");
        assert!(why.starts_with("`1`: attempt 1, step 2: unknown variant `jump`"), "{why}");
        assert_eq!(check("'1': 7"), "`1`: not a list of attempts");
        assert_eq!(check("- x"), "not a map of targets");
    }

    #[test]
    fn spans_are_read() {
        let ms = |text| duration_of(text).map(|span| span.as_millis());
        assert_eq!(
            (ms("300ms"), ms("2s"), ms("1m"), ms("3")),
            (Some(300), Some(2000), Some(60_000), None)
        );
    }
}
