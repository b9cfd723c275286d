//! What sessions do with git: it ends in the worktree, the user is told by name, and only files count.

use crate::support::{Ran, Space};

/// What the session that runs `line` leaves; nothing is judged, or refused by a validator.
fn played(line: &str, task: &str, prepare: impl FnOnce(&Space)) -> (Space, Ran) {
    let plan = format!(
        "meta: {{ name: Git }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: One\n    \
         description: Mend rule.txt.\n    agent: coder\n    max_attempts: 1\n{task}"
    );
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\nlimits: { wait: never }\n"),
        ("plans/git.yaml", &plan),
        ("sessions.yaml", &format!("'1':\n- run: {line}\n")),
        ("rule.txt", "first\n"),
    ]);
    prepare(&space);
    let ran = space.orch(&["build"]);
    (space, ran)
}

const COMMIT: &str = "echo second >> rule.txt; git commit -qam 'by the session'; ";

/// The user's index and files are what the branch says.
fn assert_clean(space: &Space, ran: &Ran) {
    let dirt = space.git(&["status", "--porcelain", "--untracked-files=no"]);
    assert_eq!(dirt, "", "{}", ran.shown());
}

#[test]
fn work_that_a_session_committed_lands_whatever_it_did_to_its_branches() {
    let check = |line: &str| {
        let (space, ran) = played(&format!("{COMMIT}{line}"), "", |_| {});
        assert_eq!((ran.code, space.read("rule.txt").as_str()), (0, "first\nsecond\n"), "{ran:?}");
        assert!(!space.subjects().contains(&"by the session".to_owned()), "{ran:?}");
        assert_clean(&space, &ran);
        ran
    };
    check("true");
    let printed = ["while git//1 ran, in a worktree's own git the branch `main` was changed"];
    check("git update-ref refs/heads/main HEAD").complains(&printed);
    check("git branch -f main").complains(&printed);
    check("git switch -qc mine").complains(&["own git the branch `mine` was made"]);
}

#[test]
fn work_that_is_refused_is_nowhere() {
    let task = "    validators: [{ name: never, run: 'exit 1' }]\n";
    let line = format!("{COMMIT}git update-ref refs/heads/main HEAD");
    let (space, ran) = played(&line, task, |_| {});
    let ran = ran.exits(1).complains(&["the branch `main` was changed; yours is as it was"]);
    assert_eq!(
        (space.landed(), space.read("rule.txt").as_str()),
        (vec!["start".into()], "first\n")
    );
    assert_clean(&space, &ran);
}

#[test]
fn tags_branches_and_the_stash_of_the_user_stay() {
    let mut before = String::new();
    let refs = |space: &Space| {
        space.git(&["for-each-ref", "--exclude=refs/orch", "--exclude=refs/heads/main"])
    };
    let line = "git tag -d v1; git branch -f topic HEAD; echo x > x; git stash -qu; echo second >> rule.txt";
    let (space, ran) = played(line, "", |space| {
        space.git(&["tag", "v1"]);
        space.git(&["branch", "topic"]);
        space.write("rule.txt", "put away\n");
        space.git(&["stash", "-q"]);
        before = refs(space);
        space.write("rule.txt", "newer\n");
        space.commit("newer");
    });
    ran.exits(0).complains(&[
        "the branch `topic` was changed",
        "the stash was made",
        "the tag `v1` was removed",
    ]);
    assert_eq!(refs(&space), before);
    assert_eq!(space.read("rule.txt"), "newer\nsecond\n");
}

#[test]
fn nothing_is_pushed_to_the_users_remote() {
    let mut remote = String::new();
    let line = format!(
        "{COMMIT}git push -q origin HEAD:refs/heads/main || git push -q $(cat url) HEAD:x || true"
    );
    let (space, ran) = played(&line, "", |space| {
        remote = space.home().join("remote.git").display().to_string();
        space.git(&["init", "-q", "--bare", "-b", "main", &remote]);
        space.git(&["remote", "add", "origin", &remote]);
        space.write("url", &remote);
        space.commit("url");
        space.git(&["push", "-q", "-u", "origin", "main"]);
    });
    ran.exits(0);
    let there =
        space.git(&["--git-dir", &remote, "for-each-ref", "--format=%(refname) %(subject)"]);
    assert_eq!(there, "refs/heads/main url");
}

#[test]
fn a_session_without_its_git_does_not_reach_the_users() {
    let line = "rm -rf .git; echo second >> rule.txt; git commit -qam 'by the session'; true";
    let (space, ran) = played(line, "", |_| {});
    ran.exits(1).complains(&["it removed or replaced its own worktree"]);
    assert_eq!(
        (space.landed(), space.read("rule.txt").as_str()),
        (vec!["start".into()], "first\n")
    );
}

#[test]
fn the_users_list_of_worktrees_is_as_it_was_also_while_a_session_runs() {
    let line = "echo second >> rule.txt; git -C ../../.. worktree list > listed";
    let (space, ran) = played(line, "", |_| {});
    ran.exits(0);
    assert_eq!(space.read("listed").lines().count(), 1, "{}", space.read("listed"));
    assert!(!space.exists(".git/worktrees"));
    assert_eq!(space.git(&["for-each-ref", "refs/orch/bases"]), "");
}

/// A session reads and writes UTF-8, and the checkout gets what its attributes ask for.
#[test]
fn a_file_that_is_utf16_in_the_checkout_lands_as_text() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let check = |line: &str| {
        let (space, ran) = played(line, "", |space| {
            space.write(".gitattributes", "*.rc text working-tree-encoding=UTF-16LE\n");
            std::fs::write(space.root().join("app.rc"), utf16("hello\n")).unwrap();
            space.commit("utf-16");
        });
        ran.exits(0);
        assert_eq!(space.git(&["show", "main:app.rc"]), "hello\nab", "{line}");
        assert_eq!(
            std::fs::read(space.root().join("app.rc")).unwrap(),
            utf16("hello\nab"),
            "{line}"
        );
        assert_eq!(space.git(&["status", "--porcelain", "--untracked-files=no"]), "", "{line}");
    };
    check("printf 'ab' >> app.rc");
    check("printf 'h\\0e\\0l\\0l\\0o\\0\\n\\0a\\0b\\0' > app.rc");
    check("printf 'hello\\nab' > app.rc; git add -A; git commit -qm x");
}

/// What is told where nothing keeps sessions from the checkout.
fn unguarded(space: &Space) {
    let config = space.read("orch.yaml") + "sandbox: none\n";
    space.write("orch.yaml", &config);
    space.commit("settings");
}

/// Without a guard: what a session does in the checkout itself, by its path, is told.
#[test]
fn a_commit_in_the_users_checkout_is_told_by_name() {
    let line = "cd ../../..; echo second >> rule.txt; git commit -qam 'by the session'";
    let (space, ran) = played(line, "", unguarded);
    ran.exits(1)
        .complains(&["while git//1 ran, the branch `main` got the commit", "(`by the session`)"]);
    assert!(space.subjects().contains(&"by the session".to_owned()));
    let line = "cd ../../..; git reset -q --hard HEAD~1";
    let (_space, ran) = played(line, "", |space| {
        space.write("rule.txt", "newer\n");
        unguarded(space);
    });
    ran.complains(&["while git//1 ran, the branch `main` was moved away from"]);
}

#[test]
fn what_a_session_writes_into_the_checkout_is_told_by_name() {
    let printed = ["while git//1 ran, `rule.txt` changed in your checkout, and no landing did it"];
    let (space, ran) = played("echo second >> ../../../rule.txt; echo x > own.txt", "", unguarded);
    ran.exits(0).complains(&printed);
    assert_eq!(space.read("rule.txt"), "first\nsecond\n", "nothing is undone");
    let (_, ran) = played("echo second >> ../../../rule.txt", "", unguarded);
    ran.exits(1).complains(&printed);
    let (_, ran) = played("echo second >> rule.txt", "", |_| {});
    assert!(!ran.exits(0).stderr.contains("in your checkout"));
}

#[test]
fn a_set_up_line_may_fetch_and_a_session_may_not() {
    let setup = "worktree: { setup: 'git fetch -q origin && git rev-parse -q --verify origin/topic >/dev/null' }\n";
    let prepare = |space: &Space| {
        space.git(&["init", "-q", "--bare", "../origin.git"]);
        space.git(&["remote", "add", "origin", "../origin.git"]);
        space.git(&["push", "-q", "origin", "HEAD:topic"]);
        space.git(&["update-ref", "-d", "refs/remotes/origin/topic"]);
        let config = space.read("orch.yaml") + setup;
        space.write("orch.yaml", &config);
        space.git(&["commit", "-qam", "settings"]);
    };
    let task = "    validators: [{ name: has, run: 'grep -q second rule.txt' }]\n";
    let (_, ran) = played("test -z \"$(git remote)\" && echo second >> rule.txt", task, prepare);
    ran.exits(0);
}
