//! `orch classify`: what a recorded stream or one message says, as one JSON object.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::left_out;
use crate::sources::root;
use crate::support::Space;

const NOW: &str = "2026-11-22T17:00:00Z";

/// A larger collection of recordings, where there is one; noted where not.
fn collection() -> Option<PathBuf> {
    let shared = std::env::var_os("ORCH_SHARED").map(PathBuf::from);
    let beside = ["../shared", "../../shared"].map(|it| root().join(it));
    let found = shared.into_iter().chain(beside).map(|it| it.join("corpus"));
    let found = found.into_iter().find(|it| it.is_dir());
    if found.is_none() {
        left_out::note("larger collection of recordings (ORCH_SHARED names one)");
    }
    found
}

/// What the program answers.
#[track_caller]
fn classified(space: &Space, args: &[&str]) -> Value {
    let ran = space.orch(&[&["classify"], args].concat()).exits(0);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|why| panic!("{why}\n{}", ran.shown()))
}

/// `class window resets_at`, with `-` for null.
fn printed(value: &Value) -> String {
    let plain = |key: &str| match &value[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    ["class", "window", "resets_at"].map(plain).join(" ")
}

const STREAM: &str = concat!(
    r#"{"type":"system","subtype":"init","session_id":"s-1"}"#,
    "\n",
    r#"{"type":"assistant","message":{"id":"m1","model":"claude-opus-5-5","usage":{"input_tokens":7,"output_tokens":9},"content":[{"type":"tool_use","id":"t1","name":"Read","input":{"file_path":"src/a.rs"}}]}}"#,
    "\n",
    r#"{"type":"assistant","message":{"id":"m1","model":"claude-opus-5-5","usage":{"input_tokens":7,"output_tokens":9},"content":[{"type":"tool_use","id":"t2","name":"Write","input":{"file_path":"src/b.rs"}}]}}"#,
    "\n",
    r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"You've hit your session limit · resets 7pm"}]}}"#,
    "\n",
    r#"{"type":"result","subtype":"success","is_error":false,"num_turns":3,"total_cost_usd":0.25,"result":"You've hit your session limit · resets 7pm","modelUsage":{"claude-opus-5-5":{"inputTokens":7,"outputTokens":9,"costUSD":0.25}}}"#,
    "\n",
);

#[test]
fn a_stream_is_told_as_one_object() {
    let space = Space::without_git(&[("session.jsonl", STREAM)]);
    let value = classified(&space, &["session.jsonl", "--exit", "0"]);
    let expected = json!({
        "class": "done",
        "evidence": ["the stream says success", "Exited(0)", "result success is_error=false (-)",
            "no status file looked at"],
        "window": null,
        "resets_at": null,
        "cost_usd": 0.25,
        "tokens": {"input": 7, "output": 9, "cache_read": 0, "cache_creation": 0},
        "models": ["claude-opus-5-5"],
        "files_read": ["src/a.rs"],
        "files_written": ["src/b.rs"],
        "turns": 3,
        "session_id": "s-1",
    });
    assert_eq!(value, expected);
    assert_eq!(classified(&space, &["session.jsonl", "--signal", "KILL"])["class"], "killed");
    assert_eq!(classified(&space, &["session.jsonl", "--exit", "-9"])["class"], "killed");
    assert_eq!(classified(&space, &["session.jsonl", "--exit", "3"])["class"], "unknown");
    assert_eq!(classified(&space, &["session.jsonl"])["class"], "done");
}

#[test]
fn a_stream_is_read_from_standard_input_and_from_the_store() {
    let space = Space::without_git(&[("orch.yaml", "")]);
    let mut child = space.bare(crate::support::ORCH);
    let mut child = child
        .args(["classify", "-"])
        .current_dir(space.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), STREAM.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["session_id"], "s-1");

    // Long enough to be packed.
    let long = format!("{STREAM}{}", "{\"type\":\"noise\"}\n".repeat(1000));
    let store = orch::host::store::Store::open(space.root());
    let digest = store.put(long.as_bytes()).unwrap().to_string();
    let (folder, name) = digest.split_at(2);
    let blob = format!(".orch/cas-v1/{folder}/{name}");
    assert!(fs::metadata(space.root().join(&blob)).unwrap().len() < long.len() as u64 / 2);
    assert_eq!(classified(&space, &[&blob])["files_written"], json!(["src/b.rs"]));
}

#[test]
fn what_a_program_said_at_its_start_counts_where_it_wrote_no_event() {
    let space = Space::without_git(&[
        ("empty", ""),
        ("option", "error: unknown option '--x'\n"),
        ("login", "Invalid API key · Please run /login\n"),
        ("limit", "Claude AI usage limit reached|1795374000\n"),
    ]);
    let check =
        |stderr: &str| printed(&classified(&space, &["empty", "--exit", "1", "--stderr", stderr]));
    assert_eq!(check("option"), "launch-failure - -");
    assert_eq!(check("login"), "auth - -");
    assert_eq!(check("limit"), "plan-limit unknown 1795374000");
    assert_eq!(printed(&classified(&space, &["empty"])), "unknown - -");
    space.orch(&["classify", "absent"]).exits(2).complains(&["there is no file `absent`"]);
    space.orch(&["classify"]).exits(2);
    space.orch(&["classify", "empty", "--signal", "NONE"]).exits(2);
}

#[test]
fn one_message_is_judged_in_its_zone_at_its_time() {
    let space = Space::without_git(&[]).env("TZ", "Asia/Tokyo");
    let check = |text: &str, zone: &[&str]| {
        printed(&classified(&space, &[&["--text", text, "--now", NOW], zone].concat()))
    };
    let text = "You’ve hit your weekly limit · resets Dec 2, 7pm";
    assert_eq!(check(text, &["--zone", "Europe/Moscow"]), "plan-limit seven_day 1796227200");
    assert_eq!(check(text, &[]), "plan-limit seven_day 1796205600");
    assert_eq!(check(text, &["--zone", "No/Where"]), "plan-limit seven_day 1796238000");
    assert_eq!(check("API Error: 529 Overloaded", &[]), "overloaded - -");
    assert_eq!(check("Claude AI usage limit reached|0", &[]), "throttled - -");
    assert_eq!(check("how are you?", &[]), "unknown - -");
    let ran = space.orch(&["classify", "--text", text, "--now", "soon"]).exits(2);
    ran.complains(&["not a time such as"]);
}

/// What a user attaches to a bug report says of itself how it ended.
#[track_caller]
fn check_classes(folder: &Path, expected: &[(&str, &str)]) {
    let space = Space::without_git(&[]);
    for (name, expected) in expected {
        let file = folder.join(format!("{name}.jsonl"));
        let args = [file.to_str().unwrap(), "--zone", "Europe/Berlin", "--now", NOW];
        assert_eq!(printed(&classified(&space, &args)), *expected, "{name}");
    }
}

#[test]
fn streams_are_classed_without_being_told_the_exit() {
    let corpus = root().join("tests/corpus");
    check_classes(
        &corpus.join("streams"),
        &[
            ("done", "done - -"),
            ("limit_five_hour", "plan-limit five_hour 1796047200"),
            ("limit_week_opus", "plan-limit seven_day_opus 1796234400"),
            ("limit_overage", "plan-limit overage 1796234400"),
            ("throttled", "throttled - -"),
            ("wrong_key", "auth - -"),
            ("no_credit", "billing - -"),
            ("schema_miss", "schema-miss - -"),
            ("denied", "permission-denied - -"),
            ("interrupted", "aborted - -"),
            ("turn_cap", "turn-cap - -"),
            ("budget_cap", "budget-cap - -"),
            ("refused", "refused - -"),
            ("no_network", "network - -"),
            ("terminated", "unknown - -"),
            // Only the words tell, in the zone of the machine that wrote them.
            ("older_limit", "plan-limit seven_day 1795802400"),
        ],
    );
    let space = Space::without_git(&[]);
    let value = classified(&space, &[corpus.join("logs/steps.log").to_str().unwrap()]);
    assert_eq!(value["class"], "done");
    assert_eq!(value["files_read"], json!(["/home/user/project/main.rs"]));
}

#[test]
fn collected_streams_are_classed_without_being_told_the_exit() {
    let Some(corpus) = collection() else { return };
    check_classes(
        &corpus.join("streams"),
        &[
            ("success", "done - -"),
            ("sub-five_hour-oauth", "plan-limit five_hour 1795370728"),
            ("sub-seven_day_opus-oauth", "plan-limit seven_day_opus 1795625713"),
            ("sub-overage_cap-oauth", "plan-limit overage 1795370761"),
            // Only the words tell, in the zone of the machine that wrote them.
            ("sub-old-1.0.100-seven_day-oauth", "plan-limit seven_day 1795626660"),
            ("sub-plain429-oauth", "throttled - -"),
            ("auth_401", "auth - -"),
            ("structured_never", "schema-miss - -"),
            ("perm_default", "permission-denied - -"),
            ("sigint_midstream", "aborted - -"),
            ("max_turns", "turn-cap - -"),
            ("max_budget", "budget-cap - -"),
            ("stop_refusal", "refused - -"),
            ("hang_midstream", "network - -"),
            ("sigterm_midstream", "unknown - -"),
        ],
    );
    let space = Space::without_git(&[]);
    let log = corpus.join("transcripts/task-20260213-215723.log");
    let value = classified(&space, &[log.to_str().unwrap()]);
    assert_eq!(value["class"], "done");
    assert!(!value["files_read"].as_array().unwrap().is_empty());
}
