//! Declared inputs that name nothing: such a task never runs again, whatever changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ignore::WalkBuilder;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::host::scan::{is_off_limits, path_below};
use crate::spec::glob::{GlobIndex, GlobSet, has_wildcard, static_prefix};
use crate::spec::plan::Task;

use super::tree::{Tree, speaks_of};

/// What is told of input patterns of tasks to be done that take no file, and that no task makes one for.
pub(super) fn unmatched(tree: &Tree<'_>) -> Vec<Diagnostic> {
    let mut patterns: BTreeSet<&str> =
        tree.open().flat_map(|(_, task)| patterns_of(task)).collect();
    patterns.retain(|pattern| !tree.root.join(pattern).exists());
    if patterns.is_empty() {
        return Vec::new();
    }
    let outputs = tree.tasks().flat_map(|(_, task)| &task.spec.outputs.patterns);
    let outputs: Vec<&str> = outputs.map(String::as_str).collect();
    let mut lost = lost_of(tree.root, patterns, &outputs);
    lost.retain(|pattern| !tree.tasks().any(|(_, task)| may_make(task, pattern)));
    let found = tree.open().flat_map(|(source, task)| {
        let lost = &lost;
        patterns_of(task).filter(|it| lost.contains(it)).map(move |it| finding(source, task, it))
    });
    found.collect()
}

fn patterns_of(task: &Task) -> impl Iterator<Item = &str> {
    task.spec.inputs.patterns.iter().map(String::as_str).filter(|it| !it.starts_with('!'))
}

fn lost_of<'a>(root: &Path, patterns: BTreeSet<&'a str>, outputs: &[&str]) -> BTreeSet<&'a str> {
    let sets: Vec<GlobSet> = patterns.iter().map(|it| GlobSet::new([*it])).collect();
    let index = GlobIndex::new(&sets);
    let mut open: BTreeMap<usize, &str> = patterns.into_iter().enumerate().collect();
    let meet = |path: &RelPath, open: &mut BTreeMap<usize, &str>| {
        for set in index.sets_taking(path) {
            open.remove(&set);
        }
    };
    for output in outputs {
        match RelPath::normalize(output).filter(|_| !has_wildcard(output)) {
            Some(path) => meet(&path, &mut open),
            // What a pattern may make is not known: a common folder is enough.
            None => open.retain(|_, pattern| first_of(pattern) != first_of(output)),
        }
        // An input may name a folder, too, that an output lies in.
        open.retain(|_, pattern| !output.starts_with(&format!("{pattern}/")));
    }
    let mut walk = WalkBuilder::new(root);
    walk.standard_filters(false).git_ignore(true).git_exclude(true).git_global(true);
    walk.require_git(false).filter_entry(|entry| !is_off_limits(entry.file_name()));
    for entry in walk.build().flatten() {
        if open.is_empty() {
            break;
        }
        if let Some(path) = path_below(root, entry.path()) {
            meet(&path, &mut open);
        }
    }
    open.into_values().collect()
}

/// A task that may make such files, by what it says: not one that only declares them.
fn may_make(task: &Task, pattern: &str) -> bool {
    let place = static_prefix(pattern);
    !place.is_empty() && !patterns_of(task).any(|it| it == pattern) && speaks_of(task, &place)
}

fn first_of(pattern: &str) -> &str {
    pattern.split('/').next().unwrap_or_default()
}

fn finding(source: &Source, task: &Task, pattern: &str) -> Diagnostic {
    let message = format!("the input `{pattern}` of `{}` takes no file", task.id);
    let mut found = Diagnostic::warning("plan::no-such-input", message)
        .label(task.spans.id.clone(), "whatever changes there, this task does not run again")
        .help("correct the path, or take it out; patterns start at the root of the repository");
    found.file = Some(source.path.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_takes_nothing_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("src/deep")).unwrap();
        for file in ["src/a.txt", "src/deep/b.rs", "made.log"] {
            std::fs::write(root.path().join(file), "x").unwrap();
        }
        std::fs::write(root.path().join(".gitignore"), "*.log\n").unwrap();
        let check = |inputs: &str| {
            let text = format!(
                "meta: {{ name: P }}\nsections:\n- id: s\n  name: A\n  tasks:\n  - {{ id: '1', name: N, run: x, \
                 inputs: [{inputs}] }}\n  - {{ id: '2', name: M, run: x, outputs: [out/x.txt, 'gen/*.c'], \
                 description: fills lib/ }}\n"
            );
            let source = Source::new(RelPath::new("plans/p.yaml").unwrap(), text.as_str());
            let plan = crate::spec::plan::parse(&source).value;
            let found = unmatched(&Tree { root: root.path(), plans: vec![(&source, &plan)] });
            found.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; ")
        };
        for fine in [
            "src",
            "'src/**'",
            "'**/*.rs'",
            "src/a.txt",
            "out/x.txt",
            "'gen/a.c'",
            "out",
            "made.log",
        ] {
            assert_eq!(check(fine), "", "{fine}");
        }
        assert_eq!(check("'scr/**', src"), "the input `scr/**` of `1` takes no file");
        assert_eq!(check("src/b.txt"), "the input `src/b.txt` of `1` takes no file");
        assert_eq!(check("'src/**', '!src/x'"), "");
    }
}
