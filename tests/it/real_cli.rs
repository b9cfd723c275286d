//! A real plan, built with the real Claude Code CLI against a stand-in for the model API on loopback.
//! Needs the CLI (`ORCH_TEST_CLAUDE`, or where `.ci/run` installs it), python3 and the shared folder; where one
//! is missing the tests say so and are skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::left_out;
use crate::sources::{root, shared};
use crate::support::{Space, wait_until};

const INSTALLED: &str = ".cache/claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude";
const PLAN: &str = ".claude/plans/13-slack-agent-communication.yaml";
const DESIGN: &str = "docs/plans/2026-02-16-13-slack-agent-communication-design.md";

/// What the model "does" for each coding task of the plan: a file that it writes.
const WRITES: [(&str, &str, &str); 3] = [
    ("1\\.1", "config/slack.template", "enabled: false\n"),
    ("2\\.1", "scripts/notifier.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
    ("3\\.1", "tests/notifier.txt", "tested\n"),
];

/// And the two that edit one file at the same time.
const EDITS: [(&str, &str, &str); 2] =
    [("2\\.2", "1\n2\n", "one\n2\n"), ("2\\.3", "8\n9\n", "8\nnine\n")];

/// A word that a test puts into a description, and that changes what the model does.
const SECOND: &str = "SECOND-EDITION";

#[test]
fn a_real_plan_is_built_and_then_only_what_changed() {
    let Some(stage) = Stage::set() else { return };
    let space = &stage.space;

    // Five coding tasks, each validated by an agent, and a review by an agent that cannot write. One of
    // the two that edit one file is validated again where the other landed meanwhile.
    let built = space.build(&["-j", "2"], 0);
    let built = built.has(&[("targets", 6), ("accepted", 6), ("ran", 6)]);
    assert!((11..=12).contains(&built.number("sessions")), "{}", built.ran.shown());
    assert!(built.value["cost_usd"].as_f64().unwrap() > 0.0, "{}", built.value);
    assert_eq!(space.read("scripts/notifier.txt"), "one\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    assert_eq!(space.read("config/slack.template"), "enabled: false\n");
    assert_eq!(space.git(&["status", "--porcelain"]), "", "status lines landed, too");
    let plan = space.read(PLAN);
    assert!(!plan.contains("status: pending") && !plan.contains("status: in_progress"), "{plan}");
    let trailers = space.git(&["log", "--format=%(trailers:unfold)"]);
    for expected in [
        "Orch-Task: 13-slack-agent-communication//1.1",
        "Orch-Model: claude-",
        "Orch-Session: ",
        "Orch-Verdict: validator PASS ",
        "Orch-Receipt: 13-slack-agent-communication//4.1 ",
    ] {
        assert!(trailers.contains(expected), "{expected} in\n{trailers}");
    }
    assert!(!trailers.contains("task-status.json") && !space.exists(".orch/task"));
    let n_calls = stage.calls().len();
    assert!(n_calls > 20, "{n_calls}");

    space.build(&[], 0).has(&[("up_to_date", 6), ("ran", 0), ("sessions", 0)]);
    assert_eq!(stage.calls().len(), n_calls, "nothing to do needs no model");

    space.write(PLAN, &format!("# A comment.\n{}", space.read(PLAN)));
    space.build(&[], 0).has(&[("up_to_date", 6), ("sessions", 0)]);
    assert_eq!(stage.calls().len(), n_calls, "a comment needs no model");

    // A hand edit in a file that a task wrote: its verdict is asked again, no task runs.
    space.write("config/slack.template", "enabled: false\n# by a person\n");
    space.build(&[], 0).has(&[("up_to_date", 6), ("ran", 0)]);
    let asked = stage.calls().split_off(n_calls);
    assert!(!asked.is_empty() && asked.iter().all(|rule| rule == "validate 1\\.1"), "{asked:?}");
    assert_eq!(space.read("config/slack.template"), "enabled: false\n# by a person\n");
    space.commit("by hand");
}

#[test]
fn an_edited_description_runs_its_task_and_dependents_only_where_the_output_changed() {
    let Some(stage) = Stage::set() else { return };
    let space = &stage.space;
    space.build(&["-j", "2"], 0).has(&[("ran", 6)]);

    // The output stays: 2.2 alone.
    space.replace(PLAN, "name: Hook SlackNotifier", "name: Hook the SlackNotifier");
    let n_calls = stage.calls().len();
    space.build(&[], 0).has(&[("ran", 1), ("up_to_date", 5)]);
    let asked = stage.calls().split_off(n_calls);
    assert!(asked.iter().all(|rule| rule.contains("2\\.2")), "{asked:?}");

    // The output changes: 3.1 needs it; 4.1 needs 3.1, which leaves what it left before.
    space.replace(
        PLAN,
        "name: Hook the SlackNotifier",
        &format!("name: {SECOND} Hook the SlackNotifier"),
    );
    let n_calls = stage.calls().len();
    space.build(&[], 0).has(&[("ran", 2), ("up_to_date", 4)]);
    let asked = stage.calls().split_off(n_calls);
    let is_due = |rule: &String| ["2\\.2", "3\\.1", "second"].iter().any(|it| rule.contains(it));
    assert!(asked.iter().all(is_due), "{asked:?}");
    assert_eq!(space.read("scripts/second.txt"), "second\n");
}

/// A scratch repository with the plan, its agents and its settings, the CLI, and the stand-in.
struct Stage {
    space: Space,
    api: Api,
}

impl Stage {
    fn set() -> Option<Self> {
        let (claude, shared) = (claude()?, shared()?);
        let space = space_with_plan(&shared.join("corpus"));
        let api = Api::start(&shared, &space.home().join("api"), &scenario())?;
        let space = space
            .env("ORCH_CLAUDE", claude.to_str().unwrap())
            .env("ANTHROPIC_BASE_URL", &api.url)
            .env("ANTHROPIC_API_KEY", "sk-ant-made-up-000");
        Some(Self { space, api })
    }

    /// For every call of the model so far, the rule that answered it.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.api.log).unwrap_or_default();
        let requests = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let calls = requests.filter(|it| {
            let path = it["path"].as_str().unwrap_or_default();
            path.split('?').next() == Some("/v1/messages")
        });
        calls.map(|it| it["rule"].as_str().unwrap_or("none").to_owned()).collect()
    }
}

/// The stand-in for the model API; it ends with the value.
pub struct Api {
    server: Child,
    pub url: String,
    pub log: PathBuf,
}

impl Api {
    /// Plays `scenario`; its files lie in `aside`, which must not be there yet.
    pub fn start(shared: &Path, aside: &Path, scenario: &Value) -> Option<Self> {
        let program = shared.join("tools/fake-anthropic/server.py");
        if !program.is_file() || !has_python() {
            left_out::note("python3, or stand-in for the model API (ORCH_SHARED names its folder)");
            return None;
        }
        fs::create_dir(aside).unwrap();
        let (port, plot) = (aside.join("port"), aside.join("scenario.json"));
        fs::write(&plot, scenario.to_string()).unwrap();
        let log = aside.join("requests.jsonl");
        let mut command = Command::new("python3");
        command.arg(program).args(["--port", "0", "--port-file"]).arg(&port);
        command.arg("--scenario").arg(plot).arg("--log").arg(&log);
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let mut api = Self { server, url: String::new(), log };
        let number = || fs::read_to_string(&port).unwrap_or_default().trim().parse::<u16>();
        wait_until(|| number().is_ok());
        api.url = format!("http://127.0.0.1:{}", number().unwrap());
        Some(api)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The real CLI, if there is one.
pub fn claude() -> Option<PathBuf> {
    let given = std::env::var_os("ORCH_TEST_CLAUDE").map(PathBuf::from);
    let place = given.unwrap_or_else(|| root().join(INSTALLED));
    if place.is_file() {
        return Some(place);
    }
    left_out::note("Claude Code CLI (ORCH_TEST_CLAUDE names one)");
    None
}

fn has_python() -> bool {
    let asked = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// The plan as its author ran it, with nothing done yet, among the project's own agents.
fn space_with_plan(corpus: &Path) -> Space {
    let read = |path: &str| fs::read_to_string(corpus.join(path)).unwrap();
    let plan = read("plans/13-slack-agent-communication.yaml");
    let plan = plan.replace("status: completed", "status: pending");
    let agents = ["coder", "validator", "code-reviewer"];
    let agents: Vec<(String, String)> = agents
        .iter()
        .map(|name| (format!(".claude/agents/{name}.md"), read(&format!("agents/{name}.md"))))
        .collect();
    let mut files = vec![
        (PLAN, plan.as_str()),
        (DESIGN, "# Design\n\nA notifier that can be switched off.\n"),
        (".claude/orchestrator-config.yaml", "build_command: 'true'\ntest_command: 'true'\n"),
        ("README.md", "A project.\n"),
    ];
    files.extend(agents.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    Space::new(&files)
}

/// What the model answers, by the heading of the prompt.
fn scenario() -> Value {
    let mut rules = vec![json!({"name": "side call", "tools": false, "turns": [{"text": "{}"}]})];
    let second = WRITES.iter().chain(std::iter::once(&("2\\.2", "scripts/second.txt", "second\n")));
    for (id, path, content) in second {
        let file = format!("{{{{cwd}}}}/{path}");
        let is_second = path.contains("second");
        let heading =
            if is_second { format!("# Task {id}: {SECOND}") } else { format!("# Task {id}: ") };
        let name = if is_second { "second".to_owned() } else { format!("task {id}") };
        rules.push(json!({"name": name, "match": heading, "turns": [
            {"text": "I look first.", "tools": [{"name": "Read", "input": {"file_path": file}}]},
            {"tools": [{"name": "Write", "input": {"file_path": file, "content": content}}]},
            status_turn(id),
            {"text": "Done."},
        ]}));
    }
    for (id, old, new) in EDITS {
        let file = "{{cwd}}/scripts/notifier.txt";
        let edit = json!({"file_path": file, "old_string": old, "new_string": new});
        rules.push(
            json!({"name": format!("task {id}"), "match": format!("# Task {id}: "), "turns": [
                {"tools": [{"name": "Read", "input": {"file_path": file}}]},
                {"tools": [{"name": "Edit", "input": edit}]},
                status_turn(id),
                {"text": "Done."},
            ]}),
        );
    }
    for id in ["1\\.1", "2\\.1", "2\\.2", "2\\.3", "3\\.1"] {
        rules.push(json!({
            "name": format!("validate {id}"), "match": format!("# Validate task {id}: "), "turns": [
                {"tools": [{"name": "Read", "input": {"file_path": "{{cwd}}/README.md"}}]},
                {"text": "I looked at it.\n\n**Verdict: PASS**\n"},
            ],
        }));
    }
    let report = json!({"task_id": "4.1", "status": "completed", "message": "nothing found"});
    rules.push(json!({"name": "review", "match": "# Task 4\\.1: ", "turns": [
        {"tools": [{"name": "Read", "input": {"file_path": "{{cwd}}/scripts/notifier.txt"}}]},
        {"text": format!("All is well.\n\n```json\n{report}\n```\n")},
    ]}));
    json!({"rules": rules})
}

pub fn status_turn(id: &str) -> Value {
    let id = id.replace('\\', "");
    let report = json!({"task_id": id, "status": "completed", "message": "it is there"});
    json!({"tools": [{"name": "Write", "input": {
        "file_path": "{{cwd}}/.orch/task/status.json", "content": report.to_string(),
    }}]})
}
