//! Files that a rule keeps: a patch that deletes or empties one needs a task that names it. Tests that
//! are gone prove nothing.

use crate::base::digest::Digest;
use crate::base::file::{FileChange, Patch};
use crate::base::name::RelPath;
use crate::spec::glob::GlobSet;
use crate::spec::plan::TaskSpec;

/// Files among `keep` that the patch deletes or empties, without moving them, and that the task names
/// neither in its text nor among its outputs. Sorted by path.
pub fn lost_files(keep: &GlobSet, task: &TaskSpec, patch: &Patch) -> Vec<RelPath> {
    let (Ok(keep), Ok(outputs)) = (keep.compile(), task.outputs.compile()) else {
        return Vec::new();
    };
    patch
        .changes()
        .iter()
        .filter(|change| is_emptied(change) && keep.is_match(&change.path))
        .filter(|change| !is_moved(change, patch))
        .filter(|change| !outputs.is_match(&change.path) && !is_named(&change.path, task))
        .map(|change| change.path.clone())
        .collect()
}

fn is_emptied(change: &FileChange) -> bool {
    let nothing = Digest::of(b"");
    let had_content = change.before.is_some_and(|it| it.digest != nothing);
    had_content && change.after.is_none_or(|it| it.digest == nothing)
}

/// The same content, or a file of the same name, is new elsewhere.
fn is_moved(lost: &FileChange, patch: &Patch) -> bool {
    patch.changes().iter().filter(|it| it.before.is_none()).any(|new| {
        let content = |it: Option<crate::base::file::FileState>| it.map(|it| it.digest);
        content(new.after) == content(lost.before) || name_of(&new.path) == name_of(&lost.path)
    })
}

/// True where the task's text has the path, or the file's name as a word of its own; so may its command.
pub fn names_file(task: &TaskSpec, path: &RelPath) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    let run = task.run.as_ref().map(ToString::to_string).unwrap_or_default();
    let texts = [&task.name, &task.description, &run];
    let words = texts.into_iter().flat_map(|it| it.split(|c: char| !is_part(c)));
    let mut words = words.map(|it| it.trim_start_matches("./").trim_end_matches(['.', '/']));
    words.any(|it| it == path.as_str() || it == name_of(path))
}

/// True where the task says which files it is about: it declares outputs, or its text has a path.
pub fn speaks_of_files(task: &TaskSpec) -> bool {
    let is_path = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let (stem, ending) = word.rsplit_once('.').unwrap_or((word, ""));
        let is_ending = ending.len() <= 5 && ending.chars().all(char::is_alphanumeric);
        let has_letter = |it: &str| it.chars().any(char::is_alphabetic);
        is_ending && stem.len() > 1 && has_letter(stem) && has_letter(ending)
    };
    let texts = [&task.name, &task.description];
    !task.outputs.is_empty() || texts.into_iter().any(|it| it.split_whitespace().any(is_path))
}

/// The task's text has the path, the file's name, or a folder of the path.
fn is_named(path: &RelPath, task: &TaskSpec) -> bool {
    let text = format!("{}\n{}", task.name, task.description);
    let folders = path.as_str().match_indices('/').map(|(at, _)| &path.as_str()[..=at]);
    folders.chain([name_of(path)]).any(|it| text.contains(it))
}

fn name_of(path: &RelPath) -> &str {
    path.as_str().rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::file::FileState;

    /// `changes`: path, before, after; the answer is the paths that are lost.
    fn check(task: &str, changes: &[(&str, Option<&str>, Option<&str>)]) -> Vec<String> {
        let state = |text: Option<&str>| text.map(|it| FileState::regular(it.as_bytes()));
        let change = |&(path, before, after): &(&str, _, _)| FileChange {
            path: RelPath::new(path).unwrap(),
            before: state(before),
            after: state(after),
        };
        let patch = Patch::new(changes.iter().map(change).collect());
        let keep = GlobSet::new(["tests/**", "**/*.test.*"]);
        let spec = TaskSpec { description: task.to_owned(), ..TaskSpec::default() };
        lost_files(&keep, &spec, &patch).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_test_that_is_deleted_or_emptied_is_lost() {
        let all = check(
            "Make the suite pass.",
            &[
                ("src/a.rs", Some("a"), None),
                ("src/a.test.ts", Some("a"), Some("")),
                ("tests/b.rs", Some("b"), None),
                ("tests/c.rs", Some("c"), Some("C")),
                ("tests/empty.rs", Some(""), None),
                ("tests/new.rs", None, Some("")),
            ],
        );
        assert_eq!(all, ["src/a.test.ts", "tests/b.rs"]);
    }

    #[test]
    fn a_test_that_moves_is_not_lost() {
        let none: [&str; 0] = [];
        let moved = [("tests/b.rs", Some("b"), None), ("tests/c/other.rs", None, Some("b"))];
        assert_eq!(check("Move.", &moved), none);
        let edited = [("tests/b.rs", Some("b"), None), ("src/b.rs", None, Some("more"))];
        assert_eq!(check("Move.", &edited), none);
    }

    #[test]
    fn a_test_that_the_task_names_may_go() {
        let none: [&str; 0] = [];
        let deleted = [("tests/old/b.rs", Some("b"), None)];
        assert_eq!(check("Remove tests/old/b.rs.", &deleted), none);
        assert_eq!(check("Remove b.rs.", &deleted), none);
        assert_eq!(check("Remove what is in tests/old/ now.", &deleted), none);
        assert_eq!(check("Remove the old code.", &deleted), ["tests/old/b.rs"]);
    }
}
