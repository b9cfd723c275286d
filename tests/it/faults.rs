//! What sessions and the machine do wrong, and what a build makes of it.

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

/// Independent tasks, whose text is given.
fn space(settings: &str, tasks: &str, sessions: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Faults, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    Space::new(&[
        ("orch.yaml", &format!("{SETTINGS}{settings}")),
        ("plans/p.yaml", &plan),
        ("sessions.yaml", sessions),
        (".gitignore", "*.o\ngen/\n"),
    ])
}

#[test]
fn a_session_that_removes_its_worktree_fails_alone_and_gets_a_fresh_one() {
    let check = |harm: &str| {
        let tasks = "  - { id: '1', name: One, description: one }\n  - { id: '2', name: Two, description: two, depends_on: ['1'] }\n";
        let sessions = format!(
            "'1':\n- - run: {harm}\n- - write: {{ path: one.txt, content: x }}\n'2':\n- write: {{ path: two.txt, content: x }}\n"
        );
        let space = space("", tasks, &sessions);
        let built = space.build(&[], 0).has(&[("accepted", 2), ("sessions", 3)]);
        assert!(built.ran.stdout.contains("its own worktree"), "{}", built.ran.shown());
        assert!(!space.git(&["worktree", "list"]).contains("prunable"));
    };
    check("rm -rf \"$PWD\"");
    check("rm -r .git");
    check("rm -r .git && git init -q .");
}

#[test]
fn a_set_up_line_that_fails_fails_its_tasks_and_says_how_to_try_it() {
    let tasks = "  - { id: '1', name: One, description: one, max_attempts: 1 }\n";
    let sessions = "'*':\n- write: { path: one.txt, content: x }\n";
    let space = space("worktree: { setup: 'echo no such lock >&2; false' }\n", tasks, sessions);
    let built = space.build(&[], 1).has(&[("failed", 1), ("held", 0), ("sessions", 0)]);
    for word in ["`worktree.setup` failed", "no such lock", "try it by hand"] {
        assert!(built.ran.stdout.contains(word), "{word}: {}", built.ran.shown());
    }
}

#[test]
fn a_document_that_is_no_readable_file_is_an_error_and_never_waited_for() {
    let check = |make: &str| {
        let tasks = "  - { id: '1', name: One, description: one }\n";
        let space = space("", tasks, "'*': []\n");
        let line = make.replace("IT", "plans/wrong.yaml");
        assert!(
            space
                .bare("sh")
                .args(["-c", &line])
                .current_dir(space.root())
                .status()
                .unwrap()
                .success()
        );
        for command in ["check", "build"] {
            let printed = space.orch(&[command]).exits(2).shown();
            assert!(printed.contains("document::unreadable"), "{printed}");
        }
    };
    check("ln -s wrong.yaml IT");
    check("ln -s nowhere IT");
    check("mkdir IT");
    check("mkfifo IT");
}

#[test]
fn a_declared_output_that_git_ignores_is_no_output() {
    let tasks = "  - { id: '1', name: One, description: one, outputs: [gen/x.o] }\n";
    let sessions =
        "'1':\n- write: { path: gen/x.o, content: x }\n- write: { path: y, content: y }\n";
    let space = space("", tasks, sessions);
    let built = space.build(&[], 1).has(&[("failed", 1), ("sessions", 1)]);
    let printed = "declared output gen/x.o is git-ignored, so it cannot land: un-ignore it or do not declare it";
    assert!(built.ran.stdout.contains(printed), "{}", built.ran.shown());
}

#[test]
fn ignored_files_of_one_attempt_are_not_there_for_the_next() {
    let tasks = "  - { id: '1', name: One, description: one }\n  - { id: '2', name: Two, description: two, depends_on: ['1'] }\n";
    let sessions = "\
'1':
- write: { path: gen/secret.o, content: x }
- write: { path: one.txt, content: x }
'2':
- run: \"test ! -e gen && echo clean > two.txt\"
";
    let space = space("", tasks, sessions);
    space.build(&["-j", "1"], 0).has(&[("accepted", 2), ("sessions", 2)]);
    assert_eq!(space.read("two.txt"), "clean\n");
}

#[test]
fn the_first_ctrl_c_says_what_it_waits_for() {
    let tasks = "  - { id: '1', name: One, description: one }\n";
    let space = space("", tasks, "'*':\n- write: { path: one.txt, content: x }\n- sleep: 60s\n");
    let mut build = space.bare(crate::support::ORCH);
    build.args(["build"]).current_dir(space.root());
    build.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = build.spawn().unwrap();
    let signal = || {
        let pid = child.id().to_string();
        assert!(space.bare("kill").args(["-INT", &pid]).status().unwrap().success());
    };
    crate::support::wait_until(|| space.exists(".orch/worktrees/1/one.txt"));
    signal();
    let pause = std::time::Instant::now();
    // Two signals that are still waiting to be taken count as one.
    crate::support::wait_until(|| pause.elapsed() > std::time::Duration::from_millis(500));
    signal();
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let expected = "stopping: 1 running task may finish; press Ctrl-C again to end them now";
    assert!(printed.contains(expected), "{printed}");
}

#[test]
fn of_a_flood_of_output_the_newest_lines_are_shown_and_all_are_kept() {
    let tasks = "  - { id: '1', name: One, run: 'seq 200000' }\n";
    let space = space("", tasks, "");
    let ran = space.orch(&["build", "-v"]).exits(0).complains(&["lines left out", "200000"]);
    let n_lines = ran.stderr.lines().count();
    assert!(n_lines < 60_000, "{n_lines} lines are shown");
    let log = space.orch(&["log", "p//1"]).exits(0);
    assert_eq!(
        log.stdout.lines().filter(|line| line.trim().parse::<u32>().is_ok()).count(),
        200_000
    );
}

#[test]
fn a_result_that_is_there_already_is_not_bought_again() {
    let tasks = "  - { id: '1', name: One, description: one }\n";
    let space = space("", tasks, "'*':\n- write: { path: one.txt, content: x }\n");
    space.build(&[], 0).has(&[("ran", 1)]);
    space.replace("plans/p.yaml", "description: one", "description: other");
    space.build(&[], 0).has(&[("ran", 1)]);
    space.replace("plans/p.yaml", "description: other", "description: one");
    space.build(&[], 0).has(&[("replayed", 1), ("sessions", 0)]);
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
}

#[test]
fn a_receipt_that_a_reset_takes_away_asks_for_nothing() {
    let tasks = "  - { id: '1', name: One, description: one, no_change: allowed }\n";
    let space = space("", tasks, "'*':\n- say: All is well.\n");
    space.build(&[], 0).has(&[("ran", 1)]);
    space.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert!(!space.read("plans/p.yaml").contains("completed"));
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    assert!(space.read("plans/p.yaml").contains("completed"), "the line is mended");
    space.replace("plans/p.yaml", "status: completed }", "status: pending }");
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
}

#[test]
fn status_names_the_documents_that_it_cannot_tell_of() {
    let space = space("", "  - { id: '1', name: One, run: 'true' }\n", "");
    space.write("plans/p.yaml", "]:[\n");
    space.orch(&["status"]).exits(0).complains(&["errors in plans/p.yaml", "orch check"]);
    space.git(&["rm", "--quiet", "--force", "plans/p.yaml"]);
    space.orch(&["build"]).exits(0).says(&["nothing to do", "orch new plan"]);
}

#[test]
fn an_npx_that_gives_no_version_is_a_warning_of_doctor() {
    let space = space("", "  - { id: '1', name: One, description: one }\n", "");
    let npx = space.home().join("npx");
    std::fs::write(&npx, "#!/bin/sh\nexit 1\n").unwrap();
    assert!(space.bare("chmod").arg("+x").arg(&npx).status().unwrap().success());
    let named = |program: &str| format!("session: {{ claude: [{program}, claude] }}\n");
    space.write("orch.yaml", &named(npx.to_str().unwrap()));
    space.orch(&["trust"]).exits(0);
    space.orch(&["doctor"]).exits(0).says(&["warn  session", "is not known", "npx claude"]);
    space.write("orch.yaml", &named("/no/such/program"));
    space.orch(&["trust"]).exits(0);
    space.orch(&["doctor"]).exits(1).says(&["BAD   session"]);
}

#[test]
fn status_shows_what_another_orch_runs() {
    let tasks = "  - { id: '1', name: One, description: one }\n";
    let sessions = "'*':\n- write: { path: one.txt, content: x }\n- run: 'while [ ! -e ../../../go ]; do sleep 0.05; done'\n";
    let space = space("", tasks, sessions);
    let mut build = space.bare(crate::support::ORCH);
    let mut child = build.arg("build").current_dir(space.root()).spawn().unwrap();
    crate::support::wait_until(|| space.exists(".orch/worktrees/1/one.txt"));
    let printed = space.orch(&["status"]).exits(0).says(&["running", "in process", "1 running"]);
    space.write("go", "");
    assert!(child.wait().unwrap().success(), "{}", printed.shown());
    space.orch(&["status"]).exits(0).says(&["up to date"]);
}

#[test]
fn a_replayed_result_leaves_the_same_lines_on_another_branch() {
    let tasks = "  - { id: '1', name: One, description: one }\n";
    let tasks = tasks.replace("one }", "one, validators: [{ run: sleep 1.1 }] }");
    let space = space("", &tasks, "'*':\n- write: { path: one.txt, content: x }\n");
    space.git(&["branch", "other"]);
    space.build(&[], 0).has(&[("ran", 1)]);
    space.git(&["switch", "--quiet", "other"]);
    let printed = ["replay     p//1", "0 would run, 0 up to date, 1 from the cache"];
    space.orch(&["build", "-n"]).exits(0).says(&printed);
    space.build(&[], 0).has(&[("replayed", 1)]);
    assert_eq!(space.git(&["diff", "main", "other"]), "");
}

#[test]
fn a_task_that_is_held_late_does_not_keep_the_build_from_ending() {
    let tasks = "  - { id: '1', name: One, run: 'until grep -q attempt-ended ../../journal-v1; do sleep 0.02; done; echo x > one.txt', description: one }\n  - { id: '2', name: Two, description: two, depends_on: ['1'] }\n  - { id: '3', name: Three, description: three, depends_on: ['2'] }\n  - { id: '4', name: Four, description: four }\n";
    // The first ends when orch knows how the fourth did: nothing else keeps the second from starting.
    let sessions = "'4':\n- fail: { class: auth }\n";
    let space = space("", tasks, sessions);
    let built = space.build(&["-j", "2", "-k"], 1);
    built.has(&[("accepted", 1), ("sessions", 1), ("held", 2), ("blocked", 1)]);
}
