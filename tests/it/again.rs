//! What failed once, and is built again when its cause is gone.

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

const PLAN: &str = "\
meta: { name: Again, order: free }
sections:
- id: s
  name: All
  status: pending
  tasks:
  - id: '1'
    name: First
    status: pending # by hand
    run: test -e $HOME/mended
";

const PLANNER: &str = "  - id: '2'
    name: Extend
    description: Add a task.
    agent: planner
    rule: extend-plan
    depends_on: ['1']
";

/// The planner's session adds a task; more than one of it would add it twice.
const SESSIONS: &str = r#"
'2':
- - run: |
      printf "  - id: '3'\n    name: Added\n    description: More.\n" >> .orch/task/plan.yaml
'3':
- - write: { path: three.txt, content: three }
'made':
- - write: { path: made.txt, content: made }
"#;

fn space(plan: &str) -> Space {
    Space::new(&[("orch.yaml", SETTINGS), ("plans/again.yaml", plan), ("sessions.yaml", SESSIONS)])
}

fn mend(space: &Space) {
    std::fs::write(space.home().join("mended"), "").unwrap();
}

#[test]
fn a_success_after_a_failure_reaches_the_plan() {
    let space = space(PLAN);
    space.build(&[], 1).has(&[("failed", 1)]);
    let failed = space.read("plans/again.yaml");
    assert!(
        failed.contains("status: failed # by hand") && failed.contains("last_error"),
        "{failed}"
    );
    mend(&space);
    let built = space.build(&[], 0);
    assert!(!built.ran.shown().contains("could not be written"), "{}", built.ran.shown());
    let plan = space.read("plans/again.yaml");
    assert!(plan.contains("    status: completed # by hand\n"), "{plan}");
    assert!(plan.contains("  status: completed\n  tasks:"), "{plan}");
    assert!(!plan.contains("last_error") && !plan.contains("failed"), "{plan}");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_planner_behind_a_success_after_a_failure_is_paid_once() {
    let space = space(&format!("{PLAN}{PLANNER}"));
    space.build(&[], 1).has(&[("failed", 1), ("blocked", 1), ("sessions", 0)]);
    mend(&space);
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 2)]);
    let plan = space.read("plans/again.yaml");
    assert_eq!(plan.matches("status: completed").count(), 4, "{plan}");
    assert!(plan.contains("name: Added") && space.exists("three.txt"), "{plan}");
}

/// A task by a session whose validator wants a tool that is not there.
const JUDGED: &str = "\
meta: { name: Judged }
sections:
- id: s
  name: All
  tasks:
  - id: made
    name: Make it
    description: Write made.txt.
    max_attempts: 1
    validators: [{ name: tool, run: 'echo x >> $HOME/asked; test -e $HOME/mended' }]
";

fn n_asked(space: &Space) -> usize {
    std::fs::read_to_string(space.home().join("asked")).unwrap_or_default().lines().count()
}

#[test]
fn a_command_validator_that_failed_is_asked_again_before_a_session_is_bought() {
    let check = |word: &[&str], flags: &[&str]| {
        let space = space(JUDGED);
        space.build(&[], 1).has(&[("failed", 1), ("sessions", 1)]);
        assert_eq!(n_asked(&space), 1);
        mend(&space);
        if !word.is_empty() {
            space.orch(word).exits(0);
        }
        space.build(flags, 0).has(&[("accepted", 1), ("replayed", 1), ("sessions", 0)]);
        assert_eq!(n_asked(&space), 2);
        assert_eq!(space.read("made.txt"), "made", "the result that was judged has landed");
        space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    };
    check(&[], &[]);
    check(&["retry", "again//made"], &[]);
    check(&[], &["--force", "again//made"]);
    check(&[], &["--no-cache"]);
}

#[test]
fn one_that_fails_again_costs_a_session_and_is_asked_once_in_a_build_for_one_content() {
    let space = space(&JUDGED.replace("max_attempts: 1", "max_attempts: 2"));
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    assert_eq!(n_asked(&space), 1, "the second attempt made the same");
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    assert_eq!(n_asked(&space), 2);
}

const BY_AGENT: &str = "\
'made':
- - write: { path: made.txt, content: made }
'validate:validator':
- read: made.txt
- verdict: FAIL
";

#[test]
fn an_agent_that_said_fail_is_asked_again_where_a_person_asks() {
    let plan = JUDGED.replace(
        "[{ name: tool, run: 'echo x >> $HOME/asked; test -e $HOME/mended' }]",
        "[validator]",
    );
    let space = space(&plan);
    space.write("sessions.yaml", BY_AGENT);
    space.commit("sessions");
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    space.orch(&["retry", "again//made"]).exits(0);
    space.write("sessions.yaml", &BY_AGENT.replace("FAIL", "PASS"));
    space.commit("another opinion");
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1), ("sessions", 1)]);
}

#[test]
fn a_fail_on_what_has_landed_is_asked_again_before_the_task_runs() {
    let space = space(JUDGED);
    mend(&space);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    space.write("made.txt", "mended by hand");
    space.write("sessions.yaml", "'made':\n- status: failed\n");
    space.commit("by hand");
    std::fs::remove_file(space.home().join("mended")).unwrap();
    space.build(&[], 1).has(&[("failed", 1)]);
    let n = n_asked(&space);
    mend(&space);
    space.build(&[], 0).has(&[("sessions", 0)]);
    assert_eq!(n_asked(&space), n + 1);
}

const BLOCK: &str = "\
meta: { name: P, order: free }
sections:
- id: s
  name: All
  status: pending
  tasks:
  - id: '1'
    name: First
    status: pending
    run: test -e $HOME/mended && echo x > one.txt
  - id: '2'
    name: Second
    status: pending
    run: test -e $HOME/mended && echo x > two.txt
";

fn head_of(space: &Space) -> String {
    space.git(&["show", "HEAD:plans/again.yaml"])
}

#[test]
fn a_success_after_a_decision_reaches_the_committed_plan() {
    let check = |command: &str| {
        let space = space(BLOCK);
        space.build(&["-k"], 1).has(&[("failed", 2)]);
        assert!(head_of(&space).contains("last_error"), "{}", head_of(&space));
        for task in ["again//1", "again//2"] {
            space.orch(&[command, task]).exits(0);
            assert_eq!(space.git(&["status", "--porcelain"]), "", "{command}");
        }
        mend(&space);
        space.build(&[], 0).has(&[("accepted", 2), ("ran", 2)]);
        let plan = head_of(&space);
        assert_eq!(plan.matches("status: completed").count(), 3, "{command}: {plan}");
        assert!(!plan.contains("last_error"), "{command}: {plan}");
        assert_eq!(space.read("plans/again.yaml").trim_end(), plan, "{command}");
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{command}");
        space.build(&[], 0).has(&[("up_to_date", 2)]);
    };
    check("retry");
    check("reset");
}

#[test]
fn a_decision_that_the_plan_must_say_is_committed_with_a_plan_that_is() {
    let check = |command: &str, status: &str, counts: &[(&str, u64)]| {
        let space = space(BLOCK);
        space.build(&["-k"], 1).has(&[("failed", 2)]);
        space.orch(&[command, "again//1"]).exits(0);
        assert!(head_of(&space).contains(status), "{}", head_of(&space));
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{command}");
        mend(&space);
        space.build(&[], 0).has(counts);
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{command}");
        space.orch(&["retry", "again//1"]).exits(0);
        space.build(&[], 0).has(&[("accepted", 2), ("ran", 1)]);
        let plan = head_of(&space);
        assert_eq!(plan.matches("status: completed").count(), 3, "{command}: {plan}");
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{command}");
    };
    check("skip", "status: skipped", &[("skipped", 1), ("ran", 1)]);
    check("accept", "status: completed", &[("up_to_date", 1), ("ran", 1)]);
}

#[test]
fn a_decision_goes_into_a_plan_with_edits_of_the_users_as_it_lies() {
    let check = |edit: &dyn Fn(&Space), status: &str| {
        let space = space(BLOCK);
        edit(&space);
        space.build(&["-k"], 1).has(&[("failed", 2)]);
        let head = space.git(&["rev-parse", "HEAD"]);
        space.orch(&["retry", "again//1"]).exits(0);
        assert!(space.read("plans/again.yaml").contains("    status: pending\n"));
        space.orch(&["skip", "again//2"]).exits(0);
        assert!(space.read("plans/again.yaml").contains("    status: skipped\n"));
        assert_eq!(space.git(&["rev-parse", "HEAD"]), head);
        mend(&space);
        space.build(&[], 0).has(&[("accepted", 1), ("skipped", 1)]);
        assert!(space.read("plans/again.yaml").contains("    status: completed\n"));
        assert_eq!(space.git(&["status", "--porcelain"]), status);
    };
    let add = |space: &Space| space.replace("plans/again.yaml", "name: All", "name: Mine");
    check(&add, " M plans/again.yaml");
    let untrack = |space: &Space| {
        space.git(&["rm", "-q", "--cached", "plans/again.yaml"]);
        space.git(&["commit", "-qm", "untracked"]);
    };
    check(&untrack, "?? plans/");
}

#[test]
fn attempts_are_counted_over_all_builds() {
    let plan = "meta: { name: P }\nsections:\n- id: s\n  name: All\n  tasks:\n  - { id: '1', name: A, run: test -e good, inputs: [x], max_attempts: 1 }\n";
    let space = Space::new(&[("plans/p.yaml", plan), ("x", "1\n")]);
    let check = |code: i32, expected: u64| {
        space.build(&[], code);
        let status = space.orch(&["status", "--format", "json"]).exits(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["tasks"][0]["attempts"], expected, "{status:#}");
        let written = space.read("plans/p.yaml");
        assert!(written.contains(&format!("attempts: {expected}")), "{written}");
    };
    check(1, 1);
    check(1, 2);
    space.replace("plans/p.yaml", "test -e good", "\"true\"");
    check(0, 3);
    space.write("x", "2\n");
    check(0, 4);
}
