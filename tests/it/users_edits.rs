//! Files that a task wrote and the user has edited and not committed: session, validators and user
//! look at one and the same file, and a result that lies on such text waits for the user's word.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Ran, Space};

/// A task that writes `word.txt`; its session makes good what it finds and adds to it.
fn word(more: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Word }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: Write\n    \
         description: Write it.\n    outputs: [word.txt]\n{more}    validators:\n    - {{ name: good, run: \
         'cat word.txt; grep -q good word.txt' }}\n"
    );
    let session = "'1':\n- run: \"cat word.txt >> $HOME/seen; sed -i s/bad/good/ word.txt; test -e word.txt || echo good > word.txt\"\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/word.yaml", &plan),
        ("sessions.yaml", session),
    ]);
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
    space
}

fn waits(ran: &Ran) {
    for word in ["parked: ", "`word.txt`", "`orch land`"] {
        assert!(ran.stdout.contains(word), "no {word}: {}", ran.shown());
    }
    assert!(!ran.stdout.contains("up to date"), "{}", ran.shown());
}

/// Breaks the file and builds: one session on the very file, whose result waits.
#[track_caller]
fn broken(space: &Space, text: &str) {
    space.write("word.txt", text);
    let head = space.git(&["rev-parse", "main"]);
    waits(&space.orch(&["build"]).exits(0));
    let again = space.build(&[], 0).has(&[("accepted", 1), ("sessions", 0)]);
    let printed = again.value["parked"].as_str().unwrap_or_default().to_owned();
    assert!(printed.contains("word.txt") && printed.contains("orch land"), "{printed}");
    waits(&space.orch(&["build"]).exits(0));
    assert_eq!(space.read("word.txt"), text);
    assert_eq!(space.git(&["rev-parse", "main"]), head);
}

fn settled(space: &Space, text: &str) {
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    let built = space.orch(&["build"]).exits(0);
    assert!(built.stdout.contains("up to date: 1 task"), "{}", built.shown());
    assert_eq!(space.read("word.txt"), text);
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    assert_eq!(space.git(&["show", "main:word.txt"]) + "\n", text);
}

fn is_judged_and_mended_once(more: &str) {
    for text in ["bad\n", "good, they said\nand bad, and more\n"] {
        let space = word(more);
        space.write("word.txt", "bad\n");
        broken(&space, &text.replace("good", "goad"));
        assert_eq!(
            fs::read_to_string(space.home().join("seen")).unwrap(),
            text.replace("good", "goad")
        );
        let mended = text.replace("good", "goad").replace("bad", "good");
        let landed = space.orch(&["land"]).exits(0).complains(&["with your edits of `word.txt`"]);
        assert_eq!(landed.stdout, "word//1\n");
        assert_eq!(space.subjects()[..2], ["word//1: Write", "Uncommitted edits beneath word//1"]);
        settled(&space, &mended);
    }
}

#[test]
fn what_the_user_broke_is_mended_by_one_session_and_waits() {
    is_judged_and_mended_once("");
}

#[test]
fn what_the_user_broke_may_be_an_input_as_well() {
    is_judged_and_mended_once("    inputs: [word.txt]\n");
}

#[test]
fn a_commit_of_the_user_lets_the_result_land() {
    let space = word("");
    broken(&space, "bad\n");
    space.git(&["commit", "--quiet", "--all", "--message", "mine"]);
    settled(&space, "good\n");
    assert_eq!(space.landed()[..2], ["word//1: Write", "mine"]);
}

#[test]
fn what_was_made_on_an_edit_goes_with_the_edit() {
    let space = word("");
    broken(&space, "bad\n");
    space.git(&["checkout", "--quiet", "word.txt"]);
    settled(&space, "good\n");
    let subjects = space.subjects();
    assert!(!subjects.iter().any(|it| it.starts_with("Uncommitted")), "{subjects:?}");
}

#[test]
fn another_edit_is_judged_anew() {
    let space = word("");
    broken(&space, "bad\n");
    space.write("word.txt", "good as it is\n");
    let built = space.orch(&["build", "--format", "json"]).exits(0);
    assert!(built.stdout.contains("others by now: commit or restore them"), "{}", built.shown());
    built.summary().has(&[("sessions", 0)]);
    space.orch(&["land"]).exits(1).complains(&["changes of your own in `word.txt`"]);
    assert_eq!(space.read("word.txt"), "good as it is\n");
    broken(&space, "bad again\n");
    space.orch(&["land"]).exits(0);
    settled(&space, "good again\n");
}

#[test]
fn what_is_staged_stays_so_until_it_lands() {
    let space = word("");
    space.write("word.txt", "bad\n");
    space.git(&["add", "word.txt"]);
    broken(&space, "bad\n");
    assert_eq!(space.git(&["status", "--porcelain"]), "M  word.txt");
    space.orch(&["land"]).exits(0);
    settled(&space, "good\n");
}

#[test]
fn a_file_that_the_user_deleted_is_not_bought_again_unasked() {
    let space = word("");
    fs::remove_file(space.root().join("word.txt")).unwrap();
    space.orch(&["build"]).exits(1).says(&["its output `word.txt` was deleted"]);
    assert!(!space.exists("word.txt"));
    space.orch(&["retry", "word//1"]).exits(0);
    waits(&space.orch(&["build"]).exits(0));
    space.build(&[], 0).has(&[("sessions", 0)]);
    space.orch(&["land"]).exits(0);
    settled(&space, "good\n");
}

#[test]
fn bits_and_bytes_of_the_user_are_kept() {
    let space = word("");
    let place = space.root().join("word.txt");
    fs::write(&place, b"bad\0\xff\xfe").unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    waits(&space.orch(&["build"]).exits(0));
    assert_eq!(fs::read(&place).unwrap(), b"bad\0\xff\xfe");
    space.orch(&["land"]).exits(0);
    assert_eq!(fs::read(&place).unwrap(), b"good\0\xff\xfe");
    assert!(space.git(&["ls-tree", "main", "word.txt"]).starts_with("100755 "));
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_draft_of_the_user_is_seen_and_is_not_the_task_s_own() {
    let plan = "meta: { name: Draft }\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: \
                Write\n    description: Write it.\n    outputs: [out/a.txt]\n    max_attempts: 1\n";
    let idle = "'1':\n- write: { path: other.txt, content: x }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/draft.yaml", plan),
        ("sessions.yaml", idle),
    ]);
    space.write("out/a.txt", "my draft\n");
    let printed = &["declared outputs are missing: out/a.txt"];
    space.orch(&["build"]).exits(1).complains(printed);
    space.write("sessions.yaml", "'1':\n- run: sed -i s/my/our/ out/a.txt\n");
    space.git(&["commit", "--quiet", "--message", "sessions", "sessions.yaml"]);
    let built = space.orch(&["build"]).exits(0);
    assert!(built.stdout.contains("`out/a.txt`") && built.stdout.contains("orch land"));
    assert_eq!(space.read("out/a.txt"), "my draft\n");
    space.orch(&["land"]).exits(0);
    assert_eq!(space.read("out/a.txt"), "our draft\n");
}

#[test]
fn a_validator_sees_the_input_that_the_session_saw() {
    let plan = "meta: { name: In }\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: Copy\n    \
                description: Copy it.\n    inputs: [in.txt]\n    validators: [{ name: same, run: cmp in.txt \
                out.txt }]\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/in.yaml", plan),
        ("sessions.yaml", "'1':\n- run: cp in.txt out.txt\n"),
        ("in.txt", "old\n"),
    ]);
    space.write("in.txt", "new\n");
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
    assert_eq!(space.read("out.txt"), "new\n");
    assert_eq!(space.git(&["status", "--porcelain"]), " M in.txt");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
}

/// Two tasks: the second reads what the first has landed, and the user has edited that since.
fn read_by_another(inputs: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Two }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - {{ id: '1', name: Write, run: echo \
         one > a.txt }}\n  - {{ id: '2', name: Copy, description: Copy it., depends_on: ['1']{inputs} }}\n"
    );
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/two.yaml", &plan),
        ("sessions.yaml", "'2':\n- run: cp a.txt b.txt\n"),
    ]);
    space.build(&["two//1"], 0).has(&[("ran", 1)]);
    space.write("a.txt", "mine\n");
    let built = space.build(&[], 0).has(&[("ran", 1), ("sessions", 1), ("up_to_date", 1)]);
    assert!(built.value["parked"].is_null(), "{}", built.value);
    assert_eq!(space.subjects()[0], "two//2: Copy");
    assert_eq!(space.git(&["show", "main:a.txt"]), "one");
    assert_eq!(space.git(&["status", "--porcelain"]), " M a.txt");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    space
}

const DECLARED: &str = ", inputs: [a.txt], validators: [{ name: same, run: cmp a.txt b.txt }]";

#[test]
fn an_input_that_another_task_wrote_is_read_as_the_user_has_it_and_is_in_the_key() {
    let space = read_by_another(DECLARED);
    assert_eq!(space.read("b.txt"), "mine\n");
    space.git(&["commit", "--quiet", "--all", "--message", "mine"]);
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);

    let space = read_by_another(DECLARED);
    space.git(&["checkout", "--quiet", "a.txt"]);
    space.orch(&["why", "two//2"]).exits(0).says(&["would run", "inputs `a.txt` changed"]);
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
    assert_eq!(space.read("b.txt"), "one\n");
}

#[test]
fn what_another_task_wrote_and_nobody_declares_is_read_as_it_is_committed() {
    let space = read_by_another("");
    assert_eq!(space.read("b.txt"), "one\n");
    space.git(&["checkout", "--quiet", "a.txt"]);
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}
