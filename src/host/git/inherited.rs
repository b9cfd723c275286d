//! What git leaves to the programs that it runs: variables that speak of one repository, and the command
//! that it is in the middle of.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::platform;

/// As `git rev-parse --local-env-vars` has them, of this and earlier versions of git.
#[rustfmt::skip]
const LOCAL: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE", INDEX_FILE,
    "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
];
const INDEX_FILE: &str = "GIT_INDEX_FILE";
/// With a number behind: entries that `GIT_CONFIG_COUNT` counts.
const NUMBERED: [&str; 2] = ["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"];

/// Commands of git in the middle of which index, HEAD and branch are git's own.
#[rustfmt::skip]
const AT_WORK: &[&str] = &[
    "am", "checkout", "cherry-pick", "commit", "merge", "pull", REBASE, "reset", "revert", "stash",
    "switch",
];
/// It also runs commands that a person gave it, with HEAD where they want it.
const REBASE: &str = "rebase";
/// Hooks of a rebase that run while its list of what is done still ends with such a command.
const BEHIND_EXEC: &[&str] =
    &["post-checkout", "post-index-change", "post-rewrite", "pre-auto-gc", "reference-transaction"];
/// Options of git itself whose value is a word of its own.
const WITH_VALUE: &[&str] =
    &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"];

/// The variables of this process that speak of one repository, which need not be the one at hand.
pub fn local_variables() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_local(name)).collect()
}

fn is_local(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        LOCAL.contains(&name) || NUMBERED.iter().any(|start| name.starts_with(start))
    })
}

/// The command of git that is under way in the checkout `root` and runs this process, as by a hook or an
/// editor: `git commit`. `start` is the folder that the process was started in.
pub fn command_under_way(root: &Path, start: Option<&Path>) -> Option<String> {
    let index = std::env::var_os(INDEX_FILE);
    // Every hook of a commit gets it.
    let is_of_hook = index.is_some_and(|index| is_index_of(root, start, Path::new(&index)));
    command_above(root).or_else(|| is_of_hook.then(|| "git commit".to_owned()))
}

/// Whether the file is the index of this checkout, or the one that the next commit is made from.
fn is_index_of(root: &Path, start: Option<&Path>, index: &Path) -> bool {
    let name = index.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let is_index = name == "index" || name == "index.lock" || name.starts_with("next-index-");
    let folder = index.parent().unwrap_or(Path::new(""));
    let own = git_folder_of(root).and_then(|it| it.canonicalize().ok());
    let is_own = |base: &Path| base.join(folder).canonicalize().ok() == own;
    is_index && own.is_some() && (is_own(root) || start.is_some_and(is_own))
}

fn git_folder_of(root: &Path) -> Option<PathBuf> {
    let place = root.join(".git");
    let Ok(link) = fs::read_to_string(&place) else { return Some(place) };
    Some(root.join(link.strip_prefix("gitdir:")?.trim()))
}

fn command_above(root: &Path) -> Option<String> {
    let mut is_of_hook = false;
    let lineage = platform::lineage_of(std::process::id());
    lineage.into_iter().skip(1).find_map(|pid| {
        let words = platform::command_of(pid)?;
        let Some(command) = at_work(&words) else {
            is_of_hook |= names_a_hook(&words);
            return None;
        };
        let is_here = platform::folder_of(pid).is_some_and(|it| it.starts_with(root));
        let is_asked_for = || command == "git rebase" && !is_of_hook && is_at_exec(root);
        (is_here && !is_asked_for()).then_some(command)
    })
}

/// Whether these are the words of a hook, or of a program that was given its name:
/// `/bin/sh .git/hooks/post-rewrite rebase`.
fn names_a_hook(words: &str) -> bool {
    let name = |word: &str| word.rsplit(['/', '=']).next().unwrap_or_default().to_owned();
    words.split(' ').any(|word| BEHIND_EXEC.contains(&name(word).as_str()))
}

/// Whether the last thing that a rebase of the checkout began is a command of `--exec`.
fn is_at_exec(root: &Path) -> bool {
    let done = git_folder_of(root).map(|it| it.join("rebase-merge/done"));
    let done = done.and_then(|it| fs::read_to_string(it).ok()).unwrap_or_default();
    done.lines().last().is_some_and(|it| it.starts_with("exec ") || it.starts_with("x "))
}

/// `git commit`, where these are the words of a command that is at work.
fn at_work(words: &str) -> Option<String> {
    let mut words = words.split(' ');
    let program = Path::new(words.next()?).file_name()?.to_str()?.to_owned();
    let command = match program.strip_prefix("git-") {
        Some(command) => command.to_owned(),
        None if program == "git" => loop {
            match words.next()? {
                option if WITH_VALUE.contains(&option) => drop(words.next()),
                option if option.starts_with('-') => {}
                command => break command.to_owned(),
            }
        },
        None => return None,
    };
    AT_WORK.contains(&command.as_str()).then(|| format!("git {command}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_git_is_read_behind_its_options() {
        let check = |words: &str| at_work(words).unwrap_or_default();
        assert_eq!(check("git commit -qam mine"), "git commit");
        assert_eq!(check("/usr/bin/git -c user.name=A -C x --no-pager merge topic"), "git merge");
        assert_eq!(check("/usr/lib/git-core/git-am --continue"), "git am");
        assert_eq!(check("git rebase --exec x"), "git rebase");
        for other in ["git push", "git orch build", "git", "gitk commit", ""] {
            assert_eq!(check(other), "", "{other}");
        }
    }

    #[test]
    fn a_hook_behind_a_command_of_a_rebase_is_told_by_its_name() {
        for words in [
            "/bin/sh .git/hooks/post-rewrite rebase",
            ".git/hooks/post-checkout a b 1",
            "python3 -m pre_commit hook-impl --hook-type=post-rewrite",
        ] {
            assert!(names_a_hook(words), "{words}");
        }
        for words in ["sh -c orch build && true", "make pre-commit", "orch build", ""] {
            assert!(!names_a_hook(words), "{words}");
        }
    }

    #[test]
    fn a_rebase_is_at_a_command_where_that_was_begun_last() {
        let folder = tempfile::tempdir().unwrap();
        let check = |done: &str| {
            fs::create_dir_all(folder.path().join(".git/rebase-merge")).unwrap();
            fs::write(folder.path().join(".git/rebase-merge/done"), done).unwrap();
            is_at_exec(folder.path())
        };
        assert!(!is_at_exec(folder.path()), "nothing is begun");
        assert!(check("pick 1234 one\nexec orch build\n"));
        assert!(!check("exec orch build\npick 1234 one\n"));
        assert!(!check(""));
    }

    #[test]
    fn an_index_is_that_of_the_checkout_or_of_its_next_commit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("own/.git")).unwrap();
        fs::create_dir_all(root.join("own/src")).unwrap();
        fs::create_dir_all(root.join("other/.git")).unwrap();
        let own = root.join("own");
        let check = |index: &str| {
            let index = index.replace("ROOT", root.to_str().unwrap());
            is_index_of(&own, Some(&own.join("src")), Path::new(&index))
        };
        for index in [".git/index", "../.git/index", "ROOT/own/.git/index.lock"] {
            assert!(check(index), "{index}");
        }
        assert!(check(".git/next-index-123.lock"));
        for index in ["ROOT/other/.git/index", "ROOT/own/.git/mine", "ROOT/own/index", ""] {
            assert!(!check(index), "{index}");
        }
    }

    #[test]
    fn what_speaks_of_one_repository_is_told_from_what_speaks_of_git() {
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_KEY_0", "GIT_WORK_TREE"] {
            assert!(is_local(OsStr::new(name)), "{name}");
        }
        for name in
            ["GIT_AUTHOR_NAME", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_CEILING_DIRECTORIES"]
        {
            assert!(!is_local(OsStr::new(name)), "{name}");
        }
    }
}
