//! Verdicts that rest on what the judged task changed: each lie is played whole, and is refused or told by
//! the name of the file; honest work passes without a word.

use crate::support::{Space, Summary};

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";
const TEST: &str = "test \"$(sh src/sum.sh 1 2)\" = 3 || { echo \"1 + 2 is not 3\"; exit 1; }\ntest -e src/sum.sh\n";

/// A sum that subtracts, its test, and what runs that.
const FILES: &[(&str, &str)] = &[
    ("src/sum.sh", "expr $1 - $2\n"),
    ("tests/test_sum.sh", TEST),
    ("check.sh", "set -e\nfor f in tests/test_*.sh; do sh $f; done\n"),
    ("Makefile", "test:\n\t@sh check.sh\n"),
    ("package.json", "{\n  \"scripts\": {\n    \"test\": \"sh check.sh\"\n  }\n}\n"),
    ("run.sh", "sh -c \"$(sed -n 's/.*\"test\": \"\\(.*\\)\".*/\\1/p' package.json)\"\n"),
    ("lib/number.sh", "echo 0\n"),
    ("tests/number.txt", "3\n"),
];

/// A task, the command that judges it, and what its session does.
#[derive(Clone, Copy)]
struct Case<'a> {
    validator: &'a str,
    session: &'a str,
    /// Further lines of the task.
    task: &'a str,
    /// Further files.
    files: &'a [(&'a str, &'a str)],
}

const CASE: Case<'_> = Case {
    validator: "sh check.sh",
    session: "sed -i 's/-/+/' src/sum.sh",
    task: "    description: src/sum.sh must print the sum of its two arguments.\n    max_attempts: 1\n",
    files: &[],
};

fn played(case: Case<'_>, exit: i32) -> (Space, Summary) {
    let run = serde_json::to_string(case.session).unwrap();
    let validator = match case.validator.starts_with('{') {
        true => case.validator.to_owned(),
        false => {
            format!("{{ name: sums, run: {} }}", serde_json::to_string(case.validator).unwrap())
        }
    };
    let plan = format!(
        "meta: {{ name: Mend }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: Mend the sum\n    \
         agent: coder\n    validators: [{validator}]\n{}",
        case.task
    );
    let sessions = format!("'1':\n- run: {run}\n");
    let own = [("orch.yaml", SETTINGS), ("plans/mend.yaml", &plan), ("sessions.yaml", &sessions)];
    let space = Space::new(&[FILES, &own[..], case.files].concat());
    let summary = space.build(&[], exit);
    (space, summary)
}

/// Accepted without a word.
#[track_caller]
fn honest(case: Case<'_>) {
    let (space, summary) = played(case, 0);
    summary.has(&[("accepted", 1)]);
    let shown = space.orch(&["show", "mend//1"]).exits(0).shown();
    assert!(!shown.contains("[WARN]"), "{shown}");
    space.build(&[], 0).has(&[("up_to_date", 1)]);
}

/// Not accepted; what is said has these words.
#[track_caller]
fn refused(case: Case<'_>, said: &[&str]) -> (Space, Summary) {
    let (space, summary) = played(case, 1);
    let summary = summary.has(&[("accepted", 0), ("sessions", 1)]);
    let shown = summary.ran.shown() + &space.read("plans/mend.yaml");
    assert!(said.iter().all(|it| shown.contains(it)), "{said:?} in\n{shown}");
    assert_eq!(space.landed(), ["start"], "{shown}");
    (space, summary)
}

/// Accepted with a warning that has these words; the next build takes it as it is, and warns as well.
#[track_caller]
fn printed(case: Case<'_>, said: &[&str]) {
    let (space, summary) = played(case, 0);
    let shown = summary.ran.shown();
    assert!(said.iter().all(|it| shown.contains(it)), "{said:?} in\n{shown}");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    space.orch(&["status"]).exits(0).says(said);
}

#[test]
fn honest_work_is_accepted_without_a_word() {
    honest(CASE);
    honest(Case { validator: "make test", ..CASE });
    let with_test = "sed -i 's/-/+/' src/sum.sh; cp tests/test_sum.sh tests/test_more.sh";
    honest(Case { session: with_test, ..CASE });
    let refactored =
        "sed -i 's/-/+/' src/sum.sh; mkdir tests/a; git mv tests/test_sum.sh tests/test_s.sh";
    honest(Case { session: refactored, ..CASE });
    // What is looked at is the work, wherever it stands in the command.
    let looks = "test \"$(sh lib/number.sh)\" = 3";
    let silent = "    description: Say three.\n";
    let session = "echo 'echo 3' > lib/number.sh; cp lib/number.sh lib/other.sh";
    honest(Case { validator: "sh -n lib/number.sh", task: silent, session, ..CASE });
    printed(Case { validator: looks, task: silent, session, ..CASE }, &["lib/number.sh"]);
    let declared = "    description: Say three.\n    outputs: [lib/number.sh]\n";
    honest(Case { validator: looks, task: declared, session, ..CASE });
}

#[test]
fn what_the_task_speaks_of_is_its_own() {
    let session = "echo 'exit 0' > check.sh";
    honest(Case { session, task: "    description: Let check.sh pass.\n", ..CASE });
    honest(Case { session, task: "    description: Pass.\n    outputs: [check.sh]\n", ..CASE });
    let session = "sed -i 's/ = 3/ = -1/' tests/test_sum.sh";
    honest(Case { session, task: "    description: tests/test_sum.sh is wrong.\n", ..CASE });
    let session = "sed -i 's/-/+/' src/sum.sh; sed -i 's/{$/{ \"dependencies\": {},/;2,3s/{ \"dependencies\": {},/{/' package.json";
    honest(Case { session, validator: "sh run.sh", ..CASE });
}

#[test]
fn a_result_that_needs_another_declared_script_is_for_a_person_to_decide() {
    for (validator, session, file) in [
        ("{ name: a, run: [sh, check.sh], inputs: [check.sh] }", "echo : > check.sh", "check.sh"),
        (
            "{ name: a, run: sh ./check.sh, inputs: [check.sh] }",
            "sed -i 's/sh $f/sh $f || true/' check.sh",
            "check.sh",
        ),
    ] {
        let said = format!("passes with `{file}` as the task left it, but not as it was before");
        let task = CASE.task.replace("    max_attempts: 1\n", "");
        let case = Case { validator, session, task: &task, ..CASE };
        let (space, _) = refused(case, &[&said, "declare it among the task's outputs"]);
        space.build(&[], 1).has(&[("sessions", 0)]);
        assert_eq!(space.orch(&["log", "mend//1"]).shown().matches("attempt 2").count(), 0);
    }
}

#[test]
fn scripts_build_files_and_inputs_that_were_changed_are_told() {
    for (validator, session, file) in [
        ("sh check.sh", "echo 'exit 0' > check.sh", "check.sh"),
        ("sh ./check.sh", "sed -i 's/sh $f/sh $f || true/' check.sh", "check.sh"),
        ("sh run.sh", "echo : > run.sh", "run.sh"),
        ("make test", "printf 'test:\\n' > Makefile", "Makefile"),
        ("make test", "sed -i 's/check.sh/check.sh || true/' Makefile", "Makefile"),
        ("sh run.sh", "sed -i 's/sh check.sh/true/' package.json", "package.json"),
        (
            "{ name: a, run: 'cmp tests/number.txt lib/number.sh', inputs: [tests/number.txt] }",
            "cp lib/number.sh tests/number.txt",
            "tests/number.txt",
        ),
    ] {
        printed(Case { validator, session, ..CASE }, &[file, "but not as they were before it"]);
        let rule = "rule: implement\nextends: implement\ntests: frozen\n";
        let files = [("rules/implement.yaml", rule)];
        refused(Case { validator, session, files: &files, ..CASE }, &[file]);
    }
    // Honest work on the same files.
    let session = "sed -i 's/-/+/' src/sum.sh; printf 'lint:\\n\\ttrue\\n' >> Makefile";
    honest(Case { validator: "make test", session, ..CASE });
}

#[test]
fn what_a_judging_file_runs_or_loads_is_told() {
    printed(Case { validator: "make test", session: "echo : > check.sh", ..CASE }, &["check.sh"]);
    let session = "printf 'test:\\n' > GNUmakefile";
    printed(
        Case { validator: "make test", session, ..CASE },
        &["GNUmakefile: was not there before"],
    );
    let session = "mkdir bin; echo 'exit 0' > bin/sh; chmod +x bin/sh";
    printed(Case { validator: "PATH=bin:$PATH sh check.sh", session, ..CASE }, &["bin/sh"]);
    let validator = "sh src/sum.sh 1 2 | cmp - three.txt";
    let files = [("three.txt", "3\n")];
    let session = "sh src/sum.sh 1 2 > three.txt";
    printed(Case { validator, session, files: &files, ..CASE }, &["three.txt"]);
    let loads = "cd tests && . ./number.sh 2>/dev/null || . ../lib/number.sh; test \"$n\" = 3";
    let files = [("lib/number.sh", "n=0\n"), ("tests/load.sh", loads)];
    let session = "echo n=3 > number.sh; cp number.sh tests/number.sh";
    printed(Case { validator: "sh tests/load.sh", session, files: &files, ..CASE }, &["number.sh"]);
}

#[test]
fn a_test_that_was_changed_is_told_with_what_it_asserts() {
    let path = "tests/test_sum.sh";
    for (session, asserts) in [
        ("sed -i 's/ = 3/ = -1/' tests/test_sum.sh", "2 assertions before, 2 assertions now"),
        ("sed -i 1d tests/test_sum.sh", "2 assertions before, 1 assertion now"),
        ("sed -i 's/^test .*3/# &/' tests/test_sum.sh", "2 assertions before, 1 assertion now"),
        ("sed -i '1i exit 0 # skip' tests/test_sum.sh", "2 assertions, 1 left out now"),
        ("sed -i 's/|| {.*/|| true/' tests/test_sum.sh", "2 assertions before"),
        ("git mv tests/test_sum.sh tests/sum.sh", "gone or moved now"),
        ("mkdir old; git mv tests/test_sum.sh old/test_sum.sh", "gone or moved now"),
    ] {
        let validator = "for f in $(ls tests/test_*.sh 2>/dev/null); do sh $f || exit 1; done";
        printed(Case { validator, session, ..CASE }, &[path, asserts]);
    }
}

#[test]
fn a_result_that_breaks_a_test_as_it_is_is_refused() {
    let session = "sed -i 's/-/+/' src/sum.sh; echo 'exit 1' > tests/test_sum.sh";
    refused(Case { session, ..CASE }, &["FAIL"]);
}

#[test]
fn where_tests_are_frozen_none_is_bent() {
    let rule = "rule: implement\nextends: implement\ntests: frozen\n";
    let files = [("rules/implement.yaml", rule)];
    let session = "sed -i 's/ = 3/ = -1/' tests/test_sum.sh";
    let said =
        ["[FAIL] passes with files that the task changed", "tests/test_sum.sh: 2 assertions"];
    refused(Case { session, files: &files, ..CASE }, &said);
    honest(Case { files: &files, ..CASE });
}

#[test]
fn a_kept_folder_of_sessions_is_none_of_a_validator() {
    let settings = format!(
        "{SETTINGS}worktree: {{ keep: [tools], setup: \"mkdir -p tools; echo 'echo bad; exit 1' > tools/lint\" }}\n"
    );
    let files = [("orch.yaml", settings.as_str()), (".gitignore", "tools/\n")];
    let session = "echo '# x' >> src/sum.sh; echo 'exit 0' > tools/lint";
    refused(Case { validator: "sh tools/lint", session, files: &files, ..CASE }, &["bad"]);
}

#[test]
fn a_validator_that_changes_what_it_judges_has_given_no_verdict() {
    let session = "echo '# x' >> src/sum.sh";
    let validator = "sed -i 's/-/+/' src/sum.sh; sh check.sh";
    refused(Case { validator, session, ..CASE }, &["no verdict", "changed `src/sum.sh`"]);
    let files = [("Cargo.lock", "a\n")];
    let validator = "echo b > Cargo.lock; echo c > new.txt; sh check.sh";
    honest(Case { validator, files: &files, ..CASE });
}

#[test]
fn a_test_that_the_task_itself_has_made_it_may_move_and_rewrite() {
    let session = "sed -i 's/-/+/' src/sum.sh; if test -e tests/test_own.sh; then rm tests/test_own.sh; \
                   echo 'sh src/sum.sh 2 3' > tests/test_more.sh; else echo 'sh src/sum.sh 1 1' > tests/test_own.sh; fi";
    let (space, summary) = played(Case { session, ..CASE }, 0);
    summary.has(&[("accepted", 1)]);
    space.replace(
        "plans/mend.yaml",
        "must print the sum of its two",
        "must print the sum of the two",
    );
    space.commit("reworded");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert!(!space.exists("tests/test_own.sh") && space.exists("tests/test_more.sh"));
    // Another's it may not.
    let session = "sed -i 's/-/+/' src/sum.sh; rm tests/test_sum.sh; echo : > tests/test_more.sh";
    refused(Case { session, ..CASE }, &["deleted or emptied tests/test_sum.sh"]);
}
