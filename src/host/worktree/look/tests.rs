//! Whatever happens to a checkout, the quick look finds what git's own comparison finds.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::super::status::{compare_by_git, differences};
use super::*;
use crate::host::git::scratch::Scratch;

const FILES: [(&str, &str); 9] = [
    ("a", "a\n"),
    ("a-b/c", "c\n"),
    ("a.b", "b\n"),
    ("dir/deep/er/file", "file\n"),
    ("dir/deep/other", "other\n"),
    ("dir/empty", ""),
    ("dir/run.sh", "true\n"),
    ("dirt/x", "x\n"),
    (".gitignore", "*.log\nbuild/\n!keep.log\n"),
];

fn check(what: &str, change: impl Fn(&Path)) {
    let scratch = Scratch::new(&FILES);
    for age in ["young", "old"] {
        let root = scratch.root();
        if age == "old" {
            scratch.git(&["clean", "-qffdx"]);
            scratch.git(&["reset", "-q", "--hard"]);
            let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
            for (path, _) in FILES {
                fs::File::open(root.join(path)).unwrap().set_modified(long_ago).unwrap();
            }
            scratch.git(&["update-index", "-q", "--refresh"]);
        }
        change(&root);
        let git = gix::open(&root).unwrap();
        let mut index = git.open_index().unwrap();
        if age == "old" {
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
            index.set_timestamp(later.into());
        }
        let by_git = compare_by_git(&git, &index).unwrap();
        assert_eq!(differences(&git, &index).unwrap(), by_git, "{what}, {age}");
        let look = Look::through(&root, &index).unwrap();
        // Whether a young file is in doubt hangs on whether the clock went on meanwhile.
        if age == "old" {
            assert_eq!(look.doubtful.is_empty(), by_git.tracked.is_empty(), "{what}");
        }
    }
}

fn write(root: &Path, path: &str) {
    let place = root.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, "new\n").unwrap();
}

#[test]
fn the_look_finds_what_git_finds() {
    check("nothing", |_| {});
    check("edited", |root| write(root, "dir/deep/other"));
    check("filled", |root| write(root, "dir/empty"));
    check("removed", |root| fs::remove_file(root.join("a.b")).unwrap());
    check("folder removed", |root| fs::remove_dir_all(root.join("dir/deep")).unwrap());
    check("executable", |root| {
        fs::set_permissions(root.join("dir/run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    });
    for path in ["new", "dir/deep/new", "new/folder/file", "a-b/new/file"] {
        check(path, |root| write(root, path));
    }
    for path in ["x.log", "dir/x.log", "dir/keep.log", "build/x", "dir/build/deep/x", "new/x.log"] {
        check(path, |root| write(root, path));
    }
    check("a folder of ignored and other files", |root| {
        ["new/x.log", "new/y", "new/build/z"].iter().for_each(|path| write(root, path));
    });
    check("an empty folder", |root| fs::create_dir_all(root.join("dir/none/at/all")).unwrap());
    check("ignored anew", |root| fs::write(root.join("dir/.gitignore"), "deep/\nn*\n").unwrap());
}

#[test]
fn one_kind_in_the_place_of_another_is_found() {
    check("a folder for a file", |root| {
        fs::remove_file(root.join("a")).unwrap();
        write(root, "a/file");
    });
    check("a file for a folder", |root| {
        fs::remove_dir_all(root.join("dir/deep")).unwrap();
        write(root, "dir/deep");
    });
    check("a link for a file", |root| {
        fs::remove_file(root.join("a")).unwrap();
        symlink("a.b", root.join("a")).unwrap();
    });
    check("a link for a folder", |root| {
        fs::rename(root.join("dir"), root.join("moved")).unwrap();
        symlink("moved", root.join("dir")).unwrap();
    });
    check("a link to a folder by an ignored name", |root| {
        symlink("dir", root.join("build")).unwrap();
    });
    check("a repository", |root| {
        write(root, "dir/repo/file");
        crate::host::git::scratch::git_in(&root.join("dir/repo"), &["init", "-q"]);
    });
    check("a repository around tracked files", |root| {
        crate::host::git::scratch::git_in(&root.join("dir/deep"), &["init", "-q"]);
    });
    check("orch's own", |root| write(root, ".orch/task/x"));
}

#[test]
fn a_large_folder_is_looked_at_as_a_small_one_is() {
    let names: Vec<String> = (0..MANY + 100).map(|it| format!("dir/{it}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "x\n")).collect();
    let scratch = Scratch::new(&files);
    let root = scratch.root();
    write(&root, "dir/3");
    write(&root, "dir/999");
    fs::remove_file(root.join("dir/10")).unwrap();
    write(&root, "dir/100a");
    write(&root, "dir/-");
    let git = gix::open(&root).unwrap();
    let index = git.open_index().unwrap();
    let by_git = compare_by_git(&git, &index).unwrap();
    assert_eq!((by_git.tracked.len(), by_git.untracked.len()), (3, 2));
    assert_eq!(differences(&git, &index).unwrap(), by_git);
}
