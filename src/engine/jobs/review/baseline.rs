//! The baseline: a command that failed on a task's result is run on the tree below it, too, so that
//! what failed there before is not held against the task. Paid once for each tree.

use crate::base::digest::{Digest, Fingerprint};
use crate::base::name::{AttemptId, TreeId, ValidatorName, VerdictKey};
use crate::engine::effect::Base;
use crate::engine::jobs::Shop;
use crate::engine::outcome::baseline::{Compared, Failure};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Judgement, OutcomeClass, Verdict};
use crate::engine::past::history::KnownVerdict;
use crate::engine::record::{Record, VerdictReached};
use crate::engine::world::action::describe_check;
use crate::spec::plan::{TaskSpec, Validator, ValidatorKind};

/// Opens the key of a command on a tree.
const BASELINE_DOMAIN: &str = "orch baseline 1";
/// Lines of one kind that a verdict tells.
const SHOWN: usize = 20;

/// A FAIL that may have been there before.
#[derive(Clone, Debug)]
pub struct Suspect {
    failure: Failure,
    findings: Vec<String>,
}

/// The name that a baseline run has in the journal.
pub(in crate::engine::jobs) fn baseline_name(validator: &ValidatorName) -> ValidatorName {
    ValidatorName::new(format!("{validator} (baseline)"))
}

impl Shop<'_> {
    /// True where a FAIL is looked into: the tree below it says whether it counts.
    pub(in crate::engine::jobs) fn suspect(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        (evidence, findings): (&Evidence, &[String]),
    ) -> bool {
        let is_command = matches!(validator.kind, ValidatorKind::Command(_));
        let Some(beneath) = self.beneath(owner).filter(|_| is_command) else { return false };
        let Some(failure) = Failure::of(evidence).filter(|_| validator.baseline == Some(true))
        else {
            return false;
        };
        let suspect = Suspect { failure, findings: findings.to_vec() };
        let key = self.baseline_key(validator, &beneath);
        if let Some(known) = self.ground.past.history.verdict(&key).cloned() {
            self.resolve(owner, &suspect, Ok(&known));
            return true;
        }
        if let Some(attempt) = self.build.jobs.attempt_mut(owner) {
            attempt.review.suspect = Some(suspect);
        }
        self.launch_review_on(owner, validator, Some(Base::Candidate(beneath)));
        true
    }

    /// The run on the tree below is over.
    pub(in crate::engine::jobs) fn take_baseline_ended(
        &mut self,
        owner: AttemptId,
        suspect: &Suspect,
        (evidence, judgement, verdict): (&Evidence, &Judgement, Option<Verdict>),
    ) {
        let attempt = self.build.jobs.attempt(owner);
        let Some(attempt) = attempt else { return };
        let Some(validator) = attempt.review.validators.get(attempt.review.next) else { return };
        if judgement.class == OutcomeClass::Aborted {
            return self.set_back(owner, judgement.class, judgement.message.clone());
        }
        let (Some(verdict), Some(beneath)) = (verdict, &attempt.made.beneath) else {
            return self.resolve(owner, suspect, Err(&judgement.message));
        };
        let findings = Failure::of(evidence).map(|it| it.to_findings()).unwrap_or_default();
        let reached = VerdictReached {
            at: self.ground.now(),
            task: attempt.task.clone(),
            validator: baseline_name(&validator.name),
            key: self.baseline_key(validator, beneath),
            verdict,
            findings: findings.clone(),
        };
        self.ground.append(Record::VerdictReached(Box::new(reached)));
        self.resolve(owner, suspect, Ok(&KnownVerdict { verdict, findings }));
    }

    /// Turns a FAIL into what it is beside the tree below; `Err` where that one is unknown: why.
    fn resolve(
        &mut self,
        owner: AttemptId,
        suspect: &Suspect,
        before: Result<&KnownVerdict, &String>,
    ) {
        let attempt = self.build.jobs.attempt(owner);
        let Some(attempt) = attempt else { return };
        let Some(validator) = attempt.review.validators.get(attempt.review.next).cloned() else {
            return;
        };
        let (verdict, findings) = judge(suspect, before, &attempt.recipe.spec);
        self.reach(owner, &validator, (verdict, findings));
    }

    fn beneath(&self, owner: AttemptId) -> Option<TreeId> {
        self.build.jobs.attempt(owner)?.made.beneath.clone()
    }

    /// What decides how a command ends on a whole tree.
    fn baseline_key(&self, validator: &Validator, tree: &TreeId) -> VerdictKey {
        let mut fingerprint = Fingerprint::new(BASELINE_DOMAIN);
        describe_check(validator, &mut fingerprint);
        VerdictKey(Digest::of(format!("{} on {}", fingerprint.finish(), tree.as_str()).as_bytes()))
    }
}

fn judge(
    suspect: &Suspect,
    before: Result<&KnownVerdict, &String>,
    task: &TaskSpec,
) -> (Verdict, Vec<String>) {
    let fail = |why: String| {
        let mut findings = suspect.findings.clone();
        findings.push(why);
        (Verdict::Fail, findings)
    };
    let before = match before {
        Ok(known) if known.verdict != Verdict::Fail => {
            return (Verdict::Fail, suspect.findings.clone());
        }
        Ok(known) => Failure::from_findings(&known.findings),
        Err(why) => return fail(format!("whether it failed before is not known: {why}")),
    };
    let Some(before) = before else { return (Verdict::Fail, suspect.findings.clone()) };
    match suspect.failure.beside(&before, &|line| is_named(line, task)) {
        Compared::Doubtful(why) => fail(format!("it failed before this task, too, but {why}")),
        Compared::Same(lines) => {
            let told = "[WARN] failed before this task too:".to_owned();
            (Verdict::Warn, with_lines(told, &lines))
        }
        Compared::New(lines, 0) => fail(format!(
            "it failed before this task, too, but otherwise ({} of these lines are new)",
            lines.len()
        )),
        Compared::New(lines, n_same) => {
            let told = format!(
                "[FAIL] new since this task ({n_same} other failing lines were there before):"
            );
            (Verdict::Fail, with_lines(told, &lines))
        }
    }
}

fn with_lines(told: String, lines: &[String]) -> Vec<String> {
    let mut findings = vec![told];
    findings.extend(lines.iter().take(SHOWN).cloned());
    if lines.len() > SHOWN {
        findings.push(format!("and {} more lines", lines.len() - SHOWN));
    }
    findings
}

/// True where a failing line has a name that the task's text has: it may be what was to be mended.
fn is_named(line: &str, task: &TaskSpec) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.filter(|it| it.contains('_') && it.len() > 4).map(str::to_owned).collect()
    };
    let asked = [words(&task.name), words(&task.description)].concat();
    words(line).iter().any(|word| asked.contains(word))
}
