//! The classifier: from evidence to a closed set of outcomes. Structure decides; text is read for a
//! limit only inside a synthetic API-error message. `Unknown` is loud.

mod api;
mod clues;
mod expectation;
mod files;
mod report;
mod verdict;

use serde::{Deserialize, Serialize};

pub use expectation::{AttemptKind, Expectation, ReportPlace};
pub use report::{status_from_json, status_from_text};
pub use verdict::verdict_of;

use super::evidence::{Ending, Evidence, StatusFile};
use super::stream::{ResultFacts, StreamFacts};

/// How an attempt ended, as one of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeClass {
    Done,
    /// The status file says failed.
    FailedByStatus,
    /// The session ended well but left no usable status file.
    NoStatus,
    /// The status file names another task.
    WrongTask,
    /// Nothing changed where the task must change something.
    NoChange,
    /// A declared output is missing, or something outside the allowed outputs was written.
    OutputMismatch,
    /// It cannot go on without a person's answer.
    Asked,
    /// A validator said FAIL.
    Rejected,
    /// A validator reached no verdict within its attempts.
    NoVerdict,
    /// The patch does not merge onto what landed meanwhile.
    Conflict,
    PlanLimit,
    Throttled,
    Overloaded,
    ServerError,
    Network,
    Auth,
    Billing,
    ContextOverflow,
    Refused,
    TurnCap,
    BudgetCap,
    SchemaMiss,
    PermissionDenied,
    Aborted,
    Killed,
    LaunchFailure,
    Stalled,
    TimedOut,
    /// A command exited with something else than 0.
    CommandFailed,
    Unknown,
}

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
}

impl OutcomeClass {
    /// Its name in documents, the journal and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::FailedByStatus => "failed-by-status",
            Self::NoStatus => "no-status",
            Self::WrongTask => "wrong-task",
            Self::NoChange => "no-change",
            Self::OutputMismatch => "output-mismatch",
            Self::Asked => "asked",
            Self::Rejected => "rejected",
            Self::NoVerdict => "no-verdict",
            Self::Conflict => "conflict",
            Self::PlanLimit => "plan-limit",
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server-error",
            Self::Network => "network",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::ContextOverflow => "context-overflow",
            Self::Refused => "refused",
            Self::TurnCap => "turn-cap",
            Self::BudgetCap => "budget-cap",
            Self::SchemaMiss => "schema-miss",
            Self::PermissionDenied => "permission-denied",
            Self::Aborted => "aborted",
            Self::Killed => "killed",
            Self::LaunchFailure => "launch-failure",
            Self::Stalled => "stalled",
            Self::TimedOut => "timed-out",
            Self::CommandFailed => "command-failed",
            Self::Unknown => "unknown",
        }
    }

    /// The service or the network, not the work: the same attempt may well succeed later.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::PlanLimit
                | Self::Throttled
                | Self::Overloaded
                | Self::ServerError
                | Self::Network
        )
    }

    /// False where the task is not to blame, so that the attempt is not held against it.
    pub fn counts_as_attempt(self) -> bool {
        !self.is_transient()
            && !matches!(
                self,
                Self::Aborted | Self::Asked | Self::Auth | Self::Billing | Self::LaunchFailure
            )
    }
}

/// Judges an attempt. Anything that is not provably done is something else.
pub fn classify(evidence: &Evidence, expectation: &Expectation) -> Judgement {
    let (class, message, verdict) = match by_ending(evidence, expectation) {
        Some(finding) => {
            let (class, message) = by_damage(finding, evidence);
            (class, message, None)
        }
        None if expectation.kind == AttemptKind::Validator => by_verdict(evidence),
        None => {
            let (class, message) = by_result(evidence, expectation);
            (class, message, None)
        }
    };
    Judgement { class, message, evidence: clues::clues_of(evidence), verdict }
}

type Finding = (OutcomeClass, String);

/// What process and stream say; `None` where both ended well.
fn by_ending(evidence: &Evidence, expectation: &Expectation) -> Option<Finding> {
    let stopped = match &evidence.ending {
        Ending::LaunchFailed(why) => (OutcomeClass::LaunchFailure, why.clone()),
        Ending::SetupFailed(why) => (OutcomeClass::CommandFailed, why.clone()),
        Ending::Cancelled => (OutcomeClass::Aborted, "ended on request".to_owned()),
        Ending::TimedOut => {
            (OutcomeClass::TimedOut, format!("ended after {} at its time limit", evidence.duration))
        }
        Ending::Stalled => (
            OutcomeClass::Stalled,
            format!("silent for too long, ended after {}", evidence.duration),
        ),
        Ending::Exited(code) => {
            return match &evidence.stream {
                Some(stream) => by_stream(stream, *code, evidence, expectation),
                None => by_exit(*code, evidence, expectation),
            };
        }
        Ending::Signaled(signal) => return Some(by_signal(*signal, evidence)),
    };
    Some(stopped)
}

/// A session that breaks its worktree often breaks itself, too: the first says more.
fn by_damage(finding: Finding, evidence: &Evidence) -> Finding {
    use OutcomeClass as C;
    match &evidence.damage {
        Some(damage) if matches!(finding.0, C::Unknown | C::CommandFailed | C::Killed) => {
            (C::Unknown, damage.clone())
        }
        _ => finding,
    }
}

fn by_exit(code: i32, evidence: &Evidence, expectation: &Expectation) -> Option<Finding> {
    match (expectation.kind, code) {
        (AttemptKind::Session, _) => {
            Some((OutcomeClass::Unknown, format!("a session without any stream, exit {code}")))
        }
        (_, 0) | (AttemptKind::Validator, _) => None,
        (AttemptKind::Command, _) => {
            let last = last_line(&evidence.stderr_tail).or(last_line(&evidence.stdout_tail));
            let message = format!("exit {code}: {}", last.unwrap_or("no output"));
            Some((OutcomeClass::CommandFailed, message))
        }
    }
}

fn by_signal(signal: i32, evidence: &Evidence) -> Finding {
    let stream = evidence.stream.as_ref();
    let failure = stream.filter(|stream| stream.result.is_some()).and_then(api::failure_of);
    failure.unwrap_or_else(|| (OutcomeClass::Killed, format!("killed by signal {signal}")))
}

fn by_stream(
    stream: &StreamFacts,
    code: i32,
    evidence: &Evidence,
    expectation: &Expectation,
) -> Option<Finding> {
    let Some(result) = &stream.result else { return Some(without_result(stream, code, evidence)) };
    if let Some(failure) = api::failure_of(stream).or_else(|| by_subtype(stream, result)) {
        return Some(failure);
    }
    let unknown = |message: String| Some((OutcomeClass::Unknown, message));
    if code != 0 {
        return unknown(format!("the result says success, but the exit code is {code}"));
    }
    if stream.is_truncated {
        return unknown("the stream broke off inside its last line".to_owned());
    }
    if stream.has_background_task {
        return unknown("the session ended while a background task was still running".to_owned());
    }
    if expectation.schema_expected && !result.has_structured_output {
        let message = "the session gave no structured answer".to_owned();
        return Some((OutcomeClass::SchemaMiss, message));
    }
    None
}

fn without_result(stream: &StreamFacts, code: i32, evidence: &Evidence) -> Finding {
    if let Some(failure) = api::failure_of(stream) {
        return failure;
    }
    let stderr = last_line(&evidence.stderr_tail).unwrap_or("nothing on stderr");
    match code {
        130 => (OutcomeClass::Aborted, "interrupted (exit 130)".to_owned()),
        129 | 137 | 143 => (OutcomeClass::Killed, format!("killed by signal {}", code - 128)),
        0 => (OutcomeClass::Unknown, "the stream ended without a result, exit 0".to_owned()),
        _ if stream.n_events == 0 && stream.n_foreign_lines == 0 => {
            (OutcomeClass::LaunchFailure, format!("exit {code} at the start: {stderr}"))
        }
        _ => (OutcomeClass::Unknown, format!("no result, exit {code}: {stderr}")),
    }
}

fn by_subtype(stream: &StreamFacts, result: &ResultFacts) -> Option<Finding> {
    let first_error = result.errors.first().map_or("no reason given", String::as_str);
    let reason = result.terminal_reason.as_deref().unwrap_or_default();
    let found = match result.subtype.as_str() {
        "error_max_turns" => {
            (OutcomeClass::TurnCap, format!("turn limit reached after {} turns", result.n_turns))
        }
        "error_max_budget_usd" => {
            (OutcomeClass::BudgetCap, format!("money limit reached at {}", result.total_cost))
        }
        "error_max_structured_output_retries" => {
            (OutcomeClass::SchemaMiss, "no valid structured answer in all its tries".to_owned())
        }
        _ if reason.starts_with("aborted") => {
            (OutcomeClass::Aborted, format!("interrupted ({reason})"))
        }
        "error_during_execution" if stream.n_calls == 0 => {
            (OutcomeClass::LaunchFailure, format!("could not start: {first_error}"))
        }
        "success" if !result.is_error => return None,
        subtype => (OutcomeClass::Unknown, format!("{subtype} ({reason}): {first_error}")),
    };
    Some(found)
}

/// Process and stream ended well: what did the work leave?
fn by_result(evidence: &Evidence, expectation: &Expectation) -> Finding {
    if let Some(damage) = &evidence.damage {
        return (OutcomeClass::Unknown, damage.clone());
    }
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

fn by_report(evidence: &Evidence, expectation: &Expectation) -> Result<String, Finding> {
    let stream = evidence.stream.as_ref();
    let denials = stream.map_or(&[][..], |stream| &stream.permission_denials);
    let tool_of = |denial: &String| denial.split('(').next().unwrap_or_default().to_owned();
    let needed = denials.iter().find(|it| expectation.needed_tools.contains(&tool_of(it)));
    if let Some(denial) = needed {
        return Err((OutcomeClass::PermissionDenied, format!("denied: {denial}")));
    }
    let from_text = || stream.map_or(StatusFile::Absent, |it| status_from_text(&it.final_text));
    let status = match (&evidence.status_file, expectation.report) {
        (StatusFile::Absent, ReportPlace::StatusFileOrText) => from_text(),
        (given, _) => given.clone(),
    };
    let judged = report::judge(&status, &expectation.task_id);
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
        (Some(stream), _) => verdict_of(&stream.final_text),
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
    let class = if verdict == Verdict::Fail { OutcomeClass::Rejected } else { OutcomeClass::Done };
    let first = findings.first().map_or(String::new(), |finding| format!(": {finding}"));
    (class, format!("{}{first}", verdict.as_str()), Some((verdict, findings)))
}

/// `exit 1: its last line`, then the end of its output where there is more, at most 20 lines.
fn findings_of_output(evidence: &Evidence, ending: &Ending) -> Vec<String> {
    let how = match ending {
        Ending::Exited(code) => format!("exit {code}"),
        other => format!("{other:?}"),
    };
    let lines: Vec<_> = evidence
        .stdout_tail
        .lines()
        .chain(evidence.stderr_tail.lines())
        .filter(|line| !line.trim().is_empty())
        .collect();
    let Some((last, before)) = lines.split_last() else {
        return vec![format!("{how}, without any output")];
    };
    let mut findings = vec![format!("{how}: {}", last.trim())];
    let before = &before[before.len().saturating_sub(19)..];
    if !before.is_empty() {
        findings.push(format!("before that:\n{}", before.join("\n")));
    }
    findings
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
