//! What the real CLI's sessions cost, by the ledger and by the calls that the stand-in for the model API
//! has answered. Needs what `real_cli` needs.

use std::fs;

use serde_json::{Value, json};

use crate::real_cli::{Api, claude, status_turn};
use crate::sources::shared;
use crate::support::Space;

/// Tokens of every answer, and what it costs by list price.
const INPUT: u64 = 20_000;
const OUTPUT: u64 = 1_000;
const CALL: f64 = 0.1;

const PLAN: &str = "\
meta: { name: Real, order: free, backoff_base: 10ms }
sections:
- id: s
  name: All
  tasks:
  - { id: plain, name: Plain, description: It works., validators: [validator] }
  - { id: forgets, name: Forgets, description: It forgets its status file. }
  - { id: hangs, name: Hangs, description: It hangs once. }
";

/// The stall ends what hangs.
const RULE: &str = "rule: implement\nextends: implement\nlimits: { stall: 4s, wall: 2m }\n";

fn scenario() -> Value {
    let usage = json!({"input_tokens": INPUT, "output_tokens": OUTPUT});
    let write = |id: &str| {
        let file = format!("{{{{cwd}}}}/{id}.txt");
        json!({"tools": [{"name": "Write", "input": {"file_path": file, "content": "x\n"}}]})
    };
    let rule = |id: &str, turns: &[Value]| json!({"name": id, "match": format!("# Task {id}: "), "usage": usage, "turns": turns});
    let done = json!({"text": "Done."});
    let mut hangs = rule("hangs", &[write("hangs"), status_turn("hangs"), done.clone()]);
    hangs["faults"] = json!([{"kind": "hang", "turn": 1, "times": 1}]);
    json!({"rules": [
        {"name": "side call", "tools": false, "turns": [{"text": "{}"}]},
        {"name": "validates", "match": "# Validate task plain: ", "usage": usage, "turns": [
            {"tools": [{"name": "Read", "input": {"file_path": "{{cwd}}/README"}}]},
            {"text": "I looked at it.\n\n**Verdict: PASS**\n"},
        ]},
        {"name": "goes on", "match": "You did not write the status file", "usage": usage, "turns": [
            status_turn("forgets"), {"text": "There."},
        ]},
        {"name": "hung, goes on", "match": "nothing was heard of you", "usage": usage, "turns": [
            write("hangs"), status_turn("hangs"), done.clone(),
        ]},
        {"name": "capped, goes on", "match": "You were ended at a limit", "usage": usage, "turns": [
            status_turn("plain"), done.clone(),
        ]},
        rule("plain", &[write("plain"), status_turn("plain"), done.clone()]),
        rule("forgets", &[write("forgets"), done.clone()]),
        hangs,
    ]})
}

fn stage() -> Option<(Space, Api)> {
    let (claude, shared) = (claude()?, shared()?);
    let space = Space::new(&[
        ("orch.yaml", "build_command: 'true'\ntest_command: 'true'\nsession: { model: opus }\n"),
        ("plans/real.yaml", PLAN),
        ("rules/implement.yaml", RULE),
        (".claude/agents/coder.md", "---\nname: coder\nmodel: opus\n---\nYou code.\n"),
        (
            ".claude/agents/validator.md",
            "---\nname: validator\nmodel: opus\ntools: Read\n---\nYou check.\n",
        ),
        ("README", "A project.\n"),
    ]);
    let api = Api::start(&shared, &space.home().join("api"), &scenario())?;
    let space = space
        .env("ORCH_CLAUDE", claude.to_str().unwrap())
        .env("ANTHROPIC_BASE_URL", &api.url)
        .env("ANTHROPIC_API_KEY", "sk-ant-made-up-000");
    Some((space, api))
}

/// Model calls that were answered, without those that the CLI makes beside the conversation.
fn answered(api: &Api) -> u64 {
    let text = fs::read_to_string(&api.log).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let counts = lines.filter(|it| {
        let path = it["path"].as_str().unwrap_or_default();
        let is_call = path.split('?').next() == Some("/v1/messages");
        is_call && it["rule"] != "side call" && it["outcome"] == "ok"
    });
    counts.count() as u64
}

fn total(space: &Space, args: &[&str]) -> Value {
    let all = [&["cost", "--format", "json"], args].concat();
    let shown: Value = serde_json::from_str(space.orch(&all).exits(0).stdout.trim()).unwrap();
    shown["total"].clone()
}

#[test]
fn the_ledger_counts_what_the_api_has_answered() {
    let Some((space, api)) = stage() else { return };
    let built = space.build(&["-j", "1"], 0).has(&[("accepted", 3), ("ran", 3)]);

    let sum = total(&space, &[]);
    let calls = answered(&api);
    assert_eq!(sum["input_tokens"], INPUT * calls, "{sum:#}");
    let (killed, cost) = (total(&space, &["real//hangs"]), sum["cost_usd"].as_f64().unwrap());
    assert_eq!(killed["estimated"], 1, "{killed:#}");
    // Of the one call that only the stream tells, what went out is estimated.
    let expected = CALL * calls as f64;
    assert!((expected - 0.021..=expected + 1e-9).contains(&cost), "{cost} of {expected}");
    let whole = total(&space, &["real//plain", "real//forgets"]);
    let n_whole = whole["input_tokens"].as_u64().unwrap() / INPUT;
    let exact = whole["cost_usd"].as_f64().unwrap();
    assert!((exact - CALL * n_whole as f64).abs() < 1e-9, "resumed once, counted once: {whole:#}");
    let resumed = total(&space, &["real//forgets"]);
    assert_eq!((&resumed["sessions"], &resumed["input_tokens"]), (&2.into(), &(4 * INPUT).into()));
    assert!((built.value["cost_usd"].as_f64().unwrap() - cost).abs() < 1e-9);
    let text = space.orch(&["cost", "real//plain"]).exits(0).stdout;
    assert!(!text.contains("API-equivalent"), "a key is billed: {text}");
}

#[test]
fn a_session_gets_no_more_than_the_budget_leaves() {
    let Some((space, _api)) = stage() else { return };
    // Two of the three calls that it takes.
    let built = space.build(&["--only", "real//plain", "--quota-ceiling", "0.15"], 4);
    let built = built.has(&[("held", 1), ("failed", 0), ("sessions", 1)]);
    let cost = built.value["cost_usd"].as_f64().unwrap();
    assert!((0.1..=0.25 + 1e-9).contains(&cost), "at most one call above: {cost}");
    space.build(&["--only", "real//plain"], 0).has(&[("accepted", 1)]);
}
