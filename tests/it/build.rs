//! Whole builds by the built program, with sessions played from a script.

use std::fs;

use crate::support::{Space, picture_of, wait_until};

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

/// Three tasks in a row; each writes a file, and none reads another's.
const PLAN: &str = "\
# A plan of three.
meta: { name: Three }
sections:
  - id: s
    name: All
    status: pending
    tasks:
      - id: '1'
        name: First
        description: Write one.txt.
        status: pending
      - id: '2'
        name: Second
        description: Write two.txt.
        status: pending
        depends_on: ['1']
      - id: '3'
        name: Third
        description: Write three.txt.
        status: pending
        depends_on: ['2']
";

const SESSIONS: &str = "\
'1':
- say: I write.
- write: { path: one.txt, content: \"one\\n\" }
- cost: 0.25
'2':
- write: { path: two.txt, content: \"two\\n\" }
'3':
- write: { path: three.txt, content: \"three\\n\" }
";

fn three() -> Space {
    Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/three.yaml", PLAN),
        ("sessions.yaml", SESSIONS),
        ("README", "Nothing yet.\n"),
    ])
}

/// One plan of independent tasks, whose text is given, on a file that they share.
fn pair(tasks: &str, sessions: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Pair, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/pair.yaml", &plan),
        ("sessions.yaml", sessions),
        ("shared.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
    ])
}

#[test]
fn a_build_lands_every_task_and_the_next_one_runs_nothing() {
    let space = three();
    let built = space.build(&[], 0);
    built.has(&[("targets", 3), ("accepted", 3), ("ran", 3), ("sessions", 3), ("exit", 0)]);
    assert_eq!(space.read("one.txt"), "one\n");
    assert_eq!(
        space.subjects(),
        ["three//3: Third", "three//2: Second", "three//1: First", "start"]
    );
    let trailers = space.git(&["log", "-1", "--format=%(trailers)", "main~2"]);
    for expected in ["Orch-Task: three//1", "Orch-Action: ", "Orch-Output: ", "Orch-Cost-USD: 0.25"]
    {
        assert!(trailers.contains(expected), "{expected} in\n{trailers}");
    }
    assert_eq!(space.git(&["status", "--porcelain"]), "", "the status lines landed, too");
    assert_eq!(space.read("plans/three.yaml").matches("status: completed").count(), 4);
    assert!(space.read("plans/three.yaml").starts_with("# A plan of three.\n"));

    let head = space.git(&["rev-parse", "HEAD"]);
    let again = space.build(&[], 0);
    again.has(&[("targets", 3), ("up_to_date", 3), ("ran", 0), ("sessions", 0)]);
    assert_eq!(space.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn an_edited_description_runs_that_task_and_dependents_only_where_its_output_changed() {
    let space = three();
    space.build(&[], 0);
    space.replace("plans/three.yaml", "Write one.txt.", "Write one.txt again.");
    let same = space.build(&[], 0);
    same.has(&[("ran", 1), ("up_to_date", 2), ("sessions", 1)]);

    space.replace("plans/three.yaml", "Write one.txt again.", "Write another one.txt.");
    space.replace("sessions.yaml", "\"one\\n\"", "\"another\\n\"");
    let changed = space.build(&[], 0);
    changed.has(&[("ran", 2), ("up_to_date", 1), ("sessions", 2)]);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn comments_formatting_and_unrelated_files_run_nothing() {
    let space = three();
    space.build(&[], 0);
    space.replace("plans/three.yaml", "# A plan of three.\n", "# Another comment.\n\n");
    space.replace("plans/three.yaml", "{ name: Three }", "{name: 'Three'} # quoted");
    space.replace("README", "Nothing yet.", "Something.");
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    space.commit("by hand");
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn a_hand_edit_in_a_landed_file_runs_no_task() {
    let space = three();
    space.build(&[], 0);
    space.write("one.txt", "one, by a person\n");
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    space.commit("by hand");
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    assert_eq!(space.read("one.txt"), "one, by a person\n");
}

#[test]
fn a_status_set_back_to_pending_asks_for_that_task_again() {
    let space = three();
    space.build(&[], 0);
    let plan = space.read("plans/three.yaml");
    let (before, third) = plan.split_at(plan.find("name: Third").unwrap());
    space.write(
        "plans/three.yaml",
        &(before.to_owned() + &third.replacen("completed", "pending", 1)),
    );
    space.build(&[], 0).has(&[("ran", 1), ("up_to_date", 2), ("sessions", 1)]);
}

#[test]
fn a_validator_that_says_fail_makes_the_session_try_again() {
    let task = "  - id: '1'\n    name: One\n    description: Write good.\n    validators:\n    - { name: good, run: grep -q good one.txt }\n";
    let sessions = "\
'1':
- - write: { path: one.txt, content: \"bad\\n\" }
- - write: { path: one.txt, content: \"good\\n\" }
";
    let space = pair(task, sessions);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(space.read("one.txt"), "good\n");
    assert_eq!(space.subjects(), ["pair//1: One", "start"], "what was rejected never landed");

    space.write("one.txt", "good enough\n");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 0)]);
    assert_eq!(space.read("one.txt"), "good enough\n", "its verdict was asked, and it is PASS");
}

#[test]
fn a_validator_that_never_passes_fails_the_task_and_lands_nothing() {
    let task = "  - id: '1'\n    name: One\n    description: Write.\n    max_attempts: 2\n    validators:\n    - { name: no, run: \"false\" }\n  - id: '2'\n    name: Two\n    description: After.\n    depends_on: ['1']\n";
    let space = pair(task, "'*':\n- write: { path: one.txt, content: x }\n");
    let built = space.build(&[], 1);
    built.has(&[("accepted", 0), ("failed", 1), ("blocked", 1), ("sessions", 2), ("exit", 1)]);
    assert!(!space.exists("one.txt"));
    assert_eq!(space.landed(), ["start"]);
    assert!(space.read("plans/pair.yaml").contains("status: failed"));
}

#[test]
fn a_session_that_only_says_it_is_done_is_not_believed() {
    let check = |session: &str| {
        let task = "  - id: '1'\n    name: One\n    description: Write.\n    max_attempts: 1\n    outputs: [one.txt]\n";
        let space = pair(task, &format!("'1':\n- - say: All done, all tests pass.\n{session}"));
        space.build(&[], 1).has(&[("accepted", 0), ("failed", 1)]);
        assert_eq!(space.landed(), ["start"]);
    };
    check("");
    check("  - write: { path: other.txt, content: x }\n");
    check("  - write: { path: one.txt, content: x }\n  - status: none\n");
    check("  - write: { path: one.txt, content: x }\n  - status: failed\n");
    check(
        "  - write: { path: one.txt, content: x }\n  - status: { status: completed, task_id: '7' }\n",
    );
    check("  - write: { path: other.txt, content: x }\n  - deny: { tool: Write, path: one.txt }\n");
    check("  - write: { path: one.txt, content: x }\n  - fail: { exit: 3 }\n");
    check("  - write: { path: one.txt, content: x }\n  - cut\n");
}

#[test]
fn parallel_edits_of_different_parts_of_one_file_both_land() {
    let tasks = "  - { id: '1', name: Top, description: top }\n  - { id: '2', name: Bottom, description: bottom }\n";
    let sessions = "\
'1':
- sleep: 400ms
- edit: { path: shared.txt, old: \"1\\n\", new: \"one\\n\" }
'2':
- sleep: 400ms
- edit: { path: shared.txt, old: \"9\\n\", new: \"nine\\n\" }
";
    let space = pair(tasks, sessions);
    space.build(&["-j", "2"], 0).has(&[("ran", 2), ("sessions", 2)]);
    assert_eq!(space.read("shared.txt"), "one\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    space.build(&["-j", "2"], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}

#[test]
fn a_true_conflict_gives_the_later_task_another_try_on_the_new_base() {
    let tasks = "  - { id: '1', name: Left, description: left }\n  - { id: '2', name: Right, description: right }\n";
    let sessions = "\
'*':
- - sleep: 400ms
  - edit: { path: shared.txt, old: \"5\\n\", new: \"mine\\n\" }
  - run: echo $ORCH_TASK >> shared.txt
- - append: { path: shared.txt, content: \"and mine\\n\" }
";
    let space = pair(tasks, sessions);
    space.build(&["-j", "2"], 0).has(&[("accepted", 2), ("ran", 2), ("sessions", 3)]);
    let text = space.read("shared.txt");
    assert!(text.contains("mine\n6\n") && text.ends_with("and mine\n"), "{text}");
    assert!(!text.contains("<<<<"), "{text}");
    assert_eq!(space.git(&["for-each-ref", "refs/orch/kept"]), "", "nobody needs it any more");
}

#[test]
fn a_conflict_without_end_fails_the_task_and_names_both_sides() {
    let tasks = "  - { id: '1', name: Left, description: left, max_attempts: 1 }\n  - { id: '2', name: Right, description: right, max_attempts: 1 }\n";
    let sessions = "'*':\n- sleep: 400ms\n- run: echo $ORCH_TASK > shared.txt\n";
    let space = pair(tasks, sessions);
    let ran = space.orch(&["build", "-j", "2"]).exits(1);
    let all = ran.stdout.clone() + &ran.stderr;
    let command =
        all.lines().find_map(|line| line.split('`').find(|it| it.starts_with("git diff ")));
    let command = command.unwrap_or_else(|| panic!("no command to look at it:\n{}", ran.shown()));
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert!(space.git(&words).contains("+pair//"), "{command} shows what is kept");
    space.orch(&["status"]).exits(0).says(&["failed: its patch conflicts", "1 failed"]);
    space.build(&["-j", "2"], 0).has(&[("ran", 1), ("up_to_date", 1)]);
    assert_eq!(space.git(&["for-each-ref", "refs/orch/kept"]), "", "nobody needs it any more");
}

#[test]
fn what_the_user_has_open_is_untouched_bit_for_bit() {
    let space = three();
    space.write("tracked.txt", "as committed\n");
    space.write("staged.txt", "as committed\n");
    space.commit("more");
    space.write("README", "stashed\n");
    space.git(&["stash", "push", "--quiet"]);
    space.write("tracked.txt", "my edit\n");
    space.write("staged.txt", "half done\n");
    space.git(&["add", "staged.txt"]);
    space.write("staged.txt", "half done, and more\n");
    space.write("untracked.txt", "mine\n");
    let hook = space.root().join(".git/hooks/post-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\ntouch \"$HOME/hook-ran\"\n").unwrap();
    let users = |path: &str| {
        ["README", "tracked.txt", "staged.txt", "untracked.txt", "sessions.yaml", "orch.yaml"]
            .contains(&path)
            || [".git/config", ".git/hooks", ".git/info", ".git/refs/stash", ".git/logs/refs/stash"]
                .iter()
                .any(|start| path.starts_with(start))
    };
    let look = || {
        let status = space.git(&["status", "--porcelain=v2", "--untracked-files=all"]);
        let entries = space.git(&["ls-files", "--stage", "README", "tracked.txt", "staged.txt"]);
        let stash = space.git(&["stash", "list", "--format=%H %gs"]);
        let refs = space.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let refs: Vec<String> = refs
            .lines()
            .filter(|line| !line.starts_with("refs/orch/") && !line.starts_with("refs/heads/main "))
            .map(str::to_owned)
            .collect();
        (status, entries, stash, refs, picture_of(space.root(), &users))
    };
    let before = look();
    space.build(&[], 0).has(&[("ran", 3)]);
    assert_eq!(look(), before);
    assert!(!space.home().join("hook-ran").exists());
    assert_eq!(space.subjects().len(), 5, "the branch went on all the same");
    assert_eq!(space.read("three.txt"), "three\n");
}

#[test]
fn a_result_that_touches_what_the_user_has_open_is_parked_until_land() {
    let space = three();
    space.write("one.txt", "a file of mine\n");
    let ran = space.orch(&["build"]).exits(0);
    let all = ran.stdout.clone() + &ran.stderr;
    assert!(all.contains("orch land") && all.contains("one.txt"), "{}", ran.shown());
    assert_eq!(space.read("one.txt"), "a file of mine\n");
    assert_eq!(space.subjects(), ["start"]);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    fs::remove_file(space.root().join("one.txt")).unwrap();
    space.orch(&["land"]).exits(0);
    assert_eq!(space.read("one.txt"), "one\n");
    assert_eq!(space.subjects().len(), 4);
}

#[test]
fn a_fresh_clone_knows_that_nothing_is_to_be_done() {
    let space = three();
    space.build(&[], 0);
    let clone = space.root().with_file_name("clone");
    let (from, to) = (space.root().to_str().unwrap(), clone.to_str().unwrap());
    space.git(&["clone", "--quiet", from, to]);
    let ran = space.orch_in(&clone, &["build", "--format", "json"]).exits(0);
    ran.summary().has(&[("up_to_date", 3), ("ran", 0), ("sessions", 0)]);
}

#[test]
fn a_result_that_git_lost_is_replayed_from_the_cache() {
    let space = three();
    space.build(&[], 0);
    space.git(&["reset", "--quiet", "--hard", "HEAD~3"]);
    assert!(!space.exists("one.txt"));
    space.build(&[], 0).has(&[("replayed", 3), ("ran", 0), ("sessions", 0)]);
    assert_eq!(space.read("three.txt"), "three\n");
}

#[test]
fn status_lines_that_a_stash_takes_away_ask_for_nothing() {
    let space = three();
    let plan = space.read("plans/three.yaml");
    space.write("plans/three.yaml", &format!("{plan}# A note of mine.\n"));
    space.build(&[], 0).has(&[("ran", 3)]);
    space.git(&["stash", "--quiet"]);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    assert!(space.read("plans/three.yaml").contains("completed"), "the lines are mended");
}

#[test]
fn a_failure_is_committed_and_later_landings_take_the_plan_along() {
    let space = three();
    let script = space.read("sessions.yaml");
    space.write("sessions.yaml", "'*': [[{ fail: { exit: 1 } }]]\n");
    space.orch(&["build"]).exits(1);
    assert_eq!(space.git(&["status", "--porcelain", "plans"]), "", "nothing is left uncommitted");
    space.write("sessions.yaml", &script);
    space.build(&[], 0).has(&[("ran", 3)]);
    assert_eq!(space.git(&["status", "--porcelain", "plans"]), "");
}

#[test]
fn a_dry_run_leaves_every_byte_as_it_was() {
    let space = three();
    let check = |args: &[&str]| {
        let before = space.picture();
        let ran = space.orch(args).exits(0);
        let after = space.picture();
        let changed: Vec<&String> = after
            .keys()
            .chain(before.keys())
            .filter(|it| before.get(*it) != after.get(*it))
            .collect();
        assert_eq!(changed, Vec::<&String>::new(), "{}", ran.shown());
        ran
    };
    check(&["build", "-n"]).says(&["three//1", "three//3"]);
    check(&["status"]);
    check(&["check"]);
    space.build(&[], 0);
    space.replace("plans/three.yaml", "Write two.txt.", "Write two.txt anew.");
    check(&["build", "-n"]).says(&["three//2"]);
    check(&["why", "three//2"]).says(&["three//2"]);
    check(&["graph"]);
    check(&["show", "three//1"]);
    check(&["log", "three//1"]).says(&["I write."]);
    check(&["cache", "stats"]);
}

#[test]
fn malformed_documents_end_with_2_and_nothing_is_run_or_written() {
    let check = |path: &str, text: &str, words: &[&str]| {
        let space = three();
        space.write(path, text);
        let before = space.picture();
        space.orch(&["build"]).exits(2).complains(words);
        assert_eq!(space.picture(), before, "{path}");
    };
    check("plans/bad.yaml", "sections: [\n", &["plans/bad.yaml", "yaml::syntax"]);
    check("plans/bad.yaml", "", &["plan::empty"]);
    let cycle = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: a, name: A, depends_on: [b] }\n  - { id: b, name: B, depends_on: [a] }\n";
    check("plans/bad.yaml", cycle, &["plan::cycle", "waits for"]);
    let unknown = PLAN.replace("depends_on: ['2']", "depends_on: ['22']");
    check("plans/three.yaml", &unknown, &["plan::unknown-dependency", "did you mean"]);
    check("rules/odd.yaml", "rule: odd\nextends: nothing\n", &["rule::unknown-rule"]);
    check("orch.yaml", "jobs: many\n", &["config::wrong-type"]);
}

#[test]
fn a_missing_cli_is_named_with_its_remedy() {
    let space = three();
    space.write("orch.yaml", "");
    let tools = space.home().join("bin");
    fs::create_dir(&tools).unwrap();
    for tool in ["git", "sh"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(tool))
            .find(|file| file.exists())
            .unwrap();
        std::os::unix::fs::symlink(found, tools.join(tool)).unwrap();
    }
    let path = tools.to_str().unwrap().to_owned();
    let space = space.env("PATH", &path);
    let ran = space.orch(&["build"]).exits(1);
    let all = ran.stdout.clone() + &ran.stderr;
    assert!(all.contains("claude") && all.contains("ORCH_CLAUDE"), "{}", ran.shown());
    assert_eq!(space.subjects(), ["start"]);
}

#[test]
fn places_where_nothing_can_land_are_named_with_their_remedy() {
    let files = [("orch.yaml", SETTINGS), ("plans/three.yaml", PLAN), ("sessions.yaml", SESSIONS)];
    let none = Space::without_git(&files);
    none.orch(&["build"]).exits(2).complains(&["no git repository", "git init"]);
    assert!(!none.exists(".orch"));

    let unborn = Space::without_git(&files);
    unborn.make_repository();
    unborn.orch(&["build"]).exits(101).complains(&["no commit yet", "git commit"]);

    let detached = three();
    detached.git(&["checkout", "--quiet", "--detach"]);
    detached.orch(&["build"]).exits(101).complains(&["HEAD is detached", "git switch"]);

    let bare = Space::without_git(&[]);
    bare.git(&["init", "--quiet", "--bare"]);
    bare.orch(&["build"]).exits(101).complains(&["bare"]);
}

#[test]
fn under_a_rebase_work_is_done_and_parked() {
    let space = three();
    space.git(&["switch", "--quiet", "--create", "other"]);
    space.write("README", "theirs\n");
    space.commit("theirs");
    space.git(&["switch", "--quiet", "main"]);
    space.write("README", "mine\n");
    space.commit("mine");
    let rebase = space.bare("git").args(["rebase", "other"]).current_dir(space.root()).output();
    assert!(!rebase.unwrap().status.success(), "it stops at the conflict");
    let before = (space.read("README"), space.git(&["status", "--porcelain=v2"]));
    let ran = space.orch(&["build"]).exits(0);
    let all = ran.stdout.clone() + &ran.stderr;
    assert!(all.contains("rebase") && all.contains("orch land"), "{}", ran.shown());
    assert_eq!((space.read("README"), space.git(&["status", "--porcelain=v2"])), before);
    assert_eq!(space.subjects()[0], "mine");
}

#[test]
fn an_adopted_task_is_trusted_and_runs_once_its_input_changes() {
    let task = "  - id: '1'\n    name: One\n    description: Write.\n    status: completed\n    inputs: [shared.txt]\n";
    let space = pair(task, "'1':\n- write: { path: one.txt, content: x }\n");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    space.write("shared.txt", "changed\n");
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
}

#[test]
fn a_command_is_a_task_and_cached_like_one() {
    let task = "  - id: '1'\n    name: Count\n    run: wc -l < shared.txt > count.txt\n    inputs: [shared.txt]\n    outputs: [count.txt]\n";
    let space = pair(task, "{}\n");
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 0)]);
    assert_eq!(space.read("count.txt").trim(), "9");
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    space.write("shared.txt", "1\n2\n");
    space.build(&[], 0).has(&[("ran", 1)]);
    assert_eq!(space.read("count.txt").trim(), "2");
}

#[test]
fn decisions_are_recorded_and_kept_to() {
    let space = three();
    space.build(&[], 0);
    space.orch(&["retry", "three//2"]).exits(0);
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
    space.replace("plans/three.yaml", "Write two.txt.", "Write two.txt in French.");
    space.orch(&["accept", "three//2"]).exits(0);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn two_builds_in_one_repository_do_not_fight() {
    let space = pair(
        "  - { id: '1', name: Slow, description: slow }\n",
        "'1':\n- sleep: 3s\n- write: { path: one.txt, content: x }\n",
    );
    let mut first = space.bare(crate::support::ORCH);
    let mut first = first
        .arg("build")
        .current_dir(space.root())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let journal = space.root().join(".orch/journal-v1");
    let is_started = || fs::read_to_string(&journal).is_ok_and(|it| it.contains("attempt-started"));
    wait_until(is_started);
    space
        .orch(&["build", "--no-wait"])
        .exits(101)
        .complains(&["another orch", &first.id().to_string()]);
    assert!(first.wait().unwrap().success());
    assert_eq!(space.read("one.txt"), "x");
}

#[test]
fn two_interrupts_end_the_build_and_leave_no_process() {
    let space = pair(
        "  - { id: '1', name: Stuck, description: stuck }\n",
        "'1':\n- run: \"sleep 600 & echo $! > $HOME/pid\"\n- hang\n",
    );
    let mut build = space.bare(crate::support::ORCH);
    let mut build = build
        .arg("build")
        .current_dir(space.root())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = space.home().join("pid");
    wait_until(|| fs::read_to_string(&pid_file).is_ok_and(|it| it.ends_with('\n')));
    let pid = fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    let id = build.id();
    let interrupt = || {
        let sent = space.bare("sh").args(["-c", &format!("kill -INT {id}")]).status().unwrap();
        assert!(sent.success());
    };
    interrupt();
    let records = || fs::read_to_string(space.root().join(".orch/journal-v1")).unwrap();
    assert!(!records().contains("run-ended"));
    // Two signals that come at once are one to the system: more are sent until one is the second.
    let mut ended = None;
    wait_until(|| {
        interrupt();
        ended = build.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(130));
    wait_until(|| !std::path::Path::new("/proc").join(&pid).exists());
    assert!(records().contains("run-ended"));
    assert_eq!(space.subjects(), ["start"]);
}

#[test]
fn a_dead_lock_on_what_was_seen_of_the_branch_is_no_obstacle() {
    let space = three();
    space.build(&["three//1"], 0);
    space.write("README", "By hand.\n");
    space.commit("by hand");
    space.write(".git/refs/orch/seen/main.lock", "");
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 2)]);
    assert!(!space.exists(".git/refs/orch/seen/main.lock"));

    // The clock was set back since.
    space.write(".git/refs/orch/tip/main.lock", "");
    let lock = space.root().join(".git/refs/orch/tip/main.lock");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    std::fs::File::options().append(true).open(&lock).unwrap().set_modified(later).unwrap();
    space.build(&["--force", "three//1"], 0).has(&[("accepted", 3)]);
    assert!(!lock.exists());
}

#[test]
fn nothing_is_written_through_a_link_that_a_repository_brings_along() {
    for name in ["lock", "journal-v1"] {
        let space = three();
        let precious = space.home().join("precious");
        std::fs::write(&precious, "precious\n").unwrap();
        std::fs::create_dir_all(space.root().join(".orch")).unwrap();
        std::os::unix::fs::symlink(&precious, space.root().join(".orch").join(name)).unwrap();
        let refused = space.orch(&["build"]).exits(2);
        refused.complains(&["a link lies where orch keeps", &format!(".orch/{name}"), "remove it"]);
        space.orch(&["cache", "gc"]);
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious\n", "{name}");
    }
}

#[test]
fn a_repository_that_brings_orchs_own_folder_along_is_refused() {
    let space = three();
    // What it says of a session that never ran.
    space.write(".orch/task/status.json", "{\"task_id\": \"1\", \"status\": \"completed\"}\n");
    space.git(&["add", "--force", ".orch"]);
    space.git(&["commit", "--quiet", "--message", "own folder"]);
    for args in [&["build"][..], &["skip", "three//1"], &["land"], &["watch", "--once"]] {
        let refused = space.orch(args).exits(2);
        refused.complains(&["`.orch` is part of the repository", "git rm -r --cached .orch"]);
    }
    space.orch(&["status"]).exits(0);
    space.git(&["rm", "-r", "--quiet", ".orch"]);
    space.git(&["commit", "--quiet", "--message", "removed"]);
    space.build(&[], 0).has(&[("accepted", 3)]);
}

#[test]
fn a_build_killed_anywhere_in_a_landing_is_finished_by_the_next() {
    for point in [
        "landed",
        "locked index",
        "locked branch",
        "looked",
        "placing",
        "placed one",
        "placed",
        "indexed",
        "moved",
    ] {
        let space = three();
        let mut killed = space.bare(crate::support::ORCH);
        killed.arg("build").current_dir(space.root()).env("ORCH_FAULT", format!("{point}:1"));
        assert!(!killed.output().unwrap().status.success(), "{point}");
        space.build(&[], 0).has(&[("targets", 3), ("accepted", 3)]);
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{point}");
        let tip = space.git(&["rev-parse", "refs/orch/tip/main", "HEAD"]);
        assert_eq!(tip.lines().next(), tip.lines().last(), "{point}");
        let landed = space.subjects().iter().filter(|it| it.starts_with("three//")).count();
        assert_eq!(landed, 3, "{point}");
        for lock in ["index.lock", "HEAD.lock", "refs/heads/main.lock"] {
            assert!(!space.exists(&format!(".git/{lock}")), "{lock} after {point}");
        }
    }
}

#[test]
fn landings_that_wait_are_told_by_every_build_and_status_and_taken_when_they_can_be() {
    let space = three();
    space.write("one.txt", "mine\n");
    space.orch(&["build"]).exits(0).says(&["parked", "changes of your own in `one.txt`"]);
    let waits = &["parked", "3 landings wait", "`one.txt`", "orch land"];
    space.orch(&["build"]).exits(0).says(waits);
    space.orch(&["status"]).exits(0).says(waits);
    fs::remove_file(space.root().join("one.txt")).unwrap();
    let free = space.orch(&["status"]).exits(0);
    assert!(free.stdout.contains("nothing stands in the way"), "{}", free.shown());
    let taken = space.orch(&["build"]).exits(0);
    assert!(!taken.stdout.contains("parked"), "{}", taken.shown());
    assert_eq!(space.read("one.txt"), "one\n");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_uncommitted_edit_that_a_session_builds_on_is_named_and_waits_for_the_user() {
    let space = pair(
        "  - { id: '1', name: One, description: Edit it., inputs: [shared.txt] }\n",
        "'1':\n- write: { path: shared.txt, content: \"theirs\\n\" }\n",
    );
    space.replace("shared.txt", "5", "mine");
    let built = space.build(&[], 0).has(&[("sessions", 1), ("accepted", 1)]);
    for word in ["shared.txt", "uncommitted edits of yours", "orch land"] {
        assert!(built.ran.stdout.contains(word), "no {word}:\n{}", built.ran.shown());
    }
    assert!(space.read("shared.txt").contains("mine"));
    space.orch(&["land"]).exits(0);
    assert_eq!(space.read("shared.txt"), "theirs\n");
    assert!(space.git(&["show", "HEAD~1:shared.txt"]).contains("mine"));
}

#[test]
fn branches_and_configuration_that_a_session_changed_are_told() {
    let space = pair(
        "  - { id: '1', name: One, description: Stray. }\n",
        "'1':\n- run: cd ../../..; git branch stray; git config some.key value; cd -; echo x > x.txt\n",
    );
    space.write("orch.yaml", &format!("{SETTINGS}sandbox: none\n"));
    let built = space.orch(&["build"]).exits(0);
    let printed = format!("{}{}", built.stdout, built.stderr);
    for word in ["pair//1", "the branch `stray` was made", "`.git/config` was changed"] {
        assert!(printed.contains(word), "no {word}:\n{}", built.shown());
    }
    space.git(&["rev-parse", "stray"]);
}

#[test]
fn what_cannot_land_is_told_when_the_attempt_ends() {
    let space = pair(
        "  - { id: '1', name: One, description: Nest. }\n",
        "'1':\n- run: git init -q nested; echo x > nested/x; echo x > x.txt\n",
    );
    let printed = ["pair//1: not in its result: ", "`nested`", "git must ignore it"];
    space.orch(&["build"]).exits(0).complains(&printed);
    assert_eq!(space.read("x.txt"), "x\n");
    let again = space.orch(&["build"]).exits(0);
    assert!(!again.stderr.contains("not in its result"), "{}", again.shown());
}

#[test]
fn where_git_knows_no_user_orch_commits_as_itself() {
    let space = three();
    space.git(&["config", "--unset", "user.name"]);
    space.git(&["config", "--unset", "user.email"]);
    let ran = space.orch(&["build"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(space.read("three.txt"), "three\n");
    assert_eq!(space.git(&["log", "-1", "--format=%an <%ae>"]), "orch <orch@localhost>");
}

#[test]
fn a_shallow_clone_that_ends_at_a_landing_is_built() {
    let space = three();
    assert_eq!(space.orch(&["build"]).code, 0);
    for depth in ["1", "2", "3"] {
        let url = format!("file://{}", space.root().display());
        space.git_in(space.home(), &["clone", "--quiet", "--depth", depth, &url, depth]);
        let clone = space.home().join(depth);
        space.git_in(&clone, &["config", "user.name", "A User"]);
        let ran = space.orch_in(&clone, &["build"]);
        assert_eq!(ran.code, 0, "{depth}: {ran:?}");
        assert!(ran.stderr.contains("git fetch --unshallow"), "{depth}: {ran:?}");
        let doctor = space.orch_in(&clone, &["doctor"]);
        assert!(doctor.stdout.contains("this clone is shallow"), "{depth}: {doctor:?}");
        let ran = space.orch_in(&clone, &["build"]);
        assert!(ran.stdout.starts_with("up to date"), "{depth}: {ran:?}");
    }
}

#[test]
fn a_status_in_a_plan_is_no_change_of_what_reads_everything() {
    let plan = |inputs: &str| {
        format!(
            "meta: {{ name: Wide }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    \
             name: One\n    run: echo 1 > one.txt\n    inputs: [{inputs}]\n    outputs: [one.txt]\n"
        )
    };
    let space = Space::new(&[("plans/kept.yaml", &plan("'**'")), ("README", "Nothing yet.\n")]);
    space.write("plans/loose.yaml", &plan("'**'").replace("one.txt", "two.txt"));
    assert_eq!(space.orch(&["build"]).code, 0);
    for plan in ["plans/kept.yaml", "plans/loose.yaml"] {
        assert!(space.read(plan).contains("status: completed"), "{}", space.read(plan));
    }
    let ran = space.orch(&["build", "kept"]);
    assert!(ran.stdout.starts_with("up to date"), "{ran:?}");
    space.write("README", "Something.\n");
    let ran = space.orch(&["build", "kept"]);
    assert!(ran.stderr.contains("inputs `README` changed"), "{ran:?}");
    space.write("plans/other.yaml", &plan("plans/kept.yaml").replace("one.txt", "three.txt"));
    assert_eq!(space.orch(&["build", "other"]).code, 0);
    space.replace("plans/kept.yaml", "name: Wide", "name: Wider");
    let ran = space.orch(&["build", "other"]);
    assert!(ran.stderr.contains("inputs `plans/kept.yaml` changed"), "{ran:?}");
}

#[test]
fn what_is_skipped_is_not_blocked_and_blocks_nothing() {
    let space = pair(
        "  - { id: '1', name: Fails, run: 'false' }\n  \
           - { id: '2', name: Left out, run: 'false', depends_on: ['1'], status: skipped }\n  \
           - { id: '3', name: Goes on, run: echo 3 > three.txt, depends_on: ['2'], outputs: [three.txt] }\n",
        "",
    );
    let shown = space.orch(&["status"]).stdout;
    assert!(shown.contains("skipped") && !shown.contains("waits"), "{shown}");
    let ran = space.orch(&["build"]);
    assert_eq!((ran.code, space.read("three.txt").as_str()), (1, "3\n"), "{ran:?}");
}

#[test]
fn what_is_written_into_a_submodule_is_not_lost_in_silence() {
    let space = three();
    let once = "meta: { name: Three, max_attempts_default: 1 }";
    space.replace("plans/three.yaml", "meta: { name: Three }", once);
    let other = Space::new(&[("inner.txt", "inner\n")]);
    let url = other.root().to_str().unwrap();
    space.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    space.commit("a submodule");
    assert_eq!(space.orch(&["build", "three//1"]).code, 0, "that there is one is no matter");
    space.write("sessions.yaml", &SESSIONS.replace("path: two.txt", "path: sub/inner.txt"));
    let ran = space.orch(&["build"]);
    let printed = "it wrote into the submodule `sub`";
    assert!(ran.code == 1 && ran.stderr.contains(printed), "{ran:?}");
    assert_eq!(space.read("sub/inner.txt"), "inner\n");
}
