//! What a session may do to its git, and what that does to the user's and to the next session's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::base::name::SessionId;
use crate::host::git::scratch::{Scratch, git_in, write_in};
use crate::host::worktree::{BaseTree, Pool, Worktree};

const ME: [&str; 4] = ["-c", "user.name=x", "-c", "user.email=y"];

/// A repository with a branch, tags, a remote and a stash.
fn scratch() -> Scratch {
    let scratch = Scratch::new(&[("a.txt", "one\n")]);
    scratch.git(&["tag", "v1"]);
    scratch.git(&["branch", "topic"]);
    scratch.commit("second", &[("b.txt", "b\n")]);
    scratch.git(&["tag", "-a", "-m", "two", "v2"]);
    scratch.git(&["remote", "add", "origin", "."]);
    scratch.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
    scratch.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    scratch.write("a.txt", "put away\n");
    scratch.git(&["stash", "-q"]);
    scratch
}

/// Refs, configuration, hooks and stash of the user.
fn picture(scratch: &Scratch) -> String {
    let refs = scratch.git(&["for-each-ref", "--exclude=refs/orch"]);
    let hooks = fs::read_dir(scratch.root().join(".git/hooks")).unwrap().count();
    format!("{refs}\n{hooks}\n{}", scratch.picture())
}

/// Runs git and says whether that went well.
fn succeeds(root: &Path, args: &[&str]) -> bool {
    let ran = Command::new("git").args(args).current_dir(root).output().unwrap();
    ran.status.success()
}

fn acquire_at(pool: &Pool, base: &BaseTree, root: &Path) -> Worktree {
    let mut others = Vec::new();
    loop {
        let worktree = pool.acquire(base).unwrap();
        if worktree.root() == root {
            return worktree;
        }
        others.push(worktree);
    }
}

#[test]
fn a_session_sees_the_history_and_its_settings_and_nothing_that_leads_out() {
    let scratch = scratch();
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let check = |args: &[&str]| git_in(worktree.root(), args);
    assert_eq!(check(&["log", "--format=%s"]), "second\nstart");
    assert_eq!(check(&["describe", "--tags"]), "v2");
    assert_eq!(check(&["rev-parse", "v2^{commit}", "origin"]), check(&["rev-parse", "main", "v1"]));
    assert_eq!(check(&["diff", "--name-only", "origin/main"]), "b.txt");
    assert_eq!(check(&["branch", "--list", "--format=%(refname:short)", "[a-z]*"]), "main\ntopic");
    assert_eq!(check(&["config", "user.name"]), "Ada");
    assert_eq!(check(&["status", "--porcelain"]), "");
    assert_eq!(check(&["fsck", "--no-dangling"]), "");
    for args in [&["remote"][..], &["stash", "list"], &["for-each-ref", "refs/orch"]] {
        assert_eq!(check(args), "", "{args:?}");
    }
    assert_eq!(scratch.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn what_a_session_does_to_its_git_is_told_and_ends_there() {
    let scratch = scratch();
    let before = picture(&scratch);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root().to_owned();
    assert!(pool.collect(&worktree).unwrap().patch.is_empty());
    assert_eq!(pool.strays(), [""; 0]);
    let run = |args: &[&str]| git_in(&root, &[&ME[..], args].concat());
    write_in(&root, "b.txt", "changed\n");
    run(&["commit", "-qam", "by the session"]);
    run(&["update-ref", "refs/heads/main", "HEAD"]);
    run(&["tag", "-d", "v1"]);
    run(&["branch", "-f", "topic", "HEAD"]);
    run(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    run(&["switch", "-qc", "mine"]);
    write_in(&root, "c.txt", "hidden\n");
    run(&["stash", "-qu"]);
    run(&["config", "core.hooksPath", "/hooks"]);
    run(&["gc", "-q", "--prune=now"]);
    run(&["merge", "-q", "--no-commit", "--no-ff", "-s", "ours", "v2"]);
    let collected = pool.collect(&worktree).unwrap();
    assert_eq!(collected.patch.changes().len(), 1);
    let strays = [
        "the branch `main` was changed",
        "the branch `mine` was made",
        "the branch `topic` was changed",
        "the remote-tracking branch `origin/main` was changed",
        "the stash was made",
        "the tag `v1` was removed",
    ];
    assert_eq!(pool.strays(), strays);
    assert_eq!(pool.strays(), [""; 0], "told once");
    assert_eq!(picture(&scratch), before);
    drop(worktree);
    let _next = acquire_at(&pool, &scratch.base(), &root);
    assert_eq!(run(&["rev-parse", "main", "topic"]), scratch.git(&["rev-parse", "main", "topic"]));
    assert_eq!(run(&["tag"]), "v1\nv2");
    assert_eq!(run(&["config", "core.hooksPath"]), "/dev/null");
    assert_eq!(run(&["branch", "--show-current"]), "");
    assert_eq!(run(&["rev-parse", "HEAD"]), scratch.head().as_str());
    assert!(run(&["stash", "list"]).is_empty() && run(&["status", "--porcelain"]).is_empty());
    assert_eq!(run(&["count-objects"]), "0 objects, 0 kilobytes");
    assert!(!root.join(".git/MERGE_HEAD").exists());
}

#[test]
fn nothing_is_pushed_and_no_hook_of_the_users_runs() {
    let scratch = scratch();
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare.git").display().to_string();
    scratch.git(&["init", "-q", "--bare", &bare]);
    write_in(&scratch.root(), ".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    let hook = scratch.root().join(".git/hooks/pre-commit");
    fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let worktree = scratch.pool().acquire(&scratch.base()).unwrap();
    let commit = ["commit", "--allow-empty", "-qm", "empty"];
    assert!(succeeds(worktree.root(), &[&ME[..], &commit].concat()));
    let url = format!("file://{bare}");
    let user = scratch.root().display().to_string();
    for to in ["origin", &bare, &url, &user, "../../..", "git@localhost:a.git"] {
        assert!(!succeeds(worktree.root(), &["push", "-q", to, "HEAD:refs/heads/x"]), "{to}");
    }
    assert!(!succeeds(&scratch.root(), &["rev-parse", "--verify", "-q", "refs/heads/x"]));
    assert_eq!(scratch.git(&["--git-dir", &bare, "for-each-ref"]), "");
}

#[test]
fn links_in_a_worktrees_git_lead_nothing_that_is_written_elsewhere() {
    let scratch = scratch();
    let pool = scratch.pool();
    let root = pool.acquire(&scratch.base()).unwrap().root().to_owned();
    let user = scratch.root().join(".git");
    for name in ["index", "HEAD", "config", "packed-refs", "refs", "objects", "info", "shallow"] {
        let before = picture(&scratch);
        let place = root.join(".git").join(name);
        let _ = fs::remove_file(&place);
        let _ = fs::remove_dir_all(&place);
        symlink(user.join(name), &place).unwrap();
        scratch.git(&["branch", &format!("after-{name}")]);
        let expected = picture(&scratch);
        assert_ne!(expected, before, "{name}");
        let worktree = acquire_at(&pool, &scratch.base(), &root);
        assert_eq!(picture(&scratch), expected, "{name}");
        assert_eq!(git_in(worktree.root(), &["status", "--porcelain"]), "", "{name}");
        assert!(!place.is_symlink(), "{name}");
    }
}

#[test]
fn the_users_refs_and_settings_are_copied_as_they_are_now() {
    let scratch = scratch();
    let pool = scratch.pool();
    let root = pool.acquire(&scratch.base()).unwrap().root().to_owned();
    scratch.git(&["tag", "v3"]);
    scratch.git(&["branch", "-D", "topic"]);
    scratch.git(&["config", "user.name", "Eve"]);
    scratch.git(&["pack-refs", "--all"]);
    let worktree = acquire_at(&pool, &scratch.base(), &root);
    assert_eq!(git_in(&root, &["tag"]), "v1\nv2\nv3");
    assert!(!succeeds(&root, &["rev-parse", "--verify", "-q", "topic"]));
    assert_eq!(git_in(&root, &["config", "user.name"]), "Eve");
    // What the user does meanwhile is no doing of the session's.
    scratch.git(&["tag", "v4"]);
    pool.collect(&worktree).unwrap();
    assert_eq!(pool.strays(), [""; 0]);
}

#[test]
fn what_an_attempt_starts_from_is_held_while_it_lives() {
    let scratch = scratch();
    let pool = scratch.pool();
    let held = || scratch.git(&["for-each-ref", "--format=%(objectname)", "refs/orch/bases"]);
    let base = scratch.base();
    let worktree = pool.acquire(&base).unwrap();
    assert_eq!(held(), base.commit.as_str());
    scratch.git(&["reset", "-q", "--hard", "HEAD~1"]);
    scratch.git(&["update-ref", "-d", "refs/tags/v2"]);
    scratch.git(&["reflog", "expire", "--expire=now", "--all"]);
    scratch.git(&["gc", "-q", "--prune=now"]);
    write_in(worktree.root(), "b.txt", "changed\n");
    assert_eq!(pool.collect(&worktree).unwrap().patch.changes().len(), 1);
    assert_eq!(git_in(worktree.root(), &["log", "--format=%s"]), "second\nstart");
    let session = SessionId::new("s");
    pool.park(worktree, &session).unwrap();
    pool.sweep().unwrap();
    assert_eq!(held(), base.commit.as_str());
    drop(pool.unpark(&session).unwrap().unwrap());
    assert_eq!(held(), "");
    drop(pool.acquire(&scratch.base()).unwrap());
    assert_eq!(held(), "");
}

/// As an earlier version made them.
fn make_linked(scratch: &Scratch, number: u32) -> std::path::PathBuf {
    let root = scratch.root().join(format!(".orch/worktrees/{number}"));
    scratch.git(&["worktree", "add", "-q", "--detach", root.to_str().unwrap()]);
    let own = git_in(&root, &["rev-parse", "--absolute-git-dir"]);
    fs::copy(Path::new(&own).join("index"), root.with_extension("index")).unwrap();
    root
}

#[test]
fn worktrees_of_earlier_versions_get_a_git_of_their_own() {
    let scratch = scratch();
    let pool = scratch.pool();
    let beside = scratch.root().parent().unwrap().join("beside");
    scratch.git(&["worktree", "add", "-q", "--detach", beside.to_str().unwrap()]);
    let (free, parked) = (make_linked(&scratch, 1), make_linked(&scratch, 2));
    let gone = make_linked(&scratch, 3);
    fs::remove_dir_all(&gone).unwrap();
    let BaseTree { tip, commit, tree, .. } = scratch.base();
    let mark = format!(
        "{{\"session\":\"s\",\"tip\":\"{tip}\",\"commit\":\"{commit}\",\"tree\":\"{tree}\"}}"
    );
    fs::write(parked.with_extension("parked"), mark).unwrap();
    write_in(&parked, "a.txt", "work\n");
    git_in(&parked, &["add", "a.txt"]);
    let written = fs::metadata(free.join("a.txt")).unwrap().modified().unwrap();
    pool.sweep().unwrap();
    let listed = scratch.git(&["worktree", "list", "--porcelain"]);
    assert_eq!(listed.matches("worktree ").count(), 2, "{listed}");
    assert!(succeeds(&beside, &["status"]) && free.join(".git").is_dir());
    assert_eq!(git_in(&parked, &["status", "--porcelain"]), "M  a.txt");
    let worktree = pool.unpark(&SessionId::new("s")).unwrap().unwrap();
    assert_eq!(pool.collect(&worktree).unwrap().patch.changes().len(), 1);
    let _free = acquire_at(&pool, &scratch.base(), &free);
    assert_eq!(fs::metadata(free.join("a.txt")).unwrap().modified().unwrap(), written, "kept");
    assert_eq!(git_in(&free, &["status", "--porcelain"]), "");
}
