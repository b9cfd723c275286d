//! Scripts that commands run and that are not there.

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Span;
use crate::host::scan::IgnoreRules;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CommandLine, Task, ValidatorKind, programs_of};

use super::tree::Tree;

/// A warning for each script of a task that is to be done, where nothing says that it comes about.
pub(super) fn missing(tree: &Tree<'_>) -> Vec<Diagnostic> {
    let mut rules = None;
    let mut found = Vec::new();
    for (source, task) in tree.open() {
        for (command, place) in commands_of(task) {
            let Some(path) = programs_of(command).into_iter().find(|it| is_lost(it, command, tree))
            else {
                continue;
            };
            // A set-up may bring it into worktrees.
            let rules = rules.get_or_insert_with(|| IgnoreRules::of(tree.root));
            if !rules.ignores_file(&path) && !is_made(&path, task, tree) {
                found.push(finding(&path, task, place).in_file(&source.path));
            }
        }
    }
    found
}

fn commands_of(task: &Task) -> Vec<(&CommandLine, Span)> {
    let own = task.spec.run.iter().map(|it| (it, task.spans.id.clone()));
    let validators = task.spec.validators.iter().flatten().enumerate();
    let judging = validators.filter_map(|(at, it)| match &it.kind {
        ValidatorKind::Command(command) => {
            let place = task.spans.validators.get(at).unwrap_or(&task.spans.id);
            Some((command, place.clone()))
        }
        ValidatorKind::Agent(_) => None,
    });
    own.chain(judging).collect()
}

/// Where a line goes elsewhere first, or names it twice, it may be there by then.
fn is_lost(path: &RelPath, command: &CommandLine, tree: &Tree<'_>) -> bool {
    let line = command.to_string();
    let goes_elsewhere = ["pushd ", "-C "].iter().any(|it| line.contains(it));
    let name = path.file_name();
    !goes_elsewhere && line.matches(name).count() < 2 && !tree.root.join(path.as_str()).exists()
}

fn is_made(path: &RelPath, by: &Task, tree: &Tree<'_>) -> bool {
    let makes = |task: &Task| {
        let outputs: &GlobSet = &task.spec.outputs;
        outputs.compile().is_ok_and(|it| it.is_match(path))
    };
    tree.tasks().any(|(_, task)| makes(task))
        || tree.is_spoken_of(path.file_name(), by)
        || by.spec.run.is_none() && super::tree::speaks_of(by, path.file_name())
}

fn finding(path: &RelPath, task: &Task, place: Span) -> Diagnostic {
    let message = format!("`{}` runs `{path}`, which is not there", task.id);
    Diagnostic::warning("plan::no-such-script", message)
        .label(place, "paths start at the root of the repository")
        .help("correct the path, or declare it among the `outputs` of the task that makes it")
}

#[cfg(test)]
mod tests {
    use crate::host::check::tests::codes_of;

    #[test]
    fn a_script_that_is_not_there_is_told() {
        let files = [("tools/there.sh", "x\n"), (".gitignore", "made/\n")];
        let check = |task: &str| codes_of(&format!("name: N, {task}"), &files);
        assert_eq!(check("run: sh tools/gone.sh"), "plan::no-such-script");
        assert_eq!(check("run: ./gone --fast"), "plan::no-such-script");
        assert_eq!(check("run: cd tools && sh gone.sh"), "plan::no-such-script");
        assert_eq!(check("run: timeout 5 sh gone.sh"), "plan::no-such-script");
        assert_eq!(check("run: make -f no.mk"), "plan::no-such-script");
        assert_eq!(check("run: make, validators: [{ run: bash gone.sh }]"), "plan::no-such-script");
        for fine in [
            "run: sh tools/there.sh",
            "run: cd tools && sh there.sh",
            "run: 'curl -o gone.sh x && sh gone.sh'",
            "run: made/bin/tool",
            "run: touch gone.sh",
            "run: '. ./env.sh 2>/dev/null || true'",
            "run: cd $HOME && sh gone.sh",
            "description: Write gone.sh., validators: [{ run: bash gone.sh }]",
            "run: sh gone.sh, status: completed",
        ] {
            assert_eq!(check(fine), "", "{fine}");
        }
        let made = "run: sh gone.sh }\n  - { id: '2', name: M, run: x, outputs: [gone.sh]";
        assert_eq!(check(made), "");
    }
}
