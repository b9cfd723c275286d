//! Tasks of a plan that were validated one by one, and what the plan left of them in the end.

use crate::support::Space;

/// Sessions tell what they saw by files in the checkout.
const SETTINGS: &str = "session: { scripted: sessions.yaml }\nsandbox: none\n";
const CHECK: &str = "echo ran >> \"$(cat main-root)/runs\"; sh check.sh";

/// A plan of two tasks: the first mends the sum and is checked, the second does this to it.
fn space(second: &str, keys: &str) -> Space {
    let check = serde_json::to_string(CHECK).unwrap();
    let plan = format!(
        "meta: {{ name: Mend }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: Mend the sum\n    \
         description: src/sum.sh must print a sum.\n    validators: [{{ name: sums, run: {check} }}]\n  - id: '2'\n    \
         name: Add a header\n    description: A header for src/sum.sh.\n{keys}"
    );
    let run = serde_json::to_string(second).unwrap();
    let sessions = format!(
        "'1':\n- run: sed -i 's/-/+/' src/sum.sh\n'2':\n- run: {run}\n'3':\n- run: {run}\n"
    );
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/mend.yaml", &plan),
        ("sessions.yaml", &sessions),
        ("src/sum.sh", "expr $1 - $2\n"),
        ("check.sh", "test \"$(sh src/sum.sh 1 2)\" = 3\n"),
        ("src/other.sh", "x\n"),
        (".gitignore", "/runs\n"),
    ]);
    space.write("main-root", &space.root().display().to_string());
    space.commit("where it is");
    space
}

fn n_runs(space: &Space) -> usize {
    space.read("runs").lines().count()
}

#[test]
fn a_later_task_that_breaks_an_earlier_one_keeps_the_plan_from_being_complete() {
    for keys in ["    depends_on: ['1']\n", ""] {
        let space = space("sed -i 's/+/\\\\*/' src/sum.sh", keys);
        let summary = space.build(&[], 1).has(&[("accepted", 1), ("failed", 1), ("sessions", 2)]);
        let shown = summary.ran.shown();
        assert!(shown.contains("its validator sums fails on what its plan left"), "{shown}");
        assert!(shown.contains("changed since by mend//2"), "{shown}");
        // A command is asked again, as any that said FAIL; no session is.
        let again = space.build(&[], 1).has(&[("failed", 1), ("sessions", 0)]);
        assert!(again.ran.shown().contains("mend//1"), "{}", again.ran.shown());
        assert_eq!(n_runs(&space), 3);
        space.orch(&["status"]).says(&["sums fails on what its plan left"]);
        space.orch(&["accept", "mend//1"]).exits(0);
        space.build(&[], 0).has(&[("accepted", 2), ("sessions", 0)]);
    }
}

#[test]
fn what_is_broken_is_mended_by_hand() {
    let space = space("sed -i 's/+/\\\\*/' src/sum.sh", "");
    space.build(&[], 1).has(&[("failed", 1)]);
    space.write("src/sum.sh", "expr $1 + $2\n");
    space.commit("mended");
    space.build(&[], 0).has(&[("accepted", 2), ("sessions", 0)]);
    space.build(&[], 0).has(&[("up_to_date", 2)]);
}

#[test]
fn a_plan_whose_sum_holds_is_judged_once_and_not_for_the_work_of_later_plans() {
    let space = space("sed -i '1i # A sum' src/sum.sh", "    depends_on: ['1']\n");
    space.build(&[], 0).has(&[("accepted", 2), ("sessions", 2)]);
    assert_eq!(n_runs(&space), 2, "on the result, and on what the plan left");
    space.build(&[], 0).has(&[("up_to_date", 2)]);
    let later = "meta: { name: Later }\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '3'\n    name: Break it\n    \
                 description: src/sum.sh shall be wrong.\n";
    space.write("plans/later.yaml", later);
    space.replace(
        "sessions.yaml",
        "'3':\n- run: \"sed -i '1i # A sum' src/sum.sh\"",
        "'3':\n- run: echo 'echo 0' > src/sum.sh",
    );
    space.commit("a later plan");
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 1)]);
    assert_eq!(n_runs(&space), 2);
}

#[test]
fn a_task_that_touches_other_files_is_judged_by_nobody_else() {
    let space = space("echo y >> src/other.sh", "");
    space.build(&[], 0).has(&[("accepted", 2)]);
    assert_eq!(n_runs(&space), 1);
}
