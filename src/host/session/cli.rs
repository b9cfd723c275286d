//! Where the session CLI is, and how it is called.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::base::measure::Usd;
use crate::base::name::SessionId;
use crate::engine::effect::SessionLaunch;
use crate::host::error::{Doing, Error, Result};
use crate::host::platform;
use crate::spec::agent::Permission;
use crate::spec::config::SessionConfig;
use crate::spec::rule::Limits;

use super::allowance::Allowance;
use super::script;
use super::user_settings::UserSettings;

/// Where npm puts the CLI's script on a Mac.
const SCRIPTS: [&str; 2] = [
    "/opt/homebrew/lib/node_modules/@anthropic-ai/claude-code/cli.js",
    "/usr/local/lib/node_modules/@anthropic-ai/claude-code/cli.js",
];

/// The command words in front of the CLI's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cli {
    pub command: Vec<OsString>,
    pub is_scripted: bool,
}

impl Cli {
    /// In this order: the configured script, the configured command, `ORCH_CLAUDE`, `claude` on
    /// the path, npm's script by `node`, `npx`. `root` is where a relative script lies.
    pub fn find(config: &SessionConfig, root: &Path) -> Result<Self> {
        if let Some(file) = &config.scripted {
            let program = platform::own_program().doing("finding orch's own program", root)?;
            return Ok(Self::scripted(&program, &root.join(file)));
        }
        if !config.claude.is_empty() {
            let words = config.claude.iter().map(OsString::from);
            return Ok(Self::of(words.collect()));
        }
        if let Some(words) = std::env::var_os("ORCH_CLAUDE").filter(|words| !words.is_empty()) {
            return Ok(Self::of(split(&words)));
        }
        Self::installed().ok_or_else(|| {
            Error::new("finding the `claude` command: it is not on PATH, and neither is npx").help(
                "install Claude Code, or name the command by ORCH_CLAUDE or `session.claude` in \
                 orch.yaml; `orch demo` needs no account",
            )
        })
    }

    /// The embedded stand-in that plays `script`; `program` is orch.
    pub fn scripted(program: &Path, script: &Path) -> Self {
        let words = [program.as_os_str(), script::ARGUMENT.as_ref(), "--script".as_ref()];
        let mut command: Vec<OsString> = words.map(OsStr::to_owned).into();
        command.push(script.into());
        Self { command, is_scripted: true }
    }

    fn of(command: Vec<OsString>) -> Self {
        Self { command, is_scripted: false }
    }

    fn installed() -> Option<Self> {
        if let Some(claude) = program_on_path("claude") {
            return Some(Self::of(vec![claude.into()]));
        }
        let script = SCRIPTS.iter().find(|script| Path::new(script).is_file());
        if let (Some(script), Some(node)) = (script, program_on_path("node")) {
            return Some(Self::of(vec![node.into(), script.into()]));
        }
        let npx = program_on_path("npx")?;
        Some(Self::of(vec![npx.into(), "@anthropic-ai/claude-code".into()]))
    }

    /// The first line of `--version`: provenance, never part of a key.
    pub async fn version(&self) -> Result<String> {
        let output = tokio::process::Command::new(&self.command[0])
            .args(&self.command[1..])
            .arg("--version")
            .env_remove("CLAUDECODE")
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let limit = std::time::Duration::from_secs(30);
        let program = Path::new(&self.command[0]);
        let output = tokio::time::timeout(limit, output).await;
        let output = output.doing("asking the CLI's version", program)?;
        let output = output.doing("asking the CLI's version", program)?;
        if !output.status.success() {
            return Err(Error::new(format!("asking the CLI's version: {}", output.status))
                .at(program)
                .help(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// The whole command of a session. The prompt goes by stdin.
    pub fn argv(&self, call: &Call<'_>) -> Vec<OsString> {
        let Call { launch, session, limits, .. } = call;
        let mut argv = self.command.clone();
        let mut add = |words: &[&str]| argv.extend(words.iter().map(OsString::from));
        add(&["-p", "--output-format", "stream-json", "--verbose", "--strict-mcp-config"]);
        // What tells one worktree from another goes behind what all sessions have in common.
        add(&["--exclude-dynamic-system-prompt-sections"]);
        let settings = call.settings.for_session(launch.model.as_ref());
        add(&["--setting-sources", "project", "--settings", &settings]);
        match &launch.resume {
            Some(resumed) => add(&["--resume", resumed.as_str()]),
            None => add(&["--session-id", session.as_str()]),
        }
        if let Some(model) = &launch.model {
            add(&["--model", model.as_str()]);
        }
        if let Some(effort) = launch.effort {
            add(&["--effort", effort.as_str()]);
        }
        let turns = [limits.turns, launch.max_turns].into_iter().flatten().min();
        if let Some(turns) = turns {
            add(&["--max-turns", &turns.to_string()]);
        }
        if let Some(servers) = call.servers {
            add(&["--mcp-config", &servers.to_string_lossy()]);
        }
        let caps = [limits.usd, launch.max_usd].into_iter().flatten();
        if let Some(usd) = caps.filter(|usd| *usd > Usd::ZERO).min() {
            add(&["--max-budget-usd", &usd.dollars().to_string()]);
        }
        if let Some(schema) = &launch.schema {
            add(&["--json-schema", schema]);
        }
        let allowance = Allowance::of(&launch.tools, call.worktree);
        add(&["--tools", &allowance.tools.join(",")]);
        if !launch.denied.is_empty() {
            add(&["--disallowedTools"]);
            argv.extend(launch.denied.iter().map(OsString::from));
        }
        let mut add = |words: &[&str]| argv.extend(words.iter().map(OsString::from));
        match launch.permission {
            Permission::Bypass => add(&["--dangerously-skip-permissions"]),
            Permission::LeastPrivilege => {
                // Several words follow the flag: it stands last.
                add(&["--permission-mode", "dontAsk", "--allowedTools"]);
                argv.extend(allowance.rules.iter().map(OsString::from));
            }
        }
        argv
    }
}

/// One session to be started.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub launch: &'a SessionLaunch,
    pub session: &'a SessionId,
    pub limits: &'a Limits,
    /// Its working folder, absolute and without links in it: what the CLI calls its own.
    pub worktree: &'a Path,
    pub settings: &'a UserSettings,
    /// The file that says which servers of tools it has.
    pub servers: Option<&'a Path>,
}

/// A path as it is, else words.
fn split(words: &OsStr) -> Vec<OsString> {
    match words.to_str() {
        Some(text) if !Path::new(text).exists() => {
            text.split_whitespace().map(OsString::from).collect()
        }
        _ => vec![words.to_owned()],
    }
}

/// The absolute path of an executable file on `PATH`.
pub fn program_on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        let metadata = std::fs::metadata(file);
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    })
}

/// A fresh random UUID (version 4). The standard library's hasher keys are the source of chance;
/// process and time keep it unique where they are not random.
pub fn new_session_id() -> SessionId {
    use std::hash::{BuildHasher, Hasher};
    let mut seed = Vec::new();
    for _ in 0..4 {
        let chance = std::hash::RandomState::new().build_hasher().finish();
        seed.extend_from_slice(&chance.to_le_bytes());
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    seed.extend_from_slice(&now.unwrap_or_default().as_nanos().to_le_bytes());
    seed.extend_from_slice(&std::process::id().to_le_bytes());
    let mut hex = crate::base::digest::Digest::of(&seed).to_string();
    hex.replace_range(12..13, "4");
    hex.replace_range(16..17, "a");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]];
    SessionId::new(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::agent::Effort;

    fn check(launch: SessionLaunch, limits: &Limits) -> String {
        let cli = Cli::of(vec!["claude".into()]);
        let argv = cli.argv(&Call {
            launch: &launch,
            session: &SessionId::new("ID"),
            limits,
            worktree: Path::new("/w"),
            settings: &UserSettings::default(),
            servers: None,
        });
        let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
        let settings = UserSettings::default().for_session(None);
        let common = format!(
            "--exclude-dynamic-system-prompt-sections --setting-sources project --settings {settings}"
        );
        words.join(" ").replace(&common, "COMMON")
    }

    fn launch() -> SessionLaunch {
        SessionLaunch {
            prompt: "secret".into(),
            model: None,
            effort: None,
            max_turns: None,
            servers: Vec::new(),
            tools: Vec::new(),
            denied: Vec::new(),
            permission: Permission::LeastPrivilege,
            resume: None,
            otherwise: Vec::new(),
            max_usd: None,
            schema: None,
        }
    }

    #[test]
    fn a_session_gets_no_more_than_its_agent_declares() {
        insta::assert_snapshot!(check(launch(), &Limits::default()), @"claude -p --output-format stream-json --verbose --strict-mcp-config COMMON --session-id ID --tools Bash,Edit,Glob,Grep,Read,Write --permission-mode dontAsk --allowedTools Bash Edit(//w/**) Glob Grep Read");
        let limits =
            Limits { turns: Some(8), usd: Some(Usd::from_dollars(2.5)), ..Limits::default() };
        let tools = ["Read", "Bash(git *)", "MultiEdit", "Edit"].map(str::to_owned).into();
        let resume = Some(SessionId::new("OLD"));
        let model = Some("sonnet".into());
        let effort = Some(Effort::High);
        let shown = check(SessionLaunch { tools, resume, model, effort, ..launch() }, &limits);
        insta::assert_snapshot!(shown, @"claude -p --output-format stream-json --verbose --strict-mcp-config COMMON --resume OLD --model sonnet --effort high --max-turns 8 --max-budget-usd 2.5 --tools Bash,Edit,Read --permission-mode dontAsk --allowedTools Bash(git *) Edit(//w/**) Read");
    }

    #[test]
    fn what_an_agent_may_not_use_is_denied_whatever_it_is_allowed() {
        for permission in [Permission::LeastPrivilege, Permission::Bypass] {
            let denied = ["Bash(rm *)", "WebFetch"].map(str::to_owned).into();
            let shown = check(SessionLaunch { denied, permission, ..launch() }, &Limits::default());
            let (_, denied) = shown.split_once("--disallowedTools ").unwrap();
            assert!(denied.starts_with("Bash(rm *) WebFetch --"), "{shown}");
        }
    }

    #[test]
    fn a_schema_for_the_answer_stands_before_the_tools() {
        let launch = SessionLaunch { schema: Some("{}".to_owned()), ..launch() };
        insta::assert_snapshot!(check(launch, &Limits::default()), @"claude -p --output-format stream-json --verbose --strict-mcp-config COMMON --session-id ID --json-schema {} --tools Bash,Edit,Glob,Grep,Read,Write --permission-mode dontAsk --allowedTools Bash Edit(//w/**) Glob Grep Read");
    }

    #[test]
    fn session_ids_are_uuids_and_differ() {
        let (one, other) = (new_session_id(), new_session_id());
        assert_ne!(one, other);
        let lengths: Vec<_> = one.as_str().split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&one.as_str()[14..15], "4");
    }
}
