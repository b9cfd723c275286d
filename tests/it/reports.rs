//! The answer of a review or a design is an output: who depends on it gets it, and what it says
//! counts.

use crate::support::Space;

/// Sessions tell what they saw by files in the checkout.
const SETTINGS: &str = "session: { scripted: sessions.yaml }\nsandbox: none\n";

const REVIEWED: &str = "\
meta: { name: Reviewed, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Code review, description: Look at a.txt., agent: code-reviewer, rule: review }
  - { id: '2', name: Mend what was found, description: Mend it., agent: coder, depends_on: ['1'] }
";

const FINDS: &str = "\
'1':
- - read: a.txt
  - say: |
      **Verdict: FAIL**
      - [FAIL] a.txt: the loop never ends

      ```json
      {\"task_id\": \"1\", \"status\": \"completed\", \"message\": \"one finding\"}
      ```
  - status: none
'2':
- - run: 'cp .orch/task/needs/1.md mended.txt'
  - save-prompt: ../../../prompt.txt
";

fn space(plan: &str, sessions: &str) -> Space {
    Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/p.yaml", plan),
        ("sessions.yaml", sessions),
        ("a.txt", "a\n"),
        (
            ".claude/agents/code-reviewer.md",
            "---\nname: code-reviewer\ntools: Read, Grep\n---\nYou review.\n",
        ),
        (".gitignore", "prompt.txt\n"),
    ])
}

const FOUND: &str = "**Verdict: FAIL**\n- [FAIL] a.txt: the loop never ends";

#[test]
fn a_review_reaches_the_task_that_depends_on_it_and_is_shown() {
    let space = space(REVIEWED, FINDS);
    let built = space.build(&[], 0).has(&[("accepted", 2), ("sessions", 2)]);
    assert!(built.ran.stdout.contains("the loop never ends"), "{}", built.ran.shown());
    assert_eq!(space.read("mended.txt"), FOUND, "without the status at its end");
    assert!(space.read("prompt.txt").contains("`.orch/task/needs/1.md`: task 1, Code review"));
    space.orch(&["show", "p//1"]).exits(0).says(&["report", "[FAIL] a.txt: the loop never ends"]);
    let body = space.git(&["log", "--format=%B", "--grep", "Report of p//1"]);
    assert!(body.contains("    - [FAIL] a.txt: the loop never ends"), "{body}");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}

#[test]
fn another_report_makes_who_depends_on_it_stale_and_the_same_one_does_not() {
    let space = space(REVIEWED, FINDS);
    space.build(&[], 0).has(&[("accepted", 2)]);
    space.build(&["--force", "p//1"], 0).has(&[("ran", 1), ("up_to_date", 1)]);
    space.replace("sessions.yaml", "never ends", "ends too late");
    space.build(&["--force", "p//1"], 0).has(&[("ran", 2)]);
    assert!(space.read("mended.txt").contains("ends too late"));
}

#[test]
fn a_fresh_clone_has_the_report_from_git() {
    let space = space(REVIEWED, FINDS);
    space.build(&["p//1"], 0).has(&[("accepted", 1)]);
    std::fs::remove_dir_all(space.root().join(".orch")).unwrap();
    space.orch(&["show", "p//1"]).exits(0).says(&["report", "[FAIL] a.txt: the loop never ends"]);
    space.build(&[], 0).has(&[("accepted", 2), ("up_to_date", 1), ("sessions", 1)]);
    assert_eq!(space.read("mended.txt"), FOUND);
}

#[test]
fn reports_that_differ_are_results_that_can_be_told_apart() {
    let space = space(REVIEWED, FINDS);
    let shown = || {
        let shown = space.orch(&["show", "p//1", "--format", "json"]).exits(0).stdout;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["result"]["output"].as_str().unwrap().to_owned()
    };
    space.build(&["p//1"], 0).has(&[("accepted", 1)]);
    let first = shown();
    space.replace("sessions.yaml", "never ends", "ends too late");
    space.build(&["p//1", "--force", "p//1"], 0).has(&[("ran", 1)]);
    assert_ne!(shown(), first);
    space.replace(
        "plans/p.yaml",
        "rule: review, attempts",
        &format!("rule: review, pin: '{}', attempts", &first[..12]),
    );
    space.build(&["p//1"], 0).has(&[("replayed", 1), ("sessions", 0)]);
    assert_eq!(shown(), first);
    space.build(&["p//1"], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
}

#[test]
fn a_validator_gets_the_reports_that_its_task_worked_from() {
    let judged = REVIEWED.replace(
        "depends_on: ['1'] }",
        "depends_on: ['1'], validators: [{ agent: code-reviewer }] }",
    );
    let sessions = format!(
        "{FINDS}'validate:*':\n- - read: .orch/task/needs/1.md\n  - save-prompt: ../../../judge.txt\n  - verdict: PASS\n"
    );
    let space = space(&judged, &sessions);
    space.write(".gitignore", "prompt.txt\njudge.txt\n");
    space.build(&[], 0).has(&[("accepted", 2)]);
    let printed = space.read("judge.txt");
    assert!(printed.contains("`.orch/task/needs/1.md`: task 1, Code review"), "{printed}");
}

#[test]
fn a_review_that_says_fail_and_that_nobody_settles_has_failed() {
    let (alone, _) = REVIEWED.split_once("  - { id: '2'").unwrap();
    let check = |more: &str| {
        let space = space(&format!("{alone}{more}"), FINDS);
        let built = space.build(&["p//1"], 1).has(&[("failed", 1), ("sessions", 1)]);
        let printed = built.ran.stdout.clone();
        assert!(printed.contains("its report says FAIL"), "{printed}");
        assert!(printed.contains("[FAIL] a.txt: the loop never ends"), "{printed}");
        space.build(&["p//1"], 1).has(&[("failed", 1), ("sessions", 0)]);
        space.orch(&["status"]).exits(0).says(&["failed"]);
        space.orch(&["show", "p//1"]).exits(0).says(&["the loop never ends"]);
        assert!(space.read("plans/p.yaml").contains("status: failed"));
        space
    };
    check("  - { id: '2', name: Look, run: 'true', depends_on: ['1'] }\n");
    check("  - { id: '2', name: Mend, description: x, status: skipped, depends_on: ['1'] }\n");
    check("  - { id: '2', name: Look again, description: x, rule: review, depends_on: ['1'] }\n");
    check("").orch(&["accept", "p//1"]).exits(0);

    // One that comes later gets what was found, and the review is not bought again.
    let space = check("");
    space.write("plans/p.yaml", REVIEWED);
    space.build(&[], 0).has(&[("accepted", 2), ("sessions", 1)]);
    assert_eq!(space.read("mended.txt"), FOUND);
    space.build(&[], 0).has(&[("up_to_date", 2)]);

    let space = check("");
    space.orch(&["accept", "p//1"]).exits(0);
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    let (_, more) = REVIEWED.split_once("  - { id: '2'").unwrap();
    let plan = space.read("plans/p.yaml");
    space.write("plans/p.yaml", &format!("{plan}  - {{ id: '2'{more}"));
    space.build(&["p//2"], 0).has(&[("sessions", 1)]);
    assert_eq!(space.read("mended.txt"), FOUND, "what a person accepted says what it said");
}

const BLOCK: &str = "say: |\n      All is good.\n\n      ```json\n      {\"task_id\": \"1\", \"status\": \"completed\"}\n      ```\n";

#[test]
fn a_review_that_looked_at_nothing_is_none() {
    let (alone, _) = REVIEWED.split_once("  - { id: '2'").unwrap();
    let plan = alone.replace("rule: review }", "rule: review, max_attempts: 1 }");
    for session in [
        format!("'1':\n- - {BLOCK}  - status: none\n"),
        format!("'1':\n- - read: not-there.txt\n  - {BLOCK}  - status: none\n"),
    ] {
        let built = space(&plan, &session).build(&[], 1).has(&[("failed", 1), ("accepted", 0)]);
        let printed = built.ran.shown();
        assert!(
            printed.contains("no-verdict") && printed.contains("what it reports is nothing"),
            "{printed}"
        );
    }
}

#[test]
fn a_review_may_have_looked_before_it_went_on() {
    let (alone, _) = REVIEWED.split_once("  - { id: '2'").unwrap();
    let sessions =
        format!("'1':\n- - read: a.txt\n  - status: none\n- - {BLOCK}  - status: none\n");
    space(alone, &sessions).build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
}

#[test]
fn what_stands_behind_a_review_in_its_section_gets_it_too() {
    let plan = REVIEWED.replace(", order: free", "").replace(", depends_on: ['1']", "");
    let space = space(&plan, FINDS);
    space.build(&[], 0).has(&[("accepted", 2)]);
    assert_eq!(space.read("mended.txt"), FOUND);
}

const CONTEST: &str = "\
meta: { name: Contest, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Design one, description: Design it., agent: sketcher, rule: design }
  - { id: '2', name: Design two, description: Design it., agent: sketcher, rule: design }
  - { id: '3', name: Judge, description: Compare both., agent: sketcher, rule: judge, depends_on: ['1', '2'] }
  - { id: '4', name: Build it, description: Build the winner., depends_on: ['3'] }
";

#[test]
fn designs_reach_their_judge_and_what_is_built_by_its_word() {
    let answer = |text: &str, id: &str| {
        format!(
            "- - read: a.txt\n  - say: |\n      {text}\n\n      ```json\n      {{\"task_id\": \"{id}\", \"status\": \"completed\"}}\n      ```\n  - status: none\n"
        )
    };
    let sessions = format!(
        "'1':\n{}'2':\n{}'3':\n- - run: 'ls .orch/task/needs; cat .orch/task/needs/1.md .orch/task/needs/2.md > $HOME/judged'\n{}'4':\n- - run: 'cat .orch/task/needs/*.md > built.txt'\n",
        answer("One file.", "1"),
        answer("One log.", "2"),
        answer("The log wins.", "3").replacen("- - ", "  - ", 1),
    );
    let space = space(CONTEST, &sessions);
    let sketcher = "---\nname: sketcher\ntools: Read, Bash\n---\nYou sketch.\n";
    space.write(".claude/agents/sketcher.md", sketcher);
    space.build(&[], 0).has(&[("accepted", 4)]);
    let judged = std::fs::read_to_string(space.home().join("judged")).unwrap();
    assert_eq!(judged, "One file.One log.");
    assert_eq!(space.read("built.txt"), "One file.One log.The log wins.");
}
