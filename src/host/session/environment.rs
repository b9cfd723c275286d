//! The environment of a child: built from nothing, by an allow-list.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::name::EnvName;
use crate::engine::effect::{Launch, LaunchAction, Purpose};

use super::SCRATCH;
use crate::host::mask::{Mask, own_variables};

/// What every child gets where the caller has it.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
];

/// What sessions get beside: how the CLI signs in and where it asks.
#[rustfmt::skip]
const SESSION: &[&str] = &[
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "IS_SANDBOX",
];

/// What the CLI asks a cloud provider with, where its first variable says that it does: secrets of
/// a provider that is not asked stay away from sessions.
#[rustfmt::skip]
const PROVIDERS: &[(&str, &[&str])] = &[
    ("CLAUDE_CODE_USE_BEDROCK", &[
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "ANTHROPIC_BEDROCK_BASE_URL",
        "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION", "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    ]),
    ("CLAUDE_CODE_USE_VERTEX", &[
        "CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID", "ANTHROPIC_VERTEX_BASE_URL",
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CONFIG",
        "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    ]),
    ("CLAUDE_CODE_USE_FOUNDRY", &[
        "ANTHROPIC_FOUNDRY_RESOURCE", "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_FOUNDRY_API_KEY",
    ]),
];

/// Set for every session unless the caller allows and sets them: retries are orch's, and the CLI
/// keeps to its work. A hang before an answer ends in API_TIMEOUT_MS, one inside it in the idle
/// time-out.
const SESSION_FIXED: &[(&str, &str)] = &[
    ("CLAUDE_CODE_MAX_RETRIES", "2"),
    ("API_TIMEOUT_MS", "300000"),
    ("CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS", "180000"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
    // What runs in the background keeps the CLI alive after its result.
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
];

/// The names that these stand for: one with a `*` is every variable it fits among those there are.
pub fn named(wanted: &[EnvName], there: impl Iterator<Item = String> + Clone) -> Vec<EnvName> {
    let mut names = Vec::new();
    for name in wanted {
        match name.as_str().split_once('*') {
            None => names.push(name.clone()),
            Some((start, end)) => {
                let fits = |it: &String| {
                    it.len() >= start.len() + end.len()
                        && it.starts_with(start)
                        && it.ends_with(end)
                };
                names.extend(there.clone().filter(fits).map(EnvName::new));
            }
        }
    }
    names
}

/// A child's whole environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// Where the CLI keeps its own files, by the variables that it goes by.
pub fn config_folder(value: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let own = value("CLAUDE_CONFIG_DIR").filter(|it| !it.is_empty()).map(PathBuf::from);
    own.or_else(|| Some(Path::new(&value("HOME")?).join(".claude")))
}

impl Environment {
    /// What `launch` gets out of `caller`, with `extra` allowed beside the built-in lists. Scratch
    /// files go below `private`.
    pub fn of(
        launch: &Launch,
        extra: &[EnvName],
        private: &Path,
        caller: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let is_session = matches!(launch.action, LaunchAction::Session(_));
        let mut environment = Self::default();
        let scratch = private.join(SCRATCH);
        environment.set("TMPDIR", &scratch);
        environment.set("TERM", "dumb");
        environment.set("LANG", "C.UTF-8");
        environment.set("GIT_TERMINAL_PROMPT", "0");
        if is_session {
            environment.set("CLAUDE_CODE_TMPDIR", &scratch);
            SESSION_FIXED.iter().for_each(|(name, value)| environment.set(name, value));
        }
        let session = if is_session { SESSION } else { &[] };
        let asked = PROVIDERS.iter().filter(|(uses, _)| is_session && caller(uses).is_some());
        let provider = asked.flat_map(|(_, names)| names.iter());
        let extra = if is_session { extra } else { &[] };
        let extra = extra.iter().chain(&launch.env).map(EnvName::as_str);
        for name in COMMON.iter().chain(session).chain(provider).copied().chain(extra) {
            // A session inside a session is refused by the CLI.
            if let Some(value) = caller(name).filter(|_| name != "CLAUDECODE") {
                environment.set(name, value);
            }
        }
        environment.name_the_task(launch);
        environment
    }

    /// What a command beside all tasks gets: the common variables, `extra`, and those set here.
    pub fn beside(
        extra: &[EnvName],
        set: &[(&str, String)],
        private: &Path,
        caller: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let mut environment = Self::default();
        environment.set("TMPDIR", private.join(SCRATCH));
        environment.set("TERM", "dumb");
        environment.set("LANG", "C.UTF-8");
        environment.set("GIT_TERMINAL_PROMPT", "0");
        set.iter().for_each(|(name, value)| environment.set(name, value));
        for name in COMMON.iter().copied().chain(extra.iter().map(EnvName::as_str)) {
            if let Some(value) = caller(name) {
                environment.set(name, value);
            }
        }
        environment
    }

    /// Lays the variables of the user's own CLI settings over it, as the CLI would: they win over
    /// the caller's. What orch sets for its own purposes stays.
    pub fn hand_on(&mut self, variables: &[(String, OsString)]) {
        let is_ours = |name: &str| {
            name.starts_with("ORCH_")
                || ["TMPDIR", "CLAUDE_CODE_TMPDIR", "CLAUDECODE"].contains(&name)
        };
        for (name, value) in variables.iter().filter(|(name, _)| !is_ours(name)) {
            self.set(name, value);
        }
    }

    /// Git looks for a repository in the worktree and not above it: one that lost its git is in none.
    pub fn keep_git_in(&mut self, worktree: &Path) {
        if let Some(above) = worktree.parent() {
            self.set("GIT_CEILING_DIRECTORIES", above);
        }
    }

    fn name_the_task(&mut self, launch: &Launch) {
        self.set("ORCH_TASK", launch.task.to_string());
        self.set("ORCH_ATTEMPT_NUMBER", launch.number.to_string());
        if let Purpose::Validate(validator) | Purpose::Judge(validator, _) = &launch.purpose {
            self.set("ORCH_VALIDATOR", validator.as_str());
        }
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    pub fn to_vec(&self) -> Vec<(OsString, OsString)> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub fn home(&self) -> Option<PathBuf> {
        self.0.get(std::ffi::OsStr::new("HOME")).map(PathBuf::from)
    }

    /// Where the CLI keeps its own files.
    pub fn config_folder(&self) -> Option<PathBuf> {
        config_folder(|name| self.0.get(std::ffi::OsStr::new(name)).cloned())
    }

    /// Hides the values that look like secrets: the child's, and those of orch's own environment,
    /// which it may have found in a file that another child wrote. A path that is there is none: it
    /// tells what a session read.
    pub fn mask(&self) -> Mask {
        let own = own_variables();
        let own = own.iter().map(|(name, value)| (name, value));
        let variables = self
            .0
            .iter()
            .chain(own)
            .filter_map(|(name, value)| Some((name.to_str()?, value.as_encoded_bytes())));
        Mask::of_environment(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_variable_there_is() {
        let there = ["AWS_REGION", "AWS_KEY", "AW", "MY_KEY", "PATH"].map(str::to_owned);
        let check = |wanted: &[&str]| {
            let wanted: Vec<EnvName> = wanted.iter().copied().map(EnvName::new).collect();
            let names = named(&wanted, there.iter().cloned());
            names.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(check(&["AWS_*"]), "AWS_REGION AWS_KEY");
        assert_eq!(check(&["*_KEY", "X"]), "AWS_KEY MY_KEY X");
        assert_eq!(check(&["AW*W"]), "", "the two ends share no letter");
        assert_eq!(check(&["*"]), there.join(" "));
    }
}
