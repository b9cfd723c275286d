//! What starts when, by the built program: one run for one key, files kept apart, siblings staggered,
//! and the flags of the original.

use serde_json::Value;

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

fn plan(name: &str, tasks: &str) -> String {
    format!(
        "meta: {{ name: {name}, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    )
}

/// Of each task when it started and finished, by the sequence of events.
fn spans(space: &Space, args: &[&str], code: i32) -> Vec<(String, u64, u64)> {
    let all = [&["build", "--format", "json"], args].concat();
    let ran = space.orch(&all).exits(code);
    let mut spans: Vec<(String, u64, u64)> = Vec::new();
    for line in ran.stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let (task, seq) = (event["task"].as_str(), event["seq"].as_u64().unwrap());
        match (event["event"].as_str(), task) {
            (Some("task-started"), Some(task)) => spans.push((task.to_owned(), seq, u64::MAX)),
            (Some("task-finished"), Some(task)) => {
                if let Some(span) = spans.iter_mut().find(|span| span.0 == task) {
                    span.2 = seq;
                }
            }
            _ => {}
        }
    }
    spans
}

#[test]
fn tasks_that_name_one_file_run_one_after_the_other_and_say_so() {
    let tasks = "
  - { id: '1', name: One, description: Fix `src/a.py` and/or its docs., status: pending }
  - { id: '2', name: Two, description: 'Extend src/a.py, w/o tests.', status: pending }
";
    let sessions = "\
'1': [ { say: hm }, { sleep: 200ms }, { write: { path: src/a.py, content: \"x\\n\" } } ]
'2': [ { say: hm }, { append: { path: src/a.py, content: \"y\\n\" } } ]
";
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/p.yaml", &plan("P", tasks)),
        ("sessions.yaml", sessions),
    ]);
    let why = space.orch(&["why", "p//2"]).exits(0).stdout;
    assert!(why.contains("writes src/a.py as p//1 does"), "{why}");
    assert!(why.contains("rule     implement, by coder: it is the default"), "{why}");
    let status = space.orch(&["status"]).exits(0).stdout;
    assert!(status.contains("not at once with others: writes src/a.py as p//1 does"), "{status}");
    let spans = spans(&space, &["-j", "4"], 0);
    assert_eq!(spans.len(), 2);
    assert!(spans[0].2 < spans[1].1, "{spans:?}");
    assert_eq!(space.read("src/a.py"), "x\ny\n");
}

#[test]
fn the_same_command_of_two_plans_runs_once() {
    let run = "echo ran >> \"$COUNT\"; sleep 0.3; echo made > made.txt";
    let tasks =
        format!("  - {{ id: '1', name: Make, run: '{run}', env: [COUNT], status: pending }}\n");
    let space =
        Space::new(&[("plans/p.yaml", &plan("P", &tasks)), ("plans/q.yaml", &plan("Q", &tasks))]);
    let count = space.home().join("count");
    let space = space.env("COUNT", count.to_str().unwrap());
    space.build(&["-j", "4"], 0).has(&[("ran", 1), ("replayed", 1), ("accepted", 2)]);
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "ran\n");
    space.build(&[], 0).has(&[("ran", 0), ("up_to_date", 2)]);
}

#[test]
fn resuming_runs_from_a_task_on_and_marks_nothing_before_it() {
    let tasks = "
  - { id: '1', name: One, run: 'echo 1 > one.txt', status: pending }
  - { id: '2', name: Two, run: 'echo 2 > two.txt', status: pending }
  - { id: '3', name: Three, run: 'echo 3 > three.txt', status: pending }
";
    let text = format!("meta: {{ name: P }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}");
    let space = Space::new(&[
        ("plans/p.yaml", &text),
        ("plans/q.yaml", &plan("Q", "  - { id: '9', name: Q, run: 'true', status: pending }\n")),
    ]);
    let refused = space.orch(&["build", "--resume-from", "7"]).exits(2);
    assert!(refused.stderr.contains('7'), "{}", refused.stderr);
    let preview = space.orch(&["build", "--resume-from", "2", "--dry-run"]).exits(0).stdout;
    assert!(preview.contains("p//2") && !preview.contains("p//1"), "{preview}");
    let args = ["--plan", "plans/p.yaml", "--resume-from", "2"];
    space.build(&args, 0).has(&[("ran", 2), ("accepted", 2)]);
    assert!(!space.exists("one.txt") && space.exists("two.txt") && space.exists("three.txt"));
    assert!(space.read("plans/p.yaml").contains("run: 'echo 1 > one.txt', status: pending"));
}

#[test]
fn a_single_task_is_one_and_in_parallel_one_batch() {
    let tasks = "
  - { id: '1', name: One, run: 'echo 1 > one.txt', status: pending }
  - { id: '2', name: Two, run: 'echo 2 > two.txt', status: pending }
  - { id: '3', name: Three, run: 'echo 3 > three.txt', depends_on: ['2'], status: pending }
";
    let space = Space::new(&[("plans/p.yaml", &plan("P", tasks))]);
    space.build(&["--single-task"], 0).has(&[("ran", 1)]);
    assert!(space.exists("one.txt") && !space.exists("two.txt"));
    space.build(&["--single-task", "--parallel"], 0).has(&[("ran", 1)]);
    space.build(&["--parallel"], 0).has(&[("ran", 1)]);
    assert!(space.exists("three.txt"));
}

#[test]
fn a_plan_in_no_folder_of_plans_is_built_by_its_path() {
    let tasks = "  - { id: '1', name: One, run: 'echo 1 > one.txt', status: pending }\n";
    let space = Space::new(&[("elsewhere/mine.yaml", &plan("P", tasks))]);
    space.build(&["--plan", "elsewhere/mine.yaml"], 0).has(&[("ran", 1)]);
    space.orch(&["build", "--plan", "elsewhere/none.yaml"]).exits(2);
}
