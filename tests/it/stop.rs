//! Stopping by every way there is, during every kind of wait.
#![cfg(target_os = "linux")]

use std::process::{Child, Stdio};

use crate::support::{ORCH, Space, wait_until};

fn space(settings: &str, tasks: &str, sessions: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Stop, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    let settings = format!("session: {{ scripted: sessions.yaml }}\n{settings}");
    Space::new(&[
        ("orch.yaml", &settings),
        ("plans/p.yaml", &plan),
        ("sessions.yaml", sessions),
        (".gitignore", ".stop\n"),
    ])
}

const PAIR: &str = "  - { id: '1', name: One, description: one }\n  - { id: '2', name: Two, description: two, depends_on: ['1'] }\n";

/// Each waits for a file in the home before it goes on.
const GATED: &str = "\
'1': [{ run: 'touch $HOME/at; until test -e $HOME/gate; do sleep 0.02; done' }, { write: { path: one.txt, content: x } }]
'2': [{ write: { path: two.txt, content: x } }]
";

const PLAIN: &str = "\
'1': [{ write: { path: one.txt, content: x } }]
'2': [{ write: { path: two.txt, content: x } }]
";

struct Build {
    child: Child,
}

impl Build {
    fn start(space: &Space) -> Self {
        // Whoever runs the tests may have SIGHUP ignored.
        let mut build = space.bare("env");
        build.args(["--default-signal=HUP", ORCH, "build"]);
        build.current_dir(space.root()).stdout(Stdio::null());
        let log = std::fs::File::create(space.home().join("said")).unwrap();
        Self { child: build.stderr(log).spawn().unwrap() }
    }

    fn signal(&self, space: &Space, name: &str) {
        let pid = self.child.id().to_string();
        assert!(space.bare("kill").args([name, &pid]).status().unwrap().success());
    }

    #[track_caller]
    fn exits(mut self, code: i32) {
        let mut ended = None;
        wait_until(|| {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        assert_eq!(ended.unwrap().code(), Some(code));
    }
}

fn is_there(space: &Space, name: &str) -> bool {
    space.home().join(name).exists()
}

fn said(space: &Space) -> String {
    std::fs::read_to_string(space.home().join("said")).unwrap()
}

fn processes_of(space: &Space) -> usize {
    let home = format!("HOME={}\0", space.home().display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let holds = |entry: &std::fs::DirEntry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment.windows(home.len()).any(|it| it == home.as_bytes())
    };
    entries.filter(holds).count()
}

#[test]
fn a_stop_that_waits_stops_the_next_build_and_only_that() {
    for file in [".claude/plans/.stop", "plans/.stop"] {
        let space = space("", PAIR, PLAIN);
        space.write(file, "");
        let built = space.build(&[], 3).has(&[("sessions", 0), ("accepted", 0), ("held", 2)]);
        assert!(built.ran.stdout.contains(&format!("{file} was there before the start")));
        assert!(!space.exists(file));
        space.build(&[], 0).has(&[("sessions", 2), ("accepted", 2)]);
        space.write(file, "");
        space.build(&["-n"], 0);
        assert!(space.exists(file), "looking uses nothing up");
    }
}

#[test]
fn a_stop_that_waits_calls_nothing_held_that_is_finished() {
    let space = space("", PAIR, PLAIN);
    space.build(&[], 0).has(&[("accepted", 2)]);
    space.write("plans/.stop", "");
    space.build(&[], 3).has(&[("accepted", 2), ("up_to_date", 2), ("held", 0)]);
    space.replace("plans/p.yaml", "description: one", "description: another");
    space.write("plans/.stop", "");
    space.build(&[], 3).has(&[("accepted", 0), ("held", 2), ("sessions", 0)]);
    space.build(&[], 0).has(&[("accepted", 2), ("sessions", 1)]);
}

#[test]
fn a_build_waits_for_the_end_of_another_and_says_so() {
    let space = space("", PAIR, GATED);
    let build = Build::start(&space);
    wait_until(|| is_there(&space, "at"));
    let refused = space.orch(&["build", "--no-wait"]).exits(101);
    refused.complains(&["another orch is at work here", "orch status"]);
    let mut second = space.bare(ORCH);
    second.args(["build", "--format", "json"]).current_dir(space.root());
    let log = std::fs::File::create(space.home().join("second")).unwrap();
    let second = second.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let printed = || std::fs::read_to_string(space.home().join("second")).unwrap();
    let pid = build.child.id();
    wait_until(|| {
        printed().contains(&format!("waiting for the end of process {pid}, `{ORCH} build`"))
    });
    std::fs::write(space.home().join("gate"), "").unwrap();
    build.exits(0);
    let second = second.wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(0), "{}", printed());
    let events = String::from_utf8(second.stdout).unwrap();
    assert!(events.lines().last().unwrap().contains("\"up_to_date\":2"), "{events}");
    assert_eq!(printed().matches("waiting").count(), 1, "{}", printed());
    assert_eq!(space.landed(), ["p//2: Two", "p//1: One", "start"]);
}

#[test]
fn orch_stop_lets_what_runs_finish_and_resume_goes_on() {
    let space = space("", PAIR, GATED);
    space.orch(&["stop"]).exits(0).says(&["nothing runs here"]);
    let build = Build::start(&space);
    wait_until(|| is_there(&space, "at"));
    space.orch(&["stop"]).exits(0).says(&["starts nothing more; what runs may finish"]);
    space.orch(&["resume"]).exits(101).complains(&["another orch is at work here"]);
    std::fs::write(space.home().join("gate"), "").unwrap();
    build.exits(3);
    let printed = said(&space);
    assert!(
        printed.contains("stopping, as orch stop asks: 1 running task may finish"),
        "{printed}"
    );
    assert_eq!(space.landed(), ["p//1: One", "start"]);
    assert!(!space.exists(".orch/stop"));
    space.write(".claude/plans/.stop", "");
    let resumed = space.orch(&["resume"]).exits(0);
    assert!(resumed.stderr.contains("1 stop file taken back"), "{}", resumed.shown());
    assert_eq!(space.landed(), ["p//2: Two", "p//1: One", "start"]);
}

#[test]
fn a_stop_is_seen_in_every_wait_and_leaves_no_process() {
    let one = "  - { id: '1', name: One, description: one }\n";
    let check = |what: &str, settings: &str, tasks: &str, sessions: &str| {
        let space = space(settings, tasks, sessions);
        let build = Build::start(&space);
        wait_until(|| is_there(&space, "at"));
        let stopped = space.orch(&["stop", "--now"]).exits(0);
        assert!(stopped.stdout.contains("has ended"), "{what}: {}", stopped.shown());
        build.exits(3);
        assert_eq!(processes_of(&space), 0, "{what}");
        assert_eq!(space.landed(), ["start"], "{what}");
    };
    let waits = "(setsid sleep 600 > /dev/null 2>&1 &) ; touch $HOME/at; sleep 600";
    let quick = "'1': [{ write: { path: one.txt, content: x } }]\n";
    check("a session", "", one, &format!("'1': [{{ run: '{waits}' }}]\n"));
    let run = one.replace("description: one", &format!("run: '{waits}', description: one"));
    check("a command", "", &run, quick);
    check("a set-up line", &format!("worktree: {{ setup: '{waits}' }}\n"), one, quick);
    let validated = one.replace(
        "description: one",
        &format!("description: one, validators: [{{ name: slow, run: '{waits}' }}]"),
    );
    check("a validator", "", &validated, quick);
    let overloaded = "'1': [{ run: 'touch $HOME/at' }, { fail: { class: overloaded } }]\n";
    check("a backoff", "", one, overloaded);
}

#[test]
fn sigterm_and_a_closed_terminal_end_what_runs_and_nothing_is_lost_of_what_it_cost() {
    for signal in ["-TERM", "-HUP"] {
        let session = "'1': [{ cost: 0.25 }, { run: 'touch $HOME/at; sleep 600' }]\n";
        let space = space("", PAIR, session);
        let build = Build::start(&space);
        wait_until(|| is_there(&space, "at"));
        build.signal(&space, signal);
        build.exits(143);
        assert_eq!(processes_of(&space), 0);
        let printed = said(&space);
        assert!(printed.contains("terminated: 1 running task is ended"), "{printed}");
        let journal = space.read(".orch/journal-v1");
        assert!(journal.contains("\"aborted\"") && journal.contains("run-ended"), "{journal}");
    }
}

#[test]
fn a_hangup_that_was_to_be_ignored_is_ignored() {
    let space = space("", PAIR, GATED);
    let mut nohup = space.bare("nohup");
    nohup.args([ORCH, "build"]).current_dir(space.root()).stdout(Stdio::null());
    let build = Build { child: nohup.stderr(Stdio::null()).spawn().unwrap() };
    wait_until(|| is_there(&space, "at"));
    build.signal(&space, "-HUP");
    std::fs::write(space.home().join("gate"), "").unwrap();
    build.exits(0);
    assert_eq!(space.landed().len(), 3);
}

#[test]
fn ctrl_c_after_a_stop_file_still_uses_the_file_up() {
    let space = space("", PAIR, GATED);
    let build = Build::start(&space);
    wait_until(|| is_there(&space, "at"));
    space.write(".claude/plans/.stop", "");
    wait_until(|| said(&space).contains("as .claude/plans/.stop asks"));
    build.signal(&space, "-INT");
    wait_until(|| said(&space).contains("press Ctrl-C again"));
    std::fs::write(space.home().join("gate"), "").unwrap();
    build.exits(130);
    assert!(!space.exists(".claude/plans/.stop"));
    assert_eq!(space.landed(), ["p//1: One", "start"]);
}

#[test]
fn what_was_validated_when_orch_was_killed_is_validated_again_and_not_made_again() {
    let wait = "test -e $HOME/go || { touch $HOME/at; sleep 600; }; test -s one.txt";
    let task = format!(
        "  - {{ id: '1', name: One, description: one, validators: [{{ name: slow, run: '{wait}' }}] }}\n"
    );
    let space = space("", &task, "'1': [{ write: { path: one.txt, content: x } }]\n");
    let build = Build::start(&space);
    wait_until(|| is_there(&space, "at"));
    build.signal(&space, "-KILL");
    drop(build);
    std::fs::write(space.home().join("go"), "").unwrap();
    let again = space.build(&[], 0);
    again.has(&[("accepted", 1), ("replayed", 1), ("sessions", 0)]);
    assert_eq!(space.read("one.txt"), "x");
    let kept = space.orch(&["cache", "ls"]).exits(0).stdout;
    assert_eq!(kept.matches("p//1").count(), 1, "{kept}");
}

#[test]
fn a_refused_result_is_not_in_the_cache() {
    let task = "  - { id: '1', name: One, description: one, max_attempts: 1, validators: [{ name: no, run: 'false' }] }\n";
    let space = space("", task, "'1': [{ write: { path: one.txt, content: x } }]\n");
    space.build(&[], 1).has(&[("failed", 1)]);
    let kept = space.orch(&["cache", "ls"]).exits(0).stdout;
    assert!(!kept.contains("p//1"), "{kept}");
}
