//! The classifier: from evidence to a closed set of outcomes. Structure decides; text is read for a
//! limit only inside a synthetic API-error message. `Unknown` is loud.

mod api;
pub mod baseline;
mod citation;
mod clues;
mod denial;
mod ending;
pub mod evidence;
mod expectation;
mod files;
pub mod kept;
mod look;
mod object;
mod places;
mod report;
pub mod tally;
mod verdict;

use serde::{Deserialize, Serialize};

pub use citation::uncited;
pub use ending::unknown_word;
pub use expectation::{AttemptKind, Expectation, ReportPlace, Sight};
pub use look::{Look, look_of};
pub use report::{answer_of, status_from_json, status_from_text};
pub use verdict::{VERDICT_SCHEMA, verdict_of, verdict_of_answer};

pub use crate::spec::outcome::OutcomeClass;

use crate::engine::limits::{Clock, Limit};
use evidence::{Ending, Evidence, StatusFile};

/// What a validator said. No verdict is never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// How an attempt ended, why, and on what evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub class: OutcomeClass,
    /// One line for people.
    pub message: String,
    pub evidence: Vec<String>,
    /// Validators only. A FAIL is `Rejected`; PASS and WARN are `Done`.
    pub verdict: Option<(Verdict, Vec<String>)>,
    /// Of a plan limit: which window, and when it resets.
    pub limit: Option<Limit>,
}

/// Judges an attempt. Anything that is not provably done is something else.
pub fn classify(evidence: &Evidence, expectation: &Expectation) -> Judgement {
    let (class, message, verdict) = match ending::by_ending(evidence, expectation) {
        Some(finding) => {
            let (class, message) = ending::by_damage(finding, evidence);
            (class, message, None)
        }
        None if expectation.kind == AttemptKind::Validator => by_verdict(evidence),
        None => {
            let (class, message) = by_result(evidence, expectation);
            (class, message, None)
        }
    };
    Judgement { verdict, ..judgement_of((class, message), evidence, expectation) }
}

/// Judges one message of the CLI, as a person has it on the screen.
pub fn classify_message(text: &str, clock: &Clock) -> Judgement {
    let failure = api::failure_in(text, clock);
    let notes = failure.limit.iter().flat_map(|limit| limit.notes.iter().cloned());
    Judgement {
        class: failure.class,
        message: failure.message,
        evidence: notes.collect(),
        verdict: None,
        limit: failure.limit,
    }
}

/// How a session ended whose answer is judged elsewhere: `Done` where process and stream ended well.
pub fn classify_ending(evidence: &Evidence, expectation: &Expectation) -> Judgement {
    let ended = ending::by_ending(evidence, expectation);
    judgement_of(ended.unwrap_or((OutcomeClass::Done, String::new())), evidence, expectation)
}

fn judgement_of(
    (class, message): Classified,
    evidence: &Evidence,
    expectation: &Expectation,
) -> Judgement {
    let is_limit = class == OutcomeClass::PlanLimit;
    let is_silent = class != OutcomeClass::Done && message.trim().is_empty();
    let message =
        if is_silent { format!("it gave no reason ({})", class.as_str()) } else { message };
    let limit = is_limit.then(|| ending::limit_in(evidence, &expectation.clock));
    let mut clues = clues::clues_of(evidence, expectation);
    clues.extend(limit.iter().flat_map(|limit: &Limit| limit.notes.iter().cloned()));
    Judgement { class, message, evidence: clues, verdict: None, limit }
}

/// A class, and in words what makes it that.
type Classified = (OutcomeClass, String);

/// Process and stream ended well: what did the work leave?
fn by_result(evidence: &Evidence, expectation: &Expectation) -> Classified {
    if let Some(damage) = &evidence.damage {
        return (OutcomeClass::Unknown, damage.clone());
    }
    let finding = denial::explained(by_work(evidence, expectation), evidence);
    match finding.0 {
        OutcomeClass::Done => by_what_it_saw(evidence, expectation).unwrap_or(finding),
        _ => finding,
    }
}

/// The work is whole: did the session see what it had to?
fn by_what_it_saw(evidence: &Evidence, expectation: &Expectation) -> Option<Classified> {
    if let Some(path) = expectation.unread.first() {
        let message = format!("denied: Read({path}), which the task declares as an input");
        return Some((OutcomeClass::PermissionDenied, message));
    }
    let stream = evidence.stream.as_ref().filter(|_| expectation.sight == Sight::Needed)?;
    let said = verdict_of(&stream.final_text).map(|(verdict, _)| verdict);
    let why = look_of(stream).objection(said)?;
    Some((OutcomeClass::NoVerdict, format!("{why}, and what it reports is nothing")))
}

fn by_work(evidence: &Evidence, expectation: &Expectation) -> Classified {
    let mut message = "exit 0".to_owned();
    if expectation.kind == AttemptKind::Session {
        match by_report(evidence, expectation) {
            Ok(said) => message = said,
            Err(finding) => return finding,
        }
    }
    if let Some(mismatch) = files::mismatch_of(evidence, expectation) {
        return (OutcomeClass::OutputMismatch, mismatch);
    }
    if evidence.patch.is_empty() && !expectation.no_change_allowed {
        return (OutcomeClass::NoChange, "nothing was changed".to_owned());
    }
    (OutcomeClass::Done, message)
}

fn by_report(evidence: &Evidence, expectation: &Expectation) -> Result<String, Classified> {
    let stream = evidence.stream.as_ref();
    let denials = stream.map_or(&[][..], |stream| &stream.permission_denials);
    let from_text = || stream.map_or(StatusFile::Absent, |it| status_from_text(&it.final_text));
    if expectation.report == ReportPlace::Unseen && evidence.status_file == StatusFile::Absent {
        // Nobody has looked whether the work was got in another way.
        return match denial::needed(evidence, expectation).next() {
            Some(denial) => Err((OutcomeClass::PermissionDenied, format!("denied: {denial}"))),
            None => Ok("the stream says success".to_owned()),
        };
    }
    let status = match (&evidence.status_file, expectation.report) {
        (StatusFile::Absent, ReportPlace::StatusFileOrText) => from_text(),
        (given, _) => given.clone(),
    };
    let own = report::Own { task: &expectation.task_id, plan: expectation.plan.as_ref() };
    let judged = report::judge(&status, own);
    // A question that nobody was there to answer explains a result that is missing, and no more.
    let asked = denials.iter().find_map(|it| it.strip_prefix("AskUserQuestion("));
    match (judged, asked) {
        (Err((OutcomeClass::NoStatus, _)), Some(text)) => {
            Err((OutcomeClass::Asked, text.trim_end_matches(')').to_owned()))
        }
        (judged, _) => judged,
    }
}

fn by_verdict(evidence: &Evidence) -> (OutcomeClass, String, Option<(Verdict, Vec<String>)>) {
    let verdict = match (&evidence.stream, &evidence.ending) {
        (Some(stream), _) => verdict::verdict_of_stream(stream),
        (None, Ending::Exited(0)) => Some((Verdict::Pass, Vec::new())),
        (None, Ending::Exited(code @ (126 | 127))) => {
            // The shell's and the shim's way to say that nothing ran.
            let why = last_line(&evidence.stderr_tail).unwrap_or("no such command");
            let message = format!("the validator could not be run (exit {code}): {why}");
            return (OutcomeClass::NoVerdict, message, None);
        }
        (None, ending) => Some((Verdict::Fail, findings_of_output(evidence, ending))),
    };
    let Some((verdict, findings)) = verdict else {
        let message = "the validator gave no verdict".to_owned();
        return (OutcomeClass::NoVerdict, message, None);
    };
    if let Some(why) = meddled(evidence).filter(|_| verdict != Verdict::Fail) {
        return (OutcomeClass::NoVerdict, why, None);
    }
    let class = if verdict == Verdict::Fail { OutcomeClass::Rejected } else { OutcomeClass::Done };
    let first = findings.first().map_or(String::new(), |finding| format!(": {finding}"));
    (class, format!("{}{first}", verdict.as_str()), Some((verdict, findings)))
}

/// What a validator did to what it judges: what it says is not of what would land.
fn meddled(evidence: &Evidence) -> Option<String> {
    if let Some(damage) = &evidence.damage {
        return Some(format!("the validator's {}", damage.trim_start_matches("it ")));
    }
    let (first, others) = evidence.judged_changed.split_first()?;
    let more =
        if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    Some(format!(
        "the validator changed `{first}`{more}, which would not land so: have it look only, or write elsewhere"
    ))
}

/// `exit 1: its last line`, then the end of its output where there is more: at most 20 lines of stdout,
/// and 20 of stderr.
fn findings_of_output(evidence: &Evidence, ending: &Ending) -> Vec<String> {
    let how = match ending {
        Ending::Exited(code) => format!("exit {code}"),
        other => format!("{other:?}"),
    };
    let end_of = |output: &'_ str| -> Vec<String> {
        let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(20)..].iter().map(|line| (*line).to_owned()).collect()
    };
    let mut lines = end_of(&evidence.stdout_tail);
    lines.extend(end_of(&evidence.stderr_tail));
    let Some((last, before)) = lines.split_last() else {
        return vec![format!("{how}, without any output")];
    };
    let mut findings = vec![format!("{how}: {}", last.trim())];
    if !before.is_empty() {
        findings.push(format!("before that:\n{}", before.join("\n")));
    }
    findings
}

/// Of a program's last lines.
const WORDS: usize = 6;
/// Of each of them, in characters.
const WORD: usize = 200;

/// What a program said before it ended, in one line: its last lines, since the very last often tells the
/// least. `None` where it said nothing.
pub fn last_words(text: &str) -> Option<String> {
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(WORDS)
        .map(|line| line.chars().take(WORD).collect())
        .collect();
    lines.reverse();
    (!lines.is_empty()).then(|| lines.join(" | "))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
