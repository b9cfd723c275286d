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
fn a_later_task_that_breaks_an_earlier_one_is_made_again_once_and_then_the_plan_has_failed() {
    for keys in ["    depends_on: ['1']\n", ""] {
        let space = space("sed -i 's/+/\\\\*/' src/sum.sh; date +%N >> src/other.sh", keys);
        let summary = space.build(&[], 1).has(&[("accepted", 1), ("failed", 1), ("sessions", 3)]);
        let printed = summary.ran.shown();
        assert!(
            printed.contains("\"validator\":\"sums of mend//1\",\"verdict\":\"FAIL\""),
            "{printed}"
        );
        assert!(
            printed.contains("made again once, and validator sums of mend//1 said FAIL"),
            "{printed}"
        );
        // A command is asked again, as any that said FAIL; no session is.
        let again = space.build(&[], 1).has(&[("sessions", 0)]);
        assert!(again.ran.shown().contains("mend//2"), "{}", again.ran.shown());
        space.orch(&["accept", "mend//1"]).exits(0);
        space.orch(&["accept", "mend//2"]).exits(0);
        space.build(&[], 0).has(&[("accepted", 2), ("sessions", 0)]);
    }
}

/// Seven tasks behind the first, all of them on its file; what the fifth does.
fn space_of_many(fifth: &str) -> Space {
    let space = space("true", "");
    let tasks: String = (2..=8)
        .map(|at| {
            format!(
                "  - id: '{at}'\n    name: Add line {at}\n    description: A line for src/sum.sh.\n    depends_on: ['{}']\n",
                at - 1
            )
        })
        .collect();
    let plan = space.read("plans/mend.yaml");
    let (head, _) = plan.split_once("  - id: '2'").unwrap();
    space.write("plans/mend.yaml", &format!("{head}{tasks}"));
    let line = |at: u32| format!("'{at}':\n- run: \"echo '# {at}' >> src/sum.sh\"\n");
    let lines: String = [2, 3, 4, 6, 7, 8].map(line).concat();
    let fifth = serde_json::to_string(fifth).unwrap();
    let first = "'1':\n- run: sed -i 's/-/+/' src/sum.sh\n";
    space.write(
        "sessions.yaml",
        &format!("{first}'5':\n- save-prompt: prompt\n- run: {fifth}\n{lines}"),
    );
    space.commit("many tasks");
    space
}

#[test]
fn the_task_that_broke_it_is_found_among_many_and_mends_it() {
    let fifth = "mv prompt $HOME/prompt; if grep -q '[*]' src/sum.sh; then sed -i 's/[*]/+/' src/sum.sh; \
                 else sed -i 's/+/*/' src/sum.sh; fi; echo '# 5' >> src/sum.sh";
    let space = space_of_many(&fifth.replace("s/+/*/", "s/+/\\\\*/"));
    let built = space.build(&[], 0).has(&[("accepted", 8), ("failed", 0)]);
    let printed = built.ran.shown();
    assert!(printed.contains("it broke mend//1: sums of mend//1 fails since"), "{printed}");
    let prompt = std::fs::read_to_string(space.home().join("prompt")).unwrap();
    assert!(prompt.contains("its validator sums fails since this task's result"), "{prompt}");
    assert!(space.read("src/sum.sh").contains("+ $2"), "{}", space.read("src/sum.sh"));
    // Three of seven landings say which, and what lies beneath it; then it is asked of the new result and of
    // what the plan leaves.
    assert_eq!(n_runs(&space), 2 + 3 + 1 + 2);
    space.build(&[], 0).has(&[("up_to_date", 8), ("sessions", 0)]);
}

#[test]
fn what_was_broken_beside_the_plan_costs_none_of_its_tasks() {
    let broken = "cd $(cat main-root) && echo 'exit 1' > check.sh && git add check.sh && \
                  git -c user.name=x -c user.email=x commit --quiet -m other";
    let space = space_of_many(&format!("rm prompt; echo '# 5' >> src/sum.sh; ({broken})"));
    let built = space.build(&[], 1).has(&[("sessions", 8)]);
    let printed = built.ran.shown();
    assert!(printed.contains("it was broken by something else"), "{printed}");
}

#[test]
fn what_is_broken_is_mended_by_hand() {
    let space = space("sed -i 's/+/\\\\*/' src/sum.sh; date +%N >> src/other.sh", "");
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

#[test]
fn an_item_is_archived_only_when_its_plan_is_closed() {
    let breaks = "sed -i 's/+/\\\\*/' src/sum.sh; date +%N >> src/other.sh";
    for (second, code) in [(breaks, 1), ("echo '# header' >> src/sum.sh", 0)] {
        let space = space(second, "    depends_on: ['1']\n");
        let item = "docs/feature-backlog/mend.md";
        space.write(item, "# Mend\n\n## Expected Behavior\n\nIt sums.\n");
        space.commit("an item with a plan of a person's");
        for _ in 0..2 {
            space.orch(&["watch", "--once"]).exits(code);
            assert_eq!(space.exists(item), code == 1);
        }
        let n_closings = if code == 0 { 2 } else { 3 };
        assert!(n_runs(&space) >= n_closings, "the sum was looked at once more");
    }
}
