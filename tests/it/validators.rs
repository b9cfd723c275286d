//! Validators by the built program: what they see, what their words count, and what was there before.

use crate::support::Space;

/// Sessions tell what they saw by files in the checkout.
const SETTINGS: &str = "session: { scripted: sessions.yaml }\nsandbox: none\n";
const ITEM: &str = "docs/defect-backlog/1-crash.md";

/// One task with these further keys, the sessions given, and more files.
fn one(keys: &str, sessions: &str, files: &[(&str, &str)]) -> Space {
    let plan = format!(
        "meta: {{ name: One, source_item: {ITEM} }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: Make it\n    description: Write one.txt.\n    max_attempts: 2\n{keys}"
    );
    let own = [("orch.yaml", SETTINGS), ("plans/one.yaml", &plan), ("sessions.yaml", sessions)];
    Space::new(&[&own[..], files].concat())
}

/// Validators of the rule, not of the task.
fn by_rule(validators: &str) -> String {
    format!("rule: implement\nextends: implement\nvalidators:\n{validators}")
}

const WRITES: &str = "'1':\n- write: { path: one.txt, content: \"one\\n\" }\n";

#[test]
fn every_warning_of_every_validator_is_kept_and_shown() {
    let sessions = format!(
        "{WRITES}\
'validate:validator':\n- read: one.txt\n- verdict: {{ is: WARN, findings: [\"[WARN] no test\"] }}\n\
'validate:code-reviewer':\n- read: one.txt\n- structured: {{ verdict: WARN, findings: [{{ level: WARN, text: a long line }}] }}\n\
'validate:qa-auditor':\n- read: one.txt\n- structured: {{ verdict: PASS, findings: [] }}\n"
    );
    let space = one("    validators: [validator, code-reviewer, qa-auditor]\n", &sessions, &[]);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 4)]);
    let found = ["[WARN] no test", "[WARN] a long line"];
    space.orch(&["show", "one//1"]).exits(0).says(&found).says(&["PASS qa-auditor"]);
    space.orch(&["status"]).exits(0).says(&found);
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
}

#[test]
fn what_one_warned_of_is_told_with_what_the_next_one_failed() {
    let sessions = "'1':\n- - write: { path: one.txt, content: bad }\n- - save-prompt: PROMPT\n  - write: { path: one.txt, content: worse }\n\
'validate:validator':\n- read: one.txt\n- verdict: { is: WARN, findings: [\"[WARN] no test\"] }\n\
'validate:qa-auditor':\n- read: one.txt\n- verdict: { is: FAIL, findings: [\"[FAIL] wrong\"] }\n";
    let space = one("    validators: [validator, qa-auditor]\n", sessions, &[]);
    let prompt = space.home().join("prompt");
    space.replace("sessions.yaml", "PROMPT", &prompt.display().to_string());
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 6)]);
    let prompt = std::fs::read_to_string(prompt).unwrap();
    assert!(prompt.contains("> - [FAIL] wrong\n> - [WARN] no test\n"), "{prompt}");
    let plan = space.read("plans/one.yaml");
    assert!(plan.contains("[FAIL] wrong") && plan.contains("[WARN] no test"), "{plan}");
    assert!(plan.contains("attempts: 2\n"), "{plan}");
}

#[test]
fn a_validator_looks_at_a_clean_worktree_of_what_would_land_and_a_fail_never_reaches_the_branch() {
    let sessions = "'1':\n- - write: { path: one.txt, content: \"bad\\n\" }\n  - run: echo scratch > ignored.log\n- - write: { path: one.txt, content: \"good\\n\" }\n";
    let line = "test -z \"$(git status --porcelain)\" && test ! -e ignored.log && git -C \"$(cat main-root)\" log -1 --format=%s main >> \"$(cat main-root)/seen\"; echo junk > junk.txt; head -1 one.txt | grep -q good";
    let keys = format!(
        "    validators:\n    - name: look\n      run: {}\n",
        serde_json::to_string(line).unwrap()
    );
    let space = one(&keys, sessions, &[(".gitignore", "*.log\n/seen\n")]);
    space.write("main-root", &space.root().display().to_string());
    space.commit("where it is");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(space.read("seen"), "where it is\nwhere it is\n", "nothing had landed yet");
    assert_eq!(space.read("one.txt"), "good\n", "what validators leave is thrown away");
    assert!(!space.exists("junk.txt"));
    let blobs = space.git(&["log", "main", "-p", "--", "one.txt"]);
    assert!(!blobs.contains("+bad"), "{blobs}");
}

#[test]
fn a_validator_that_did_nothing_is_asked_again_and_then_loud() {
    let check = |validator: &str, exit: i32| {
        let sessions = format!("{WRITES}'validate:validator':\n{validator}");
        let space = one("    validators: [validator]\n", &sessions, &[]);
        let built = space.build(&[], exit);
        (built.number("accepted"), built.number("sessions"), space.read("plans/one.yaml"))
    };
    let pass = "  - structured: { verdict: PASS, findings: [] }\n";
    for nothing in [
        "- - verdict: PASS\n",
        "- - structured: { verdict: PASS, findings: [] }\n",
        "- - read: one.txt\n  - say: It is all fine.\n",
        "- - deny: Bash\n  - verdict: PASS\n",
        "- - read: one.txt\n  - verdict: PASS\n  - fail: { class: killed }\n",
        "- - read: one.txt\n  - say: \"```\\n**Verdict: PASS**\\n```\"\n",
        "- - read: one.txt\n  - say: \"**Verdict: PASS**\\n> **Verdict: FAIL**\"\n",
    ] {
        let (accepted, sessions, said) = check(nothing, 1);
        assert_eq!((accepted, sessions), (0, 3), "{nothing}{said}");
        assert!(said.contains("reached no verdict"), "{nothing}{said}");
    }
    let second = format!("- - verdict: PASS\n- - read: one.txt\n{pass}");
    // The number is the attempt's of the task: both sessions of this validator play the first.
    let (accepted, sessions, _) = check(&second, 1);
    assert_eq!((accepted, sessions), (0, 3));
    let (accepted, sessions, _) = check(&format!("- - read: one.txt\n{pass}"), 0);
    assert_eq!((accepted, sessions), (1, 2));
}

/// A check of the whole project, which fails from the start and says so wherever `new.txt` is not.
const CHECK: &str = "echo ran >> \"$(cat main-root)/runs\"\necho 'test old_thing ... FAILED'\ntest ! -e bad.txt || echo 'test other ... FAILED'\necho \"finished in 0.$$ s\"\nexit 1\n";

fn checked(validators: &str, sessions: &str) -> Space {
    let rule = by_rule(validators);
    let files = [("check.sh", CHECK), ("rules/implement.yaml", &rule), (".gitignore", "/runs\n")];
    let space = one("", sessions, &files);
    space.write("main-root", &space.root().display().to_string());
    space.commit("where it is");
    space
}

#[test]
fn what_failed_before_the_task_does_not_count_against_it() {
    let space = checked("- { name: all, run: sh check.sh }\n", WRITES);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    space.orch(&["show", "one//1"]).exits(0).says(&[
        "WARN all",
        "failed before this task too",
        "test old_thing ... FAILED",
        "all (baseline) on attempt 1",
    ]);
    assert_eq!(space.read("runs"), "ran\nran\n", "on the result and on the tree below it");
    space.build(&[], 0).has(&[("up_to_date", 1)]);
    assert_eq!(space.read("runs"), "ran\nran\n");
}

#[test]
fn what_is_new_counts_and_the_tree_below_is_checked_once() {
    let sessions = "'1':\n- - write: { path: bad.txt, content: x }\n- - write: { path: bad.txt, content: y }\n";
    let space = checked("- { name: all, run: sh check.sh }\n", sessions);
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    assert_eq!(space.landed(), ["where it is", "start"]);
    assert_eq!(space.read("runs").lines().count(), 3, "two results, one tree below");
    let plan = space.read("plans/one.yaml");
    assert!(plan.contains("new since this task"), "{plan}");
    assert!(plan.contains("test other ... FAILED"), "{plan}");
    assert!(!plan.contains("old_thing"), "{plan}");
}

#[test]
fn a_check_that_wants_no_baseline_or_was_written_for_the_task_counts_as_it_is() {
    let rule = "- { name: all, run: sh check.sh, baseline: false }\n";
    checked(rule, WRITES).build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    let own = "    validators:\n    - { name: all, run: \"echo 'x failed'; false\" }\n";
    one(own, WRITES, &[]).build(&[], 1).has(&[("failed", 1)]);
    let asked = own.replace("name: all,", "name: all, baseline: true,");
    one(&asked, WRITES, &[]).build(&[], 0).has(&[("accepted", 1)]);
    let silent = "    validators:\n    - { name: all, run: \"false\", baseline: true }\n";
    one(silent, WRITES, &[]).build(&[], 1).has(&[("failed", 1)]);
}

#[test]
fn agents_are_told_what_commands_found() {
    let sessions = format!(
        "{WRITES}'validate:validator':\n- save-prompt: /prompt.md\n- read: one.txt\n- verdict: PASS\n"
    );
    let space = checked("- { name: all, run: sh check.sh }\n- validator\n", &sessions);
    let prompt = space.home().join("prompt.md");
    space.replace("sessions.yaml", "/prompt.md", &prompt.display().to_string());
    space.build(&[], 0).has(&[("accepted", 1)]);
    let prompt = std::fs::read_to_string(prompt).unwrap();
    assert!(prompt.contains("- all: [WARN] failed before this task too"), "{prompt}");
    assert!(prompt.contains("- all: test old_thing ... FAILED"), "{prompt}");
}

#[test]
fn the_issue_verifier_reads_the_item_and_asks_again_when_it_is_another() {
    let sessions = format!(
        "{WRITES}'validate:issue-verifier':\n- save-prompt: PROMPT\n- run: cp {ITEM} SEEN\n- structured: {{ verdict: PASS, findings: [] }}\n"
    );
    let space = one("    validators: [issue-verifier]\n", &sessions, &[]);
    let home = space.home().display().to_string();
    let sessions = sessions.replace("PROMPT", &format!("{home}/prompt"));
    space.write("sessions.yaml", &sessions.replace("SEEN", &format!("{home}/seen")));
    space.write(ITEM, "It crashes.\n");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    let prompt = std::fs::read_to_string(space.home().join("prompt")).unwrap();
    assert!(prompt.contains(&format!("is `{ITEM}`")), "{prompt}");
    let seen = || std::fs::read_to_string(space.home().join("seen")).unwrap();
    assert_eq!(seen(), "It crashes.\n", "though it is not committed");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    space.write(ITEM, "It crashes, twice.\n");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 1)]);
    assert_eq!(seen(), "It crashes, twice.\n");
}

#[test]
fn the_issue_verifier_gives_no_verdict_on_an_item_that_is_not_there() {
    let sessions =
        format!("{WRITES}'validate:issue-verifier':\n- read: one.txt\n- verdict: PASS\n");
    let space = one("    validators: [issue-verifier]\n", &sessions, &[]);
    space.build(&[], 1).has(&[("accepted", 0), ("failed", 1), ("sessions", 1)]);
    assert!(space.read("plans/one.yaml").contains("which is not there to be read"));
    space.replace("plans/one.yaml", &format!("source_item: {ITEM}"), "description: none");
    space.build(&[], 1).has(&[("accepted", 0), ("failed", 1)]);
    assert!(space.read("plans/one.yaml").contains("`meta.source_item` names none"));
    space.write(ITEM, "It crashes.\n");
    space.replace("plans/one.yaml", "description: none", &format!("source_item: {ITEM}"));
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    std::fs::remove_file(space.root().join(ITEM)).unwrap();
    space.build(&[], 0).has(&[("failed", 0)]);
}

#[test]
fn work_whose_validator_reached_no_verdict_is_not_paid_again_once_it_does() {
    let sessions = format!("{WRITES}'validate:validator':\n- read: one.txt\n- say: hm\n");
    let space = one("    validators: [validator]\n", &sessions, &[]);
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 3)]);
    assert_eq!(space.landed(), ["start"]);
    space.build(&[], 1).has(&[("failed", 1), ("accepted", 0)]);
    assert_eq!(space.landed(), ["start"]);
    space.replace("sessions.yaml", "say: hm", "verdict: PASS");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("one.txt"), "one\n");
    assert_eq!(space.landed(), ["one//1: Make it", "start"]);
}
