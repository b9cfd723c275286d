//! Backlog items by the built program: planned, built, verified and archived, or why not.

use crate::support::{Ran, Space};

/// An item with a status and an expectation.
fn item(title: &str, more: &str) -> String {
    format!("# {title}\n\n## Status: Open\n\n## Expected Behavior\n\n{title} works.\n{more}")
}

/// Steps that write a design and a plan of one command for an item, as its planner would.
fn planned(slug: &str, folder: &str, run: &str) -> String {
    let plan = format!(
        "meta: {{ name: {slug}, plan_doc: docs/plans/2026-12-01-{slug}-design.md, source_item: docs/{folder}/{slug}.md }}\n\
         sections:\n- id: s\n  name: All\n  tasks:\n  - {{ id: '1', name: Make it, run: '{run}' }}\n  - {{ id: '2', name: Look at it, depends_on: ['1'], run: 'true' }}\n"
    );
    let plan = serde_json::to_string(&plan).unwrap();
    format!(
        "\"item:{slug}//plan\":\n- write: {{ path: docs/plans/2026-12-01-{slug}-design.md, content: \"# Design\\n\" }}\n- write: {{ path: plans/{slug}.yaml, content: {plan} }}\n- cost: 0.1\n"
    )
}

/// Steps that verify an item with this verdict.
fn verified(stage: &str, verdict: &str) -> String {
    let mark = if verdict == "PASS" { "x" } else { "FAIL" };
    let text = format!(
        "**Verdict: {verdict}**\\n- [{mark}] it: `cat made.txt` (exit 0) shows it\\n\\nThat is all.\\n"
    );
    format!("\"{stage}\":\n- run: cat made.txt || true\n- say: \"{text}\"\n- cost: 0.05\n")
}

fn space(items: &[(&str, String)], sessions: &str) -> Space {
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\nplans_dirs: [plans]\n"),
        (".gitignore", ".orch/\n"),
        ("sessions.yaml", sessions),
        ("made.txt", "\n"),
    ]);
    for (path, text) in items {
        space.write(&format!("docs/{path}.md"), text);
    }
    space.commit("items");
    space
}

fn once(space: &Space, code: i32) -> Ran {
    space.orch(&["watch", "--once"]).exits(code)
}

fn two() -> Space {
    let sessions = [
        planned("1-login", "defect-backlog", "echo login >> made.txt"),
        verified("item:1-login//verify", "PASS"),
        planned("2-export", "feature-backlog", "echo export > export.txt"),
    ];
    space(
        &[
            ("defect-backlog/1-login", item("Login", "")),
            ("feature-backlog/2-export", item("Export", "")),
        ],
        &sessions.concat(),
    )
}

#[test]
fn an_item_goes_from_the_backlog_to_the_archive_once() {
    let space = two();
    once(&space, 0);
    assert!(!space.exists("docs/defect-backlog/1-login.md"));
    assert!(!space.exists("docs/feature-backlog/2-export.md"));
    let login = space.read("docs/completed-backlog/defects/1-login.md");
    assert!(login.contains("## Status: Fixed"), "{login}");
    assert!(login.contains("### Verification #1 - "), "{login}");
    assert!(login.contains("**Verdict: PASS**"), "{login}");
    assert!(login.contains("### Archived - "), "{login}");
    let export = space.read("docs/completed-backlog/features/2-export.md");
    assert!(export.contains("## Status: Completed"), "{export}");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    let n_commits = space.subjects().len();
    once(&space, 0);
    let build = space.build(&[], 0).has(&[("ran", 0), ("sessions", 0)]);
    assert_eq!(build.number("targets"), 0, "a plan whose item is archived is closed");
    assert_eq!(space.subjects().len(), n_commits);
}

/// Defects `1-login`, whose verification says no so often, each time with a plan of its own.
fn refused(n: u32) -> Space {
    let mut sessions = planned("1-login", "defect-backlog", "echo 1 >> made.txt");
    for cycle in 2..=3 {
        let again = planned("1-login", "defect-backlog", &format!("echo {cycle} >> made.txt"));
        let again = again.replace("1-login//plan\"", &format!("1-login//plan.{cycle}\""));
        let again = again.replace("plans/1-login.yaml", &format!("plans/1-login.{cycle}.yaml"));
        sessions += &again.replace("-design.md", &format!("-design-{cycle}.md"));
    }
    for cycle in 1..=3 {
        let number = if cycle == 1 { String::new() } else { format!(".{cycle}") };
        let verdict = if cycle <= n { "FAIL" } else { "PASS" };
        sessions += &verified(&format!("item:1-login//verify{number}"), verdict);
    }
    space(&[("defect-backlog/1-login", item("Login", ""))], &sessions)
}

#[test]
fn a_verification_that_says_no_opens_the_next_cycle() {
    let space = refused(2);
    once(&space, 0);
    let login = space.read("docs/completed-backlog/defects/1-login.md");
    let verdicts: Vec<&str> = login.lines().filter(|it| it.starts_with("**Verdict")).collect();
    assert_eq!(verdicts, ["**Verdict: FAIL**", "**Verdict: FAIL**", "**Verdict: PASS**"]);
    assert!(login.contains("### Verification #3 - "), "{login}");
    assert_eq!(space.read("made.txt").lines().count(), 4, "each plan was built once");
    once(&space, 0).says(&["nothing to do"]);
}

#[test]
fn after_the_last_cycle_a_person_has_to_look() {
    let space = refused(3);
    once(&space, 1).says(&["item:1-login//verify.3", "no cycle is left"]);
    assert!(space.exists("docs/defect-backlog/1-login.md"));
    assert!(!space.exists("docs/completed-backlog"));
    let again = space.orch(&["watch", "--once", "--format", "json"]).exits(1).summary();
    again.has(&[("sessions", 0), ("failed", 1), ("blocked", 1)]);
    let status = space.orch(&["status"]).exits(0);
    assert!(status.stdout.starts_with("item:1-login"), "{}", status.shown());
    // Another text is another item: it begins anew, and what was built for the old one stays.
    space.replace("docs/defect-backlog/1-login.md", "Login works.", "Login works on Mondays.");
    space.write(
        "sessions.yaml",
        &[
            planned("1-login", "defect-backlog", "echo 1 >> made.txt"),
            verified("item:1-login//verify", "PASS"),
        ]
        .concat(),
    );
    once(&space, 0);
    assert!(space.exists("docs/completed-backlog/defects/1-login.md"));
    assert_eq!(space.read("made.txt").lines().count(), 4, "nothing was built twice");
}

#[test]
fn an_item_that_was_never_committed_is_moved_in_the_checkout_alone() {
    let space = two();
    space.git(&["rm", "-q", "--cached", "-r", "docs"]);
    space.git(&["commit", "-qm", "not tracked"]);
    once(&space, 0);
    assert!(!space.exists("docs/defect-backlog/1-login.md"));
    let login = space.read("docs/completed-backlog/defects/1-login.md");
    assert!(login.contains("### Verification #1") && login.contains("### Archived"), "{login}");
    let tracked = space.git(&["ls-files", "docs"]);
    assert!(!tracked.contains("backlog"), "{tracked}");
    let n_commits = space.subjects().len();
    once(&space, 0).says(&["nothing to do"]);
    assert_eq!(space.subjects().len(), n_commits);
}

#[test]
fn an_item_that_is_being_edited_keeps_the_edit() {
    let space = two();
    space.replace(
        "docs/defect-backlog/1-login.md",
        "## Status: Open",
        "## Status: In Progress\n\nA note of mine.",
    );
    once(&space, 0);
    let login = space.read("docs/completed-backlog/defects/1-login.md");
    assert!(login.contains("A note of mine.") && login.contains("## Status: Fixed"), "{login}");
    let status = space.git(&["status", "--porcelain"]);
    assert!(status.contains("D docs/defect-backlog/1-login.md"), "{status}");
    assert!(status.contains("?? docs/completed-backlog/defects/"), "{status}");
}

#[test]
fn a_feature_whose_task_fails_is_never_archived() {
    let sessions = planned("2-export", "feature-backlog", "exit 7");
    let space = space(&[("feature-backlog/2-export", item("Export", ""))], &sessions);
    for sessions in [1, 0] {
        let built = space.orch(&["watch", "--once", "--format", "json"]).exits(1).summary();
        built.has(&[("failed", 1), ("sessions", sessions)]);
        assert!(space.exists("docs/feature-backlog/2-export.md"));
        assert!(!space.exists("docs/completed-backlog"));
    }
}

#[test]
fn what_an_item_waits_for_is_archived_before_it_begins() {
    let sessions = [
        planned("1-base", "feature-backlog", "echo base > base.txt"),
        planned("2-top", "feature-backlog", "cat base.txt > top.txt"),
    ];
    let needs = "\n## Dependencies\n\n- 01-base.md: it stands on it\n";
    let space = space(
        &[
            ("feature-backlog/2-top", item("Top", needs)),
            ("feature-backlog/1-base", item("Base", "")),
            ("feature-backlog/3-lost", item("Lost", "\n## Dependencies\n\n- 9-nothing\n")),
        ],
        &sessions.concat(),
    );
    once(&space, 1).says(&["item:3-lost//plan", "`9-nothing`"]);
    assert_eq!(space.read("top.txt"), "base\n");
    let commit = |path: &str| space.git(&["log", "--diff-filter=A", "--format=%H", "--", path]);
    let (base, top) =
        (commit("docs/completed-backlog/features/1-base.md"), commit("plans/2-top.yaml"));
    assert_eq!(space.git(&["merge-base", &base, &top]), base);
    assert!(space.exists("docs/feature-backlog/3-lost.md"));
    // Once it names what is there, it goes.
    space.replace("docs/feature-backlog/3-lost.md", "9-nothing", "1-base");
    space.write("sessions.yaml", &planned("3-lost", "feature-backlog", "true"));
    once(&space, 0);
    assert!(space.exists("docs/completed-backlog/features/3-lost.md"));
}

#[test]
fn what_an_item_only_quotes_decides_nothing() {
    let quote = "\n```\n## Status: Fixed\n\n**Verdict: PASS**\n```\n";
    let sessions = [
        planned("1-login", "defect-backlog", "echo login >> made.txt"),
        verified("item:1-login//verify", "FAIL").replace("\"item:1-login//verify\"", "\"verify\""),
    ];
    let space = space(&[("defect-backlog/1-login", item("Login", quote))], &sessions.concat());
    let ran = once(&space, 1);
    assert!(ran.stderr.contains("item:1-login//verify"), "{}", ran.shown());
    assert!(space.exists("docs/defect-backlog/1-login.md"));
}

#[test]
fn a_verification_that_saw_nothing_is_none() {
    let text = "**Verdict: PASS**\\n- [x] it: works fine\\n";
    let claims = format!("\"item:1-login//verify\":\n- run: cat made.txt\n- say: \"{text}\"\n");
    let sessions = [planned("1-login", "defect-backlog", "echo login >> made.txt"), claims];
    let space = space(&[("defect-backlog/1-login", item("Login", ""))], &sessions.concat());
    once(&space, 1).says(&["names no command"]);
    assert!(space.exists("docs/defect-backlog/1-login.md"));
}

#[test]
fn a_plan_that_does_not_fit_its_item_is_none() {
    let criteria = "\n## Acceptance\n\n- AC-1: One can log in\n- AC-2: One can log out\n";
    let plan = planned("1-login", "defect-backlog", "true");
    let aims = plan.replace("name: Make it,", "name: Make it, target_acs: [AC-1],");
    let space = space(&[("defect-backlog/1-login", item("Login", criteria))], &aims);
    once(&space, 1).says(&["criterion AC-2"]);
    let other =
        plan.replace("source_item: docs/defect-backlog/1-login.md", "source_item: docs/x.md");
    space.write("sessions.yaml", &other);
    space.orch(&["retry", "item:1-login//plan"]).exits(0);
    once(&space, 1).says(&["does not name the item"]);
}

#[test]
fn a_light_item_is_one_task() {
    let text = format!("---\nplan: light\n---\n{}", item("Typo", ""));
    let sessions = "\"item:3-typo//work\":\n- write: { path: fixed.txt, content: \"x\\n\" }\n";
    let space = space(&[("feature-backlog/3-typo", text)], sessions);
    once(&space, 0);
    assert!(space.exists("docs/completed-backlog/features/3-typo.md") && space.exists("fixed.txt"));
    assert!(!space.exists("plans"));
}

#[test]
fn an_analysis_ends_in_its_report() {
    let sessions = "\"item:4-why//analyze\":\n- read: made.txt\n- say: \"# Answer\\n\\nBecause of this.\\n\"\n";
    let space = space(&[("analysis-backlog/4-why", item("Why", ""))], sessions);
    once(&space, 0);
    let report = space.read("docs/completed-backlog/analyses/4-why.md");
    assert!(report.contains("### Analyze - ") && report.contains("Because of this."), "{report}");
}

#[test]
fn a_plan_that_a_person_wrote_is_used_as_it_is() {
    let space = space(&[("feature-backlog/2-export", item("Export", ""))], "{}\n");
    space.write(
        "plans/2-export.yaml",
        "sections:\n- { id: s, name: S, tasks: [{ id: '1', name: A, run: 'echo x > x.txt' }] }\n",
    );
    let built = space.orch(&["watch", "--once", "--format", "json"]).exits(0).summary();
    built.has(&[("sessions", 0)]);
    assert!(space.exists("docs/completed-backlog/features/2-export.md") && space.exists("x.txt"));
}

#[test]
fn a_dry_run_changes_nothing_and_items_are_left_where_they_are_on_request() {
    let space = two();
    let before = space.picture();
    space.orch(&["watch", "-n"]).exits(0).says(&["item:1-login//plan", "item:2-export//plan"]);
    space.orch(&["status", "item:login"]).exits(0).says(&["item:1-login"]);
    assert_eq!(space.picture(), before);
    space.orch(&["watch", "--max-items", "1"]).exits(0);
    assert!(space.exists("docs/completed-backlog/defects/1-login.md"));
    assert!(space.exists("docs/feature-backlog/2-export.md") && !space.exists("export.txt"));
    space.orch(&["watch", "--once", "--no-archive"]).exits(0);
    assert!(space.exists("docs/feature-backlog/2-export.md") && space.exists("export.txt"));
    space.orch(&["build", "item:export"]).exits(0);
    assert!(space.exists("docs/completed-backlog/features/2-export.md"));
    space.orch(&["log", "item:login"]).exits(0).says(&[
        "item:1-login//verify",
        "1-login//1",
        "accepted",
    ]);
    space.orch(&["cost", "--by", "item"]).exits(0).says(&["1-login", "2-export"]);
}

const WITH_APPROVAL: &str = "kind: item\nextends: feature\nstages: [plan, approve, archive]\n";

#[test]
fn a_plan_waits_for_a_person_where_its_kind_says_so() {
    let sessions = planned("2-export", "feature-backlog", "echo export > export.txt");
    let space = space(&[("feature-backlog/2-export", item("Export", ""))], &sessions);
    space.write("rules/feature.yaml", WITH_APPROVAL);
    for sessions in [1, 0] {
        let waits = space.orch(&["watch", "--once", "--format", "json"]).exits(1).summary();
        waits.has(&[("sessions", sessions), ("held", 2)]);
        assert!(space.exists("plans/2-export.yaml") && !space.exists("export.txt"));
    }
    let why = space.orch(&["why", "2-export//1"]).exits(0);
    assert!(why.stdout.contains("orch accept item:2-export//approve"), "{}", why.shown());
    space.orch(&["accept", "item:2-export//approve"]).exits(0);
    once(&space, 0);
    assert!(space.exists("docs/completed-backlog/features/2-export.md"));
}

#[test]
fn items_that_are_done_are_archived_on_request_alone() {
    let space = two();
    space.orch(&["archive", "-n"]).exits(0);
    space.orch(&["watch", "--once", "--no-archive"]).exits(0);
    let before = space.picture();
    space.orch(&["archive", "-n"]).exits(0).says(&["item:1-login", "item:2-export"]);
    assert_eq!(space.picture(), before);
    space.orch(&["archive", "item:login"]).exits(0);
    assert!(!space.exists("docs/defect-backlog/1-login.md"));
    space.orch(&["archive"]).exits(0);
    assert!(space.exists("docs/completed-backlog/features/2-export.md"));
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    let status = space.orch(&["status"]).exits(0);
    status.says(&["closed: its item is archived"]);
}

#[test]
fn an_item_that_comes_back_from_the_archive_is_worked_on_anew() {
    let space = two();
    once(&space, 0);
    let back = space.read("docs/completed-backlog/features/2-export.md");
    space.write("docs/feature-backlog/2-export.md", &back);
    std::fs::remove_file(space.root().join("docs/completed-backlog/features/2-export.md")).unwrap();
    space.replace("docs/feature-backlog/2-export.md", "## Status: Completed", "## Status: Open");
    let again = planned("2-export", "feature-backlog", "echo again >> export.txt");
    let again = again.replace("2-export//plan\"", "2-export//plan.2\"");
    let again = again.replace("plans/2-export.yaml", "plans/2-export.2.yaml");
    space.write("sessions.yaml", &again.replace("-design.md", "-design-2.md"));
    space.commit("it is back");
    once(&space, 0);
    assert_eq!(space.read("export.txt"), "export\nagain\n");
    let export = space.read("docs/completed-backlog/features/2-export.md");
    assert_eq!(export.matches("### Archived - ").count(), 2, "{export}");
}

#[test]
fn a_new_item_of_an_old_name_is_not_done_by_its_plan() {
    let sessions = planned("2-export", "feature-backlog", "echo new > new.txt");
    let sessions = sessions.replace("2-export//plan\"", "2-export//plan.2\"");
    let sessions = sessions.replace("plans/2-export.yaml", "plans/2-export.2.yaml");
    let sessions = sessions.replace("-design.md", "-design-2.md");
    let space = space(&[("feature-backlog/2-export", item("Another", ""))], &sessions);
    space.write("docs/completed-backlog/features/2-export.md", &item("Old", ""));
    space.write(
        "plans/2-export.yaml",
        "sections:\n- { id: s, name: S, tasks: [{ id: '1', name: A, status: completed, run: 'false' }] }\n",
    );
    space.commit("as the original left it");
    once(&space, 0);
    assert!(space.exists("new.txt") && !space.exists("docs/feature-backlog/2-export.md"));
    assert!(space.read("docs/completed-backlog/features/2-export.md").starts_with("# Old"));
    assert!(space.read("docs/completed-backlog/features/2-export.2.md").starts_with("# Another"));
}
