//! Several checkouts of one repository: work is paid once in all of them, whoever builds at the same time.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::support::{ORCH, Ran, Space, wait_until};

const PLAN: &str = "\
meta: { name: Shared, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, description: Write one.txt., validators: [{ name: there, run: test -e one.txt }] }
  - { id: '2', name: Two, description: Write two.txt. }
";

const SESSIONS: &str = "\
'1':
- - { run: 'until test -e $HOME/gate; do sleep 0.02; done' }
  - { write: { path: one.txt, content: one } }
  - { cost: 0.5 }
'2':
- - { run: 'until test -e $HOME/gate; do sleep 0.02; done' }
  - { write: { path: two.txt, content: two } }
  - { cost: 0.25 }
";

struct Pair {
    space: Space,
    linked: PathBuf,
}

impl Pair {
    fn new() -> Self {
        let space = Space::new(&[
            ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
            ("plans/shared.yaml", PLAN),
            ("sessions.yaml", SESSIONS),
        ]);
        let linked = space.root().with_file_name("linked");
        space.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
        Self { space, linked }
    }

    fn open_gate(&self) {
        std::fs::write(self.space.home().join("gate"), "").unwrap();
    }

    fn in_linked(&self, args: &[&str]) -> Ran {
        self.space.orch_in(&self.linked, args)
    }

    fn start(&self, folder: &std::path::Path, target: &str) -> Child {
        let mut build = self.space.bare(ORCH);
        build.args(["build", target]).current_dir(folder);
        build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

#[test]
fn work_in_linked_checkouts_is_paid_once() {
    let pair = Pair::new();
    pair.open_gate();
    let args = ["build", "--format", "json"];
    let built = pair.in_linked(&args).exits(0).summary();
    built.has(&[("sessions", 2), ("ran", 2)]);
    pair.space.build(&[], 0).has(&[("sessions", 0), ("replayed", 2), ("accepted", 2)]);
    assert_eq!(pair.space.read("one.txt"), "one");
    assert!(pair.linked.join(".orch/journal-v1").exists());
    assert!(!pair.linked.join(".orch/cas-v1").exists());

    // What only the other one's journal names is kept.
    pair.space.orch(&["cache", "gc", "--max-age", "0s"]).exits(0);
    pair.in_linked(&["log", "shared//1"]).exits(0).says(&["session"]);
    pair.in_linked(&["show", "shared//1", "--prompt"]).exits(0).says(&["Write one.txt."]);
    pair.in_linked(&["cache", "verify"]).exits(0);
}

#[test]
fn linked_checkouts_build_at_the_same_time() {
    let pair = Pair::new();
    let root = pair.space.root().to_owned();
    let mut builds = [pair.start(&root, "shared//1"), pair.start(&pair.linked, "shared//2")];
    let has_begun = |folder: &std::path::Path| {
        std::fs::read_to_string(folder.join(".orch/journal-v1"))
            .is_ok_and(|it| it.contains("process-started"))
    };
    wait_until(|| has_begun(&root) && has_begun(&pair.linked));
    for folder in [&root, &pair.linked] {
        let refused = pair.space.orch_in(folder, &["cache", "gc"]).exits(101);
        refused.complains(&["another orch is at work here"]);
    }
    pair.open_gate();
    for build in &mut builds {
        assert!(build.wait().unwrap().success());
    }
    pair.space.build(&[], 0).has(&[("sessions", 0), ("replayed", 1), ("up_to_date", 1)]);
    let built = pair.in_linked(&["build", "--format", "json"]).exits(0).summary();
    built.has(&[("sessions", 0), ("replayed", 1), ("up_to_date", 1)]);
}
