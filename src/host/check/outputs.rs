//! Declared outputs that git ignores: what is made there can never land.

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::host::git::Repository;
use crate::host::scan::IgnoreRules;
use crate::spec::glob::{GlobSet, has_wildcard, static_prefix};
use crate::spec::plan::Task;

use super::tree::Tree;

/// A warning for each such output of a task that is to be done, where no task is about the ignore rules.
pub(super) fn ignored(tree: &Tree<'_>) -> Vec<Diagnostic> {
    let mut rules = IgnoreRules::of(tree.root);
    let mut found = Vec::new();
    for (source, task) in tree.open() {
        let outputs = task.spec.outputs.patterns.iter().filter(|it| !it.starts_with('!'));
        let outputs = outputs.filter(|it| is_ignored(it, &mut rules));
        let outputs: Vec<&str> =
            outputs.filter(|it| !is_tracked(tree, it)).map(String::as_str).collect();
        if !outputs.is_empty() {
            found.push(finding(task, &outputs).in_file(&source.path));
        }
    }
    let is_mended = |(_, task): (_, &Task)| {
        let declares = task.spec.outputs.patterns.iter().any(|it| it.contains(".gitignore"));
        declares || super::tree::speaks_of(task, ".gitignore")
    };
    if !found.is_empty() && tree.tasks().any(is_mended) {
        found.clear();
    }
    found
}

fn is_ignored(pattern: &str, rules: &mut IgnoreRules) -> bool {
    let literal = RelPath::normalize(pattern).filter(|it| it.as_str() == static_prefix(pattern));
    let folder = RelPath::new(static_prefix(pattern));
    match literal {
        Some(path) if pattern.ends_with('/') => rules.ignores_folder(&path),
        Some(path) => rules.ignores_file(&path),
        None => folder.is_some_and(|folder| rules.ignores_folder(&folder)),
    }
}

/// What git has it keeps, whatever it ignores.
fn is_tracked(tree: &Tree<'_>, pattern: &str) -> bool {
    let Ok(matcher) = GlobSet::new([pattern]).compile() else { return false };
    let listed = || {
        let repo = Repository::discover(tree.root)?;
        let head = repo.tree_of(&repo.state()?.head)?;
        repo.files_of(&head, &|path| matcher.is_match(path))
    };
    listed().is_ok_and(|files| !files.is_empty())
}

/// Outputs below what is a file: no folder can be made there.
pub(super) fn below_files(tree: &Tree<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (source, task) in tree.open() {
        for output in task.spec.outputs.patterns.iter().filter(|it| !it.starts_with('!')) {
            let Some(file) = file_above(tree, output) else { continue };
            let message = format!(
                "the output `{output}` of `{}` lies below `{file}`, which is a file",
                task.id
            );
            let place = task.spans.outputs.clone().unwrap_or_else(|| task.spans.id.clone());
            let finding = Diagnostic::warning("plan::impossible-output", message)
                .label(place, "declared here")
                .help("correct the path: folders begin at the root of the repository");
            found.push(finding.in_file(&source.path));
        }
    }
    found
}

fn file_above<'p>(tree: &Tree<'_>, pattern: &'p str) -> Option<&'p str> {
    let ends = pattern.match_indices('/').map(|(at, _)| at);
    ends.take_while(|end| !has_wildcard(&pattern[..*end])).find_map(|end| {
        let path = RelPath::normalize(&pattern[..end])?;
        let meta = std::fs::symlink_metadata(tree.root.join(path.as_str())).ok()?;
        meta.is_file().then(|| &pattern[..end])
    })
}

fn finding(task: &Task, outputs: &[&str]) -> Diagnostic {
    let message = match outputs {
        [output] => {
            format!("the output `{output}` of `{}` is git-ignored, so it can never land", task.id)
        }
        outputs => format!(
            "the outputs `{}` of `{}` are git-ignored, so they can never land",
            outputs.join("`, `"),
            task.id
        ),
    };
    Diagnostic::warning("plan::ignored-output", message)
        .label(task.spans.outputs.clone().unwrap_or_else(|| task.spans.id.clone()), "declared here")
        .help("take the path out of `.gitignore`, or out of `outputs`: without it the task may be done")
}

#[cfg(test)]
mod tests {
    use crate::host::check::tests::codes_of;

    #[test]
    fn an_output_below_a_file_is_told() {
        let check = |output: &str| {
            codes_of(&format!("name: N, run: x, outputs: ['{output}']"), &[("README.md", "x\n")])
        };
        assert_eq!(check("README.md/a.txt"), "plan::impossible-output");
        assert_eq!(check("README.md/**"), "plan::impossible-output");
        assert_eq!(check("README.md"), "");
        assert_eq!(check("docs/a.txt"), "");
    }

    #[test]
    fn an_output_that_git_ignores_is_told() {
        let check = |outputs: &str, other: &str| {
            let task = format!(
                "name: N, run: x, outputs: [{outputs}] }}\n  - {{ id: '2', name: {other}, run: x"
            );
            codes_of(&task, &[(".gitignore", "dist/\n*.log\n")])
        };
        assert_eq!(check("dist/app.js", "M"), "plan::ignored-output");
        assert_eq!(check("'dist/**'", "M"), "plan::ignored-output");
        assert_eq!(check("a.log", "M"), "plan::ignored-output");
        assert_eq!(check("'src/[id]/a.log'", "M"), "");
        assert_eq!(check("src/app.js, 'out/*.log'", "M"), "");
        assert_eq!(check("dist/app.js", "Mend the .gitignore"), "");
    }
}
