//! The baseline: a command that failed on a task's result is run on the tree below it, too, so that
//! what failed there before is not held against the task. Paid once for each tree.

use crate::base::digest::{Digest, Fingerprint};
use crate::base::name::{AttemptId, TreeId, ValidatorName, VerdictKey};
use crate::engine::broken::{Must, Sound};
use crate::engine::jobs::Shop;
use crate::engine::jobs::review::Look;
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

/// A suspect with the tree below, where it can be cleared.
pub(in crate::engine::jobs) struct Suspicion {
    suspect: Suspect,
    beneath: TreeId,
}

impl Shop<'_> {
    /// What a verdict is suspected of; `None` where it counts as it is.
    pub(in crate::engine::jobs) fn suspicion(
        &self,
        owner: AttemptId,
        validator: &Validator,
        said: &KnownVerdict,
        evidence: &Evidence,
    ) -> Sound<Option<Suspicion>> {
        let beneath = self.build.jobs.attempt(owner)?.made.beneath.clone();
        let is_command = matches!(validator.kind, ValidatorKind::Command(_));
        let is_open = said.verdict == Verdict::Fail && validator.baseline == Some(true);
        let found = Failure::of(evidence).zip(beneath).filter(|_| is_command && is_open);
        Ok(found.map(|(failure, beneath)| {
            let suspect = Suspect { failure, findings: said.findings.clone() };
            Suspicion { suspect, beneath }
        }))
    }

    /// Looks into a FAIL: the tree below it says whether it counts.
    pub(in crate::engine::jobs) fn look_below(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        Suspicion { suspect, beneath }: Suspicion,
    ) -> Sound {
        let key = self.baseline_key(validator, &beneath);
        if let Some(known) = self.ground.past.history.verdict(&key).cloned() {
            return self.resolve(owner, &suspect, Ok(&known));
        }
        self.build.jobs.attempt_mut(owner)?.review.suspect = Some(suspect);
        self.launch_review_on(owner, validator, Look::Below(beneath))
    }

    /// The run on the tree below is over; `below` is an error where it reached no verdict.
    pub(in crate::engine::jobs) fn take_baseline_ended(
        &mut self,
        owner: AttemptId,
        suspect: &Suspect,
        evidence: &Evidence,
        below: Result<KnownVerdict, Judgement>,
    ) -> Sound {
        let verdict = match below {
            Ok(known) => known.verdict,
            Err(judgement) if judgement.class == OutcomeClass::Aborted => {
                return self.set_back(owner, judgement.class, judgement.message);
            }
            Err(judgement) => return self.resolve(owner, suspect, Err(&judgement.message)),
        };
        let attempt = self.build.jobs.attempt(owner)?;
        let validator = attempt.review.at_work()?;
        let beneath =
            attempt.made.beneath.as_ref().must("a result with a baseline lies on no tree")?;
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
        self.resolve(owner, suspect, Ok(&KnownVerdict { verdict, findings }))
    }

    /// Turns a FAIL into what it is beside the tree below; `Err` where that one is unknown: why.
    fn resolve(
        &mut self,
        owner: AttemptId,
        suspect: &Suspect,
        before: Result<&KnownVerdict, &String>,
    ) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let validator = attempt.review.at_work()?.clone();
        let (verdict, findings) = judge(suspect, before, &attempt.recipe.spec);
        self.reach(owner, &validator, KnownVerdict { verdict, findings })
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
            let head = "[WARN] failed before this task too:".to_owned();
            (Verdict::Warn, with_lines(head, &lines))
        }
        Compared::New(lines, 0) => fail(format!(
            "it failed before this task, too, but otherwise ({} of these lines are new)",
            lines.len()
        )),
        Compared::New(lines, n_same) => {
            let head = format!(
                "[FAIL] new since this task ({n_same} other failing lines were there before):"
            );
            (Verdict::Fail, with_lines(head, &lines))
        }
    }
}

fn with_lines(head: String, lines: &[String]) -> Vec<String> {
    let mut findings = vec![head];
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
