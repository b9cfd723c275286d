//! Git has a newer result of a task than the journal here tells of: a colleague landed it, or orch was
//! killed before it could write that down. It is not made again, and the older one does not stand.

use std::path::{Path, PathBuf};

use crate::support::{ORCH, Space};

const PLAN: &str = "meta: { name: P }\nsections:\n- id: s\n  name: A\n  tasks:\n  - id: t\n    name: Copy\n    \
     run: [cp, in, out]\n    inputs: [in]\n    outputs: [out]\n";

/// A repository where `out` was made of an `in` that says A.
fn built() -> Space {
    let space = Space::new(&[("plans/p.yaml", PLAN), ("in", "A\n")]);
    space.build(&[], 0).has(&[("ran", 1)]);
    space
}

fn commit_in(space: &Space, text: &str) {
    space.write("in", text);
    space.commit("another in");
}

fn clone_of(space: &Space) -> PathBuf {
    let clone = space.root().with_file_name("colleague");
    space.git(&["clone", "--quiet", space.root().to_str().unwrap(), clone.to_str().unwrap()]);
    space.git_in(&clone, &["config", "user.name", "Colleague"]);
    space.git_in(&clone, &["config", "user.email", "colleague@example.com"]);
    clone
}

/// Builds the same of an `in` that says B, and lands it.
fn build_of_b(space: &Space, clone: &Path) {
    std::fs::write(clone.join("in"), "B\n").unwrap();
    space.git_in(clone, &["commit", "--quiet", "-am", "B"]);
    space.orch_in(clone, &["build", "--format", "json"]).exits(0).summary().has(&[("ran", 1)]);
}

/// A clone in which the same was built of an `in` that says B, and landed.
fn colleague_of(space: &Space) -> PathBuf {
    let clone = clone_of(space);
    build_of_b(space, &clone);
    clone
}

fn pull(space: &Space, from: &Path) {
    space.git(&["pull", "--quiet", "--ff-only", from.to_str().unwrap(), "main"]);
}

#[test]
fn what_a_colleague_landed_is_not_made_again() {
    let space = built();
    pull(&space, &colleague_of(&space));
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0), ("replayed", 0)]);
    assert_eq!(space.read("out"), "B\n");
}

#[test]
fn what_was_made_here_before_a_colleague_landed_does_not_stand() {
    let space = built();
    pull(&space, &colleague_of(&space));
    commit_in(&space, "A\n");
    space.build(&[], 0).has(&[("accepted", 1), ("up_to_date", 0)]);
    assert_eq!(space.read("out"), "A\n");
    space.build(&[], 0).has(&[("up_to_date", 1)]);
}

#[test]
fn what_was_adopted_before_a_colleague_landed_does_not_stand() {
    let done = PLAN.replace("name: Copy", "name: Copy\n    status: completed");
    let space = Space::new(&[("plans/p.yaml", &done), ("in", "A\n"), ("out", "A\n")]);
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    let clone = clone_of(&space);
    // There it is adopted, too, before anything is edited.
    space.orch_in(&clone, &["build"]).exits(0);
    build_of_b(&space, &clone);
    pull(&space, &clone);
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    commit_in(&space, "A\n");
    space.build(&[], 0).has(&[("accepted", 1), ("up_to_date", 0)]);
    assert_eq!(space.read("out"), "A\n");
}

#[test]
fn a_build_killed_once_it_has_landed_is_not_repeated_and_the_older_result_does_not_stand() {
    for point in ["landed", "indexed", "moved"] {
        let space = built();
        commit_in(&space, "B\n");
        let mut killed = space.bare(ORCH);
        killed.arg("build").current_dir(space.root()).env("ORCH_FAULT", format!("{point}:1"));
        assert!(!killed.output().unwrap().status.success(), "{point}");
        space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0), ("replayed", 0)]);
        assert_eq!(space.read("out"), "B\n", "{point}");
        commit_in(&space, "A\n");
        space.build(&[], 0).has(&[("accepted", 1), ("up_to_date", 0)]);
        assert_eq!(space.read("out"), "A\n", "{point}");
        space.build(&[], 0).has(&[("up_to_date", 1)]);
    }
}

/// Of results that changed no file git has only receipts.
#[test]
fn a_receipt_of_a_colleague_is_newer_than_a_result_here_without_a_commit() {
    let plan = PLAN.replace("[cp, in, out]", "[\"true\"]").replace("    outputs: [out]\n", "");
    let space = Space::new(&[("plans/p.yaml", &plan), ("in", "A\n")]);
    space.build(&[], 0).has(&[("ran", 1)]);
    pull(&space, &colleague_of(&space));
    space.build(&[], 0).has(&[("up_to_date", 1), ("ran", 0)]);
    commit_in(&space, "C\n");
    space.build(&[], 0).has(&[("ran", 1)]);
    space.build(&[], 0).has(&[("up_to_date", 1)]);
}
