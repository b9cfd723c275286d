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

const PLANNER: &str = "\
  - id: '2'
    name: Extend
    description: Add a task.
    agent: planner
    rule: extend-plan
    depends_on: ['1']
";

/// The planner's session adds a task; more than one of it would add it twice.
const SESSIONS: &str = "\
'2':
- - run: \"printf \\\"  - id: '3'\\n    name: Added\\n    description: More.\\n\\\" >> .orch/task/plan.yaml\"
'3':
- - write: { path: three.txt, content: three }
";

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
