//! Judges out of reach of the judged: a PASS that may rest on files that the task changed is held against
//! what they were before it.

use crate::base::name::{AttemptId, RelPath, ValidatorName};
use crate::engine::broken::Sound;
use crate::engine::effect::Bench;
use crate::engine::jobs::Shop;
use crate::engine::jobs::attempt::Attempt;
use crate::engine::outcome::evidence::{BenchFile, Evidence};
use crate::engine::outcome::tally::Tally;
use crate::engine::outcome::{Judgement, OutcomeClass, Verdict};
use crate::engine::past::history::KnownVerdict;
use crate::engine::world::{Role, Roles};
use crate::spec::plan::Validator;
use crate::spec::rule::Tests;

/// Files of one kind that a verdict tells.
const SHOWN: usize = 10;

/// A verdict that is held against what the files were that it may rest on.
#[derive(Clone, Debug)]
pub struct Doubt {
    said: KnownVerdict,
    files: Vec<BenchFile>,
}

/// The name that the second look has in the journal.
pub(in crate::engine::jobs) fn former_name(validator: &ValidatorName) -> ValidatorName {
    ValidatorName::new(format!("{validator} (files as before)"))
}

impl Shop<'_> {
    /// What a candidate is judged by; `None` for an agent, and for what stands.
    pub(in crate::engine::jobs) fn bench_of(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Option<Bench> {
        let (roles, mut bench) = bare_bench_of(attempt, validator)?;
        let mut new_tests = Vec::new();
        for change in attempt.made.merged.changes() {
            let path = change.path.clone();
            match roles.role_of(&path, change.before.is_none()) {
                Role::Script | Role::Parts(_) | Role::Doubted => bench.doubted.push(path),
                Role::NewTest => new_tests.push(path),
                Role::Other => bench.others.push(path),
                Role::Own => {}
            }
        }
        bench.others.extend(new_tests);
        Some(bench)
    }

    /// The same with these as they were, and without new tests, which may go by them.
    pub(in crate::engine::jobs) fn former_bench_of(
        &self,
        attempt: &Attempt,
        validator: &Validator,
        doubted: &[RelPath],
    ) -> Option<Bench> {
        let (roles, mut bench) = bare_bench_of(attempt, validator)?;
        for change in attempt.made.merged.changes() {
            let path = change.path.clone();
            match roles.role_of(&path, change.before.is_none()) {
                Role::NewTest => bench.held.push(path),
                Role::Parts(keys) if doubted.contains(&path) => bench.parts.push((path, keys)),
                _ if doubted.contains(&path) => bench.held.push(path),
                _ => {}
            }
        }
        Some(bench)
    }

    /// Files that a verdict may rest on were changed: the same result is judged by what they were.
    pub(in crate::engine::jobs) fn look_at_former(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        said: KnownVerdict,
        evidence: &Evidence,
    ) -> Sound {
        let files = evidence.bench.clone();
        let paths = files.iter().map(|it| it.path.clone()).collect();
        self.build.jobs.attempt_mut(owner)?.review.doubt = Some(Doubt { said, files });
        self.launch_review_on(owner, validator, super::Look::Former(paths))
    }

    /// The second look is over; `former` is an error where it reached no verdict.
    pub(in crate::engine::jobs) fn take_former_ended(
        &mut self,
        owner: AttemptId,
        doubt: Doubt,
        former: Result<KnownVerdict, Judgement>,
    ) -> Sound {
        let failed = match former {
            Ok(known) if known.verdict != Verdict::Fail => None,
            Ok(known) => Some(known.findings.first().cloned().unwrap_or_default()),
            Err(judgement) if judgement.class == OutcomeClass::Aborted => {
                return self.set_back(owner, judgement.class, judgement.message);
            }
            Err(judgement) => Some(judgement.message),
        };
        let attempt = self.build.jobs.attempt(owner)?;
        let validator = attempt.review.at_work()?.clone();
        let tests = attempt.recipe.rule.judges.frozen;
        let Some(why) = failed else { return self.reach(owner, &validator, doubt.said) };
        if let Some(script) = self.script_among(attempt, &validator, &doubt.files) {
            let message = format!(
                "validator {} passes with `{script}` as the task left it, but not as it was before: {why}; where that is \
                 right, declare it among the task's outputs",
                validator.name
            );
            return self.set_back(owner, OutcomeClass::NoVerdict, message);
        }
        self.reach(owner, &validator, doubt.verdict_of(&why, tests))
    }

    /// The script that the validator itself runs, where the task changed it and does not speak of it. A
    /// result that counted once is not taken back for it.
    fn script_among(
        &self,
        attempt: &Attempt,
        validator: &Validator,
        files: &[BenchFile],
    ) -> Option<RelPath> {
        let roles = Roles::of(&attempt.recipe.rule.judges, &attempt.recipe.spec, validator)?;
        let is_script = |it: &&BenchFile| roles.role_of(&it.path, false) == Role::Script;
        let script = files.iter().filter(|it| it.before.is_some()).find(is_script)?;
        (!attempt.made.has_passed).then(|| script.path.clone())
    }
}

/// With nothing on it yet; `None` for an agent, and for what stands.
fn bare_bench_of<'a>(attempt: &'a Attempt, validator: &Validator) -> Option<(Roles<'a>, Bench)> {
    let before = attempt.made.before.clone()?;
    let roles = Roles::of(&attempt.recipe.rule.judges, &attempt.recipe.spec, validator)?;
    let bench = Bench {
        before,
        held: Vec::new(),
        parts: Vec::new(),
        doubted: Vec::new(),
        others: Vec::new(),
        roots: roles.roots(),
        tests: roles.tests(),
    };
    Some((roles, bench))
}

impl Doubt {
    /// The verdict where the result does not pass by the files as they were.
    fn verdict_of(self, why: &str, tests: Tests) -> KnownVerdict {
        let verdict = if tests == Tests::Frozen { Verdict::Fail } else { Verdict::Warn };
        let mut findings = self.said.findings;
        findings.push(format!(
            "[{}] passes with files that the task changed, but not as they were before it: {why}",
            verdict.as_str()
        ));
        findings.extend(self.files.iter().take(SHOWN).map(line_of));
        if self.files.len() > SHOWN {
            findings.push(format!("and {} more files", self.files.len() - SHOWN));
        }
        KnownVerdict { verdict, findings }
    }
}

fn line_of(file: &BenchFile) -> String {
    let path = &file.path;
    let asserts = |it: &Tally| match (it.asserts, it.skips) {
        (1, 0) => "1 assertion".to_owned(),
        (n, 0) => format!("{n} assertions"),
        (n, skips) => format!("{n} assertions, {skips} left out"),
    };
    match (&file.before, &file.now) {
        (Some(before), Some(now)) => {
            format!("{path}: {} before, {} now", asserts(before), asserts(now))
        }
        (Some(before), None) => format!("{path}: {} before, gone or moved now", asserts(before)),
        (None, Some(_)) => format!("{path}: was not there before"),
        (None, None) => format!("{path}: changed"),
    }
}
