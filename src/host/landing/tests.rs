//! Landings in scratch repositories: merges, conflicts, checkouts, what people have edited.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Followed, LandOutcome, LandingInput, ReceiptOutcome};
use crate::base::digest::Digest;
use crate::base::name::{CommitId, TreeId};
use crate::engine::record::lineage::Landing;
use crate::engine::why::Obstacle;
use crate::host::git::Repository;
use crate::host::git::lineage::Caching;
use crate::host::git::merge::{Merge, MergeConflict};
use crate::host::git::object::ReplayTrees;
use crate::host::git::scratch::{Scratch, git_in, path, request};
use crate::host::git::tip::TipMove;
use crate::host::git::trailer::{OutgoingReceipt, ReceiptTrailers};

const FILES: &[(&str, &str)] = &[
    ("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
    ("b.txt", "b\n"),
    ("plans/demo.yaml", "- id: 1\n  status: pending\n"),
];

/// What a task made of the base.
fn edit(scratch: &Scratch, base: &TreeId, files: &[(&str, Option<&str>)]) -> TreeId {
    scratch.edited(base, files)
}

fn merge(
    scratch: &Scratch,
    base: &TreeId,
    theirs: &TreeId,
) -> Result<(CommitId, TreeId), MergeConflict> {
    let onto = scratch.tip();
    match scratch.repo().merge(base, theirs, &onto).unwrap() {
        Merge::Clean(merged) => Ok((onto, merged.tree)),
        Merge::Conflict(conflict) => Err(conflict),
    }
}

fn land_with_plan(scratch: &Scratch, task: &str, theirs: &TreeId, plan: Option<&str>) -> Landing {
    let repo = scratch.repo();
    let onto = scratch.tip();
    let patch = repo.patch_between(&repo.tree_of(&onto).unwrap(), theirs).unwrap();
    let plan_path = path("plans/demo.yaml");
    let plan = plan.map(|content| std::sync::Arc::new(content.to_owned()));
    let outcome = repo.land(LandingInput {
        branch: "main",
        onto: &onto,
        beneath: &onto,
        tree: theirs,
        request: &request(task, patch.output_digest()),
        plan: plan.as_ref().map(|content| (&plan_path, content)),
    });
    match outcome.unwrap() {
        LandOutcome::Landed(landing) => *landing,
        other => panic!("{other:?}"),
    }
}

/// Lands an edit of these files made on the present tip.
fn land(scratch: &Scratch, task: &str, files: &[(&str, Option<&str>)]) -> Landing {
    let base = scratch.repo().tree_of(&scratch.tip()).unwrap();
    land_with_plan(scratch, task, &edit(scratch, &base, files), None)
}

fn follow(scratch: &Scratch) -> Followed {
    scratch.repo().follow("main").unwrap().followed
}

fn lineage(repo: &Repository) -> Vec<Landing> {
    repo.read_lineage(&repo.tip("main").unwrap().commit, Caching::Off).unwrap().landings
}

#[test]
fn a_landing_is_one_commit_that_lineage_reads_back() {
    let scratch = Scratch::new(FILES);
    let landing = land(&scratch, "1", &[("new/ü x.txt", Some("n\n")), ("b.txt", None)]);
    assert_eq!(lineage(&scratch.repo()), std::slice::from_ref(&landing));
    assert_eq!(
        scratch
            .git(&[
                "log",
                "-1",
                "--format=%an %s %(trailers:key=Orch-Task)",
                landing.commit.as_str()
            ])
            .trim(),
        "Ada Task 1 Orch-Task: demo//1"
    );
    let paths: Vec<_> = landing.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(paths, ["b.txt", "new/ü x.txt"]);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(
        (scratch.read("new/ü x.txt").as_str(), scratch.root().join("b.txt").exists()),
        ("n\n", false)
    );
    assert!(scratch.git(&["reflog", "-1"]).contains("orch: land"));
    assert!(scratch.git(&["reflog", "-1", "main"]).contains("orch: land"));
    assert_eq!(follow(&scratch), Followed::Level);
    scratch.git(&["fsck", "--strict"]);
}

#[test]
fn edits_of_different_parts_of_one_file_both_land() {
    let scratch = Scratch::new(FILES);
    let base = scratch.base().tree;
    let one = edit(&scratch, &base, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n"))]);
    let other = edit(&scratch, &base, &[("a.txt", Some("1\n2\n3\n4\n5\n6\n7\n8\nnine\n"))]);
    land_with_plan(&scratch, "1", &merge(&scratch, &base, &one).unwrap().1, None);
    land_with_plan(&scratch, "2", &merge(&scratch, &base, &other).unwrap().1, None);
    follow(&scratch);
    assert_eq!(scratch.read("a.txt"), "one\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    assert_eq!(lineage(&scratch.repo()).len(), 2);
}

#[test]
fn a_true_conflict_names_paths_and_hunks() {
    let scratch = Scratch::new(FILES);
    let base = scratch.base().tree;
    let one =
        edit(&scratch, &base, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n")), ("b.txt", None)]);
    let other = edit(
        &scratch,
        &base,
        &[("a.txt", Some("uno\n2\n3\n4\n5\n6\n7\n8\n9\n")), ("b.txt", Some("c\n"))],
    );
    land_with_plan(&scratch, "1", &one, None);
    let conflict = merge(&scratch, &base, &other).unwrap_err();
    assert_eq!(conflict.paths, [path("a.txt"), path("b.txt")]);
    insta::assert_snapshot!(conflict.description, @r"
    a.txt:
    @@ line 1
    <<<<<<< tip
    one
    =======
    uno
    >>>>>>> task
    2
    3
    b.txt: changed by the task, but not at the tip any more (or not committed yet)
    ");
    let repo = scratch.repo();
    let kept = repo.keep("demo//1 7", &other, &scratch.tip(), "kept").unwrap();
    assert_eq!(scratch.git(&["rev-parse", &format!("{kept}^{{tree}}")]), other.to_string());
    repo.forget(&kept).unwrap();
    repo.forget(&kept).unwrap();
}

#[test]
fn a_moved_tip_or_other_content_is_not_landed() {
    let scratch = Scratch::new(FILES);
    let base = scratch.base();
    let theirs = edit(&scratch, &base.tree, &[("c.txt", Some("c\n"))]);
    let land_on = |onto: &CommitId, expected| {
        let request = request("2", expected);
        let input = LandingInput {
            branch: "main",
            onto,
            beneath: onto,
            tree: &theirs,
            request: &request,
            plan: None,
        };
        scratch.repo().land(input).unwrap()
    };
    let patch = scratch.repo().patch_between(&base.tree, &theirs).unwrap();
    let wrong = crate::base::name::OutputDigest(Digest::of(b"other"));
    assert_eq!(land_on(&base.tip, wrong), LandOutcome::OutputDiffers(patch.clone()));
    let first = land(&scratch, "1", &[("b.txt", Some("bb\n"))]);
    assert_eq!(land_on(&base.tip, patch.output_digest()), LandOutcome::TipMoved(first.commit));
}

#[test]
fn the_plans_status_line_rides_along_and_is_no_output() {
    let scratch = Scratch::new(FILES);
    let base = scratch.base().tree;
    let theirs = edit(&scratch, &base, &[("b.txt", Some("bb\n"))]);
    let landing = land_with_plan(&scratch, "1", &theirs, Some("- id: 1\n  status: completed\n"));
    assert_eq!(landing.changes.len(), 1);
    assert_eq!(lineage(&scratch.repo()), [landing]);
    follow(&scratch);
    assert_eq!(scratch.read("plans/demo.yaml"), "- id: 1\n  status: completed\n");
}

#[test]
fn receipts_land_in_one_commit() {
    let scratch = Scratch::new(FILES);
    let receipt = |task: &str| ReceiptTrailers {
        task: crate::base::name::TaskRef::new("demo", task),
        action: request(
            task,
            request("x", crate::base::file::Patch::default().output_digest()).expected,
        )
        .key,
        recipe: Some(crate::base::name::RecipeDigest(Digest::of(b"recipe"))),
        output: crate::base::file::Patch::default().output_digest(),
        report: None,
        verdicts: Vec::new(),
    };
    let outgoing = |task: &str| OutgoingReceipt { receipt: receipt(task), report: None };
    let receipts = [outgoing("1"), outgoing("two words")];
    let outcome = scratch.repo().land_receipts("main", &scratch.tip(), &receipts, &[]).unwrap();
    let ReceiptOutcome::Landed(landed) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    let read = scratch.repo().read_lineage(&scratch.tip(), Caching::Off).unwrap();
    assert_eq!((read.receipts, read.landings), (landed, Vec::new()));
}

/// Makes the user's checkout busy, lands on `a.txt`, and tells what following said and that the
/// user's things are as they were.
fn parks(prepare: &dyn Fn(&Scratch), files: &[(&str, Option<&str>)]) -> Followed {
    let scratch = Scratch::new(FILES);
    scratch.write("a.txt", "stashed\n");
    scratch.git(&["stash", "-q"]);
    prepare(&scratch);
    land(&scratch, "1", files);
    let (before, head) = (scratch.picture(), scratch.head());
    let index = std::fs::read(scratch.root().join(".git/index")).unwrap();
    let followed = follow(&scratch);
    assert_eq!(std::fs::read(scratch.root().join(".git/index")).unwrap(), index);
    assert_eq!((scratch.picture(), scratch.head()), (before, head));
    assert!(!scratch.root().join(".git/HEAD.lock").exists());
    followed
}

#[test]
fn what_the_user_changed_parks_the_landing_and_stays_bit_for_bit() {
    let parked =
        |prepare: &dyn Fn(&Scratch), files: &[(&str, Option<&str>)]| match parks(prepare, files) {
            Followed::Parked(obstacle) => {
                obstacle.paths().iter().map(|path| path.to_string()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
    let a = &[("a.txt", Some("landed\n")), ("b.txt", Some("landed\n"))];
    assert_eq!(parked(&|s| s.write("a.txt", "mine\n"), a), ["a.txt"]);
    assert_eq!(
        parked(
            &|s| {
                s.write("a.txt", "mine\n");
                s.git(&["add", "a.txt"]);
                s.write("a.txt", FILES[0].1)
            },
            a
        ),
        ["a.txt"]
    );
    assert_eq!(parked(&|s| std::fs::remove_file(s.root().join("a.txt")).unwrap(), a), ["a.txt"]);
    assert_eq!(
        parked(
            &|s| {
                s.git(&["rm", "-q", "--cached", "a.txt"]);
            },
            a
        ),
        ["a.txt"]
    );
    assert_eq!(
        parked(
            &|s| std::fs::set_permissions(
                s.root().join("a.txt"),
                std::fs::Permissions::from_mode(0o755)
            )
            .unwrap(),
            a
        ),
        ["a.txt"]
    );
    let new = &[("n/x", Some("landed\n"))];
    assert_eq!(parked(&|s| s.write("n/x", "mine\n"), new), ["n/x"]);
    assert_eq!(parked(&|s| s.write("n", "mine\n"), new), ["n/x"]);
    assert_eq!(parked(&|s| s.write("n/x/y", "mine\n"), new), ["n/x"]);
    assert_eq!(parked(&|s| symlink("plans", s.root().join("n")).unwrap(), new), ["n/x"]);
    assert_eq!(
        parked(
            &|s| {
                s.write("n", "mine\n");
                s.git(&["add", "n"]);
                std::fs::remove_file(s.root().join("n")).unwrap()
            },
            new
        ),
        ["n/x"]
    );
    assert_eq!(
        parked(
            &|s| {
                s.write(".git/info/exclude", "n/\n");
                s.write("n/x", "ignored, still mine\n")
            },
            new
        ),
        ["n/x"]
    );
    assert_eq!(parked(&|s| s.write("a.txt", "mine\n"), &[("a.txt", None)]), ["a.txt"]);
}

#[test]
fn an_operation_under_way_or_another_branch_parks() {
    let reason = |prepare: &dyn Fn(&Scratch)| match parks(prepare, &[("b.txt", Some("landed\n"))]) {
        Followed::Parked(obstacle) => obstacle,
        other => panic!("{other:?}"),
    };
    let fork = |s: &Scratch| {
        s.git(&["switch", "-q", "-c", "side"]);
        s.commit("side", &[("a.txt", "side\n")]);
        s.git(&["switch", "-q", "main"]);
        s.commit("main", &[("a.txt", "main\n")]);
    };
    let fails = |s: &Scratch, args: &[&str]| {
        let status = std::process::Command::new("git")
            .args(args)
            .current_dir(s.root())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output();
        assert!(!status.unwrap().status.success());
    };
    assert_eq!(
        reason(&|s| {
            fork(s);
            fails(s, &["merge", "side"])
        }),
        Obstacle::Operation("a merge")
    );
    assert_eq!(
        reason(&|s| {
            fork(s);
            fails(s, &["rebase", "side"])
        }),
        Obstacle::Operation("a rebase")
    );
    assert_eq!(
        reason(&|s| {
            fork(s);
            fails(s, &["cherry-pick", "side"])
        }),
        Obstacle::Operation("a cherry-pick")
    );
    assert_eq!(
        reason(&|s| {
            s.git(&["bisect", "start"]);
        }),
        Obstacle::Operation("a bisect")
    );
    assert_eq!(
        reason(&|s| {
            s.git(&["switch", "-q", "-c", "side"]);
        }),
        Obstacle::OtherBranch { current: Some("side".to_owned()), wanted: "main".to_owned() }
    );
    assert_eq!(
        reason(&|s| {
            s.git(&["checkout", "-q", "--detach"]);
        }),
        Obstacle::Detached
    );
    assert_eq!(reason(&|s| s.write(".git/index.lock", "")), Obstacle::IndexInUse);
    let elsewhere = reason(&|s| {
        s.git(&["worktree", "add", "-q", "-f", "../other", "main"]);
    });
    assert!(matches!(&elsewhere, Obstacle::CheckedOut { place, .. } if place.ends_with("other")));
}

#[test]
fn unrelated_work_of_the_user_stays_while_the_branch_follows() {
    let scratch =
        Scratch::new(&[FILES, &[("c.txt", "c\n"), ("d.txt", "d\n"), ("e.txt", "e\n")]].concat());
    scratch.write("c.txt", "staged\n");
    scratch.git(&["add", "c.txt"]);
    scratch.write("c.txt", "staged, then edited\n");
    scratch.write("d.txt", "edited\n");
    scratch.write("f.txt", "untracked\n");
    scratch.write("g.txt", "to be\n");
    scratch.git(&["add", "-N", "g.txt"]);
    scratch.git(&["update-index", "--assume-unchanged", "e.txt"]);
    let before = scratch.git(&["status", "--porcelain=v2"]);
    land(&scratch, "1", &[("a.txt", Some("landed\n")), ("b.txt", None), ("n/x", Some("x\n"))]);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.git(&["status", "--porcelain=v2"]), before);
    assert_eq!(scratch.git(&["show", ":c.txt"]), "staged");
    assert_eq!(scratch.git(&["ls-files", "-v", "e.txt"]), "h e.txt");
    assert_eq!((scratch.read("a.txt"), scratch.read("n/x")), ("landed\n".into(), "x\n".into()));
    assert_eq!(scratch.git(&["write-tree"]).len(), 40);
    scratch.git(&["fsck", "--strict"]);
}

#[test]
fn an_edit_in_the_same_instant_as_the_index_is_not_hidden() {
    let scratch = Scratch::new(FILES);
    scratch.write("b.txt", "B\n");
    scratch.git(&["add", "b.txt"]);
    let at = std::fs::metadata(scratch.root().join(".git/index")).unwrap().modified().unwrap();
    scratch.write("b.txt", "C\n");
    let file = std::fs::File::options().write(true).open(scratch.root().join("b.txt")).unwrap();
    file.set_modified(at).unwrap();
    land(&scratch, "1", &[("a.txt", Some("landed\n"))]);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.git(&["diff", "--name-only"]), "b.txt");
}

#[test]
fn modes_links_and_places_that_change_follow() {
    let scratch = Scratch::new(&[
        ("f", "f\n"),
        ("d/x", "x\n"),
        ("d/y", "y\n"),
        ("run", "#!\n"),
        ("l", "l\n"),
    ]);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root();
    std::fs::remove_file(root.join("f")).unwrap();
    crate::host::git::scratch::write_in(root, "f/inner/deep", "now a folder\n");
    std::fs::remove_dir_all(root.join("d")).unwrap();
    std::fs::write(root.join("d"), "now a file\n").unwrap();
    std::fs::set_permissions(root.join("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::remove_file(root.join("l")).unwrap();
    symlink("f/inner", root.join("l")).unwrap();
    let tree = pool.collect(&worktree).unwrap().tree;
    land_with_plan(&scratch, "1", &tree, None);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.git(&["write-tree"]), tree.to_string());
    assert_eq!(scratch.read("l/deep"), "now a folder\n");
}

#[test]
fn following_goes_on_where_a_killed_run_stopped() {
    let resume = |crash: &dyn Fn(&Scratch)| {
        let scratch = Scratch::new(FILES);
        land(&scratch, "1", &[("a.txt", Some("landed\n")), ("b.txt", None), ("n/x", Some("x\n"))]);
        crash(&scratch);
        assert!(matches!(follow(&scratch), Followed::Moved { .. }));
        assert_eq!(scratch.git(&["status", "--porcelain"]), "");
        assert_eq!(scratch.head(), scratch.tip());
    };
    let some_files = |s: &Scratch| s.write("a.txt", "landed\n");
    let all_files = |s: &Scratch| {
        some_files(s);
        s.write("n/x", "x\n");
        std::fs::remove_file(s.root().join("b.txt")).unwrap();
    };
    resume(&some_files);
    resume(&|s| {
        all_files(s);
        s.git(&["add", "a.txt"]);
    });
    resume(&|s| {
        all_files(s);
        s.git(&["add", "-A"]);
    });
    resume(&|s| {
        // Locks of a run that was killed under them are told from those of others by its list.
        let lock = s.root().join(".git/index.lock");
        std::fs::write(&lock, "").unwrap();
        let turn = super::locks::Turn::take(&s.repo()).unwrap().unwrap();
        turn.note(&[lock]).unwrap();
        let list = s.root().join(".orch/follow.taken");
        let taken = std::fs::read(&list).unwrap();
        drop(turn);
        std::fs::write(list, taken).unwrap();
        some_files(s);
    });
}

#[test]
fn what_a_killed_run_wrote_for_an_earlier_landing_does_not_hold_the_branch_back() {
    let resume = |crash: &dyn Fn(&Scratch)| {
        let scratch = Scratch::new(FILES);
        land(&scratch, "1", &[("a.txt", Some("one\n")), ("b.txt", None), ("n/x", Some("x\n"))]);
        crash(&scratch);
        land(
            &scratch,
            "2",
            &[("a.txt", Some("two\n")), ("b.txt", Some("back\n")), ("n/x", Some("xx\n"))],
        );
        assert!(matches!(follow(&scratch), Followed::Moved { .. }));
        assert_eq!(scratch.git(&["status", "--porcelain"]), "");
        assert_eq!(scratch.read("a.txt"), "two\n");
    };
    let all_files = |s: &Scratch| {
        s.write("a.txt", "one\n");
        s.write("n/x", "x\n");
        std::fs::remove_file(s.root().join("b.txt")).unwrap();
    };
    resume(&|s| s.write("a.txt", "one\n"));
    resume(&all_files);
    resume(&|s| {
        all_files(s);
        s.git(&["add", "-A"]);
    });
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_neither_removed_nor_written() {
    let scratch = Scratch::new(&[("hid/a", "1\n"), ("hid/c", "3\n"), ("vis/b", "2\n")]);
    scratch.git(&["sparse-checkout", "set", "vis"]);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root();
    assert_eq!(std::fs::read_to_string(root.join("hid/a")).unwrap(), "1\n");
    assert_eq!(git_in(root, &["status", "--porcelain"]), "");
    crate::host::git::scratch::write_in(root, "vis/y", "y\n");
    crate::host::git::scratch::write_in(root, "hid/new", "n\n");
    crate::host::git::scratch::write_in(root, "hid/c", "33\n");
    let tree = pool.collect(&worktree).unwrap().tree;
    land_with_plan(&scratch, "1", &tree, None);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.git(&["ls-files", "-t"]), "S hid/a\nS hid/c\nS hid/new\nH vis/b\nH vis/y");
    assert!(!scratch.root().join("hid").exists());
    // A session may leave files out of its own worktree, too.
    git_in(root, &["sparse-checkout", "set", "vis"]);
    assert!(!root.join("hid/a").exists());
    assert_eq!(pool.collect(&worktree).unwrap().tree, tree);
    drop(worktree);
    let again = pool.acquire(&scratch.base()).unwrap();
    assert!(again.root().join("hid/a").exists());
    assert_eq!(git_in(again.root(), &["status", "--porcelain"]), "");
}

#[test]
fn commits_of_the_user_and_parked_landings_come_together() {
    let scratch = Scratch::new(FILES);
    let first = land(&scratch, "1", &[("a.txt", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n"))]);
    let second = land(&scratch, "2", &[("c.txt", Some("c\n"))]);
    scratch.commit("mine", &[("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\nnine\n")]);
    let tip = scratch.repo().tip("main").unwrap();
    assert_eq!(tip.moved, Some(TipMove::Replayed(2)));
    assert_eq!(scratch.repo().tip("main").unwrap().moved, None);
    assert!(matches!(follow(&scratch), Followed::Moved { .. }));
    assert_eq!(scratch.read("a.txt"), "one\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    let tasks: Vec<_> = lineage(&scratch.repo()).into_iter().map(|l| (l.task, l.output)).collect();
    assert_eq!(tasks, [(first.task, first.output), (second.task, second.output)]);
}

#[test]
fn parked_landings_that_collide_are_set_aside_loudly() {
    let scratch = Scratch::new(FILES);
    let landing = land(&scratch, "1", &[("b.txt", Some("landed\n"))]);
    scratch.commit("mine", &[("b.txt", "mine\n")]);
    let tip = scratch.repo().tip("main").unwrap();
    let kept_as = "refs/orch/parked/1".to_owned();
    assert_eq!(
        tip.moved,
        Some(TipMove::SetAside { kept_as: kept_as.clone(), paths: vec![path("b.txt")] })
    );
    assert_eq!(tip.commit, scratch.head());
    assert_eq!(scratch.repo().set_aside_refs().unwrap(), [(kept_as, landing.commit)]);
    assert_eq!(scratch.repo().tip("main").unwrap().moved, None);
}

#[test]
fn a_status_line_that_collides_does_not_set_a_landing_aside() {
    let scratch = Scratch::new(FILES);
    let theirs = edit(&scratch, &scratch.base().tree, &[("b.txt", Some("landed\n"))]);
    land_with_plan(&scratch, "1", &theirs, Some("- id: 1\n  status: completed\n"));
    scratch.commit("mine", &[("plans/demo.yaml", "- id: 1\n  status: skipped\n")]);
    assert_eq!(scratch.repo().tip("main").unwrap().moved, Some(TipMove::Replayed(1)));
    follow(&scratch);
    assert_eq!(scratch.read("plans/demo.yaml"), "- id: 1\n  status: skipped\n");
    assert_eq!(lineage(&scratch.repo()).len(), 1);
}

#[test]
fn a_landing_that_a_person_took_back_is_not_landed_again() {
    let scratch = Scratch::new(FILES);
    land(&scratch, "1", &[("b.txt", Some("landed\n"))]);
    follow(&scratch);
    scratch.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!(scratch.tip(), scratch.head());
    assert_eq!(follow(&scratch), Followed::Level);
    land(&scratch, "2", &[("c.txt", Some("c\n"))]);
    follow(&scratch);
    scratch.git(&["commit", "-q", "--amend", "-m", "reworded"]);
    assert_eq!(scratch.tip(), scratch.head());
    assert_eq!(lineage(&scratch.repo()), []);
}

#[test]
fn a_fresh_clone_reads_the_same_lineage() {
    let scratch = Scratch::new(FILES);
    for (n, name) in ["a.txt", "b.txt", "zoë/\t odd", "a.txt"].iter().enumerate() {
        land(&scratch, &n.to_string(), &[(name, Some(&format!("content {n}\n")))]);
        follow(&scratch);
    }
    let there = tempfile::tempdir().unwrap();
    let clone = there.path().join("clone");
    git_in(&scratch.root(), &["clone", "-q", ".", clone.to_str().unwrap()]);
    let clone = Repository::discover(&clone).unwrap();
    let read = lineage(&clone);
    assert_eq!(read, lineage(&scratch.repo()));
    assert_eq!(read.len(), 4);
    let content = clone.blob_bytes(&read[3].changes[0].after.unwrap().digest).unwrap();
    assert_eq!(content, b"content 3\n");
}

#[test]
fn the_cache_of_the_lineage_is_extended_or_replaced() {
    let scratch = Scratch::new(FILES);
    let file = scratch.root().join(".orch/lineage-v1");
    let read = |caching: Caching<'_>| scratch.repo().read_lineage(&scratch.tip(), caching).unwrap();
    let check = |count: usize| {
        let whole = read(Caching::Off);
        assert_eq!(read(Caching::ReadOnly(&file)), whole);
        assert_eq!(read(Caching::ReadWrite(&file)), whole);
        assert_eq!(read(Caching::ReadWrite(&file)), whole);
        assert_eq!(whole.landings.len(), count);
    };
    check(0);
    land(&scratch, "1", &[("a.txt", Some("1\n"))]);
    land(&scratch, "2", &[("a.txt", Some("2\n"))]);
    check(2);
    land(&scratch, "3", &[("a.txt", None)]);
    follow(&scratch);
    check(3);
    scratch.git(&["reset", "-q", "--hard", "HEAD~2"]);
    check(1);
    std::fs::write(&file, b"rubbish").unwrap();
    check(1);
}

#[test]
fn a_recorded_patch_is_replayed_by_merge() {
    let scratch = Scratch::new(FILES);
    let repo = scratch.repo();
    let base = scratch.base().tree;
    let theirs = edit(
        &scratch,
        &base,
        &[("a.txt", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n")), ("n", Some("new\n"))],
    );
    let patch = repo.patch_between(&base, &theirs).unwrap();
    let stored: Vec<_> = patch
        .changes()
        .iter()
        .flat_map(|c| [c.before, c.after])
        .flatten()
        .map(|state| (state.digest, repo.blob_bytes(&state.digest).unwrap()))
        .collect();
    scratch.commit("mine", &[("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\nnine\n")]);
    let fresh = scratch.repo();
    let onto = scratch.tip();
    let store = |digest: &Digest| {
        stored.iter().find(|(known, _)| known == digest).map(|(_, bytes)| bytes.clone())
    };
    let onto_tree = fresh.tree_of(&onto).unwrap();
    let ReplayTrees::Built { base, theirs } =
        fresh.replay_trees(&onto_tree, &patch, &store).unwrap()
    else {
        panic!()
    };
    let Merge::Clean(merged) = fresh.merge(&base, &theirs, &onto).unwrap() else { panic!() };
    let read = |name: &str| fresh.read_path_at(&merged.tree, &path(name)).unwrap().unwrap();
    assert_eq!(read("a.txt"), b"one\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    assert_eq!(read("n"), b"new\n");
    let forgetful = Repository::discover(&scratch.root()).unwrap();
    let lost = forgetful.replay_trees(&onto_tree, &patch, &|_| None).unwrap();
    assert_eq!(lost, ReplayTrees::Lost(vec![path("a.txt"), path("n")]));
}

#[test]
fn repositories_that_cannot_be_built_in_are_told_with_the_remedy() {
    let help = |prepare: &dyn Fn(&std::path::Path)| {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let result = Repository::discover(folder.path()).and_then(|repo| repo.branch());
        result.map_err(|error| format!("{}: {}", error.doing, error.help.unwrap_or_default()))
    };
    let none = help(&|_| {}).unwrap_err();
    assert!(none.contains("git init"), "{none}");
    let bare = help(&|root| {
        git_in(root, &["init", "-q", "--bare"]);
    })
    .unwrap_err();
    assert!(bare.contains("bare"), "{bare}");
    let unborn = help(&|root| {
        git_in(root, &["init", "-q"]);
    })
    .unwrap_err();
    assert!(unborn.contains("git commit --allow-empty -m start"), "{unborn}");
    let scratch = Scratch::new(FILES);
    scratch.git(&["checkout", "-q", "--detach"]);
    let detached = scratch.repo().branch().unwrap_err();
    assert!(detached.help.unwrap().contains("git switch"));
}

#[test]
fn many_landings_at_once_are_all_there() {
    let scratch = Scratch::new(FILES);
    let base = scratch.base().tree;
    let land_one = &|n: usize| {
        let name = format!("n{n}");
        let theirs = scratch.edited(&base, &[(name.as_str(), Some("x\n"))]);
        let repo = scratch.repo();
        loop {
            let onto = repo.tip("main").unwrap().commit;
            let Merge::Clean(merged) = repo.merge(&base, &theirs, &onto).unwrap() else { panic!() };
            let request = request(&name, merged.patch.output_digest());
            let (tree, plan) = (&merged.tree, None);
            let (onto, request) = (&onto, &request);
            let input = LandingInput { branch: "main", onto, beneath: onto, tree, request, plan };
            match repo.land(input).unwrap() {
                LandOutcome::Landed(_) => break,
                LandOutcome::TipMoved(_) => {}
                other => panic!("{other:?}"),
            }
            repo.follow("main").unwrap();
        }
        repo.follow("main").unwrap();
    };
    std::thread::scope(|scope| {
        for n in 0..6 {
            scope.spawn(move || land_one(n));
        }
    });
    assert_eq!(lineage(&scratch.repo()).len(), 6);
    follow(&scratch);
    assert_eq!(scratch.head(), scratch.tip());
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_the_user_writes_while_the_branch_follows_is_never_lost() {
    const ROUNDS: usize = 120;
    let scratch = Scratch::new(FILES);
    for round in 0..ROUNDS {
        let landed = format!("landed {round}\n");
        land(&scratch, &round.to_string(), &[("a.txt", Some(&landed)), ("b.txt", Some(&landed))]);
        let (file, aside) = (scratch.root().join("a.txt"), scratch.root().join(".orch/typed"));
        let typed = format!("typed {round}\n");
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                // Over the rounds each moment of the following is met.
                for _ in 0..round * 20_000 {
                    std::hint::spin_loop();
                }
                if round % 2 == 0 {
                    std::fs::write(&file, &typed).unwrap();
                } else {
                    std::fs::write(&aside, &typed).unwrap();
                    std::fs::rename(&aside, &file).unwrap();
                }
            });
            start.wait();
            follow(&scratch);
        });
        assert_eq!(std::fs::read_to_string(&file).unwrap(), typed, "round {round}");
        scratch.git(&["checkout", "--", "."]);
        follow(&scratch);
        assert_eq!(scratch.head(), scratch.tip(), "round {round}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), landed, "round {round}");
    }
}
