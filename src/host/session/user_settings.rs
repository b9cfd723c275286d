//! What of the user's own CLI settings reaches a session: how to sign in, which model, what is
//! denied. Hooks and allowed calls do not: a session is to do the same on every machine.

use crate::base::name::ModelName;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// The file in the CLI's folder.
const FILE: &str = "settings.json";

/// Handed on as they are: commands that fetch credentials, and names of models.
const HANDED_ON: &[&str] = &[
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "model",
    "modelOverrides",
];

/// What every session is given: a text that is the same for all of them is read from the
/// provider's cache, and recent commits or names of people are none of a session's business.
fn own() -> Map<String, Value> {
    let mut own = Map::new();
    own.insert("includeGitInstructions".to_owned(), json!(false));
    own.insert("attribution".to_owned(), json!({"commit": "", "pr": ""}));
    own
}

/// The user's settings as far as they concern sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserSettings {
    pub path: PathBuf,
    /// The `env` of the file. It goes by the session's environment, not by the command line, which
    /// everybody on the machine can read.
    pub env: Vec<(String, OsString)>,
    settings: Map<String, Value>,
    /// Keys that have an effect in the CLI and none here.
    pub kept_back: Vec<&'static str>,
    /// Why the file cannot be read, where it is there.
    pub problem: Option<String>,
}

impl UserSettings {
    /// Those of the user who started this process.
    pub fn here() -> Self {
        let own = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let folder = own("CLAUDE_CONFIG_DIR").or_else(|| Some(own("HOME")?.join(".claude")));
        folder.as_deref().map(Self::read).unwrap_or_default()
    }

    /// Those in the CLI's folder; none where there are none.
    pub fn read(config_folder: &Path) -> Self {
        let path = config_folder.join(FILE);
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Value>(&bytes).map_err(|it| it.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(json!({})),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(Value::Object(settings)) => Self { path, ..Self::of(&settings) },
            Ok(_) => Self { path, problem: Some("it is no JSON object".into()), ..Self::default() },
            Err(problem) => Self { path, problem: Some(problem), ..Self::default() },
        }
    }

    fn of(all: &Map<String, Value>) -> Self {
        let mut settings: Map<String, Value> = HANDED_ON
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), all.get(*key)?.clone())))
            .collect();
        let permissions = all.get("permissions");
        let kept_from = ["deny", "ask"].into_iter();
        let kept_from: Map<String, Value> = kept_from
            .filter_map(|key| Some((key.to_owned(), permissions?.get(key)?.clone())))
            .collect();
        if !kept_from.is_empty() {
            settings.insert("permissions".to_owned(), Value::Object(kept_from));
        }
        let allows = permissions.and_then(|it| it.get("allow")).is_some();
        let hooks = all.contains_key("hooks").then_some("hooks");
        let env = all.get("env").and_then(Value::as_object).into_iter().flatten();
        Self {
            env: env.filter_map(|(name, value)| Some((name.clone(), text_of(value)?))).collect(),
            settings,
            kept_back: hooks.into_iter().chain(allows.then_some("permissions.allow")).collect(),
            ..Self::default()
        }
    }

    /// The variable of the file's `env`, and under `apiKeyHelper` the command that prints a key.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        let own = self.env.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
        own.or_else(|| text_of(self.settings.get(name)?))
    }

    /// Names of what is handed on.
    pub fn handed_on(&self) -> Vec<&str> {
        let env = (!self.env.is_empty()).then_some("env");
        env.into_iter().chain(self.settings.keys().map(String::as_str)).collect()
    }

    /// The text for `--settings` of a session that is given this model, which counts.
    pub fn for_session(&self, model: Option<&ModelName>) -> String {
        let mut settings = own();
        let theirs = self.settings.iter().filter(|(key, _)| !(model.is_some() && *key == "model"));
        settings.extend(theirs.map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(settings).to_string()
    }
}

/// As the CLI reads them: numbers and truth values are texts, too.
fn text_of(value: &Value) -> Option<OsString> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(truth) => Some(truth.to_string().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, names_model: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let read = UserSettings::read(folder.path());
        let env: Vec<String> =
            read.env.iter().map(|(name, value)| format!("{name}={}", value.display())).collect();
        let problem = read.problem.as_deref().unwrap_or("-");
        format!(
            "{}\nenv {env:?}, not {:?}, {problem}",
            read.for_session(names_model.then(|| ModelName::new("sonnet")).as_ref()),
            read.kept_back
        )
    }

    #[test]
    fn signing_in_and_denials_go_along_hooks_and_allowed_calls_do_not() {
        let text = r#"{
            "apiKeyHelper": "/bin/key", "awsAuthRefresh": "aws sso login", "model": "opus", "theme": "dark",
            "env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "API_TIMEOUT_MS": 600000, "LIST": []},
            "permissions": {"allow": ["WebFetch"], "deny": ["Read(./.env)"]},
            "hooks": {"Stop": []}
        }"#;
        insta::assert_snapshot!(check(text, false), @r#"
        {"apiKeyHelper":"/bin/key","attribution":{"commit":"","pr":""},"awsAuthRefresh":"aws sso login","includeGitInstructions":false,"model":"opus","permissions":{"deny":["Read(./.env)"]}}
        env ["ANTHROPIC_BASE_URL=http://127.0.0.1:1", "API_TIMEOUT_MS=600000"], not ["hooks", "permissions.allow"], -
        "#);
        insta::assert_snapshot!(check(text, true), @r#"
        {"apiKeyHelper":"/bin/key","attribution":{"commit":"","pr":""},"awsAuthRefresh":"aws sso login","includeGitInstructions":false,"permissions":{"deny":["Read(./.env)"]}}
        env ["ANTHROPIC_BASE_URL=http://127.0.0.1:1", "API_TIMEOUT_MS=600000"], not ["hooks", "permissions.allow"], -
        "#);
    }

    #[test]
    fn without_settings_or_with_broken_ones_a_session_has_the_common_ones() {
        let folder = tempfile::tempdir().unwrap();
        let none = UserSettings::read(folder.path());
        assert_eq!((none.problem, none.env.len()), (None, 0));
        insta::assert_snapshot!(check("{", false), @r#"
        {"attribution":{"commit":"","pr":""},"includeGitInstructions":false}
        env [], not [], EOF while parsing an object at line 1 column 1
        "#);
        insta::assert_snapshot!(check("[]", false), @r#"
        {"attribution":{"commit":"","pr":""},"includeGitInstructions":false}
        env [], not [], it is no JSON object
        "#);
    }
}
