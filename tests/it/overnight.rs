//! What an unattended night brings: many tasks at once, and some of them fail.

use std::fmt::Write as _;

use crate::support::Space;

/// A plan of `n` tasks, each of which may run beside all others and writes `N.txt`.
fn fan_out(n: u32, settings: &str, sessions: &str) -> Space {
    let mut plan =
        "meta: { name: Fan, order: free }\nsections:\n- id: s\n  name: All\n  tasks:\n".to_owned();
    for id in 1..=n {
        writeln!(plan, "  - {{ id: '{id}', name: Task {id}, description: Write {id}.txt. }}")
            .unwrap();
    }
    let settings = format!("session: {{ scripted: sessions.yaml }}\n{settings}");
    Space::new(&[("orch.yaml", &settings), ("plans/fan.yaml", &plan), ("sessions.yaml", sessions)])
}

#[test]
fn of_forty_tasks_the_one_that_failed_runs_again_and_no_other() {
    let space = fan_out(40, "", "");
    let mut script = String::new();
    for id in 1..=40 {
        writeln!(script, "'{id}':\n- write: {{ path: {id}.txt, content: done }}").unwrap();
    }
    let failing = script.replace(
        "'23':\n- write: { path: 23.txt, content: done }",
        "'23':\n- write: { path: 23.txt, content: done }\n- status: failed",
    );
    assert_ne!(failing, script);
    space.write("sessions.yaml", &failing);
    space.replace("plans/fan.yaml", "Write 23.txt. }", "Write 23.txt., max_attempts: 1 }");
    space.commit("one will fail");
    let built = space.build(&["-k", "-j", "4"], 1);
    built.has(&[("accepted", 39), ("failed", 1), ("blocked", 0), ("sessions", 40), ("exit", 1)]);
    assert!(!space.exists("23.txt"));

    space.write("sessions.yaml", &script);
    let again = space.build(&["-j", "4"], 0);
    again.has(&[("accepted", 40), ("up_to_date", 39), ("sessions", 1), ("exit", 0)]);
    assert_eq!(space.read("23.txt"), "done");
    space.build(&[], 0).has(&[("up_to_date", 40), ("sessions", 0)]);
}

#[test]
fn a_cap_by_flag_below_an_agents_model_runs_nothing() {
    let space = fan_out(2, "", "'*':\n- write: { path: x.txt, content: x }\n");
    let plan = space.read("plans/fan.yaml");
    let check = |args: &[&str], why: &str| {
        let ran = space.orch(&[&["build"], args].concat()).exits(2);
        assert!(
            ran.stderr.contains(why) && ran.stderr.contains("nothing was run"),
            "{}",
            ran.shown()
        );
    };
    check(&["--max-model", "haiku"], "fan//1: it is to begin with `sonnet`");
    check(&["--max-model", "haiku", "-n"], "(and 1 more)");
    check(&["--max-model", "huge"], "`huge` is no model of the ladder");
    assert_eq!(space.read("plans/fan.yaml"), plan);
    let status = space.orch(&["show", "fan//1", "--format", "json"]).exits(0);
    assert!(status.stdout.contains("\"attempts\":0"), "{}", status.shown());
    space.build(&["--max-model", "sonnet"], 0).has(&[("accepted", 2)]);
    space.build(&["--max-model", "haiku"], 0).has(&[("up_to_date", 2)]);
}

#[test]
fn a_task_that_waited_for_the_service_is_told_to_start_for_its_own_reason() {
    let mut script = String::new();
    for id in 1..=3 {
        let failed = "- - fail: { class: overloaded }";
        let done = format!("- - write: {{ path: {id}.txt, content: x }}");
        let first = if id < 3 { failed.to_owned() + "\n" } else { String::new() };
        writeln!(script, "'{id}':\n{first}{done}").unwrap();
    }
    let space = fan_out(3, "breaker: { threshold: 2, reset: 300ms }\n", &script);
    space.replace("plans/fan.yaml", "name: Fan,", "name: Fan, backoff_base: 10ms,");
    space.commit("quick");
    let printed = space.build(&["-j", "1"], 0).ran.stdout;
    assert!(printed.contains("\"event\":\"waiting\""), "{printed}");
    let started = |it: &&str| it.contains("task-started") && it.contains("fan//3");
    let line = printed.lines().find(started).unwrap();
    assert!(line.contains("\"reason\":\"no accepted result yet\""), "{line}");
}
