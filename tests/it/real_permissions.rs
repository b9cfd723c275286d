//! What the real CLI lets a session do under orch. Needs what `real_cli` needs.

use std::fs;

use serde_json::{Value, json};

use crate::real_cli::{Api, claude, status_turn};
use crate::sources::shared;
use crate::support::{Space, Summary};

const RULES: &str = "rule: defaults\nretry:\n  waits: 2\n  backoff: { base: 100ms, cap: 200ms }\n";

struct Stage {
    space: Space,
    api: Api,
}

impl Stage {
    /// Tasks by their lines in the plan; `turns` are what the model says to each, but for its report.
    fn set(tasks: &str, turns: &[(&str, Vec<Value>)]) -> Option<Self> {
        let (claude, shared) = (claude()?, shared()?);
        let plan = format!(
            "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
        );
        let space = Space::new(&[
            ("orch.yaml", "build_command: 'true'\ntest_command: 'true'\n"),
            ("plans/p.yaml", &plan),
            ("rules/defaults.yaml", RULES),
            (
                ".claude/agents/plain.md",
                "---\nname: plain\ntools: Read, Edit, Write, Bash\n---\nYou work.\n",
            ),
            (
                ".claude/agents/author.md",
                "---\nname: author\ntools: Read, Write\n---\nYou write.\n",
            ),
            ("sub/file.txt", "a file\n"),
        ]);
        let mut rules =
            vec![json!({"name": "side call", "tools": false, "turns": [{"text": "{}"}]})];
        for (id, turns) in turns {
            let turns: Vec<Value> =
                turns.iter().cloned().chain([status_turn(id), json!({"text": "Done."})]).collect();
            rules.push(json!({"name": id, "match": format!("# Task {id}: "), "turns": turns}));
        }
        let api = Api::start(&shared, &space.home().join("api"), &json!({"rules": rules}))?;
        let space = space
            .env("ORCH_CLAUDE", claude.to_str().unwrap())
            .env("ANTHROPIC_BASE_URL", &api.url)
            .env("ANTHROPIC_API_KEY", "sk-ant-made-up-000");
        Some(Self { space, api })
    }

    fn build(&self, code: i32) -> Summary {
        self.space.build(&["-j", "1", "-k"], code)
    }

    /// Tools that the first request of the agent loop offers.
    fn tools_offered(&self) -> u64 {
        let text = fs::read_to_string(&self.api.log).unwrap_or_default();
        let requests = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let first = requests.into_iter().find(|it| it["rule"] == "1").unwrap();
        first["tools"].as_u64().unwrap_or_else(|| first["tools"].as_array().unwrap().len() as u64)
    }
}

fn task(agent: &str) -> String {
    format!(
        "  - {{ id: '1', name: One, description: Make out/1.txt., agent: {agent}, rule: implement, max_attempts: 1 }}\n"
    )
}

fn turn(tool: &str, input: Value) -> Value {
    json!({"text": "I go on.", "tools": [{"name": tool, "input": input}]})
}

fn write(path: &str) -> Value {
    turn("Write", json!({"file_path": path, "content": "x\n"}))
}

fn bash(line: &str) -> Value {
    turn("Bash", json!({"command": line, "description": "x"}))
}

#[test]
fn files_of_the_worktree_can_be_written_from_whichever_folder() {
    let turns = vec![bash("cd sub && ls"), write("{{cwd}}/out/1.txt")];
    let Some(stage) = Stage::set(&task("plain"), &[("1", turns)]) else { return };
    stage.build(0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(stage.space.read("out/1.txt"), "x\n");
    assert!(stage.tools_offered() <= 6, "what is listed: {}", stage.tools_offered());
}

#[test]
fn an_agent_with_write_and_no_edit_writes() {
    let turns = vec![write("{{cwd}}/out/1.txt")];
    let Some(stage) = Stage::set(&task("author"), &[("1", turns)]) else { return };
    stage.build(0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(stage.space.read("out/1.txt"), "x\n");
}

#[test]
fn a_call_outside_the_worktree_is_denied_and_told() {
    let turns = vec![write("/orch-outside-of-the-worktree.txt"), write("{{cwd}}/out/1.txt")];
    let Some(stage) = Stage::set(&task("plain"), &[("1", turns)]) else { return };
    let built = stage.build(0).has(&[("accepted", 1), ("sessions", 1)]);
    let shown = built.ran.shown();
    assert!(shown.contains("done without: Write(/orch-outside-of-the-worktree.txt)"), "{shown}");
}

#[test]
fn a_tool_that_is_not_listed_does_not_exist() {
    let child = json!({"description": "d", "prompt": "CHILD", "subagent_type": "general-purpose"});
    let turns = vec![turn("Agent", child), write("{{cwd}}/out/1.txt")];
    let Some(stage) = Stage::set(&task("plain"), &[("1", turns)]) else { return };
    stage.build(0).has(&[("accepted", 1), ("sessions", 1)]);
    let log = stage.space.orch(&["log", "p//1", "--format", "json"]).exits(0).stdout;
    assert!(log.contains("No such tool available: Agent"), "{log}");
}

#[test]
fn users_sign_in_by_their_settings_and_their_hooks_do_not_run() {
    let turns = vec![write("{{cwd}}/out/1.txt")];
    let Some(stage) = Stage::set(&task("plain"), &[("1", turns)]) else { return };
    let hook = stage.space.home().join("hook-ran");
    let settings = json!({
        "apiKeyHelper": "echo sk-ant-made-up-001",
        "env": {"ANTHROPIC_BASE_URL": stage.api.url},
        "hooks": {"Stop": [{"hooks": [{"type": "command", "command": format!("touch {}", hook.display())}]}]},
    });
    fs::create_dir_all(stage.space.home().join(".claude")).unwrap();
    fs::write(stage.space.home().join(".claude/settings.json"), settings.to_string()).unwrap();
    let stage = Stage {
        space: stage.space.env("ANTHROPIC_API_KEY", "").env("ANTHROPIC_BASE_URL", ""),
        api: stage.api,
    };
    stage.build(0).has(&[("accepted", 1), ("sessions", 1)]);
    assert!(!hook.exists(), "the user's hook ran");
    let doctor = stage.space.orch(&["doctor"]).shown();
    assert!(doctor.contains("its env, apiKeyHelper; its hooks have no effect"), "{doctor}");
}
