//! Sessions that ask a person, and go on with the answer.

use std::process::{Child, Stdio};

use crate::support::{ORCH, Space, wait_until};

const PLAN: &str = "\
meta: { name: Ask, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Asks, description: Write api.txt. }
  - { id: '2', name: Needs it, description: Write use.txt., depends_on: ['1'] }
  - { id: '3', name: Beside it, description: Write beside.txt. }
";

/// The first attempt leaves half of its work and asks; the second finds that half and ends it.
const SESSIONS: &str = "\
'1':
- - write: { path: half.txt, content: half }
  - ask: { question: 'Which API?', options: [the old, the new] }
  - cost: 0.10
- - run: 'test -f half.txt && mv half.txt api.txt'
  - save-prompt: prompt.txt
  - cost: 0.25
'2':
- write: { path: use.txt, content: x }
'3':
- write: { path: beside.txt, content: x }
";

fn space() -> Space {
    let settings = "session: { scripted: sessions.yaml }\n";
    Space::new(&[
        ("orch.yaml", settings),
        ("plans/ask.yaml", PLAN),
        ("sessions.yaml", SESSIONS),
        (".gitignore", "prompt.txt\n"),
    ])
}

#[test]
fn a_question_parks_its_task_and_the_answer_resumes_the_same_session() {
    let space = space();
    let asked = space.build(&[], 1);
    let printed = asked.ran.stdout.clone();
    asked.has(&[("accepted", 1), ("failed", 0), ("blocked", 2), ("sessions", 2)]);
    assert!(printed.contains("\"event\":\"task-asked\""), "{printed}");
    let status = space.orch(&["status"]).exits(0);
    status.says(&["asks: Which API?", "orch answer ask//1", "1. the old", "2. the new"]);
    assert_eq!(space.landed(), ["ask//3: Beside it", "start"]);

    // Nothing runs as long as nobody answers.
    space.build(&[], 1).has(&[("accepted", 1), ("sessions", 0)]);

    space.orch(&["answer", "ask//1", "2"]).exits(0).says(&["ask//1  the new"]);
    space.orch(&["answer", "ask//1", "again"]).exits(2).complains(&["asks anything"]);
    space.orch(&["status"]).exits(0).says(&["would run: answered: the new"]);
    let built = space.build(&[], 0);
    built.has(&[("accepted", 3), ("sessions", 2)]);
    assert_eq!(space.read("api.txt"), "half", "it went on where it had stopped");
    assert!(!space.exists("half.txt"));
    let log = space.orch(&["log", "ask//1"]).exits(0);
    assert!(log.stdout.contains("half.txt"), "{}", log.shown());
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
    let status = space.orch(&["status"]).exits(0);
    assert!(!status.stdout.contains("Which API?"), "{}", status.shown());
}

#[test]
fn an_answer_reaches_a_new_session_where_the_old_one_is_gone() {
    let space = space();
    let prompt = space.home().join("prompt.txt");
    space.replace("sessions.yaml", "test -f half.txt && mv half.txt api.txt", "printf x > api.txt");
    space.replace("sessions.yaml", "prompt.txt", prompt.to_str().unwrap());
    space.build(&[], 1);
    std::fs::remove_dir_all(space.root().join(".orch/worktrees")).unwrap();
    space.git(&["worktree", "prune"]);
    space.orch(&["answer", "ask//1", "Both", "of", "them"]).exits(0);
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 2)]);
    let prompt = std::fs::read_to_string(prompt).unwrap();
    for part in ["Write api.txt.", "Which API?", "Answer: Both of them"] {
        assert!(prompt.contains(part), "{part} in\n{prompt}");
    }
}

#[test]
fn an_answer_is_gone_on_with_by_the_build_under_way() {
    let space = space();
    let (go, wait) = (space.home().join("go"), "- write: { path: beside.txt, content: x }\n");
    let until = format!("- run: 'until test -f {}; do sleep 0.05; done'\n{wait}", go.display());
    space.replace("sessions.yaml", wait, &until);
    let mut building = Watching::start_as(&space, "build");
    wait_until(|| space.orch(&["status"]).stdout.contains("asks: Which API?"));
    space.orch(&["answer", "ask//1", "2"]).exits(0).complains(&["the orch that builds here"]);
    wait_until(|| space.exists("use.txt"));
    assert!(!space.exists("beside.txt"), "what ran went on meanwhile");
    std::fs::write(go, "").unwrap();
    building.exits(0);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn a_question_of_another_key_is_void() {
    let space = space();
    space.build(&[], 1);
    space.replace("plans/ask.yaml", "Write api.txt.", "Write api.txt after the old.");
    let status = space.orch(&["status"]).exits(0);
    assert!(!status.stdout.contains("orch answer"), "{}", status.shown());
    space.orch(&["answer", "ask//1", "1"]).exits(2).complains(&["asks anything"]);
    space.write("sessions.yaml", &SESSIONS.replace("- - write: { path: half.txt, content: half }\n  - ask: { question: 'Which API?', options: [the old, the new] }\n  - cost: 0.10\n", ""));
    space.replace("sessions.yaml", "test -f half.txt && mv half.txt api.txt", "printf x > api.txt");
    space.build(&[], 0).has(&[("accepted", 3), ("sessions", 2)]);
    space.orch(&["answer", "ask//1", "late"]).exits(2);
}

#[test]
fn a_watch_hears_an_answer_and_a_retry() {
    let space = space();
    let mut watch = Watching::start(&space);
    wait_until(|| {
        space.orch(&["status"]).stdout.contains("asks: Which API?") && space.exists("beside.txt")
    });
    space.orch(&["answer", "ask//1", "the old"]).exits(0).complains(&["the orch that builds here"]);
    wait_until(|| space.exists("use.txt"));
    space.orch(&["retry", "ask//3"]).exits(0).complains(&["the orch that builds here is told"]);
    wait_until(|| {
        space.orch(&["show", "ask//3", "--format", "json"]).stdout.contains("\"attempts\":2")
    });
    watch.end();
}

/// `orch watch` or `build` in the background, ended with the value.
struct Watching(Child);

impl Watching {
    fn start(space: &Space) -> Self {
        Self::start_as(space, "watch")
    }

    fn start_as(space: &Space, what: &str) -> Self {
        let mut command = space.bare(ORCH);
        command.arg(what).current_dir(space.root());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    #[track_caller]
    fn exits(&mut self, code: i32) {
        assert_eq!(self.0.wait().unwrap().code(), Some(code));
    }

    fn end(&mut self) {
        if self.0.try_wait().is_ok_and(|it| it.is_some()) {
            return;
        }
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.end();
    }
}
