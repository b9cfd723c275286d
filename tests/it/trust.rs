//! Commands that a repository names run only after a person built there or said so.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Space;

/// A repository whose `session.claude` is a script of its own, which leaves a trace.
fn space() -> Space {
    let space = Space::new(&[
        ("orch.yaml", "session: { claude: [./tools/claude] }\n"),
        ("tools/claude", "#!/bin/sh\ntouch \"$HOME/ran\"\necho 2.1.0\n"),
        (
            "plans/p.yaml",
            "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: One, run: 'true' }\n",
        ),
    ]);
    let file = space.root().join("tools/claude");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    space.commit("executable");
    space
}

/// Whether the script ran since this was last asked.
fn has_run(space: &Space) -> bool {
    std::fs::remove_file(space.home().join("ran")).is_ok()
}

#[test]
fn doctor_runs_no_command_of_a_repository_that_nobody_trusts() {
    let space = space();
    let left_out = ["warn  session", "`./tools/claude`", "was not run", "help: `orch trust`"];
    space.orch(&["doctor"]).exits(0).says(&left_out);
    for args in [&["check"][..], &["status"], &["why", "p//1"], &["build", "-n"], &["graph"]] {
        space.orch(args).exits(0);
    }
    assert!(!has_run(&space));
    space.orch(&["trust"]).exits(0).says(&["trusted to run `./tools/claude`"]);
    assert!(!has_run(&space));
    space.orch(&["doctor"]).exits(0).says(&["ok    session     2.1.0: ./tools/claude"]);
    assert!(has_run(&space));
    space.orch_in(&space.root().join("plans"), &["doctor"]).exits(0).says(&["ok    session"]);
    space.orch(&["trust", "--forget"]).exits(0).says(&["not trusted any more"]);
    has_run(&space);
    space.orch(&["doctor"]).exits(0).says(&left_out);
    assert!(!has_run(&space));
    assert_eq!(space.git(&["status", "--short"]), "", "the word of it lies elsewhere");
}

#[test]
fn a_persons_build_is_trust_and_what_changed_since_is_not() {
    let space = space();
    space.build(&[], 0).has(&[("accepted", 1)]);
    space.orch(&["doctor"]).exits(0).says(&["ok    session     2.1.0"]);
    assert!(has_run(&space));
    for (path, text) in [
        ("tools/claude", "#!/bin/sh\ntouch \"$HOME/ran\"\necho other\n"),
        ("orch.yaml", "session: { claude: [./tools/claude, --other] }\n"),
    ] {
        space.write(path, text);
        space.orch(&["doctor"]).exits(0).says(&["is another than", "was not run"]);
        assert!(!has_run(&space), "{path}");
        space.commit("changed");
        let built = space.orch(&["build", "--events", "events.jsonl"]).exits(0);
        built.complains(&["sessions run `./tools/claude", "another than when you built here last"]);
        space.orch(&["doctor"]).exits(0).says(&["ok    session     other"]);
        assert!(has_run(&space), "{path}");
    }
}

#[test]
fn what_the_user_names_needs_no_trust() {
    let space = space();
    space.write("orch.yaml", "jobs: 1\n");
    let claude = space.root().join("tools/claude").display().to_string();
    let space = space.env("ORCH_CLAUDE", &claude);
    space.orch(&["doctor"]).exits(0).says(&["ok    session     2.1.0"]);
    space.orch(&["trust"]).exits(0).says(&["nothing to trust"]);
}
