//! Tasks that depend on tasks of other plans.

use std::fmt::Write as _;

use crate::support::Space;

const BASE: &str = "\
meta: { name: Base, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: First, description: Write one.txt., max_attempts: 1 }
  - { id: '2', name: Second, description: Write two.txt., depends_on: ['1'], max_attempts: 1 }
  - { id: '3', name: Third, description: Write three.txt. }
";

/// `1` reads what another plan's task writes, and `3` what `1` does.
const APP: &str = "\
meta: { name: App, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Read, description: Write app.txt., depends_on: [base//2], inputs: [two.txt] }
  - { id: '2', name: Alone, description: Write alone.txt. }
  - { id: '3', name: Last, description: Write last.txt., depends_on: ['1'] }
";

const SESSIONS: &str = "\
base//1: [{ write: { path: one.txt, content: \"one\\n\" } }]
base//2: [{ write: { path: two.txt, content: \"two\\n\" } }]
base//3: [{ write: { path: three.txt, content: \"three\\n\" } }]
app//1: [{ run: 'cat two.txt > app.txt' }]
app//2: [{ write: { path: alone.txt, content: \"alone\\n\" } }]
app//3: [{ write: { path: last.txt, content: \"last\\n\" } }]
";

fn two() -> Space {
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/app.yaml", APP),
        ("plans/base.yaml", BASE),
        ("sessions.yaml", SESSIONS),
    ])
}

#[test]
fn a_plan_brings_along_what_it_needs_of_another_and_no_more() {
    let space = two();
    let printed =
        ["would run  base//1", "may run    app//1  Read: decided once base//2 has run", "5 tasks"];
    let preview = space.orch(&["build", "-n", "app"]).exits(0).says(&printed);
    assert!(!preview.stdout.contains("base//3"), "{}", preview.shown());
    space.build(&["app"], 0).has(&[("ran", 5)]);
    assert_eq!(space.read("app.txt"), "two\n", "what the other plan's task wrote is seen");
    assert!(!space.exists("three.txt"));
    space.build(&["app"], 0).has(&[("ran", 0), ("up_to_date", 5)]);
    space.build(&[], 0).has(&[("ran", 1)]);
    space.build(&[], 0).has(&[("ran", 0), ("up_to_date", 6)]);
}

#[test]
fn only_a_task_is_built_upon_what_is_there() {
    let space = two();
    space.orch(&["build", "app//1", "--only"]).exits(1).complains(&["base//2"]);
    space.build(&["base"], 0).has(&[("ran", 3)]);
    space.build(&["app//1", "--only"], 0).has(&[("ran", 1)]);
    space.build(&["app", "--resume-from", "app//2"], 0).has(&[("ran", 2)]);
}

#[test]
fn another_output_makes_exactly_what_depends_on_it_stale() {
    let space = two();
    space.build(&[], 0).has(&[("ran", 6)]);
    space.replace("plans/base.yaml", "Write two.txt.", "Write two.txt well.");
    // The same again is no reason to go on.
    space.build(&[], 0).has(&[("ran", 1), ("up_to_date", 5)]);
    space.replace("sessions.yaml", "\"two\\n\"", "\"better\\n\"");
    space.replace("plans/base.yaml", "two.txt well.", "two.txt better.");
    space.build(&[], 0).has(&[("ran", 3), ("up_to_date", 3)]);
    assert_eq!(space.read("app.txt"), "better\n");
    let why = space.orch(&["why", "app//1"]).exits(0);
    assert!(why.stdout.contains("up to date"), "{}", why.shown());
}

#[test]
fn a_failure_holds_what_depends_on_it_and_nothing_else() {
    let space = two();
    space.replace("sessions.yaml", "base//2: [{ write", "base//2: [{ status: failed }, { write");
    space.build(&[], 1).has(&[("ran", 3), ("failed", 1), ("blocked", 2)]);
    assert!(space.exists("alone.txt") && space.exists("three.txt") && !space.exists("app.txt"));
    space.orch(&["status"]).exits(0).says(&["base//2"]);
    space.orch(&["why", "app//1"]).exits(0).says(&["base//2"]);
    // What is left out satisfies it.
    space.orch(&["skip", "base//2"]).exits(0);
    space.write("two.txt", "mine\n");
    space.build(&[], 0).has(&[("ran", 2), ("skipped", 1)]);
    assert_eq!(space.read("app.txt"), "mine\n");
}

#[test]
fn all_tasks_of_a_plan_are_needed_by_a_star() {
    let space = two();
    space.replace("plans/app.yaml", "depends_on: [base//2]", "depends_on: [base//*]");
    space.build(&["app//1"], 0).has(&[("ran", 4)]);
    let more = "  - { id: '4', name: Fourth, run: 'echo 4 > four.txt' }\n";
    space.write("plans/base.yaml", &(space.read("plans/base.yaml") + more));
    space.build(&["app//1"], 0).has(&[("ran", 2), ("up_to_date", 3)]);
}

#[test]
fn drawings_lead_from_plan_to_plan() {
    let space = two();
    space.orch(&["graph"]).exits(0).says(&["app//1  Read", "2  Second"]);
    let json = space.orch(&["graph", "--format", "json"]).exits(0).stdout;
    assert!(json.contains("{\"from\":\"base//2\",\"to\":\"app//1\"}"), "{json}");
    space.orch(&["graph", "--format", "dot"]).exits(0).says(&["\"base//2\" -> \"app//1\""]);
    space.orch(&["graph", "--format", "mermaid"]).exits(0).says(&["t4 --> t0"]);
}

#[test]
fn dependencies_that_lead_nowhere_are_told_and_hold_what_has_them() {
    let check = |on: &str, code: &str, words: &[&str]| {
        let space = two();
        space.replace("plans/app.yaml", "[base//2]", &format!("['{on}']"));
        let told = space.orch(&["check", "--format", "json"]).exits(2);
        assert!(told.stdout.contains(code), "{}", told.shown());
        space.orch(&["why", "app//1"]).exits(0).says(&["held", on]);
        space.orch(&["build"]).exits(1).complains(&[code, "`1` waits for it"]).complains(words);
        assert!(space.exists("alone.txt") && space.exists("three.txt"));
        assert!(!space.exists("app.txt") && !space.exists("last.txt"));
        space.build(&[], 1).has(&[("ran", 0), ("up_to_date", 4), ("held", 1), ("blocked", 1)]);
    };
    check("bsae//2", "plan::unknown-plan", &["did you mean `base`"]);
    check("base//22", "plan::unknown-task", &["did you mean `base//2`"]);
    let space = two();
    space.replace("plans/app.yaml", "[base//2]", "['base//']");
    space.orch(&["build"]).exits(2).complains(&["plan::bad-value", "other//*"]);
}

#[test]
fn a_circle_of_two_plans_is_told_and_holds_its_tasks() {
    let space = two();
    space.replace("plans/base.yaml", "depends_on: ['1']", "depends_on: [app//3]");
    let words = ["plan::circle-of-plans", "plans/app.yaml", "plans/base.yaml"];
    space.orch(&["check"]).exits(2).says(&words);
    space.orch(&["build"]).exits(1).complains(&words);
    space.build(&[], 1).has(&[("ran", 0), ("up_to_date", 3), ("held", 3)]);
}

#[test]
fn what_needs_a_wrong_plan_is_held() {
    let check = |wrong: &str| {
        let space = two();
        space.write("plans/base.yaml", wrong);
        space.orch(&["build"]).exits(2).complains(&["plans/base.yaml", "nothing was run"]);
        let words = ["plan::waits-for-faulty", "plan `base` has errors"];
        space.orch(&["check"]).exits(2).says(&words);
        space.orch(&["build", "-n", "app"]).exits(0).says(&["would run  app//2", " 1 would run"]);
        space.orch(&["build", "app"]).exits(1).complains(&words);
        assert!(space.exists("alone.txt") && !space.exists("app.txt") && !space.exists("one.txt"));
        space.orch(&["why", "app//1"]).exits(0).says(&["because", "base"]);
    };
    check("sections: [\n");
    check(&BASE.replace("depends_on: ['1']", "depends_on: ['9']"));
}

#[test]
fn a_session_may_not_make_its_plan_wait_for_nothing() {
    let check = |on: &str, code: i32| {
        let space = two();
        let edit = format!("- run: \"sed -i 's,\\\\[.1.\\\\],[{on}],' plans/app.yaml\"");
        let session = format!("- - write: {{ path: alone.txt, content: a }}\n  {edit}\n");
        let before = "app//2: [{ write: { path: alone.txt, content: \"alone\\n\" } }]\n";
        space.replace("sessions.yaml", before, &format!("app//2:\n{session}"));
        let once = "Write alone.txt., max_attempts: 1";
        space.replace("plans/app.yaml", "Write alone.txt.", once);
        space.commit("session");
        space.orch(&["build", "app//2"]).exits(code)
    };
    check("base//3", 0).complains(&["changes app//3 (depends_on)"]);
    check("base//33", 1).complains(&["app//3 depends on `base//33`"]);
}

#[test]
fn order_in_two_files_and_needs_between_them_end() {
    let plan = |other: &str, own: &str| {
        format!(
            "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: A, run: 'echo {own} 1', depends_on: [{other}//2] }}\n  \
             - {{ id: '2', name: B, run: 'echo {own} 2' }}\n  - {{ id: '3', name: C, run: 'echo {own} 3' }}\n"
        )
    };
    let space = Space::new(&[("plans/a.yaml", &plan("b", "a")), ("plans/b.yaml", &plan("a", "b"))]);
    space.build(&[], 0).has(&[("ran", 6)]);
}

#[test]
fn what_was_done_stays_done_where_its_plan_is_gone() {
    let space = two();
    space.build(&[], 0).has(&[("ran", 6)]);
    std::fs::remove_file(space.root().join("plans/base.yaml")).unwrap();
    space.build(&[], 0).has(&[("ran", 0), ("up_to_date", 3)]);
    space.orch(&["check"]).exits(0).says(&["plan::unknown-plan", "no plan is called `base`"]);
}

/// Commands enough that a change reaches few of them.
#[test]
fn a_repository_at_rest_sees_what_a_change_does_in_another_plan() {
    let task = |at: usize, more: &str| {
        format!(
            "  - {{ id: '{at}', name: T{at}, run: 'cat in/{at} > out-{at}', inputs: [in/{at}]{more} }}\n"
        )
    };
    let head =
        "meta: { order: free }\nsections:\n- id: s\n  name: S\n  status: completed\n  tasks:\n";
    let mut many = head.to_owned();
    (0..24).for_each(|at| write!(many, "{}", task(at, "")).unwrap());
    let reader = format!(
        "{head}  - {{ id: r, name: R, run: 'cat out-7 > read', inputs: [out-7], depends_on: [many//7] }}\n"
    );
    let space = Space::new(&[("plans/many.yaml", &many), ("plans/app.yaml", &reader)]);
    (0..24).for_each(|at| space.write(&format!("in/{at}"), "start\n"));
    space.commit("inputs");
    space.build(&[], 0).has(&[("ran", 25)]);
    space.build(&[], 0).has(&[("ran", 0), ("up_to_date", 25)]);
    assert!(space.exists(".orch/charted-v1"));
    space.write("in/7", "other\n");
    space.build(&[], 0).has(&[("ran", 2), ("up_to_date", 23)]);
    assert_eq!(space.read("read"), "other\n");
    space.build(&[], 0).has(&[("ran", 0), ("up_to_date", 25)]);
}
