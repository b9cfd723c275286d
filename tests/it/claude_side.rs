//! What Claude Code is given for work by hand: a plugin, and the same files in a project.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::real_cli::{Api, claude};
use crate::sources::{files_below, read, root, shared};
use crate::support::{ORCH, Space, picture_of};

const PLAN: &str = "\
meta: { name: P }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, description: Write one.txt., agent: coder, outputs: [one.txt], validators: [{ run: test -s one.txt }] }
  - { id: '2', name: Two, description: Write two.txt., agent: coder, depends_on: ['1'] }
";

#[test]
fn a_project_gets_every_file_of_the_plugin() {
    let space = Space::new(&[("README.md", "A project.\n")]);
    let before = space.picture();
    space.orch(&["init", "--claude", "-n"]).exits(0).says(&["would create .claude/skills/"]);
    assert_eq!(space.picture(), before, "looking changes nothing");
    space.orch(&["init", "--claude"]).exits(0).says(&["created .claude/skills/implement/SKILL.md"]);
    let is_own = |path: &str| path.ends_with("/README.md") || path.contains(".claude-plugin");
    let of_plugin = files_below("claude").into_iter().filter(|path| !is_own(path));
    let expected: BTreeSet<String> = of_plugin.map(|path| format!(".{path}")).collect();
    let files = picture_of(space.root(), &|path| path.starts_with(".claude/"));
    let files = files.into_iter().filter(|(_, kind)| kind.starts_with("file"));
    assert_eq!(files.map(|(path, _)| path).collect::<BTreeSet<_>>(), expected);
    for path in expected {
        assert_eq!(space.read(&path), read(&path[1..]), "{path}");
    }
    space.orch(&["check"]).exits(0);
}

#[test]
fn the_sample_plan_is_in_order() {
    let space = Space::new(&[("README.md", "A project.\n")]);
    space.orch(&["init", "--claude"]).exits(0);
    space.write("plans/words.yaml", &space.read(".claude/skills/implement/sample-plan.yaml"));
    let checked = space.orch(&["check", "plans/words.yaml"]).exits(0);
    assert!(
        !checked.stdout.contains("warning") && !checked.stdout.contains("error"),
        "{}",
        checked.shown()
    );
    space.commit("a plan");
    space.orch(&["build", "-n"]).exits(0).says(&["words//1.1  Write the design"]);
}

#[test]
fn the_plugin_is_of_this_version_and_names_commands_that_are_there() {
    let manifest: Value = serde_json::from_str(&read("claude/.claude-plugin/plugin.json")).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let market: Value = serde_json::from_str(&read(".claude-plugin/marketplace.json")).unwrap();
    assert_eq!(market["plugins"][0]["name"], manifest["name"]);
    assert_eq!(market["plugins"][0]["description"], manifest["description"]);
    let help = Space::without_git(&[]).orch(&["--help"]).exits(0).stdout;
    let known: Vec<&str> = help.lines().filter_map(|it| it.split_whitespace().next()).collect();
    let texts = files_below("claude").into_iter().map(|path| read(&path)).collect::<String>();
    let named: BTreeSet<&str> = texts
        .split("`orch ")
        .skip(1)
        .filter_map(|rest| rest.split(|char: char| !char.is_ascii_lowercase()).next())
        .collect();
    assert!(named.len() > 8, "{named:?}");
    let unknown: Vec<_> = named.iter().filter(|it| !known.contains(it)).collect();
    assert!(unknown.is_empty(), "no such commands: {unknown:?}");
}

/// The CLI in a folder, with the program on its path and a home of its own.
fn cli(space: &Space, claude: &Path, args: &[&str]) -> Output {
    let programs = Path::new(ORCH).parent().unwrap().to_str().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = space.bare(claude.to_str().unwrap());
    command.env("PATH", format!("{programs}:{path}"));
    for name in ["DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DISABLE_ERROR_REPORTING"] {
        command.env(name, "1");
    }
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    command.env("TMPDIR", space.home()).env("CLAUDE_CODE_TMPDIR", space.home());
    command.current_dir(space.root()).args(args).output().unwrap()
}

#[track_caller]
fn passes(output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_cli_finds_nothing_wrong_with_plugin_and_marketplace() {
    let Some(claude) = claude() else { return };
    let space = Space::new(&[("README.md", "A project.\n")]);
    for place in [root().join("claude"), root().to_owned()] {
        let place = place.to_str().unwrap();
        passes(&cli(&space, &claude, &["plugin", "validate", "--strict", place]));
    }
}

#[test]
fn a_session_by_hand_does_a_task_and_records_it() {
    let (Some(claude), Some(shared)) = (claude(), shared()) else { return };
    let bash = |line: &str| json!({"name": "Bash", "input": {"command": line}});
    let write =
        json!({"name": "Write", "input": {"file_path": "{{cwd}}/one.txt", "content": "one\n"}});
    let scenario = json!({"rules": [
        {"name": "side call", "tools": false, "turns": [{"text": "{}"}]},
        {"name": "by hand", "match": "# Implement a plan by hand\\s+Asked for: p//1\\s", "turns": [
            {"tools": [bash("orch status")]},
            {"tools": [write]},
            {"tools": [bash("orch accept p//1")]},
            {"text": "One is done."},
        ]},
    ]});
    let space = Space::new(&[("plans/p.yaml", PLAN)]);
    let Some(api) = Api::start(&shared, &space.home().join("api"), &scenario) else { return };
    let space =
        space.env("ANTHROPIC_BASE_URL", &api.url).env("ANTHROPIC_API_KEY", "sk-ant-made-up-000");
    let asked = |args: &[&str]| {
        let often = ["--output-format", "json", "--permission-mode", "acceptEdits"];
        let allowed = ["--allowedTools", "Bash(orch accept:*)"];
        let output = cli(&space, &claude, &[args, &often, &allowed].concat());
        passes(&output);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&said["result"], &said["permission_denials"]),
            (&json!("One is done."), &json!([])),
            "{said}"
        );
    };
    let is_done = || {
        space
            .orch(&["status", "p"])
            .exits(0)
            .says(&["✓ 1  One  up to date", "○ 2  Two  would run"]);
    };

    let plugin = root().join("claude");
    asked(&["-p", "/orch:implement p//1", "--plugin-dir", plugin.to_str().unwrap()]);
    is_done();

    space.orch(&["reset", "p//1"]).exits(0);
    space.orch(&["init", "--claude"]).exits(0);
    asked(&["-p", "/implement p//1"]);
    is_done();
}
