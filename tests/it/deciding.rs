//! Who may decide: people, and no process of an attempt.
#![cfg(target_os = "linux")]

use std::process::{Child, Stdio};

use orch::base::name::TaskRef;
use orch::engine::record::Decision;
use orch::host::inbox::Word;

use crate::support::{ORCH, Space, wait_until};

const PLAN: &str = "\
meta: { name: P, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Meddles, description: Write one.txt. }
  - { id: '2', name: Fails, run: 'exit 3', depends_on: ['1'] }
";

/// The session of task 1 runs `line` with `ORCH` and `ROOT` filled in and does its work besides.
fn space(line: &str) -> Space {
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/p.yaml", PLAN),
    ]);
    let root = space.root().to_str().unwrap();
    let line = line.replace("ORCH", ORCH).replace("ROOT", root);
    let sessions =
        format!("'1':\n- - run: \"{line}\"\n  - write: {{ path: one.txt, content: x }}\n");
    space.write("sessions.yaml", &sessions);
    space.commit("sessions");
    space
}

/// As [`space`], where nothing keeps the session from what is orch's.
fn unguarded(line: &str) -> Space {
    let space = space(line);
    space.write("orch.yaml", "session: { scripted: sessions.yaml }\nsandbox: none\n");
    space.commit("settings");
    space
}

fn noted(space: &Space, name: &str) -> String {
    std::fs::read_to_string(space.home().join(name)).unwrap_or_default()
}

#[test]
fn what_a_session_decides_is_refused_and_told_however_it_asks() {
    let check = |line: &str, asked: &str| {
        let space = space(&format!("{line}; echo $? > $HOME/code"));
        let built = space.build(&["-k"], 1).has(&[("accepted", 1), ("failed", 1)]);
        assert_eq!(noted(&space, "code"), "2\n", "{line}: {}", noted(&space, "said"));
        assert!(noted(&space, "said").contains("is not for a process of p//1"), "{line}");
        let printed = format!("a process of p//1 tried `{asked}`: refused");
        assert!(built.ran.stdout.contains(&printed), "{line}\n{}", built.ran.shown());
    };
    for command in ["accept p//2", "skip p//2", "reset p//1", "retry p//1", "land", "stop"] {
        let asked = format!("orch {}", command.split(' ').next().unwrap());
        check(&format!("ORCH -C ROOT {command} 2> $HOME/said"), &asked);
    }
    check("ORCH -C ROOT build --force p//2 2> $HOME/said", "orch build");
    check("cd ROOT && env -i ORCH accept p//2 2> $HOME/said", "orch accept");
    // The middle process ends first: its child is an orphan.
    let orphan = "(setsid sh -c 'sleep 0.1; env -i ORCH -C ROOT accept p//2 2> '$HOME'/said; \
                  echo $? > '$HOME'/end' &); until test -s $HOME/end; do sleep 0.02; done; \
                  exit_code() { return $(cat $HOME/end); }; exit_code";
    check(orphan, "orch accept");
}

#[test]
fn nothing_is_decided_in_the_worktree_of_an_attempt() {
    let space = space("ORCH accept p//2 2> $HOME/said; echo $? > $HOME/code");
    space.build(&["-k"], 1).has(&[("accepted", 1), ("failed", 1)]);
    assert_eq!(noted(&space, "code"), "2\n", "{}", noted(&space, "said"));
    assert!(noted(&space, "said").contains("is not for a process of p//1"));
}

#[test]
fn a_command_that_decides_is_refused_as_a_session_is() {
    let space = space("true");
    let line = format!("{ORCH} -C {} accept p//2", space.root().display());
    space.replace("plans/p.yaml", "description: Write one.txt.", &format!("run: '{line}'"));
    space.commit("a command");
    let built = space.build(&[], 1);
    assert!(built.ran.stdout.contains("p//1 tried `orch accept`"), "{}", built.ran.shown());
    assert_eq!(built.value["accepted"], 0);
}

#[test]
fn a_session_may_look_and_may_build_elsewhere() {
    let line = "ORCH -C ROOT status > /dev/null && ORCH -C ROOT why p//2 > /dev/null && \
                ORCH -C ROOT build -n > /dev/null; echo $? > $HOME/code; \
                git init -q $HOME/other && cd $HOME/other && git config user.email a@b && \
                git config user.name A && mkdir plans && cp ROOT/plans/p.yaml plans && \
                sed -i 's/description: .*/run: echo x > one.txt }/' plans/p.yaml && git add . && \
                git commit -qm start && ORCH build p//1 > $HOME/out 2>&1; echo $? >> $HOME/code; \
                ORCH skip p//2 >> $HOME/out 2>&1; echo $? >> $HOME/code";
    let space = space(line);
    let built = space.build(&[], 1).has(&[("accepted", 1), ("failed", 1)]);
    assert_eq!(noted(&space, "code"), "0\n0\n0\n", "{}", noted(&space, "out"));
    assert!(!built.ran.stdout.contains("refused"), "{}", built.ran.shown());
}

#[test]
fn a_request_that_nobody_stands_behind_does_not_count() {
    let word = Word::Decide { task: TaskRef::new("p", "2"), decision: Decision::Accept };
    let line = "mkdir -p ROOT/.orch/inbox && cp $HOME/word ROOT/.orch/inbox/0.json; \
                while test -e ROOT/.orch/inbox/0.json; do sleep 0.02; done";
    let space = unguarded(line);
    std::fs::write(space.home().join("word"), serde_json::to_vec(&word).unwrap()).unwrap();
    let built = space.build(&[], 1).has(&[("accepted", 1), ("failed", 1)]);
    let printed =
        "a request of which nobody can tell who made it was not honoured: `orch accept p//2`";
    assert!(built.ran.stdout.contains(printed), "{}", built.ran.shown());
    space.build(&[], 1).has(&[("accepted", 1)]);
}

#[test]
fn what_a_session_writes_into_the_journal_is_cut_off_and_told() {
    let line = "tail -n 1 ROOT/.orch/journal-v1 >> ROOT/.orch/journal-v1; sleep 0.3";
    let space = unguarded(line);
    let built = space.build(&[], 1).has(&[("accepted", 1), ("failed", 1)]);
    let printed = "while p//1 ran, somebody else wrote into orch's journal";
    assert_eq!(built.ran.stdout.matches(printed).count(), 1, "{}", built.ran.shown());
    let journal = space.read(".orch/journal-v1");
    let lines: Vec<&str> = journal.lines().collect();
    assert!(lines.windows(2).all(|it| it[0] != it[1]), "{journal}");
}

#[test]
fn a_person_decides_while_it_builds() {
    let space = space("until test -e $HOME/go; do sleep 0.02; done");
    let mut build = Build::start(&space);
    wait_until(|| space.orch(&["status"]).stdout.contains("p//1") && space.exists(".orch/run"));
    space.orch(&["skip", "p//2"]).exits(0).complains(&["the orch that builds here is told"]);
    wait_until(|| space.read(".orch/journal-v1").contains("\"skip\""));
    std::fs::write(space.home().join("go"), "").unwrap();
    build.0.wait().unwrap();
}

/// A build in the background, ended with the value.
struct Build(Child);

impl Build {
    fn start(space: &Space) -> Self {
        let mut command = space.bare(ORCH);
        command.arg("build").current_dir(space.root());
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_checkout_of_the_repository_is_no_way_around() {
    let check = |line: &str, asked: &str| {
        let space = space(&format!("{line}; echo $? > $HOME/code"));
        let built = space.build(&["-k"], 1).has(&[("accepted", 1), ("failed", 1)]);
        assert_eq!(noted(&space, "code"), "2\n", "{line}: {}", noted(&space, "said"));
        let printed = format!("a process of p//1 tried `{asked}`: refused");
        assert!(built.ran.stdout.contains(&printed), "{line}\n{}", built.ran.shown());
    };
    let elsewhere = "git worktree add -q -f $HOME/elsewhere main";
    check(
        &format!("{elsewhere}; ORCH -C $HOME/elsewhere accept p//2 2> $HOME/said"),
        "orch accept",
    );
    check(
        &format!("{elsewhere}; cd $HOME/elsewhere; env -i ORCH build 2> $HOME/said"),
        "orch build",
    );
    check(
        "git checkout -q --ignore-other-worktrees main && ORCH accept p//2 2> $HOME/said",
        "orch accept",
    );
    check("git switch -q -c foo && ORCH build p//2 2> $HOME/said", "orch build");
}

#[test]
fn a_build_in_another_checkout_decides_nothing_in_the_main_one() {
    let space = space("true");
    let line = format!("{ORCH} -C {} accept p//2 2> $HOME/said", space.root().display());
    space.replace("plans/p.yaml", "description: Write one.txt.", &format!("run: '{line}'"));
    space.commit("a command");
    let linked = space.home().join("linked");
    space.git(&["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    let built = space.orch_in(&linked, &["build", "--format", "json"]).exits(1);
    assert!(
        built.stdout.contains("a process of p//1 tried `orch accept`: refused"),
        "{}",
        built.shown()
    );
    assert!(noted(&space, "said").contains("is not for a process of p//1"));
    space.orch(&["status", "p//2"]).exits(0);
}

#[test]
fn a_worktree_of_an_attempt_is_no_place_to_build_for_anybody() {
    let space = space(
        "git checkout -q --ignore-other-worktrees main; pwd > $HOME/where; until test -e $HOME/go; do sleep 0.02; done",
    );
    let mut build = space.bare(ORCH);
    let mut build = build
        .args(["build", "-k"])
        .current_dir(space.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| noted(&space, "where").ends_with('\n'));
    let place = noted(&space, "where");
    let refused = space.orch_in(place.trim().as_ref(), &["accept", "p//2"]);
    space.write("../home/go", "");
    build.wait().unwrap();
    assert_eq!(refused.code, 2, "{}", refused.shown());
}
