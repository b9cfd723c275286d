//! Sessions that change their own plan, by the built program.

use crate::support::Space;

/// Sessions tell what they saw by files in the checkout.
const SETTINGS: &str = "session: { scripted: sessions.yaml }\nsandbox: none\n";
const COPY: &str = ".orch/task/plan.yaml";

const PLAN: &str = "\
# Mine.
meta: { name: Grow }
sections:
- id: s
  name: All
  status: pending
  tasks:
  - id: '1'
    name: First   # the first
    description: Write one.txt.
    status: pending
    max_attempts: 2
  # The second waits.
  - id: '2'
    name: Second
    description: Write two.txt.
    status: pending
    depends_on: ['1']
";

/// Writes the file that belongs to the task.
const OTHERS: &str = "'*':\n- run: \"mkdir -p out; touch out/$(echo $ORCH_TASK | tr / _)\"\n- write: { path: out/made, content: x }\n";

fn space(first: &str) -> Space {
    let sessions = format!(
        "'1':\n{first}'1.1':\n- write: {{ path: half.txt, content: h }}\n'2':\n- write: {{ path: two.txt, content: t }}\n"
    );
    Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/grow.yaml", PLAN),
        ("sessions.yaml", &sessions),
        (".gitignore", "/seen\n"),
    ])
}

const WRITES: &str = "  - write: { path: one.txt, content: one }\n";

/// A step that edits the copy of the plan.
fn edit(old: &str, new: &str) -> String {
    let quote = |text: &str| serde_json::to_string(text).unwrap();
    format!("  - edit: {{ path: {COPY}, old: {}, new: {} }}\n", quote(old), quote(new))
}

const SPLIT: (&str, &str) = (
    "  # The second waits.\n",
    "  - id: '1.1'\n    name: The other half\n    description: |\n      Write half.txt.\n    depends_on: ['1']\n  # The second waits.\n",
);

#[test]
fn a_task_that_a_session_adds_is_built_in_the_same_build_and_lands_with_the_plan() {
    let space = space(&format!("- {WRITES}{}", edit(SPLIT.0, SPLIT.1)).replacen("-   -", "- -", 1));
    let built = space.build(&["-j", "1"], 0);
    built.has(&[("targets", 3), ("accepted", 3), ("sessions", 3)]);
    assert_eq!(
        space.landed(),
        ["grow//2: Second", "grow//1.1: The other half", "grow//1: First", "start"]
    );
    let plan = space.read("plans/grow.yaml");
    assert!(plan.contains("# Mine.") && plan.contains("First   # the first"), "{plan}");
    assert!(
        plan.contains("    name: The other half\n    description: |\n      Write half.txt.\n"),
        "{plan}"
    );
    assert_eq!(plan.matches("status: completed").count(), 4, "{plan}");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    let landing = space.git(&["log", "main", "--format=%s", "-S", "The other half", "--", "plans"]);
    assert_eq!(landing, "grow//1: First", "the change is in the landing's own commit");
    let files = space.git(&["log", "--format=", "--name-only", "--grep", "Orch-Task: grow//1$"]);
    assert!(files.contains("one.txt"), "{files}");
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn a_task_that_a_session_skips_or_rewords_never_runs_as_it_was() {
    let reworded = edit("Write two.txt.", "Write two.txt, twice.");
    let built = space(&format!("- {WRITES}{reworded}").replacen("-   -", "- -", 1));
    built.build(&[], 0).has(&[("accepted", 2), ("sessions", 2)]);
    let plan = built.read("plans/grow.yaml");
    assert!(plan.contains("description: Write two.txt, twice.\n"), "{plan}");
    built.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);

    let skipped = edit(
        "    status: pending\n    depends_on",
        "    status: skipped\n    result_message: not needed\n    depends_on",
    );
    let space = space(&format!("- {WRITES}{skipped}").replacen("-   -", "- -", 1));
    space.build(&[], 0).has(&[("sessions", 1)]);
    let plan = space.read("plans/grow.yaml");
    assert!(plan.contains("status: skipped\n"), "{plan}");
    assert!(plan.contains("result_message: not needed\n"), "{plan}");
    assert!(!space.exists("two.txt"));
}

#[test]
fn an_invalid_change_goes_back_to_the_session_and_nothing_of_it_is_taken() {
    let wrong = edit("depends_on: ['1']", "depends_on: ['9']");
    let right = edit("depends_on: ['9']", "depends_on: ['1']");
    let first = format!(
        "- - write: {{ path: one.txt, content: one }}\n{wrong}- - save-prompt: PROMPT\n{right}"
    );
    let space = space(&first);
    let prompt = space.home().join("prompt");
    space.replace("sessions.yaml", "PROMPT", &prompt.display().to_string());
    space.build(&[], 0).has(&[("accepted", 2), ("sessions", 3)]);
    let prompt = std::fs::read_to_string(prompt).unwrap();
    assert!(prompt.contains("no task has the id `9` (plan::unknown-dependency)"), "{prompt}");
    assert_eq!(space.read("one.txt"), "one", "the same session went on in its worktree");
    space.orch(&["show", "grow//1"]).exits(0).says(&["plan-refused"]);
}

#[test]
fn a_change_that_is_never_right_fails_the_task_and_leaves_the_plan_alone() {
    for (old, new) in [
        ("name: Grow", "name: Grow, budget: { usd: 1000 }"),
        ("    status: pending\n    max_attempts", "    status: completed\n    max_attempts"),
        ("    status: pending\n    depends_on", "    status: completed\n    depends_on"),
        ("sections:", "sections: ["),
    ] {
        let first = format!("- {WRITES}{}", edit(old, new)).replacen("-   -", "- -", 1);
        let stays = format!("{first}- - say: It stays so.\n");
        let space = space(&stays);
        space.build(&[], 1).has(&[("failed", 1), ("blocked", 1), ("sessions", 2)]);
        assert_eq!(space.landed(), ["start"]);
        assert!(!space.exists("one.txt"));
        let plan = space.read("plans/grow.yaml");
        assert!(!plan.contains("1000") && !plan.contains("completed"), "{plan}");
    }
}

#[test]
fn a_plan_that_is_edited_in_place_is_no_part_of_the_patch() {
    let path = "plans/grow.yaml";
    let first = format!("- {WRITES}{}", edit(SPLIT.0, SPLIT.1)).replacen("-   -", "- -", 1);
    let space = space(&first.replace(COPY, path));
    space.build(&[], 0).has(&[("targets", 3), ("accepted", 3), ("sessions", 3)]);
    let shown = space.orch(&["show", "grow//1"]).exits(0);
    assert!(shown.stdout.contains("A one.txt"), "{}", shown.shown());
    assert!(!shown.stdout.contains("M plans/grow.yaml"), "{}", shown.shown());
}

#[test]
fn a_change_finds_its_place_in_a_plan_that_the_user_edits_meanwhile() {
    // The user's edits, made while the session runs: a comment, and a new name of the second task.
    let user = "cd \"$(cat ROOT)\" && sed -i -e 's/# Mine./# Still mine./' -e 's/name: Second/name: Renamed/' plans/grow.yaml";
    let first = format!(
        "- {WRITES}  - run: {}\n{}",
        serde_json::to_string(user).unwrap(),
        edit(SPLIT.0, SPLIT.1)
    );
    let space = space(&first.replacen("-   -", "- -", 1));
    let root = space.home().join("root");
    std::fs::write(&root, space.root().display().to_string()).unwrap();
    space.replace("sessions.yaml", "ROOT", &root.display().to_string());
    space.commit("where it is");
    space.build(&[], 0).has(&[("targets", 3), ("accepted", 3), ("sessions", 3)]);
    let plan = space.read("plans/grow.yaml");
    for kept in ["# Still mine.", "name: Renamed", "name: The other half", "First   # the first"] {
        assert!(plan.contains(kept), "{kept} in\n{plan}");
    }
    let status = space.git(&["status", "--porcelain"]);
    assert_eq!(status, " M plans/grow.yaml", "an edited plan stays an edit, and is not committed");
}

#[test]
fn a_plan_that_git_does_not_know_is_changed_where_it_lies() {
    let first = format!("- {WRITES}{}", edit(SPLIT.0, SPLIT.1)).replacen("-   -", "- -", 1);
    let space = space(&first);
    space.git(&["rm", "--quiet", "--cached", "plans/grow.yaml"]);
    space.git(&["commit", "--quiet", "--message", "not in git"]);
    space.build(&[], 0).has(&[("targets", 3), ("accepted", 3), ("sessions", 3)]);
    let plan = space.read("plans/grow.yaml");
    assert!(plan.contains("name: The other half"), "{plan}");
    assert_eq!(plan.matches("status: completed").count(), 4, "{plan}");
    assert_eq!(space.git(&["status", "--porcelain"]), "?? plans/");
}

#[test]
fn a_planner_changes_nothing_but_the_plan() {
    let section = "\n- id: t\n  name: More\n  tasks:\n  - id: '3'\n    name: Third\n    description: Write it.\n";
    let run = format!("printf '%b' {} >> {COPY}", serde_json::to_string(section).unwrap());
    let run = serde_json::to_string(&run).unwrap();
    let plan = "meta: { name: Plan }\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: Extend the plan\n    agent: planner\n    status: pending";
    let sessions = format!("'1':\n- run: {run}\n{OTHERS}");
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/plan.yaml", plan),
        ("sessions.yaml", &sessions),
    ]);
    let built = space.build(&[], 0);
    built.has(&[("targets", 2), ("accepted", 2), ("sessions", 2)]);
    assert!(space.read("plans/plan.yaml").contains("name: More"));
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}

#[test]
fn slack_messages_are_kept_and_shown() {
    let first = format!(
        "- {WRITES}  - status: {{ status: completed, slack_messages: [{{ type: idea, title: Go on, description: further }}] }}\n"
    );
    let space = space(&first.replacen("-   -", "- -", 1));
    space.build(&[], 0).has(&[("accepted", 2)]);
    space.orch(&["show", "grow//1"]).exits(0).says(&["slack", "idea", "Go on"]);
    space.orch(&["show", "grow//1", "--format", "json"]).exits(0).says(&["\"slack_messages\""]);
}

#[test]
fn a_cached_result_brings_its_change_of_the_plan_along() {
    let first = format!("- {WRITES}{}", edit(SPLIT.0, SPLIT.1)).replacen("-   -", "- -", 1);
    let space = space(&first);
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 3)]);
    space.git(&["reset", "--quiet", "--hard", "HEAD~3"]);
    assert!(!space.read("plans/grow.yaml").contains("The other half"));
    space.build(&[], 0).has(&[("targets", 3), ("replayed", 3), ("sessions", 0)]);
    assert!(space.read("plans/grow.yaml").contains("The other half"));
}

#[test]
fn a_change_waits_with_its_landing_and_is_built_once_that_is_taken() {
    let first = format!("- {WRITES}{}", edit(SPLIT.0, SPLIT.1)).replacen("-   -", "- -", 1);
    let space = space(&first);
    space.write("one.txt", "the user's own\n");
    space.build(&[], 0).has(&[("targets", 2), ("accepted", 2)]);
    assert_eq!(space.read("plans/grow.yaml"), PLAN, "nothing of the checkout is touched");
    std::fs::remove_file(space.root().join("one.txt")).unwrap();
    space.orch(&["land"]).exits(0);
    assert!(space.read("plans/grow.yaml").contains("The other half"));
    space.build(&[], 0).has(&[("targets", 3), ("accepted", 3), ("sessions", 1)]);
}

#[test]
fn a_session_that_only_says_it_changed_the_plan_is_told_of() {
    let status = "  - status: { status: completed, plan_modified: true }\n";
    let space = space(&format!("- {WRITES}{status}").replacen("-   -", "- -", 1));
    let built = space.orch(&["build"]).exits(0);
    let said = format!("{}{}", built.stdout, built.stderr);
    assert!(said.contains("grow//1 says that it changed the plan"), "{said}");
}

#[test]
fn a_task_that_the_user_takes_out_meanwhile_keeps_no_other_from_its_status_line() {
    let plan = "meta: { name: Two }\nsections:\n- id: s\n  name: All\n  tasks:\n  - { id: '1', name: One, description: x }\n  - { id: '2', name: Two, description: y }\n  - { id: '3', name: Three, run: exit 7 }\n";
    for commit in ["", "; git -C ROOT commit -qam mine"] {
        let sessions = "'1':\n- write: { path: one.txt, content: x }\n- run: \"sed -i '/Two, /d' ROOT/plans/two.yamlCOMMIT\"\n'2':\n- write: { path: two.txt, content: x }\n";
        let space = Space::new(&[("orch.yaml", SETTINGS), ("plans/two.yaml", plan)]);
        let root = space.root().display().to_string();
        space.write("sessions.yaml", &sessions.replace("COMMIT", commit).replace("ROOT", &root));
        space.commit("sessions");
        space.build(&[], 1);
        let plan = space.read("plans/two.yaml");
        assert!(plan.contains("name: One, description: x, attempts: 1"), "{commit}: {plan}");
        assert!(plan.contains("run: exit 7, attempts: 1"), "{commit}: {plan}");
        assert!(!plan.contains("Two, "), "{commit}: {plan}");
    }
}

/// A space without the plan, whose first session renames the second task and then runs a line there.
fn renaming(line: &str) -> Space {
    let sessions = format!(
        "'1':\n- - edit: {{ path: {COPY}, old: \"name: Second\", new: \"name: Other\" }}\n  - run: {line}\n"
    );
    let space = Space::new(&[("orch.yaml", SETTINGS), (".gitignore", "/.orch/\n/sessions.yaml\n")]);
    space.write("sessions.yaml", &sessions.replace("ROOT", &space.root().display().to_string()));
    space.git(&["branch", "bare"]);
    space.write("plans/grow.yaml", PLAN);
    space
}

#[test]
fn a_plan_that_is_gone_when_its_change_is_to_land_holds_what_was_made() {
    let space = renaming("rm ROOT/plans/grow.yaml");
    let printed = space.orch(&["build", "grow//1"]).exits(1).shown();
    assert!(printed.contains("`plans/grow.yaml` is not there any more"), "{printed}");
    space.write("plans/grow.yaml", PLAN);
    space.build(&["grow//1"], 0).has(&[("accepted", 1), ("sessions", 0)]);
    assert!(space.read("plans/grow.yaml").contains("name: Other"));
}

#[test]
fn a_branch_without_the_plan_that_is_checked_out_meanwhile_has_it_land_on_its_own() {
    let space = renaming("git -C ROOT switch -q bare");
    space.commit("a plan");
    let main = space.git(&["branch", "--show-current"]).trim().to_owned();
    space.build(&["grow//1"], 0).has(&[("accepted", 1), ("sessions", 1)]);
    space.git(&["switch", "-q", &main]);
    space.build(&["grow//1"], 0).has(&[("accepted", 1), ("sessions", 0)]);
    assert!(space.read("plans/grow.yaml").contains("name: Other"));
}

#[test]
fn a_change_is_made_again_on_a_branch_that_has_none_of_it() {
    let plan = "meta: { name: Plan }\nsections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: Extend, description: Add a task., agent: planner, rule: extend-plan }\n";
    let more = "  - { id: '2', name: More, description: Write two.txt. }\n";
    let sessions = format!(
        "'1':\n- run: {}\n'2':\n- write: {{ path: two.txt, content: t }}\n",
        serde_json::to_string(&format!("printf '%s' \"{more}\" >> {COPY}")).unwrap()
    );
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/plan.yaml", plan),
        ("sessions.yaml", &sessions),
    ]);
    space.git(&["branch", "older"]);
    space.build(&[], 0).has(&[("targets", 2), ("accepted", 2), ("sessions", 2)]);
    space.git(&["switch", "-q", "older"]);
    space.build(&[], 0).has(&[("targets", 2), ("accepted", 2), ("sessions", 0)]);
    assert!(space.read("plans/plan.yaml").contains("name: More"));
    assert_eq!(space.read("two.txt"), "t");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}
