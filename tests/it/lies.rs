//! Sessions that end like a success and are none: each is played whole, none may be accepted.

use crate::support::{Space, Summary};

const SETTINGS: &str = "session: { scripted: sessions.yaml }\nlimits: { wait: never }\n";

/// What a lie needs beside its session.
#[derive(Clone, Copy)]
struct Lie {
    /// Steps of the session, all of its attempts.
    session: &'static str,
    /// Further lines of the script: validators' sessions.
    others: &'static str,
    /// Further lines of the task.
    task: &'static str,
    /// What the output must call it.
    said: &'static str,
    exit: i32,
}

const HONEST: Lie = Lie {
    session: "- write: { path: one.txt, content: x }\n",
    others: "",
    task: "",
    said: "accepted",
    exit: 1,
};

/// Builds one task, whose session plays the lie, until it is given up.
fn played(lie: Lie) -> (Space, Summary) {
    let plan = format!(
        "meta: {{ name: Lie }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: One\n    \
         description: Write one.txt.\n    agent: coder\n    max_attempts: 1\n{}",
        lie.task
    );
    let script = format!("'1':\n{}{}", lie.session, lie.others);
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/lie.yaml", &plan),
        ("sessions.yaml", &script),
        ("tests/one.rs", "#[test] fn one() {}\n"),
    ]);
    let summary = space.build(&[], lie.exit);
    (space, summary)
}

#[track_caller]
fn check(lie: Lie) {
    let (space, summary) = played(lie);
    let shown = summary.ran.shown();
    assert_eq!(summary.number("accepted"), 0, "{shown}");
    assert!(shown.contains(lie.said), "nothing says `{}`:\n{shown}", lie.said);
    assert_eq!(space.landed(), ["start"], "{shown}");
    assert!(!space.exists("one.txt"), "{shown}");
    assert_eq!(space.git(&["status", "--porcelain", "--", ":!plans"]), "", "{shown}");
    let plan = space.read("plans/lie.yaml");
    assert!(!plan.contains("completed"), "the plan claims it:\n{plan}");
    // The next build does not take it for done, either.
    let again = space.build(&["-n"], 0);
    assert_eq!(again.number("up_to_date"), 0, "{}", again.ran.shown());
}

#[test]
fn what_is_done_is_accepted() {
    let (space, summary) = played(Lie { exit: 0, ..HONEST });
    summary.has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("one.txt"), "x");
}

#[test]
fn an_output_that_was_denied() {
    let session =
        "- write: { path: one.txt, content: x }\n- deny: { tool: Write, path: two.txt }\n";
    let task = "    outputs: [one.txt, two.txt]\n";
    check(Lie { session, task, said: "permission-denied", ..HONEST });
}

#[test]
fn a_missing_status_file() {
    let session =
        "- write: { path: one.txt, content: x }\n- say: Everything is done.\n- status: none\n";
    check(Lie { session, said: "no-status", ..HONEST });
}

#[test]
fn the_status_of_another_task() {
    let session =
        "- write: { path: one.txt, content: x }\n- status: { status: completed, task_id: '1.1' }\n";
    check(Lie { session, said: "wrong-task", ..HONEST });
}

#[test]
fn an_empty_diff() {
    check(Lie { session: "- say: It was there already.\n", said: "no-change", ..HONEST });
}

#[test]
fn an_interrupt_that_exits_with_0() {
    let session =
        "- write: { path: one.txt, content: x }\n- status: completed\n- fail: { class: aborted }\n";
    check(Lie { session, said: "(aborted_streaming)", ..HONEST });
}

#[test]
fn a_limit_that_calls_itself_a_success() {
    let session = "- write: { path: one.txt, content: x }\n- status: completed\n- fail: { class: plan-limit }\n";
    check(Lie { session, said: "five-hour window", exit: 75, ..HONEST });
}

#[test]
fn a_validator_that_did_nothing() {
    let others = "'validate:*':\n- verdict: PASS\n";
    let task = "    validators:\n    - { agent: validator }\n";
    check(Lie { others, task, said: "no-verdict", ..HONEST });
}

#[test]
fn a_validator_whose_calls_all_failed() {
    let others = "'validate:*':\n- read: not-there.txt\n- verdict: PASS\n";
    let task = "    validators:\n    - { agent: validator }\n";
    check(Lie { others, task, said: "each of its calls failed", ..HONEST });
}

#[test]
fn a_validator_that_passes_what_it_found_missing() {
    let others = "'validate:*':\n- read: one.txt\n- say: |\n    **Verdict: PASS**\n    1. [FAIL] the third column is missing\n";
    let task = "    validators:\n    - { agent: validator }\n";
    check(Lie { others, task, said: "the third column is missing", ..HONEST });
}

#[test]
fn the_same_task_of_another_plan() {
    let session = "- write: { path: one.txt, content: x }\n- status: { status: completed, task_id: other//1 }\n";
    check(Lie { session, said: "wrong-task", ..HONEST });
}

#[test]
fn tests_that_are_deleted() {
    let session = "- write: { path: one.txt, content: x }\n- delete: tests/one.rs\n";
    let task = "    validators:\n    - { name: suite, run: 'true' }\n";
    check(Lie { session, task, said: "output-mismatch", ..HONEST });
}

#[test]
fn a_missing_structured_answer() {
    let session = "- write: { path: one.txt, content: x }\n- status: completed\n- fail: { class: schema-miss }\n";
    check(Lie { session, said: "schema-miss", ..HONEST });
}

#[test]
fn a_background_task_that_is_still_at_work() {
    let session = "- write: { path: one.txt, content: x }\n- noise: '{\"type\":\"system\",\"subtype\":\
                   \"task_started\",\"task_id\":\"b1\",\"is_backgrounded\":true}'\n";
    check(Lie { session, said: "background task", ..HONEST });
}

#[test]
fn a_validator_that_is_killed() {
    let others =
        "'validate:*':\n- read: one.txt\n- say: '**Verdict: PASS**'\n- fail: { class: killed }\n";
    let task = "    validators:\n    - { agent: validator }\n";
    check(Lie { others, task, said: "no-verdict", ..HONEST });
}

#[test]
fn the_money_running_out_at_the_last_answer() {
    let session = "- write: { path: one.txt, content: x }\n- status: completed\n- fail: { class: budget-cap }\n";
    check(Lie { session, said: "budget-cap", ..HONEST });
}
