//! Declared inputs that are committed and that the user has removed in the checkout: they are not
//! there for the task, and stay at the tip.

use std::fs;

use crate::support::Space;

/// What the command sees of its inputs, as one line.
const LOOKS: &str = "find in -type f 2>/dev/null | sort | xargs echo > seen.txt";

fn task_with(inputs: &str, run: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Plan }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    \
         name: Look\n    run: \"{run}\"\n    inputs: [{inputs}]\n    outputs: [seen.txt]\n"
    );
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/plan.yaml", &plan),
        ("sessions.yaml", "{}\n"),
        ("in/4", "four\n"),
        ("in/5", "five\n"),
        ("other/5", "five\n"),
    ])
}

fn at_tip(space: &Space) -> String {
    space.git(&["ls-tree", "-r", "--name-only", "main", "in", "other", "moved"]).replace('\n', " ")
}

/// Builds, removes, builds, restores and builds; what the command saw without the removed files.
#[track_caller]
fn check(inputs: &str, remove: impl Fn(&Space), seen: &str) {
    let space = task_with(inputs, LOOKS);
    space.build(&[], 0).has(&[("ran", 1)]);
    assert_eq!(space.read("seen.txt"), "in/4 in/5\n");
    remove(&space);
    let status = || space.git(&["status", "--porcelain"]);
    let before = status();
    space.build(&[], 0).has(&[("ran", 1)]);
    assert_eq!((space.read("seen.txt").as_str(), status()), (seen, before), "{inputs}");
    assert_eq!(at_tip(&space), "in/4 in/5 other/5", "{inputs}");
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    space.git(&["checkout", "--quiet", "HEAD", "--", "in"]);
    space.build(&[], 0).has(&[("accepted", 1), ("ran", 0)]);
    assert_eq!(space.read("seen.txt"), "in/4 in/5\n", "{inputs}");
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    assert_eq!(status(), "");
}

fn rm(path: &'static str) -> impl Fn(&Space) {
    move |space| {
        let place = space.root().join(path);
        if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) }.unwrap();
    }
}

fn git_rm(path: &'static str) -> impl Fn(&Space) {
    move |space| drop(space.git(&["rm", "--quiet", "-r", path]))
}

#[test]
fn a_removed_input_is_not_there_for_a_command_and_stays_at_the_tip() {
    check("in/5", rm("in/5"), "in/4\n");
    check("in/5", git_rm("in/5"), "in/4\n");
    check("in", rm("in/5"), "in/4\n");
    check("in", rm("in"), "\n");
    check("'in/*'", rm("in/5"), "in/4\n");
    check("'in/*'", git_rm("in"), "\n");
    check("'**/5', '!other'", git_rm("in/5"), "in/4\n");
}

#[test]
fn what_no_pattern_takes_is_there_though_it_was_removed() {
    let space = task_with("'in/*', '!in/5', 'plans/*'", "ls in plans | xargs echo > seen.txt");
    space.write("plans/other.yaml", "meta: { name: Other }\nsections: []\n");
    space.commit("another plan");
    for path in ["in/4", "in/5", "plans/other.yaml"] {
        rm(path)(&space);
    }
    space.build(&["plan"], 0).has(&[("ran", 1)]);
    assert_eq!(space.read("seen.txt"), "in: 5 plans: other.yaml plan.yaml\n");
}

#[test]
fn a_removed_input_is_not_there_for_a_session() {
    let space = task_with("in", "unused");
    let unused = "    run: \"unused\"\n";
    space.replace("plans/plan.yaml", unused, "    description: Look.\n");
    space.write(
        "sessions.yaml",
        &format!("'1':\n- run: \"{LOOKS}; git status --short >> seen.txt\"\n"),
    );
    space.commit("a session");
    rm("in/5")(&space);
    space.build(&[], 0).has(&[("ran", 1), ("sessions", 1)]);
    assert_eq!(space.read("seen.txt").lines().next(), Some("in/4"));
    assert!(!space.read("seen.txt").contains("in/5"), "{}", space.read("seen.txt"));
    assert_eq!(at_tip(&space), "in/4 in/5 other/5");
}

#[test]
fn a_sparse_checkout_removes_nothing() {
    let space = task_with("'in/*'", LOOKS);
    space.git(&["sparse-checkout", "set", "plans"]);
    assert!(!space.exists("in/5"));
    space.build(&[], 0).has(&[("ran", 1)]);
    assert_eq!(space.read("seen.txt"), "in/4 in/5\n");
}

#[test]
fn a_folder_that_the_user_moved_takes_no_result_back_with_it() {
    let space =
        task_with("'in/*', 'moved/*'", "ls moved > seen.txt; xargs echo < seen.txt > moved/seen");
    fs::rename(space.root().join("in"), space.root().join("moved")).unwrap();
    space.build(&[], 0).has(&[("ran", 1)]);
    assert_eq!(space.read("moved/seen"), "4 5\n");
    assert_eq!(at_tip(&space), "in/4 in/5 moved/seen other/5");
}

#[test]
fn a_task_may_make_anew_what_the_user_removed() {
    let space = task_with("in", "test ! -e in/5 && echo anew > in/5; ls in > seen.txt");
    rm("in/5")(&space);
    space.build(&[], 0).has(&[("ran", 1)]);
    let tip = space.git(&["for-each-ref", "--format=%(refname)", "refs/orch"]);
    let shown = |at: &str| space.git(&["show", &format!("{at}:in/5")]);
    let found = tip.lines().chain(["main"]).any(|at| shown(at) == "anew");
    assert!(found, "{tip}");
}
