//! What a verdict of a command rests on beside the result: scripts that the command runs, files that its
//! inputs name, build files, tests. What of it a task changed counts as it was before, unless the task
//! declares or names it.

use std::collections::BTreeMap;

use crate::base::file::{FileChange, FileState};
use crate::base::name::RelPath;
use crate::engine::outcome::kept::{names_file, speaks_of_files};
use crate::engine::past::Past;
use crate::spec::glob::{GlobSet, Matcher, has_wildcard};
use crate::spec::plan::{Judging, TaskSpec, Validator, ValidatorKind, judging_of};
use crate::spec::rule::{Judges, Tests};

use super::verdicts::Checked;
use super::{Slot, World};

/// Programs that commands are made of. Nobody calls a file of a project so.
const PROGRAMS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "python", "python3", "pytest", "tox", "node", "npm", "npx",
    "pnpm", "yarn", "bun", "deno", "jest", "vitest", "mocha", "tsc", "eslint", "ruby", "rspec",
    "rake", "bundle", "perl", "prove", "php", "phpunit", "cargo", "rustc", "go", "make", "gmake",
    "cmake", "ctest", "just", "gradle", "mvn", "java", "dotnet", "git", "diff", "cmp", "grep",
    "sed", "awk", "env", "true", "false", "test", "timeout", "xargs", "find",
];

/// What a changed file is for the verdict of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The command runs it, and the validator declares it: where the result does not pass by it as it was, a
    /// person has to decide.
    Script,
    /// Keys and sections of it may decide: judged as they are, and as they were.
    Parts(Vec<String>),
    /// It may decide: judged as it is, and as it was.
    Doubted,
    /// A new test.
    NewTest,
    /// None of these, and the task does not speak of it.
    Other,
    /// The task declares or names it.
    Own,
}

/// The roles of files for one validator of a task.
pub struct Roles<'a> {
    spec: &'a TaskSpec,
    judges: &'a Judges,
    judging: Judging,
    /// Files that the validator's inputs name.
    inputs: Vec<RelPath>,
    speaks_of_files: bool,
    outputs: Matcher,
    files: Matcher,
    tests: Matcher,
    parts: Vec<(Matcher, &'a str)>,
}

impl<'a> Roles<'a> {
    /// `None` for an agent, which sees for itself what was changed.
    pub fn of(judges: &'a Judges, spec: &'a TaskSpec, validator: &Validator) -> Option<Self> {
        let ValidatorKind::Command(command) = &validator.kind else { return None };
        let inputs = validator.inputs.patterns.iter();
        let inputs = inputs.filter(|it| !it.starts_with('!') && !has_wildcard(it));
        let compiled = |globs: &GlobSet| globs.compile().unwrap_or_default();
        let parts = judges.parts.iter().map(|it| (compiled(&it.files), it.key.as_str()));
        Some(Self {
            spec,
            judges,
            judging: judging_of(command),
            inputs: inputs.filter_map(|it| RelPath::normalize(it)).collect(),
            speaks_of_files: speaks_of_files(spec),
            outputs: compiled(&spec.outputs),
            files: compiled(&judges.files),
            tests: compiled(&judges.tests),
            parts: parts.collect(),
        })
    }

    pub fn role_of(&self, path: &RelPath, is_new: bool) -> Role {
        if self.outputs.is_match(path) || names_file(self.spec, path) {
            return Role::Own;
        }
        let is_run = self.judging.deciding.contains(path);
        let is_input = self.inputs.contains(path);
        let is_named = self.judging.named.contains(path) && self.speaks_of_files;
        let is_inspected = self.judging.inspected.contains(path) || is_named;
        match is_new {
            false if is_run && is_input => Role::Script,
            _ if is_run => Role::Doubted,
            false if is_input || is_inspected => Role::Doubted,
            _ => self.role_by_lists(path, is_new),
        }
    }

    fn role_by_lists(&self, path: &RelPath, is_new: bool) -> Role {
        let keys = self.parts.iter().filter(|(files, _)| files.is_match(path));
        let keys: Vec<String> = keys.map(|(_, key)| (*key).to_owned()).collect();
        let is_test = self.tests.is_match(path);
        match is_new {
            true if is_program(path) || self.is_in_the_way(path) || self.files.is_match(path) => {
                Role::Doubted
            }
            true if is_test => Role::NewTest,
            false if is_test => Role::Doubted,
            false if self.files.is_match(path) => Role::Doubted,
            false if !keys.is_empty() => Role::Parts(keys),
            _ => Role::Other,
        }
    }

    /// A new module of a name that tests load, where they would look first.
    fn is_in_the_way(&self, path: &RelPath) -> bool {
        let mut parts: Vec<&str> = path.as_str().split('/').collect();
        let file = parts.pop().unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default();
        let stem = match stem {
            "__init__" | "__main__" | "index" => parts.pop().unwrap_or_default(),
            stem => stem,
        };
        let folder = parts.join("/");
        let is_module = self.judges.modules.iter().any(|it| it == stem);
        is_module && (folder.is_empty() || self.tests.is_match(path) || self.is_beside(&folder))
    }

    /// True for a folder of a file that decides.
    pub fn is_beside(&self, folder: &str) -> bool {
        let deciding = self.judging.deciding.iter().chain(&self.inputs);
        deciding.map(|it| it.parent().unwrap_or_default()).any(|it| it == folder)
    }

    /// Where tests lie.
    pub fn tests(&self) -> GlobSet {
        self.judges.tests.clone()
    }

    /// Judging files by name or pattern.
    pub fn roots(&self) -> GlobSet {
        let Judging { deciding, inspected, .. } = &self.judging;
        let named = deciding.iter().chain(inspected).chain(&self.inputs).map(RelPath::to_string);
        let parts = self.judges.parts.iter().flat_map(|it| it.files.patterns.iter().cloned());
        GlobSet::new(named.chain(self.judges.files.patterns.iter().cloned()).chain(parts))
    }
}

/// A new file of the name of a program: a `PATH` that begins in the repository runs it instead.
fn is_program(path: &RelPath) -> bool {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    PROGRAMS.contains(&name)
}

impl World {
    /// What of the judging files lay there before a task changed them: part of the verdict's key.
    pub(super) fn judging_before(
        &self,
        checked: Checked<'_>,
        owned: &BTreeMap<RelPath, Option<FileState>>,
        past: &Past,
    ) -> (Vec<(RelPath, Option<FileState>)>, Tests) {
        let Checked { slot, spec, validator, changes } = checked;
        let Some(judges) = self.recipe(slot).map(|it| &it.rule.judges) else {
            return Default::default();
        };
        let Some(roles) = Roles::of(judges, spec, validator) else { return Default::default() };
        let of = |path: &RelPath| {
            let before = self.before_own(slot, path, changes, past);
            let role = roles.role_of(path, before.is_none());
            let is_judging = matches!(role, Role::Script | Role::Parts(_) | Role::Doubted);
            is_judging.then(|| (path.clone(), before))
        };
        let found: Vec<_> = owned.keys().filter_map(of).collect();
        let tests = if found.is_empty() { Tests::Open } else { judges.frozen };
        (found, tests)
    }

    fn before_own(
        &self,
        slot: Slot,
        path: &RelPath,
        changes: &[FileChange],
        past: &Past,
    ) -> Option<FileState> {
        let change = changes.iter().find(|it| it.path == *path);
        match change.filter(|_| !self.is_known(path)) {
            Some(change) => change.before,
            None => self.view_before(slot, path, past),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::ValidatorName;
    use crate::spec::plan::CommandLine;

    fn check(text: &str, line: &str, path: &str) -> String {
        let judges = Judges {
            files: GlobSet::new(["**/Makefile"]),
            parts: vec![crate::spec::rule::JudgingPart {
                files: GlobSet::new(["**/package.json"]),
                key: "scripts".to_owned(),
            }],
            modules: vec!["unittest".to_owned()],
            tests: GlobSet::new(["**/tests/**"]),
            frozen: Tests::Open,
        };
        let spec = TaskSpec { description: text.to_owned(), ..TaskSpec::default() };
        let validator = Validator {
            name: ValidatorName::new("v"),
            kind: ValidatorKind::Command(CommandLine::Shell(line.to_owned())),
            inputs: GlobSet::new(["data.txt", "src/**"]),
            timeout: None,
            baseline: None,
        };
        let roles = Roles::of(&judges, &spec, &validator).unwrap();
        let (path, is_new) = path.strip_prefix('+').map_or((path, false), |it| (it, true));
        match roles.role_of(&RelPath::new(path).unwrap(), is_new) {
            Role::Parts(keys) => keys.join(" "),
            role => format!("{role:?}").to_lowercase(),
        }
    }

    #[test]
    fn what_decides_is_told_from_what_may_decide() {
        let of = |path: &str| check("Mend src/a.sh.", "sh check.sh | sh b.sh; sh b.sh", path);
        assert_eq!(of("b.sh"), "doubted");
        assert_eq!(of("+b.sh"), "doubted");
        assert_eq!(of("check.sh"), "doubted");
        assert_eq!(of("data.txt"), "doubted");
        assert_eq!(check("Mend it.", "sh data.txt", "data.txt"), "script");
        assert_eq!(check("Mend it.", "sh data.txt", "+data.txt"), "doubted");
        assert_eq!(of("sub/Makefile"), "doubted");
        assert_eq!(of("+Makefile"), "doubted");
        assert_eq!(of("package.json"), "scripts");
        assert_eq!(of("tests/x.sh"), "doubted");
        assert_eq!(of("+tests/x.sh"), "newtest");
        assert_eq!(of("+unittest.py"), "doubted");
        assert_eq!(of("+unittest/__init__.py"), "doubted");
        assert_eq!(of("+src/unittest.py"), "other");
        assert_eq!(of("+bin/python3"), "doubted");
        assert_eq!(of("bin/python3"), "other");
        assert_eq!(of("+src/test.py"), "other");
        assert_eq!(of("src/b.sh"), "other");
        assert_eq!(check("Mend sum.sh.", "sh sum.sh | cmp - three.txt", "three.txt"), "doubted");
        assert_eq!(check("Mend it.", "sh sum.sh | cmp - three.txt", "three.txt"), "other");
        assert_eq!(of("src/a.sh"), "own");
    }

    #[test]
    fn what_a_task_names_is_its_own_and_one_that_names_nothing_is_doubted() {
        assert_eq!(check("Let Makefile and check.sh be faster.", "sh check.sh", "Makefile"), "own");
        assert_eq!(check("Let it be faster, e.g. by 1.5 s.", "sh check.sh", "check.sh"), "doubted");
        assert_eq!(check("Let it be faster.", "sh check.sh", "Makefile"), "doubted");
        assert_eq!(check("See tests/x.shy.", "sh check.sh", "tests/x.sh"), "doubted");
    }
}
