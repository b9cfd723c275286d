//! When a declared output of a session is made: not by its name alone.

use crate::support::{Ran, Space};

/// A session that does this, with `out/report.csv` declared; what the build says.
fn session(does: &str, outputs: &str, before: &[(&str, &str)]) -> (Space, Ran) {
    let plan = format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: Report, description: Write it., max_attempts: 1, outputs: [{outputs}] }}\n"
    );
    let sessions = format!("'1':\n- run: \"{does}\"\n");
    let files = [
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/plan.yaml", plan.as_str()),
        ("sessions.yaml", sessions.as_str()),
        (".gitignore", "hidden/\n"),
    ];
    let space = Space::new(&[&files[..], before].concat());
    let ran = space.orch(&["build"]);
    (space, ran)
}

#[track_caller]
fn refused(does: &str, why: &str) {
    let (space, ran) = session(does, "out/report.csv", &[]);
    let shown = ran.exits(1).shown();
    assert!(
        shown.contains(&format!("declared outputs are not made: out/report.csv {why}")),
        "{shown}"
    );
    assert!(space.landed().iter().all(|it| it == "start"), "{shown}");
}

#[test]
fn a_name_with_nothing_behind_it_is_no_output() {
    refused("mkdir out; : > out/report.csv", "is empty");
    for blank in [" ", "\\\\n\\\\n \\\\t", "\\\\357\\\\273\\\\277\\\\n", "\\\\0\\\\0"] {
        let does = format!("mkdir out; printf '{blank}' > out/report.csv");
        refused(&does, "has nothing in it but blanks");
    }
    refused("mkdir out; ln -s gone.csv out/report.csv", "is a link to nothing");
    refused(
        "mkdir out; ln -s /etc/passwd out/report.csv",
        "is a link to what lies outside of the repository",
    );
    let hidden = "mkdir out hidden; echo x > hidden/a; ln -s ../hidden/a out/report.csv";
    refused(hidden, "is a link to what does not land");
}

#[test]
fn links_to_what_lands_and_files_that_mark_a_folder_are_outputs() {
    let check = |does: &str, outputs: &str| {
        let (_, ran) = session(does, outputs, &[]);
        let shown = ran.exits(0).shown();
        assert!(!shown.contains("before the session"), "{shown}");
    };
    check("mkdir out; echo x > out/a.csv; ln -s a.csv out/report.csv", "out/report.csv");
    check("mkdir -p out/a; echo x > out/a/b; ln -s a out/latest", "out/latest");
    check("mkdir out; : > out/__init__.py; : > out/.gitkeep", "out/__init__.py, out/.gitkeep");
    check("mkdir out; : > out/a.csv; echo x > out/b.csv", "'out/*.csv'");
}

#[test]
fn an_output_that_is_as_it_was_is_not_made_but_an_earlier_result_may_be_right() {
    let before = [("out/report.csv", "of last year\n")];
    let (space, ran) = session("echo $RANDOM > diary.txt", "out/report.csv", &before);
    let shown = ran.exits(1).shown();
    assert!(
        shown.contains("declared outputs are not made: out/report.csv: as before the session"),
        "{shown}"
    );
    space.write(
        "plans/plan.yaml",
        &space.read("plans/plan.yaml").replace("outputs:", "no_change: allowed, outputs:"),
    );
    let shown = space.orch(&["build", "--force", "plan//1"]).exits(0).shown();
    assert!(
        shown.contains("its output `out/report.csv` is as it was before the session"),
        "{shown}"
    );
    space.git(&["checkout", "-q", "plans/plan.yaml"]);
    space.write(
        "sessions.yaml",
        "'1':\n- run: \"mkdir -p out; echo new > out/report.csv; date > diary.txt\"\n",
    );
    space.commit("another session");
    let shown = space.orch(&["build", "--force", "plan//1"]).exits(0).shown();
    assert!(!shown.contains("before the session"), "{shown}");
    let shown = space.orch(&["build", "--force", "plan//1"]).exits(0).shown();
    assert!(!shown.contains("before the session"), "an earlier result of its own: {shown}");
}

#[test]
fn a_command_may_leave_an_empty_stamp() {
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: Stamp, run: ': > stamp', outputs: [stamp] }\n";
    let space = Space::new(&[("plans/plan.yaml", plan)]);
    space.build(&[], 0).has(&[("ran", 1)]);
}

#[test]
fn what_lies_there_is_looked_at_before_a_session_starts() {
    let (space, ran) = session("mkdir hidden; echo x > hidden/a.csv", "hidden/a.csv", &[]);
    let shown = ran.exits(1).shown();
    assert_eq!(shown.matches("plan::ignored-output").count(), 1, "{shown}");
    assert!(space.orch(&["build", "-n"]).exits(0).shown().contains("plan::ignored-output"));
    space.write(".claude/settings.json", r#"{ "permissions": { "deny": ["Write"] } }"#);
    space.orch(&["check"]).exits(0).says(&["plan::ignored-output", "no session may use `Write`"]);
}
