//! Worktrees in scratch repositories: taking, moving, linking and returning them.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::base::name::TreeId;
use crate::engine::effect::Base;
use crate::host::git::scratch::{Scratch, git_in, path, write_in};
use crate::host::worktree::{BaseTree, Collected, Pool, Worktree};
use crate::spec::config::{Link, WorktreeConfig};

const FILES: &[(&str, &str)] = &[
    ("a.txt", "one\n"),
    ("src/lib.rs", "fn a() {}\n"),
    ("src/deep/x", "x\n"),
    (".gitignore", "target/\n*.log\n"),
];

/// What git itself says the worktree's tree is.
fn tree_by_git(root: &Path) -> TreeId {
    let index = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = std::process::Command::new("git")
            .args(args)
            .current_dir(root)
            .env("GIT_INDEX_FILE", index.path().join("index"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["add", "-A"]);
    TreeId::new(run(&["write-tree"]))
}

/// Takes exactly this worktree. A child that another test is just starting may hold the lock of a
/// free one for an instant, as it inherits it until it runs its program.
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

fn collected(scratch: &Scratch, work: impl FnOnce(&Path)) -> Collected {
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    work(worktree.root());
    let collected = pool.collect(&worktree).unwrap();
    assert_eq!(collected.tree, tree_by_git(worktree.root()));
    collected
}

fn shown(collected: &Collected) -> Vec<String> {
    let sign = |c: &crate::base::file::FileChange| match (c.before, c.after) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let changes = collected.patch.changes().iter();
    changes.map(|c| format!("{}{} {:?}", sign(c), c.path, c.after.map(|a| a.kind))).collect()
}

#[test]
fn every_kind_of_change_is_collected_as_git_would() {
    let scratch = Scratch::new(FILES);
    let collected = collected(&scratch, |root| {
        write_in(root, "a.txt", "two\n");
        write_in(root, "näw/ü €.txt", "new\n");
        write_in(root, "with space\ttab", "new\n");
        std::fs::remove_file(root.join("src/deep/x")).unwrap();
        let script = root.join("src/lib.rs");
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a.txt", root.join("link")).unwrap();
        write_in(root, "target/out", "ignored");
        write_in(root, "x.log", "ignored");
        write_in(root, ".orch/task/status.json", "{}");
    });
    assert_eq!(
        shown(&collected),
        [
            "~a.txt Some(Regular)",
            "+link Some(Symlink)",
            "+näw/ü €.txt Some(Regular)",
            "-src/deep/x None",
            "~src/lib.rs Some(Executable)",
            "+with space\ttab Some(Regular)",
        ]
    );
}

#[test]
fn a_folder_and_a_file_may_change_places() {
    let scratch = Scratch::new(FILES);
    let collected = collected(&scratch, |root| {
        std::fs::remove_dir_all(root.join("src")).unwrap();
        write_in(root, "src", "now a file\n");
        std::fs::remove_file(root.join("a.txt")).unwrap();
        write_in(root, "a.txt/b", "now a folder\n");
    });
    assert_eq!(collected.patch.changes().len(), 5);
    assert_eq!(shown(&collected)[2], "+src Some(Regular)");
}

#[test]
fn only_content_counts_whatever_the_session_did_with_git() {
    let scratch = Scratch::new(FILES);
    let collected = collected(&scratch, |root| {
        write_in(root, "a.txt", "two\n");
        git_in(root, &["switch", "-q", "-c", "mine"]);
        git_in(root, &["-c", "user.name=x", "-c", "user.email=y", "commit", "-qam", "work"]);
        write_in(root, "b.txt", "staged\n");
        git_in(root, &["add", "b.txt"]);
        git_in(root, &["rm", "-q", "--cached", "src/lib.rs"]);
    });
    assert_eq!(shown(&collected), ["~a.txt Some(Regular)", "+b.txt Some(Regular)"]);
    let again = scratch.pool().acquire(&scratch.base()).unwrap();
    assert_eq!(git_in(again.root(), &["status", "--porcelain"]), "");
    assert_eq!(git_in(again.root(), &["branch", "--show-current"]), "");
}

#[test]
fn a_worktree_is_clean_again_after_any_attempt() {
    let scratch = Scratch::new(FILES);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root().to_owned();
    write_in(&root, "a.txt", "dirty\n");
    write_in(&root, "left/over", "dirty\n");
    std::fs::remove_file(root.join("src/lib.rs")).unwrap();
    write_in(&root, "target/cache", "ignored");
    write_in(&root, "src/x.log", "ignored");
    write_in(&root, ".gitignore", "*.txt\n");
    write_in(&root, "left/by.txt", "ignored by its own rules alone");
    write_in(&root, ".orch/task/status.json", "{}");
    git_in(&root, &["init", "-q", "nested"]);
    let untouched = std::fs::metadata(root.join("src/deep/x")).unwrap().modified().unwrap();
    drop(worktree);
    scratch.commit("next", &[("a.txt", "three\n"), ("new/file", "n\n")]);
    let worktree = acquire_at(&pool, &scratch.base(), &root);
    assert_eq!(git_in(&root, &["status", "--porcelain"]), "");
    assert_eq!(tree_by_git(&root), scratch.base().tree);
    assert!(!root.join("target").exists() && !root.join("src/x.log").exists());
    assert!(!root.join(".orch/task/status.json").exists() && !root.join("nested").exists());
    assert_eq!(std::fs::metadata(root.join("src/deep/x")).unwrap().modified().unwrap(), untouched);
    assert!(pool.collect(&worktree).unwrap().patch.is_empty());
}

#[test]
fn two_at_once_get_two_worktrees_and_the_user_sees_neither() {
    let scratch = Scratch::new(FILES);
    let before = scratch.picture();
    let pool = scratch.pool();
    let (one, other) = std::thread::scope(|scope| {
        let take = || pool.acquire(&scratch.base()).unwrap();
        let (one, other) = (scope.spawn(take), scope.spawn(take));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one.root(), other.root());
    assert_eq!(scratch.picture(), before);
    drop((one, other));
    let mut removed = 0;
    while removed < 2 {
        removed += pool.remove_all().unwrap();
    }
    assert_eq!(scratch.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn uncommitted_files_are_laid_over_and_are_no_part_of_the_patch() {
    let scratch = Scratch::new(FILES);
    scratch.write("plan.yaml", "untracked\n");
    scratch.write("a.txt", "edited\n");
    let overlay = [path("plan.yaml"), path("a.txt"), path("nowhere")];
    let base = scratch.repo().base_tree(&Base::Tip, &scratch.tip(), &overlay).unwrap().unwrap();
    let pool = scratch.pool();
    let worktree = pool.acquire(&base).unwrap();
    let read = |name: &str| std::fs::read_to_string(worktree.root().join(name)).unwrap();
    assert_eq!((read("plan.yaml"), read("a.txt")), ("untracked\n".into(), "edited\n".into()));
    assert_eq!(git_in(worktree.root(), &["status", "--porcelain"]), "");
    assert!(pool.collect(&worktree).unwrap().patch.is_empty());
    assert_eq!(scratch.repo().base_tree(&Base::Tip, &scratch.tip(), &overlay).unwrap(), Some(base));
}

#[test]
fn line_endings_are_taken_as_git_stores_them() {
    let scratch = Scratch::new(&[(".gitattributes", "*.txt text eol=crlf\n"), ("a.txt", "one\n")]);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let file = worktree.root().join("a.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\r\n");
    assert!(pool.collect(&worktree).unwrap().patch.is_empty());
    std::fs::write(&file, "one\r\ntwo\r\n").unwrap();
    let collected = pool.collect(&worktree).unwrap();
    let stored = scratch.repo().read_path_at(&collected.tree, &path("a.txt")).unwrap();
    assert_eq!(stored.unwrap(), b"one\ntwo\n");
    let mut normalizer = scratch.repo().normalizer().unwrap();
    assert_eq!(&*normalizer.normalize(&path("b.txt"), b"x\r\n").unwrap(), b"x\n");
    assert_eq!(&*normalizer.normalize(&path("b.bin"), b"x\r\n").unwrap(), b"x\r\n");
}

fn link(path: &str) -> Link {
    Link { path: path.into(), is_writable: false }
}

#[test]
fn what_is_linked_or_copied_in_is_no_result() {
    let scratch = Scratch::new(FILES);
    scratch.write("node_modules/m.js", "m");
    scratch.write("secrets/.env", "s");
    let config = WorktreeConfig {
        setup: Some("true".into()),
        link: vec![link("node_modules/")],
        copy: vec!["secrets".into(), "absent".into()],
        keep: Vec::new(),
    };
    let pool = Pool::open(&scratch.repo(), &config).unwrap();
    let mut worktree = pool.acquire(&scratch.base()).unwrap();
    assert!(worktree.is_fresh());
    assert!(worktree.root().join("node_modules/m.js").exists());
    assert!(worktree.root().join("secrets/.env").exists());
    assert!(pool.collect(&worktree).unwrap().patch.is_empty());
    worktree.mark_ready().unwrap();
    let root = worktree.root().to_owned();
    drop(worktree);
    let worktree = acquire_at(&pool, &scratch.base(), &root);
    assert!(!worktree.is_fresh() && worktree.root().join("node_modules/m.js").exists());
}

#[test]
fn broken_worktrees_are_swept_and_made_anew() {
    let scratch = Scratch::new(FILES);
    let pool = scratch.pool();
    let break_and_sweep = |breakage: &dyn Fn(&Path)| {
        let root = pool.acquire(&scratch.base()).unwrap().root().to_owned();
        breakage(&root);
        pool.sweep().unwrap();
        let _worktree = acquire_at(&pool, &scratch.base(), &root);
        assert_eq!(tree_by_git(&root), scratch.base().tree);
        let listed = scratch.git(&["worktree", "list"]);
        assert!(!listed.contains("prunable"), "{listed}");
    };
    break_and_sweep(&|root| std::fs::remove_dir_all(root).unwrap());
    break_and_sweep(&|root| std::fs::remove_dir_all(root.join(".git")).unwrap());
    break_and_sweep(&|root| std::fs::remove_dir_all(root.join(".git/refs")).unwrap());
    break_and_sweep(&|root| std::fs::remove_file(root.join(".git/HEAD")).unwrap());
    break_and_sweep(&|root| {
        std::fs::remove_dir_all(root.join(".git")).unwrap();
        symlink(scratch.root().join(".git"), root.join(".git")).unwrap();
    });
    break_and_sweep(&|root| std::fs::remove_file(root.with_extension("index")).unwrap());
    break_and_sweep(&|root| std::fs::write(root.with_extension("index"), b"rubbish").unwrap());
    break_and_sweep(&|root| {
        std::fs::remove_dir_all(root.join(".git")).unwrap();
        let user = format!("gitdir: {}/.git\n", scratch.root().display());
        std::fs::write(root.join(".git"), user).unwrap();
    });
}

#[test]
fn ignored_leftovers_go_except_what_set_up_made_and_the_settings_keep() {
    let scratch = Scratch::new(&[(".gitignore", "made/\nbuild/\nnode_modules\n.env\n*.o\n")]);
    scratch.write("build/brought/b", "b");
    scratch.write(".env", "e");
    let config = WorktreeConfig {
        setup: Some("true".into()),
        link: vec![link(".env")],
        copy: vec!["build/brought".into()],
        keep: vec!["node_modules".into(), "build/cache/deep".into()],
    };
    let pool = Pool::open(&scratch.repo(), &config).unwrap();
    let mut worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root().to_owned();
    write_in(&root, "made/by-setup", "s");
    worktree.mark_ready().unwrap();
    let stay = [
        "made/by-setup",
        "made/later",
        "a/node_modules/m",
        "build/cache/deep/d",
        "build/brought/b",
    ];
    let go = ["x.o", "a/x.o", "a/made/x", "build/x", "build/cache/x"];
    stay.iter().chain(&go).for_each(|name| write_in(&root, name, "left"));
    drop(worktree);
    let _worktree = acquire_at(&pool, &scratch.base(), &root);
    let there = |name: &&str| root.join(name).exists();
    assert!(stay.iter().all(there) && root.join(".env").exists());
    assert_eq!(go.iter().copied().filter(there).collect::<Vec<_>>(), [""; 0]);
}

/// Whether a worktree of the pool is to be set up once more after `change`, and what is in it then.
fn set_up_again(change: impl FnOnce(&Scratch, &mut WorktreeConfig), looks: &str) -> (bool, String) {
    let files =
        [(".gitignore", "made/\n.env\nbox/\nlater\n"), ("deps.lock", "1\n"), ("tools/up", "x\n")];
    let scratch = Scratch::new(&[&files[..], &[("a.txt", "a\n")]].concat());
    scratch.write(".env", "1");
    scratch.write("box/in", "1");
    let mut config = WorktreeConfig {
        setup: Some("sh ./tools/up".into()),
        link: vec![link("later")],
        copy: vec![".env".into(), "box".into()],
        keep: Vec::new(),
    };
    let pool = Pool::open(&scratch.repo(), &config).unwrap();
    let mut worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root().to_owned();
    write_in(&root, "made/by-setup", "1");
    worktree.mark_ready().unwrap();
    drop((worktree, pool));
    change(&scratch, &mut config);
    scratch.git(&["add", "--all"]);
    scratch.git(&["commit", "--quiet", "--allow-empty", "--message", "next"]);
    let pool = Pool::open(&scratch.repo(), &config).unwrap();
    let worktree = acquire_at(&pool, &scratch.base(), &root);
    let text = std::fs::read_to_string(root.join(looks)).unwrap_or_else(|_| "-".to_owned());
    (worktree.is_fresh(), text)
}

#[test]
fn a_worktree_is_set_up_anew_where_what_it_was_set_up_with_is_another() {
    let check = |change: fn(&Scratch, &mut WorktreeConfig), looks: &str| {
        let (again, text) = set_up_again(change, looks);
        format!("{again} {text}")
    };
    assert_eq!(check(|scratch, _| scratch.write("a.txt", "b"), "made/by-setup"), "false 1");
    assert_eq!(check(|scratch, _| scratch.write("deps.lock", "2"), "made/by-setup"), "true -");
    assert_eq!(check(|scratch, _| scratch.write("tools/up", "y"), "made/by-setup"), "true -");
    assert_eq!(check(|scratch, _| scratch.write(".env", "2"), ".env"), "true 2");
    assert_eq!(check(|scratch, _| scratch.write("box/in", "22"), "box/in"), "true 22");
    assert_eq!(check(|scratch, _| scratch.write("later", "l"), "later"), "true l");
    assert_eq!(check(|_, config| config.setup = Some("true".into()), "made/by-setup"), "true -");
    assert_eq!(check(|_, config| config.copy.clear(), "box/in"), "true -");
}

#[test]
fn a_copied_file_that_an_attempt_changed_is_copied_again() {
    let scratch = Scratch::new(&[(".gitignore", ".env\n")]);
    scratch.write(".env", "theirs");
    let config = WorktreeConfig { copy: vec![".env".into()], ..WorktreeConfig::default() };
    let pool = Pool::open(&scratch.repo(), &config).unwrap();
    let root = pool.acquire(&scratch.base()).unwrap().root().to_owned();
    write_in(&root, ".env", "changed");
    let _worktree = acquire_at(&pool, &scratch.base(), &root);
    assert_eq!(std::fs::read_to_string(root.join(".env")).unwrap(), "theirs");
}

/// What a worktree may be moved between: files and folders that change places, links, modes,
/// attributes that decide how other files are written, also of files that are the same.
fn moving_trees() -> [&'static [(&'static str, &'static str)]; 4] {
    [
        &[(".gitattributes", "*.txt text eol=crlf\n"), ("a.txt", "a\n"), ("d/e/f", "f\n")],
        &[("a.txt", "more\n"), ("d", "now a file\n"), ("z", "z\n")],
        &[(".gitattributes", "*.txt -text\n"), ("a.txt/b.txt", "b\n"), ("d/e", "e\n")],
        &[("a.txt", "a\n"), ("d/e/f", "f\n"), ("d/e/g", "g\n"), ("z", "z\n")],
    ]
}

fn commit_only(scratch: &Scratch, files: &[(&str, &str)]) -> BaseTree {
    scratch.git(&["rm", "-rqf", "--ignore-unmatch", "."]);
    scratch.commit("next", files);
    scratch.base()
}

#[test]
fn moved_from_any_tree_to_any_other_a_worktree_is_as_git_checks_it_out() {
    let scratch = Scratch::new(FILES);
    let bases = moving_trees().map(|files| commit_only(&scratch, files));
    let (pool, other) = (scratch.pool(), scratch.pool());
    let root = pool.acquire(&bases[0]).unwrap().root().to_owned();
    let mut stale = Vec::new();
    for step in 0..64usize {
        let base = &bases[(step * step + step / 4) % bases.len()];
        // Now and then another process moves it: what this one remembers is of no use then, and which
        // tree it is of may be lost, gone, or what was noted for an older index.
        let pool = if step % 5 == 4 { &other } else { &pool };
        let note = root.with_extension("tree");
        match step % 7 {
            2 => std::fs::remove_file(&note).unwrap(),
            3 => stale = std::fs::read(&note).unwrap(),
            4 => {
                let text = std::fs::read_to_string(&note).unwrap();
                let gone = format!("{}{}\n", &text[..41], "1".repeat(40));
                std::fs::write(&note, gone).unwrap();
            }
            5 => std::fs::write(&note, &stale).unwrap(),
            _ => {}
        }
        let worktree = acquire_at(pool, base, &root);
        assert_eq!(git_in(&root, &["status", "--porcelain"]), "", "step {step}");
        assert_eq!(tree_by_git(&root), base.tree, "step {step}");
        assert!(pool.collect(&worktree).unwrap().patch.is_empty(), "step {step}");
        let fresh = git_in(&root, &["ls-files", "--eol"]);
        git_in(&root, &["rm", "-rqf", "--cached", "."]);
        git_in(&root, &["reset", "-q", "--hard", base.commit.as_str()]);
        assert_eq!(git_in(&root, &["ls-files", "--eol"]), fresh, "step {step}");
        match step % 4 {
            0 => std::fs::write(root.join("a.txt"), "dirty\n").unwrap_or_default(),
            1 => write_in(&root, "left/over", "dirty\n"),
            2 => std::fs::remove_file(root.join("z")).unwrap_or_default(),
            _ => {}
        }
    }
}

#[test]
fn what_an_attempt_does_to_orchs_memory_of_its_worktree_does_not_matter() {
    let scratch = Scratch::new(FILES);
    let pool = scratch.pool();
    let worktree = pool.acquire(&scratch.base()).unwrap();
    let root = worktree.root().to_owned();
    std::fs::remove_file(root.join("a.txt")).unwrap();
    std::fs::write(root.with_extension("index"), b"rubbish").unwrap();
    assert_eq!(shown(&pool.collect(&worktree).unwrap()), ["-a.txt None"]);
    drop(worktree);
    let _worktree = acquire_at(&pool, &scratch.base(), &root);
    assert_eq!(tree_by_git(&root), scratch.base().tree);
}

/// Neither size nor file tells this edit from what was put there; only that it is younger than the move.
#[test]
fn an_edit_right_after_the_move_is_seen() {
    let scratch = Scratch::new(FILES);
    let bases = ["two\n", "six\n"].map(|text| commit_only(&scratch, &[("a.txt", text)]));
    let pool = scratch.pool();
    for base in bases.iter().cycle().take(60) {
        let worktree = pool.acquire(base).unwrap();
        std::fs::write(worktree.root().join("a.txt"), "ten\n").unwrap();
        assert_eq!(shown(&pool.collect(&worktree).unwrap()), ["~a.txt Some(Regular)"]);
    }
}

/// Only the time of the last change of its inode tells this file from what was put there.
#[test]
fn an_edit_with_the_old_time_is_seen_whatever_git_is_told_to_overlook() {
    let overlooks = [("core.trustctime", "false"), ("core.checkStat", "minimal")];
    for settings in [&overlooks[..1], &overlooks] {
        let scratch = Scratch::new(&[("a.txt", "one\n")]);
        for (key, value) in settings {
            scratch.git(&["config", key, value]);
        }
        let pool = scratch.pool();
        let worktree = pool.acquire(&scratch.base()).unwrap();
        let file = worktree.root().join("a.txt");
        let before = std::fs::metadata(&file).unwrap().modified().unwrap();
        drop(worktree);
        // Moved again in a later second: by whole seconds, too, the file is not young any more.
        let now = || {
            let clock = std::fs::File::create(scratch.root().join("clock")).unwrap();
            clock.metadata().unwrap().modified().unwrap()
        };
        while now().duration_since(before).unwrap().as_millis() < 1100 {
            std::thread::yield_now();
        }
        scratch.commit("more", &[("b.txt", "b\n")]);
        let worktree = acquire_at(&pool, &scratch.base(), file.parent().unwrap());
        std::fs::write(&file, "two\n").unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
        assert_eq!(shown(&pool.collect(&worktree).unwrap()), ["~a.txt Some(Regular)"]);
        drop(worktree);
        let worktree = acquire_at(&pool, &scratch.base(), file.parent().unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n");
        assert!(pool.collect(&worktree).unwrap().patch.is_empty());
    }
}
