//! Failures that were there before: what a failed command said on a task's result, against what it
//! says on the tree below it. Only what is surely the same is excused; every doubt is a new failure.

mod normal;

use std::collections::BTreeMap;

use self::normal::{Normal, normal_form};
use crate::engine::outcome::evidence::{Ending, Evidence, OUTPUT_KEPT};

/// More failing lines than this are not compared.
const MAX_LINES: usize = 400;

/// How a command failed: its exit code and the lines that tell of failures, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: i32,
    /// `None` where there was more output than was kept.
    lines: Option<Vec<String>>,
}

/// What a task's result adds to the failures below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Nothing: these lines were there before, too.
    Same(Vec<String>),
    /// These lines are new; so many others are not.
    New(Vec<String>, usize),
    /// It cannot be told: why.
    Doubtful(&'static str),
}

impl Failure {
    /// `None` where the command did not fail by itself.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let Ending::Exited(exit) = evidence.ending else { return None };
        let outputs = [&evidence.stdout_tail, &evidence.stderr_tail];
        // Masked secrets may have made a cut output shorter than what is kept.
        let is_whole = outputs.iter().all(|it| it.len() < OUTPUT_KEPT / 4 * 3);
        let all = || outputs.iter().flat_map(|it| it.lines()).filter(|it| !it.trim().is_empty());
        let mut lines: Vec<String> = all().filter(|it| tells_of_failure(it)).map(owned).collect();
        if lines.is_empty() {
            lines = all().map(owned).collect();
        }
        let lines = Some(lines).filter(|it| is_whole && it.len() <= MAX_LINES);
        (exit != 0).then_some(Self { exit, lines })
    }

    /// As the findings of a recorded verdict: `exit 1`, then the lines.
    pub fn to_findings(&self) -> Vec<String> {
        let mut findings = vec![format!("exit {}", self.exit)];
        match &self.lines {
            Some(lines) => findings.extend(lines.iter().cloned()),
            None => findings[0].push_str(", too much output to compare"),
        }
        findings
    }

    /// Reads [`Failure::to_findings`] back.
    pub fn from_findings(findings: &[String]) -> Option<Self> {
        let (first, lines) = findings.split_first()?;
        let exit = first.strip_prefix("exit ")?;
        match exit.split_once(',') {
            Some((exit, _)) => Some(Self { exit: exit.parse().ok()?, lines: None }),
            None => Some(Self { exit: exit.parse().ok()?, lines: Some(lines.to_vec()) }),
        }
    }

    /// What this failure has beside that of the tree below. Lines that name something that the
    /// task is about (`is_named`) are not excused: it was to mend them.
    pub fn beside(&self, before: &Self, is_named: &dyn Fn(&str) -> bool) -> Compared {
        let (Some(now), Some(then)) = (&self.lines, &before.lines) else {
            return Compared::Doubtful("there is too much output to compare");
        };
        if self.exit != before.exit {
            return Compared::Doubtful("it exited otherwise before");
        }
        if now.is_empty() {
            return Compared::Doubtful("it said nothing that could be compared");
        }
        let mut known: BTreeMap<String, Vec<Vec<u64>>> = BTreeMap::new();
        for line in then {
            let Normal { text, counts } = normal_form(line);
            known.entry(text).or_default().push(counts);
        }
        let (mut new, mut same) = (Vec::new(), Vec::new());
        for line in now {
            let Normal { text, counts } = normal_form(line);
            let was_there = take_one(known.get_mut(&text), &counts) && !is_named(line);
            if was_there { &mut same } else { &mut new }.push(line.trim().to_owned());
        }
        if new.is_empty() { Compared::Same(same) } else { Compared::New(new, same.len()) }
    }
}

/// Takes an earlier line that counted at least as many failures.
fn take_one(known: Option<&mut Vec<Vec<u64>>>, counts: &[u64]) -> bool {
    let Some(known) = known else { return false };
    let covers = |then: &Vec<u64>| {
        then.len() == counts.len() && then.iter().zip(counts).all(|(then, now)| now <= then)
    };
    let at = known.iter().position(covers);
    at.map(|at| known.remove(at)).is_some()
}

fn owned(line: &str) -> String {
    line.trim_end().to_owned()
}

fn tells_of_failure(line: &str) -> bool {
    let line = line.to_lowercase();
    ["fail", "error", "panicked", "not ok", "exception", "✕", "✗", "✖", "×"]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(lines: &str) -> Failure {
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        Failure { exit: 1, lines: Some(lines) }
    }

    fn check(before: &str, now: &str) -> String {
        match failure(now).beside(&failure(before), &|line| line.contains("mine")) {
            Compared::Same(lines) => format!("same {}", lines.len()),
            Compared::New(lines, same) => format!("new {lines:?} beside {same}"),
            Compared::Doubtful(why) => why.to_owned(),
        }
    }

    #[test]
    fn a_failure_that_was_there_is_the_same_whatever_the_clock_says() {
        let before = "test a::b ... FAILED\ntest result: FAILED. 3 passed; 2 failed; finished in 0.01s\n\
            thread 'a::b' (4711) panicked at src/a.rs:10:5:\n\
            error: /w/.orch/worktrees/1/src/a.ts(12,5): no such name";
        let now = "test a::b ... FAILED\ntest result: FAILED. 5 passed; 1 failed; finished in 1.20s\n\
            thread 'a::b' (9) panicked at src/a.rs:44:9:\n\
            error: /w/.orch/worktrees/7/src/a.ts(13,5): no such name";
        assert_eq!(check(before, now), "same 4");
    }

    #[test]
    fn every_doubt_is_a_new_failure() {
        assert_eq!(
            check("test a ... FAILED", "test b ... FAILED"),
            "new [\"test b ... FAILED\"] beside 0"
        );
        assert_eq!(check("1 failed", "2 failed"), "new [\"2 failed\"] beside 0");
        assert_eq!(check("FAIL case_1", "FAIL case_2"), "new [\"FAIL case_2\"] beside 0");
        assert_eq!(check("not ok 3", "not ok 4"), "new [\"not ok 4\"] beside 0");
        assert_eq!(
            check("a.rs:1: error: unused", "a.rs:1: error: unused\na.rs:9: error: unused"),
            "new [\"a.rs:9: error: unused\"] beside 1"
        );
        assert_eq!(check("mine failed", "mine failed"), "new [\"mine failed\"] beside 0");
        assert_eq!(check("", ""), "it said nothing that could be compared");
        let other = Failure { exit: 2, ..failure("x failed") };
        let compared = failure("x failed").beside(&other, &|_| false);
        assert_eq!(compared, Compared::Doubtful("it exited otherwise before"));
        let much = Failure { exit: 1, lines: None };
        let why = Compared::Doubtful("there is too much output to compare");
        assert_eq!(failure("x failed").beside(&much, &|_| false), why);
    }

    #[test]
    fn a_failure_is_read_back_as_it_was_written() {
        for it in [failure("a failed\nb"), failure(""), Failure { exit: 2, lines: None }] {
            assert_eq!(Failure::from_findings(&it.to_findings()), Some(it));
        }
        assert_eq!(Failure::from_findings(&[]), None);
    }
}
