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
