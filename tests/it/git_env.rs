//! What git and its hooks leave in the environment of orch.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;

use crate::support::{ORCH, Space};

const PLAN: &str = "\
meta: { name: Copy }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Copy, run: 'cat base.txt > a.txt; env > env.txt', inputs: [base.txt] }
";

fn space() -> Space {
    Space::new(&[("plans/copy.yaml", PLAN), ("base.txt", "x\n"), ("README.md", "Read\n")])
}

fn hook(space: &Space, name: &str, line: &str) {
    let path = format!(".git/hooks/{name}");
    space.write(&path, &format!("#!/bin/sh\n{}\n", line.replace("ORCH", ORCH)));
    let place = space.root().join(path);
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn variables_of_one_repository_count_for_nothing() {
    let check = |name: &str, value: &str| {
        let space = space();
        let elsewhere = space.home().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::copy(space.root().join(".git/index"), elsewhere.join("index")).unwrap();
        let value = value.replace("ELSEWHERE", elsewhere.to_str().unwrap());
        let mut build = space.bare(ORCH);
        build.arg("build").current_dir(space.root()).env(name, &value);
        let output = build.output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1, "{name}");
        assert_eq!(space.read("a.txt"), "x\n", "{name}");
        assert!(!space.read("env.txt").contains(name), "{name}");
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{name}");
    };
    check("GIT_INDEX_FILE", "ELSEWHERE/index");
    check("GIT_WORK_TREE", "ELSEWHERE");
    check("GIT_DIR", "ELSEWHERE");
    check("GIT_OBJECT_DIRECTORY", "ELSEWHERE");
    check("GIT_COMMON_DIR", "ELSEWHERE");
    check("GIT_NAMESPACE", "other");
    check("GIT_PREFIX", "src/");
    check("GIT_CONFIG_PARAMETERS", "'core.worktree=ELSEWHERE'");
}

#[test]
fn a_folder_given_by_c_is_entered_once() {
    let space = space();
    let mut build = space.bare(ORCH);
    build.args(["-C", "repository", "build"]).current_dir(space.root().parent().unwrap());
    let output = build.env("GIT_PREFIX", "").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(space.read("a.txt"), "x\n");
}

#[test]
fn nothing_is_built_inside_a_commit() {
    let check = |name: &str, line: &str, commit: &[&str]| {
        let space = space();
        let line = format!("{line} 2> {}; echo $? > {0}.code", space.home().join("said").display());
        hook(&space, name, &line);
        space.write("README.md", "mine\n");
        space.git(commit);
        let said = std::fs::read_to_string(space.home().join("said")).unwrap();
        let code = std::fs::read_to_string(space.home().join("said.code")).unwrap();
        assert_eq!(code, "2\n", "{name} {line}: {said}");
        assert!(said.contains("inside `git "), "{name} {line}: {said}");
        assert!(!space.exists("a.txt"), "{name} {line}");
        assert_eq!(space.landed().len(), 2, "{name} {line}");
        assert!(space.git(&["status", "--porcelain", "--untracked-files=no"]).is_empty(), "{name}");
    };
    let commit: &[&str] = &["commit", "-qam", "mine"];
    for name in ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"] {
        check(name, "ORCH build", commit);
    }
    check("pre-commit", "ORCH land", commit);
    check("pre-commit", "ORCH resume", commit);
    check("pre-commit", "ORCH watch --once", commit);
    check("pre-commit", "cd plans && ORCH build", commit);
    // The file alone is committed, by an index of its own.
    check("pre-commit", "ORCH build", &["commit", "-qm", "mine", "README.md"]);
    // Some frameworks take git's variables away: the process above tells.
    check("pre-commit", "env -i HOME=$HOME PATH=$PATH ORCH build", commit);
}

#[test]
fn looking_is_free_inside_a_commit() {
    let space = space();
    hook(
        &space,
        "pre-commit",
        "ORCH check && ORCH status > /dev/null && ORCH build -n > /dev/null",
    );
    space.write("README.md", "mine\n");
    space.git(&["commit", "-qam", "mine"]);
    assert_eq!(space.subjects(), ["mine", "start"]);
}

#[test]
fn a_hook_of_a_switch_builds_nothing_and_one_of_a_push_does() {
    let space = space();
    let said = space.home().join("said").display().to_string();
    hook(&space, "post-checkout", &format!("ORCH build > {said} 2>&1"));
    space.bare("git").args(["switch", "-qc", "topic"]).current_dir(space.root()).status().unwrap();
    assert!(std::fs::read_to_string(&said).unwrap().contains("inside `git switch`"));
    assert!(!space.exists("a.txt"));
    std::fs::remove_file(space.root().join(".git/hooks/post-checkout")).unwrap();
    space.git(&["switch", "-q", "main"]);
    let other = space.home().join("other.git").display().to_string();
    space.git(&["init", "-q", "--bare", &other]);
    hook(&space, "pre-push", &format!("ORCH build > {said} 2>&1"));
    space.git(&["push", "-q", &other, "main"]);
    assert_eq!(space.read("a.txt"), "x\n", "{}", std::fs::read_to_string(&said).unwrap());
}

/// Two branches that differ, with `o` to rebase `main` onto.
fn forked() -> Space {
    let space = space();
    space.git(&["switch", "-qc", "o"]);
    space.write("other.txt", "other\n");
    space.commit("other");
    space.git(&["switch", "-q", "main"]);
    space.write("README.md", "mine\n");
    space.commit("mine");
    space
}

#[test]
fn nothing_is_built_inside_a_rebase_or_a_reset() {
    let check = |name: &str, line: &str, command: &[&str]| {
        let space = forked();
        let said = space.home().join("said");
        hook(&space, name, &format!("{line} 2>> {}; true", said.display()));
        space.git(command);
        let shown = std::fs::read_to_string(&said).unwrap();
        assert!(shown.contains("inside `git "), "{name} {line}: {shown}");
        assert!(!space.exists("a.txt"), "{name} {line}");
        assert!(!space.subjects().iter().any(|it| it.contains("copy//1")), "{name} {line}");
        assert_eq!(space.git(&["status", "--porcelain"]), "", "{name} {line}");
    };
    let rebase: &[&str] = &["rebase", "-q", "o"];
    for name in ["pre-rebase", "post-checkout", "post-rewrite"] {
        check(name, "ORCH build", rebase);
    }
    check("post-rewrite", "env -i HOME=$HOME PATH=$PATH ORCH build", rebase);
    check("post-rewrite", "ORCH build", &["rebase", "-q", "--exec", "true", "o"]);
    check("post-index-change", "ORCH build", &["reset", "-q", "--hard", "o"]);
}

#[test]
fn a_rebase_builds_where_it_is_told_to() {
    let check = |exec: &str| {
        let space = forked();
        let exec = exec.replace("ORCH", ORCH);
        space.git(&["rebase", "-q", "--exec", &exec, "o"]);
        assert!(space.read(".orch/journal-v1").contains("\"accepted\""), "{exec}");
        assert_eq!(space.subjects().first().map(String::as_str), Some("mine"), "{exec}");
    };
    check("ORCH build > /dev/null");
    check("ORCH build");
}
