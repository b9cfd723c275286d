//! What an attempt that was not accepted leaves to the next: its session where that can go on, else
//! its files, in the same build and in later ones.

use std::process::{Child, Stdio};

use crate::support::{ORCH, Space, wait_until};

/// Sessions tell what they saw by files in the checkout.
const SETTINGS: &str = "session: { scripted: sessions.yaml }\nsandbox: none\n";

fn plan(more: &str) -> String {
    format!(
        "meta: {{ name: P }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: Write the list\n    description: Write list.txt with two lines.\n{more}"
    )
}

const TWO_LINES: &str = "    max_attempts: 2\n    validators: [{ name: two, run: 'test \"$(wc -l < list.txt)\" -eq 2' }]\n";

/// One line where there is no list yet, else the second one; the prompt is kept for the test.
const LINE_BY_LINE: &str = "\
'1':
- - read: list.txt
  - run: 'test -e list.txt && echo two >> list.txt || echo one > list.txt'
  - save-prompt: ../../../prompt.txt
";

fn space(plan: &str, sessions: &str) -> Space {
    Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/p.yaml", plan),
        ("sessions.yaml", sessions),
        (".gitignore", "*.txt.old\nprompt.txt\n"),
        ("README.txt", "Nothing yet.\n"),
    ])
}

fn left(space: &Space) -> String {
    space.git(&["for-each-ref", "--format=%(refname)", "refs/orch/attempts"])
}

/// The prompt of the session that ran last.
fn prompt(space: &Space) -> String {
    space.read("prompt.txt")
}

#[test]
fn a_new_session_finds_what_was_refused_and_is_told_so() {
    let space = space(&plan(TWO_LINES), LINE_BY_LINE);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
    let shown = prompt(&space);
    assert!(shown.contains("what the earlier attempt did is in this worktree"), "{shown}");
    assert_eq!(left(&space), "", "what is accepted is kept by its landing");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_rule_may_begin_from_what_has_landed() {
    let space = space(&plan(TWO_LINES), LINE_BY_LINE);
    space.write("rules/implement.yaml", "extends: implement\nretry: { from: clean }\n");
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 2)]);
    let shown = prompt(&space);
    assert!(shown.contains("nothing of the earlier attempt is in this worktree"), "{shown}");
    assert_eq!(left(&space), "");
}

#[test]
fn a_refused_session_goes_on_itself_where_its_rule_says_so() {
    let space = space(&plan(TWO_LINES), LINE_BY_LINE);
    space
        .write("rules/implement.yaml", "extends: implement\nretry: { on: { rejected: resume } }\n");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
    let shown = prompt(&space);
    assert!(shown.starts_with("Your result was looked at and not accepted"), "{shown}");
}

#[test]
fn a_later_build_goes_on_from_what_a_failed_attempt_left_on_what_landed_since() {
    let check = |edited: (&str, &str), ended: &str, shown: &str| {
        let sessions = "\
'1':
- - run: 'if test -e list.txt; then echo two >> list.txt; else echo one > list.txt; touch fails; fi'
  - run: 'if test -e fails; then rm fails; mkdir -p .orch/task; echo \"{\\\"task_id\\\": \\\"1\\\", \\\"status\\\": \\\"failed\\\", \\\"message\\\": \\\"no idea\\\"}\" > .orch/task/status.json; else echo \"{\\\"task_id\\\": \\\"1\\\", \\\"status\\\": \\\"completed\\\"}\" > .orch/task/status.json; fi'
  - status: none
  - save-prompt: ../../../prompt.txt
";
        let space = space(&plan("    max_attempts: 1\n"), sessions);
        space.build(&[], 1).has(&[("failed", 1), ("sessions", 1)]);
        assert_eq!(left(&space), "refs/orch/attempts/p/1");
        space.write(edited.0, edited.1);
        space.commit("by hand");
        space.orch(&["retry", "p//1"]).exits(0);
        space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
        assert_eq!(space.read("list.txt"), ended);
        assert_eq!(space.read(edited.0).lines().next(), edited.1.lines().next());
        let prompt = prompt(&space);
        assert!(prompt.contains(shown), "{prompt}");
        assert_eq!(left(&space), "");
    };
    let here = "what the earlier attempt did is in this worktree";
    check(("README.txt", "By hand.\n"), "one\ntwo\n", here);
    check(
        ("list.txt", "mine\n"),
        "mine\ntwo\n",
        "nothing of the earlier attempt is in this worktree",
    );
    check(
        ("list.txt", "mine\n"),
        "mine\ntwo\n",
        "- `list.txt`: its version is `.orch/task/left/list.txt`",
    );
}

/// Begins a list and something beside it; finds that again, it takes over what did not merge.
const MERGES: &str = "\
'1':
- - read: README.txt
  - run: 'if test -e extra.txt; then cat .orch/task/left/list.txt >> list.txt; else echo one > list.txt; echo x > extra.txt; if test -e $HOME/edits; then echo mine > ../../../list.txt; fi; fi'
  - run: 'if test -e $HOME/fails; then touch extra.txt; mkdir -p .orch/task; echo \"{\\\"task_id\\\": \\\"1\\\", \\\"status\\\": \\\"failed\\\"}\" > .orch/task/status.json; else echo \"{\\\"task_id\\\": \\\"1\\\", \\\"status\\\": \\\"completed\\\"}\" > .orch/task/status.json; fi'
  - status: none
  - save-prompt: ../../../prompt.txt
";

#[test]
fn of_what_was_left_only_the_files_that_collide_are_laid_aside() {
    let space = space(&plan("    max_attempts: 1\n"), MERGES);
    std::fs::write(space.home().join("fails"), "").unwrap();
    space.build(&[], 1).has(&[("failed", 1)]);
    space.write("list.txt", "mine\n");
    space.commit("by hand");
    space.orch(&["retry", "p//1"]).exits(0);
    std::fs::remove_file(space.home().join("fails")).unwrap();
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(
        (space.read("list.txt"), space.read("extra.txt")),
        ("mine\none\n".into(), "x\n".into())
    );
    let shown = prompt(&space);
    let all = ["what the earlier attempt did is in this worktree", "`.orch/task/left/list.txt`"];
    let kept = "All that it did is kept as `refs/orch/kept/";
    assert!(all.iter().chain([&kept]).all(|it| shown.contains(it)), "{shown}");
    assert_eq!(space.git(&["for-each-ref", "refs/orch/attempts", "refs/orch/kept"]), "");
}

#[test]
fn a_parked_result_that_collides_with_a_commit_is_gone_on_from() {
    let space = space(&plan(""), MERGES);
    space.write("list.txt", "old\n");
    space.commit("a list");
    std::fs::write(space.home().join("edits"), "").unwrap();
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("list.txt"), "mine\n", "it is the user's, and the landing waits");
    space.git(&["add", "list.txt"]);
    space.git(&["commit", "-qm", "by hand"]);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(
        (space.read("list.txt"), space.read("extra.txt")),
        ("mine\none\n".into(), "x\n".into())
    );
    let shown = prompt(&space);
    let all = ["its result was set aside", "`.orch/task/left/list.txt`"];
    assert!(all.iter().all(|it| shown.contains(it)), "{shown}");
    assert_eq!(space.git(&["for-each-ref", "refs/orch/attempts", "refs/orch/kept"]), "");
}

#[test]
fn what_was_left_for_another_key_is_not_taken_up() {
    let sessions = "\
'1':
- - run: 'ls > seen.txt; echo one > list.txt'
  - status: failed
";
    let space = space(&plan("    max_attempts: 1\n"), sessions);
    space.build(&[], 1).has(&[("failed", 1)]);
    space.replace("plans/p.yaml", "with two lines", "with three lines");
    space.build(&[], 1).has(&[("failed", 1)]);
    let seen = space.git(&["show", "refs/orch/attempts/p/1:seen.txt"]);
    assert!(!seen.contains("list.txt"), "{seen}");
}

/// Goes on where it finds its own work; else it begins, and waits for a gate that never opens.
const GATED: &str = "\
'1':
- - read: README.txt
  - run: 'if test -e list.txt; then echo two >> list.txt; else echo one > list.txt; touch $HOME/at; fi'
  - run: 'if test -e $HOME/again; then :; else until test -e $HOME/gate; do sleep 0.02; done; fi'
  - save-prompt: ../../../prompt.txt
";

fn started(space: &Space) -> Child {
    let mut build = space.bare(ORCH);
    build.args(["build"]).current_dir(space.root());
    let child = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| space.home().join("at").exists());
    child
}

#[test]
fn a_session_that_goes_on_is_told_what_was_reworded_meanwhile() {
    let check = |edit: &dyn Fn(&Space), shown: &[&str]| {
        let space = space(&plan(""), GATED);
        space.write(".claude/agents/coder.md", "---\nname: coder\n---\nYou code well.\n");
        let mut build = started(&space);
        build.kill().unwrap();
        build.wait().unwrap();
        std::fs::write(space.home().join("again"), "").unwrap();
        edit(&space);
        space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
        let prompt = prompt(&space);
        assert!(prompt.starts_with("You were ended in the middle of your work"), "{prompt}");
        let has_news = prompt.contains("From here on this holds");
        assert_eq!(has_news, !shown.is_empty(), "{prompt}");
        assert!(shown.iter().all(|it| prompt.contains(it)), "{prompt}");
    };
    check(&|_| {}, &[]);
    let agent = "---\nname: coder\n---\nYou code in short lines.\n";
    let write = |space: &Space| space.write(".claude/agents/coder.md", agent);
    check(&write, &["You code in short lines.", "Write list.txt with two lines."]);
}

fn goes_on_after(end: impl FnOnce(&Space, &mut Child)) {
    let space = space(&plan(""), GATED);
    let mut build = started(&space);
    end(&space, &mut build);
    build.wait().unwrap();
    std::fs::write(space.home().join("again"), "").unwrap();
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
    let shown = prompt(&space);
    assert!(shown.starts_with("You were ended in the middle of your work"), "{shown}");
    let parked = std::fs::read_dir(space.root().join(".orch/worktrees")).unwrap();
    let parked = parked
        .filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "parked"));
    assert_eq!(parked.count(), 0, "no worktree is kept for it any more");
}

#[test]
fn a_session_that_was_stopped_goes_on_in_the_next_build() {
    goes_on_after(|space, _| {
        space.orch(&["stop", "--now"]).exits(0);
    });
}

#[test]
fn a_session_that_was_terminated_goes_on_in_the_next_build() {
    goes_on_after(|space, build| {
        let pid = build.id().to_string();
        assert!(space.bare("kill").args(["-TERM", &pid]).status().unwrap().success());
    });
}

#[test]
fn a_session_that_was_killed_with_orch_goes_on_in_the_next_build() {
    goes_on_after(|_, build| build.kill().unwrap());
}

#[test]
fn who_looks_after_a_kill_sees_the_session_that_was_cut_off() {
    let sessions = "'1':\n- - say: I begin\n  - run: 'touch $HOME/at; until test -e $HOME/gate; do sleep 0.02; done'\n";
    let space = space(&plan(""), sessions);
    let mut build = started(&space);
    build.kill().unwrap();
    build.wait().unwrap();
    let journal = || std::fs::read(space.root().join(".orch/journal-v1")).unwrap();
    let before = journal();
    let cut = "cut off: orch was killed while it ran; it goes on from what it left";
    space.orch(&["status"]).exits(0).says(&[&format!("would run: {cut}  $0.0008")]);
    space.orch(&["build", "-n"]).exits(0).says(&[cut]);
    space
        .orch(&["why", "p//1"])
        .exits(0)
        .says(&[&format!("because  {cut}"), "attempt  1: orch was killed while it ran, $0.0008"]);
    space.orch(&["show", "p//1"]).exits(0).says(&["log 1     attempt 1: aborted"]);
    space.orch(&["log", "p//1"]).exits(0).says(&["I begin"]);
    space.orch(&["show", "p//1", "--prompt"]).exits(0).says(&["Write list.txt with two lines."]);
    assert_eq!(journal(), before, "nothing was written");
}

#[test]
fn what_a_session_made_is_not_lost_between_its_end_and_its_landing() {
    let space = space(&plan(""), LINE_BY_LINE);
    // The run, the attempt, its process and its end are journaled by then.
    let mut build = space.bare(ORCH);
    build.arg("build").current_dir(space.root()).env("ORCH_FAULT", "journaled:4");
    assert!(!build.output().unwrap().status.success());
    assert_eq!(left(&space), "refs/orch/attempts/p/1");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
    let shown = prompt(&space);
    assert!(shown.contains("what the earlier attempt did is in this worktree"), "{shown}");
    assert_eq!(left(&space), "");
}

#[test]
fn a_session_at_the_cap_of_its_rule_goes_on_and_never_begins_anew() {
    let sessions = "\
'1':
- - run: 'echo x >> $HOME/begun'
  - cost: 0.5
- - save-prompt: ../../../prompt.txt
  - cost: 0.5
";
    let space = space(&plan(""), sessions);
    space.write("rules/implement.yaml", "extends: implement\nlimits: { usd: 0.2 }\n");
    space.build(&[], 1).has(&[("failed", 1)]);
    let begun = std::fs::read_to_string(space.home().join("begun")).unwrap();
    assert_eq!(begun.lines().count(), 1, "every other session is the first one, resumed");
}

#[test]
fn what_was_forgotten_does_not_go_on() {
    let space = space(&plan(""), GATED);
    let mut build = started(&space);
    build.kill().unwrap();
    build.wait().unwrap();
    space.orch(&["reset", "p//1"]).exits(0);
    std::fs::write(space.home().join("again"), "").unwrap();
    space.build(&[], 0).has(&[("accepted", 1)]);
    assert_eq!(space.read("list.txt"), "one\n", "it began anew");
}

#[test]
fn a_second_kill_before_the_first_word_loses_nothing() {
    let space = space(&plan(""), GATED);
    let mut build = started(&space);
    build.kill().unwrap();
    build.wait().unwrap();
    // The worktree waits for its session; so it does after a run that came to nothing.
    let stuck = space.home().join("stuck");
    std::fs::write(&stuck, "#!/bin/sh\ntouch \"$HOME/up\"\nsleep 60\n").unwrap();
    let orch = space.read("orch.yaml");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&stuck, mode).unwrap();
    space.write("orch.yaml", &format!("session: {{ claude: {} }}\n", stuck.display()));
    let mut again = space.bare(ORCH);
    again.args(["build"]).current_dir(space.root());
    let mut again = again.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| space.home().join("up").exists());
    again.kill().unwrap();
    again.wait().unwrap();
    space.write("orch.yaml", &orch);
    std::fs::write(space.home().join("again"), "").unwrap();
    space.build(&[], 0).has(&[("accepted", 1)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
}

#[test]
fn settings_and_documents_of_one_attempt_are_not_the_next_ones() {
    let sessions = "\
'1':
- - run: 'mkdir -p .claude && echo {} > .claude/settings.json && echo {} > .mcp.json && echo one > list.txt'
  - status: failed
- - run: 'ls -a . .claude 2>/dev/null > ../../../prompt.txt; echo two >> list.txt'
";
    let space = space(&plan("    max_attempts: 2\n"), sessions);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(space.read("list.txt"), "one\ntwo\n");
    let seen = prompt(&space);
    assert!(!seen.contains("settings.json") && !seen.contains(".mcp.json"), "{seen}");
}

#[test]
fn an_attempt_after_a_rejected_one_is_not_lost_by_a_kill() {
    let sessions = "\
'1':
- - read: README.txt
  - run: 'echo l1 > list.txt'
- - read: README.txt
  - run: 'if test -e $HOME/again; then echo l3 >> list.txt; else echo l2 >> list.txt; touch $HOME/at; until test -e $HOME/gate; do sleep 0.02; done; fi'
";
    let three = "    max_attempts: 4\n    validators: [{ name: three, run: 'test \"$(wc -l < list.txt)\" -eq 3' }]\n";
    let space = space(&plan(three), sessions);
    let mut build = started(&space);
    build.kill().unwrap();
    build.wait().unwrap();
    std::fs::write(space.home().join("again"), "").unwrap();
    // The first step of the script is the first attempt's: what goes on is its own file.
    space.replace("sessions.yaml", "echo l1 > list.txt", "echo l3 >> list.txt");
    space.build(&[], 0).has(&[("accepted", 1)]);
    assert_eq!(space.read("list.txt"), "l1\nl2\nl3\n");
}
