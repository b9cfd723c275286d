//! Conditions under which a verdict is given: one that hangs on what nobody has looked at is none.

/// True where the words behind a verdict, on its own line, make it hang on something.
pub(super) fn is_conditional(rest: &str) -> bool {
    let lower = rest.to_lowercase().replace('’', "'");
    let clauses = lower.split(['(', ')', ',', ';', ':', '–', '—', '.']);
    clauses.flat_map(|it| it.split(" - ")).any(is_condition)
}

/// True where the line below a verdict takes it back: `(assuming that ...)`.
pub(super) fn is_condition_below(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['*', '_']);
    let in_brackets = line.strip_prefix('(').is_some_and(is_conditional);
    in_brackets || begins(&words_of(&line.to_lowercase()), &ASSUMED)
}

/// How a clause begins that names something assumed.
const ASSUMED: [&[&str]; 12] = [
    &["assuming"],
    &["assumes"],
    &["provided", "that"],
    &["provided", "the"],
    &["subject", "to"],
    &["contingent", "on"],
    &["conditional", "on"],
    &["conditionally"],
    &["presuming"],
    &["on", "condition"],
    &["on", "the", "assumption"],
    &["under", "the", "assumption"],
];

/// And one that says under which condition, or where it stands at once behind the verdict.
const ON_CONDITION: [&[&str]; 9] = [
    &["if"],
    &["unless"],
    &["once"],
    &["pending"],
    &["provided"],
    &["conditional"],
    &["presumably"],
    &["as", "long", "as"],
    &["so", "long", "as"],
];

/// What a validator does to know.
const LOOKS: [&str; 17] = [
    "run",
    "running",
    "ran",
    "verify",
    "verified",
    "verifying",
    "check",
    "checked",
    "checking",
    "test",
    "tested",
    "testing",
    "confirm",
    "confirmed",
    "build",
    "execute",
    "executed",
];

fn is_condition(clause: &str) -> bool {
    let words = words_of(clause);
    let is_assumed = words.iter().enumerate().any(|(at, _)| begins(&words[at..], &ASSUMED));
    is_assumed || begins(&words, &ON_CONDITION) || is_unlooked(&words)
}

/// `could not run`, `not been verified`, `untested`.
fn is_unlooked(words: &[&str]) -> bool {
    let is_negation = |it: &str| {
        matches!(it, "not" | "cannot" | "unable" | "without" | "never") || it.ends_with("n't")
    };
    let is_unseen = |it: &&str| matches!(*it, "untested" | "unverified" | "unchecked");
    let denied = words.iter().enumerate().any(|(at, word)| {
        let next = words.iter().skip(at + 1).take(2);
        is_negation(word) && next.into_iter().any(|it| LOOKS.contains(it))
    });
    denied || words.iter().any(is_unseen)
}

fn words_of(clause: &str) -> Vec<&str> {
    let is_mark = |it: char| !it.is_alphanumeric();
    clause
        .split_whitespace()
        .map(|it| it.trim_matches(is_mark))
        .filter(|it| !it.is_empty())
        .collect()
}

fn begins(words: &[&str], phrases: &[&[&str]]) -> bool {
    phrases.iter().any(|phrase| words.starts_with(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_may_hang_on_something() {
        for rest in [
            "(assuming the suite passes, which I could not run)",
            "- provided that the tests pass",
            ", if the build is green",
            "(pending CI)",
            "(could not run the tests)",
            "- tests were not run",
            "(unverified)",
            ": conditionally",
            "; subject to review",
            "— once the migration ran",
            "(the suite wasn't executed)",
            "- all good, without running anything",
            "(I was unable to verify it)",
        ] {
            assert!(is_conditional(rest), "{rest}");
        }
        assert!(is_condition_below("(assuming the suite passes)"));
        assert!(is_condition_below("Assuming that CI is green."));
    }

    #[test]
    fn plain_reasons_are_no_conditions() {
        for rest in [
            "",
            "- all tests pass",
            "(12 of 12 requirements met)",
            ": build, tests and lint are clean",
            "- exits with 1 if the file is missing, as asked",
            "(nothing left to do)",
            "- `cargo test` ran 41 tests, none failed",
            "- no file was changed that should not be",
        ] {
            assert!(!is_conditional(rest), "{rest}");
        }
        assert!(!is_condition_below("If you like, the name could be shorter."));
        assert!(!is_condition_below("(12 tests ran)"));
        assert!(!is_condition_below("- [WARN] assuming makes slow"));
    }
}
