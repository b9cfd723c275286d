//! Commands that look and decide, on the demo's repository; each is also read as JSON.

use serde_json::Value;

use crate::support::Space;

/// The demo, built.
fn demo() -> Space {
    let space = Space::without_git(&[]);
    let root = space.root().join("demo").to_str().unwrap().to_owned();
    space.orch(&["demo", "--keep", &root]).exits(0);
    space.at("demo")
}

/// Every line of stdout is JSON; the last one.
#[track_caller]
fn json(space: &Space, args: &[&str]) -> Value {
    let all = [args, &["--format", "json"]].concat();
    let ran = space.orch(&all).exits(0);
    let mut values = ran.stdout.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|why| panic!("{why}\n{}", ran.shown()))
    });
    values.next_back().unwrap_or_else(|| panic!("nothing was said\n{}", ran.shown()))
}

/// State of every task, as `status` has it: `1.1=up-to-date`.
fn states(space: &Space) -> String {
    let picture = json(space, &["status"]);
    let tasks = picture["tasks"].as_array().unwrap().iter();
    let shown = tasks.map(|task| {
        let name = task["task"].as_str().unwrap().strip_prefix("demo//").unwrap();
        format!("{name}={}", task["state"].as_str().unwrap())
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// What the next build runs, and that the one after it runs nothing.
#[track_caller]
fn check_builds(space: &Space, sessions_then: u64) {
    space.build(&[], 0).has(&[("accepted", 6), ("sessions", sessions_then)]);
    space.build(&[], 0).has(&[("accepted", 6), ("ran", 0), ("sessions", 0)]);
}

#[test]
fn what_was_built_can_be_looked_at() {
    let space = demo();
    space.orch(&["status"]).exits(0).says(&["6 tasks: 6 up to date", "2.2  Try it on the design"]);
    space.orch(&["why", "demo//2.2"]).exits(0).says(&["up to date", "as at the last accepted"]);
    space.orch(&["show", "demo//1.3"]).exits(0).says(&[
        "A lib/words.sh",
        "PASS three-words",
        "rejected after",
        "FAIL: exit 1: three words in two lines",
        "$0.0500 over all attempts",
    ]);
    space.orch(&["log", "demo//1.3"]).exits(0).says(&["> Write lib/words.sh", "$0.0200"]);
    space.orch(&["graph"]).exits(0).says(&["✓ 1.1  Write the design", "2.1  (above)"]);
    space.orch(&["graph", "--format", "dot"]).exits(0).says(&["digraph", "\"demo//1.1\""]);
    space.orch(&["graph", "--format", "mermaid"]).exits(0).says(&["flowchart", "-->"]);
    assert_eq!(json(&space, &["graph"])["nodes"].as_array().unwrap().len(), 6);
    assert_eq!(json(&space, &["why", "demo//2.1"])["state"], "up-to-date");
    let shown = json(&space, &["show", "demo//1.3"]);
    assert_eq!(shown["task"]["attempts"], 2);
    assert_eq!(shown["task"]["depends_on"], serde_json::json!(["demo//1.1"]));
    assert_eq!(shown["attempts"][0]["outcome"], "done");
    assert!(shown["attempts"][0]["duration_ms"].is_u64() && shown["result"]["cost_usd"].is_f64());
    json(&space, &["log", "demo//1.3"]);
    assert_eq!(json(&space, &["check"])["ok"], true);
    space.orch(&["doctor"]).exits(0).says(&["branch main"]);
    json(&space, &["doctor"]);
}

#[test]
fn the_cache_can_be_looked_into_and_kept_in_order() {
    let space = demo();
    let listed = space.orch(&["cache", "ls"]).exits(0).says(&["demo//1.1", "$0.0600"]);
    let key = listed.stdout.split_whitespace().next().unwrap().to_owned();
    space.orch(&["cache", "show", &key]).exits(0).says(&["demo//"]);
    json(&space, &["cache", "show", &key]);
    assert_eq!(json(&space, &["cache", "verify"])["damaged"], serde_json::json!([]));
    let stats = json(&space, &["cache", "stats"]);
    json(&space, &["cache", "gc"]);
    let kept = json(&space, &["cache", "stats"]);
    let blobs = |it: &Value| it["blobs"].as_u64().unwrap();
    assert_eq!(blobs(&kept), blobs(&stats) - 1, "the file that a validator refused");
    assert_eq!(kept["results"], stats["results"]);
    json(&space, &["cache", "gc"]);
    assert_eq!(json(&space, &["cache", "stats"]), kept, "everything is still needed");
    check_builds(&space, 0);
    space.orch(&["cache", "show", "ffff"]).exits(2).complains(&["ffff"]);
}

#[test]
fn a_retried_task_runs_once_more() {
    let space = demo();
    space.orch(&["retry", "demo//2.3"]).exits(0).says(&["demo//2.3", "run again"]);
    assert_eq!(
        states(&space),
        "1.1=up-to-date 1.2=up-to-date 1.3=up-to-date 2.1=up-to-date 2.2=up-to-date 2.3=ready"
    );
    check_builds(&space, 1);
}

#[test]
fn a_skipped_task_satisfies_what_depends_on_it() {
    let space = demo();
    space.orch(&["skip", "demo//1.2"]).exits(0);
    assert!(states(&space).contains("1.2=skipped"));
    assert!(space.read("plans/demo.yaml").contains("status: skipped"));
    let counts = [("accepted", 5), ("skipped", 1), ("up_to_date", 5), ("sessions", 0)];
    space.build(&[], 0).has(&counts);
    // Also where it never ran.
    let tasks = "    - { id: a, name: A, description: x, status: pending }\n    \
                     - { id: b, name: B, run: [touch, b.txt], depends_on: [a] }\n";
    let plan = format!("meta: {{ name: S }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}");
    let space = Space::new(&[("plans/s.yaml", &plan)]);
    space.orch(&["skip", "s//a"]).exits(0);
    space.build(&[], 0).has(&[("accepted", 1), ("skipped", 1), ("ran", 1), ("sessions", 0)]);
    assert!(space.exists("b.txt"));
}

#[test]
fn an_accepted_task_is_up_to_date_as_it_is() {
    let space = demo();
    space.replace("plans/demo.yaml", "Half a page is enough", "One page is enough");
    assert!(states(&space).starts_with("1.1=ready 1.2=waiting"), "{}", states(&space));
    space.orch(&["accept", "demo//1.1"]).exits(0);
    check_builds(&space, 0);
}

#[test]
fn work_done_by_hand_can_be_accepted_before_anything_ran() {
    let plan = "meta: { name: H }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: a, name: A, description: x, status: pending }\n  \
                - { id: b, name: B, description: y, status: pending, depends_on: [a] }\n";
    let space = Space::new(&[("plans/h.yaml", plan)]);
    space.orch(&["accept", "h//b"]).exits(0);
    space.orch(&["accept", "h//a"]).exits(0);
    space.build(&[], 0).has(&[("accepted", 2), ("up_to_date", 2), ("sessions", 0)]);
}

#[test]
fn a_reset_task_runs_again_although_the_cache_has_it() {
    let space = demo();
    space.orch(&["reset", "demo//2.3"]).exits(0);
    assert!(space.orch(&["why", "demo//2.3"]).stdout.contains("its past was forgotten"));
    check_builds(&space, 1);
}

#[test]
fn decisions_on_what_is_not_there_change_nothing() {
    let space = demo();
    let before = space.read("plans/demo.yaml");
    for command in ["retry", "skip", "accept", "reset"] {
        space.orch(&[command, "demo//9"]).exits(2).complains(&["names no task"]);
        space.orch(&[command, "nope"]).exits(2).complains(&["names no plan"]);
    }
    assert_eq!(space.read("plans/demo.yaml"), before);
    space.orch(&["land"]).exits(0).complains(&["nothing is parked"]);
}

#[test]
fn what_new_and_init_write_is_in_order() {
    let space = Space::new(&[("README", "x\n")]);
    space.orch(&["init"]).exits(0).says(&["created orch.yaml"]);
    for kind in ["plan", "agent", "rule"] {
        space.orch(&["new", kind, "fresh"]).exits(0);
        space.orch(&["new", kind, "fresh"]).exits(2).complains(&["is there already"]);
    }
    space.orch(&["check"]).exits(0);
    for kind in space.orch(&["schema"]).exits(0).stdout.lines() {
        let schema = space.orch(&["schema", kind]).exits(0);
        assert!(serde_json::from_str::<Value>(&schema.stdout).unwrap().is_object());
    }
    for shell in ["bash", "zsh", "fish"] {
        space.orch(&["completions", shell]).exits(0).says(&["orch"]);
    }
}

#[test]
fn a_repository_without_a_commit_is_told_by_doctor_and_by_build() {
    let space = Space::without_git(&[("plans/p.yaml", "meta: {name: P}\nsections: []\n")]);
    space.make_repository();
    space.orch(&["doctor"]).exits(1).says(&["no commit yet", "git commit --allow-empty"]);
    space.orch(&["status"]).exits(101).complains(&["no commit yet"]);
}

#[test]
fn a_task_whose_agent_nobody_wrote_stops_everything() {
    let plan = "meta: { name: P }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: a, name: A, description: x, status: pending, agent: codr }\n";
    let space = Space::new(&[("plans/p.yaml", plan)]);
    space.orch(&["build"]).exits(2).complains(&["no agent `codr`", "did you mean `coder`?"]);
    space.replace("plans/p.yaml", "status: pending", "status: completed");
    space.orch(&["status"]).exits(0).says(&["a  A  up to date"]);
    space.build(&[], 0).has(&[("accepted", 1), ("failed", 0)]);
}

#[test]
fn a_wrong_command_line_makes_and_locks_nothing() {
    let plan = "meta: { name: P }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: a, name: A, run: 'true' }\n";
    let space = Space::new(&[("plans/p.yaml", plan)]);
    for wrong in [
        &["build", "nosuch"][..],
        &["build", "--force", "nosuch"],
        &["build", "--plan", "nosuch.yaml"],
        &["watch", "--once", "nosuch"],
        &["retry", "nosuch"],
        &["skip", "p//b"],
    ] {
        space.orch(wrong).exits(2);
        assert!(!space.exists(".orch"), "{wrong:?}");
    }
    space.orch(&["resume"]).exits(2).complains(&["nothing was built here yet", "`orch build`"]);
    assert!(!space.exists(".orch"));
    space.orch(&["skip", "p//a"]).exits(0);
    space.orch(&["status"]).exits(0).says(&["1 skipped"]);
    let unborn = Space::without_git(&[("plans/p.yaml", plan)]);
    unborn.make_repository();
    unborn.orch(&["build"]).exits(101).complains(&["no commit yet"]);
    assert!(!unborn.exists(".orch"));
}

#[test]
fn the_byte_that_is_no_text_is_underlined() {
    let space = Space::new(&[("plans/p.yaml", "meta: {name: P}\nsections: []\n")]);
    let path = space.root().join("plans/p.yaml");
    std::fs::write(&path, b"meta: {name: \xc3\xa9 \xe9}\nsections: []\n").unwrap();
    let ran = space.orch(&["check", "--format", "json"]).exits(2);
    let found: Value = serde_json::from_str(ran.stdout.trim_end()).unwrap();
    let label = &found["diagnostics"][0]["labels"][0];
    let place = ["start", "end", "line", "column"].map(|key| label[key].as_u64());
    assert_eq!(place, [16, 17, 1, 16].map(Some), "{label}");
    space.orch(&["check"]).exits(2).says(&["plans/p.yaml:1:16", "byte 0xe9"]);
}

#[test]
fn a_sample_is_not_mixed_with_files_that_are_there() {
    let space = Space::without_git(&[("kept.txt", "mine\n")]);
    let root = space.root().to_str().unwrap();
    space.orch(&["demo", "--keep", root]).exits(2).complains(&["no empty folder", "not there yet"]);
    assert!(!space.exists("plans"));
}

#[test]
fn what_failed_has_failed_until_something_changes() {
    let plan = "meta: { name: P }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: a, name: A, run: 'cat in.txt; exit 3', inputs: [in.txt] }\n  \
                - { id: b, name: B, run: 'true', depends_on: [a] }\n";
    let space = Space::new(&[("plans/p.yaml", plan), ("in.txt", "no such thing\n")]);
    let state = || -> Value {
        let printed = space.orch(&["status", "--format", "json"]).exits(0).stdout;
        serde_json::from_str(&printed).unwrap()
    };
    let check = |expected: &str, failed: u64| {
        let printed = state();
        assert_eq!(printed["tasks"][0]["state"], expected, "{printed}");
        assert_eq!(printed["counts"]["failed"], failed, "{printed}");
    };
    check("ready", 0);
    space.build(&[], 1);
    check("failed", 1);
    let printed = "failed: exit 3: no such thing";
    space.orch(&["status"]).exits(0).says(&[printed, "1 failed"]);
    space.orch(&["why", "p//a"]).exits(0).says(&["a  A: failed", "exit 3: no such thing"]);
    space.orch(&["build", "-n"]).exits(0).says(&["p//a"]);
    space.write("in.txt", "changed\n");
    check("ready", 0);
    space.write("in.txt", "no such thing\n");
    check("failed", 1);
    space.orch(&["retry", "p//a"]).exits(0);
    check("ready", 0);
    space.build(&[], 1);
    check("failed", 1);
    space.orch(&["reset", "p//a"]).exits(0);
    check("ready", 0);
}
