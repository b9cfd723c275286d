//! What process and stream say of an attempt, before its work is looked at.

use super::OutcomeClass as C;
use super::{AttemptKind, Classified, Expectation, api, last_line, last_words};
use crate::engine::limits::{Clock, Limit, limit_of_message};
use crate::engine::outcome::evidence::{Ending, Evidence};
use crate::engine::stream::clean;
use crate::engine::stream::{ResultFacts, StreamFacts};
use crate::engine::stream::{class_of_message, class_of_refusal};

/// Ctrl-C: somebody wanted it to end.
const SIGINT: i32 = 2;

/// By these a program dies of itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
const CRASHES: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

/// What process and stream say; `None` where both ended well.
pub fn by_ending(evidence: &Evidence, expectation: &Expectation) -> Option<Classified> {
    let stopped = match &evidence.ending {
        Ending::LaunchFailed(why) | Ending::NoCli(why) => (C::LaunchFailure, why.clone()),
        Ending::Unequipped(why) => (C::LaunchRefused, why.clone()),
        Ending::SetupFailed(why) => (C::CommandFailed, why.clone()),
        Ending::Cancelled => (C::Aborted, "ended on request".to_owned()),
        Ending::TimedOut => {
            let message = format!("ended after {} at its time limit", evidence.duration);
            by_retry(evidence, &message).unwrap_or((C::TimedOut, message))
        }
        Ending::NeverStarted => {
            let message = format!(
                "never started: no event in {}; `orch doctor` looks at the CLI",
                evidence.duration
            );
            (C::Stalled, message)
        }
        // It did not exit after its result: that counts, as if it had exited well.
        Ending::Lingered => {
            return match &evidence.stream {
                Some(stream) => by_stream(stream, 0, evidence, expectation),
                None => Some((C::Unknown, "it never ended".to_owned())),
            };
        }
        Ending::Stalled => {
            let message = format!("silent for too long, ended after {}", evidence.duration);
            by_retry(evidence, &message).unwrap_or((C::Stalled, message))
        }
        Ending::Exited(code) => {
            return match &evidence.stream {
                Some(stream) => by_stream(stream, *code, evidence, expectation),
                None => by_exit(*code, evidence, expectation),
            };
        }
        Ending::Signaled(signal) => return Some(by_signal(*signal, evidence, expectation)),
    };
    Some(stopped)
}

/// A session that breaks its worktree often breaks itself, too: the first says more.
pub fn by_damage(finding: Classified, evidence: &Evidence) -> Classified {
    match &evidence.damage {
        Some(damage) if matches!(finding.0, C::Unknown | C::CommandFailed | C::Killed) => {
            (C::Unknown, damage.clone())
        }
        _ => finding,
    }
}

/// The limit of an attempt that was found to have ended by one.
pub fn limit_in(evidence: &Evidence, clock: &Clock) -> Limit {
    let failure = evidence.stream.as_ref().and_then(|stream| api::failure_of(stream, clock));
    let by_message = || limit_of_message(&refusal_of(evidence), clock.now, &clock.zone);
    failure.and_then(|failure| failure.limit).or_else(by_message).unwrap_or_default()
}

/// A session that was cut off while it waited for the API: the API is to blame.
fn by_retry(evidence: &Evidence, message: &str) -> Option<Classified> {
    let stream = evidence.stream.as_ref().filter(|stream| stream.result.is_none())?;
    let retry = stream.retrying.as_ref()?;
    let status = retry.status.map_or(String::new(), |status| format!(" ({status})"));
    let waited = format!("it waited for the API: {}{status}, try {}", retry.error, retry.attempt);
    Some((api::class_of_retry(retry), format!("{message}; {waited}")))
}

fn by_exit(code: i32, evidence: &Evidence, expectation: &Expectation) -> Option<Classified> {
    match (expectation.kind, code) {
        (AttemptKind::Session, _) => {
            Some((C::Unknown, format!("a session without any stream, exit {code}")))
        }
        (_, 0) | (AttemptKind::Validator, _) => None,
        (AttemptKind::Command, _) => {
            let last = last_line(&evidence.stderr_tail).or(last_line(&evidence.stdout_tail));
            let message = format!("exit {code}: {}", last.unwrap_or("no output"));
            Some((C::CommandFailed, message))
        }
    }
}

fn by_signal(signal: i32, evidence: &Evidence, expectation: &Expectation) -> Classified {
    let stream = evidence.stream.as_ref().filter(|stream| stream.result.is_some());
    match stream.and_then(|stream| api::failure_of(stream, &expectation.clock)) {
        Some(failure) => (failure.class, failure.message),
        None if signal == SIGINT => (C::Aborted, "interrupted (SIGINT)".to_owned()),
        None => of_signal(signal, evidence.stream.as_ref()),
    }
}

/// A session that crashes before its first word does so whatever it is asked for.
fn of_signal(signal: i32, stream: Option<&StreamFacts>) -> Classified {
    let is_silent = stream.is_some_and(|it| it.n_events == 0 && it.n_foreign_lines == 0);
    match is_silent && CRASHES.contains(&signal) {
        true => (C::LaunchFailure, format!("it died by signal {signal} before its first word")),
        false => (C::Killed, format!("killed by signal {signal}")),
    }
}

fn by_stream(
    stream: &StreamFacts,
    code: i32,
    evidence: &Evidence,
    expectation: &Expectation,
) -> Option<Classified> {
    if let Some(failure) = api::failure_of(stream, &expectation.clock) {
        return Some((failure.class, failure.message));
    }
    let Some(result) = &stream.result else { return Some(without_result(stream, code, evidence)) };
    if let Some(failure) = by_subtype(stream, result) {
        return Some(failure);
    }
    let unknown = |message: String| Some((C::Unknown, message));
    if code != 0 {
        return unknown(format!("the result says success, but the exit code is {code}"));
    }
    if stream.is_truncated {
        return unknown("the stream broke off inside its last line".to_owned());
    }
    if stream.has_background_task {
        return unknown("the session ended while a background task was still running".to_owned());
    }
    // A validator's verdict may stand in its text instead.
    let may_be_text = expectation.kind == AttemptKind::Validator;
    let has_schema = expectation.schema_expected || stream.has_schema;
    if has_schema && !may_be_text && !result.has_structured_output {
        let message = "the session gave no structured answer".to_owned();
        return Some((C::SchemaMiss, message));
    }
    None
}

fn without_result(stream: &StreamFacts, code: i32, evidence: &Evidence) -> Classified {
    let said = last_words(&evidence.stderr_tail);
    let stderr = said.as_deref().unwrap_or("nothing on stderr");
    match code {
        130 => (C::Aborted, "interrupted (exit 130)".to_owned()),
        129 | 131..=159 => of_signal(code - 128, Some(stream)),
        _ if stream.retrying.is_some() => {
            let message = format!("the stream ended without a result, exit {code}");
            by_retry(evidence, &message).unwrap_or((C::Unknown, message))
        }
        0 => (C::Unknown, "the stream ended without a result, exit 0".to_owned()),
        _ if stream.n_events == 0 => by_refusal(stream, code, evidence),
        _ => (C::Unknown, format!("no result, exit {code}: {stderr}")),
    }
}

/// A program that wrote no event said why in plain words, if at all.
fn by_refusal(stream: &StreamFacts, code: i32, evidence: &Evidence) -> Classified {
    let said = refusal_of(evidence);
    let text = clean(&said);
    let last = last_words(&said);
    let last = last.as_deref().unwrap_or("nothing on stderr");
    let message = format!("exit {code} at the start: {last}");
    if stream.n_foreign_lines == 0 || matches!(code, 126 | 127) {
        return (class_of_refusal(&text), message);
    }
    // Its output may be that of a model: only the CLI's own words count.
    (class_of_message(&text).unwrap_or(C::Unknown), format!("exit {code}, no event: {last}"))
}

/// What a program said that wrote no event: its stderr, and its output where that is short enough
/// for a message.
fn refusal_of(evidence: &Evidence) -> String {
    let stream = evidence.stream.as_ref().filter(|stream| stream.n_events == 0);
    let output = stream.map_or("", |stream| stream.final_text.trim());
    let output = if output.lines().count() <= 3 { output } else { "" };
    format!("{output}\n{}", evidence.stderr_tail)
}

fn by_subtype(stream: &StreamFacts, result: &ResultFacts) -> Option<Classified> {
    let first_error = result.errors.first().map_or("no reason given", String::as_str);
    let reason = result.terminal_reason.as_deref().unwrap_or_default();
    if let Some(why) = &result.startup_failure {
        return Some((C::LaunchFailure, format!("could not start ({why}): {first_error}")));
    }
    let found = match result.subtype.as_str() {
        "error_max_turns" => {
            (C::TurnCap, format!("turn limit reached after {} turns", result.n_turns))
        }
        "error_max_budget_usd" => {
            (C::BudgetCap, format!("money limit reached at {}", result.total_cost))
        }
        "error_max_structured_output_retries" => {
            (C::SchemaMiss, "no valid structured answer in all its tries".to_owned())
        }
        subtype => match class_of_reason(reason) {
            Some(class) => (class, format!("{subtype} ({reason}): {first_error}")),
            None if subtype == "error_during_execution" && stream.n_calls == 0 => {
                (C::LaunchFailure, format!("could not start: {first_error}"))
            }
            None if subtype == "success" && !result.is_error => return None,
            None => (C::Unknown, format!("{subtype} ({reason}): {first_error}")),
        },
    };
    Some(found)
}

/// The word by which a result says how its session ended, where it is neither the good one nor known.
pub fn unknown_word(evidence: &Evidence) -> Option<&str> {
    let reason = evidence.stream.as_ref()?.result.as_ref()?.terminal_reason.as_deref()?;
    let is_known = matches!(reason, "" | "completed") || class_of_reason(reason).is_some();
    (!is_known).then_some(reason)
}

/// Reasons for which a turn ends other than by its own last word, whatever the result says.
fn class_of_reason(reason: &str) -> Option<C> {
    Some(match reason {
        _ if reason.starts_with("aborted") => C::Aborted,
        "max_turns" => C::TurnCap,
        "budget_exhausted" => C::BudgetCap,
        "structured_output_retry_exhausted" => C::SchemaMiss,
        "prompt_too_long" | "blocking_limit" | "rapid_refill_breaker" => C::ContextOverflow,
        "turn_setup_failed" => C::LaunchFailure,
        "tool_deferred" | "tool_deferred_unavailable" => C::PermissionDenied,
        "model_error" => C::ServerError,
        "api_error"
        | "image_error"
        | "malformed_tool_use_exhausted"
        | "stop_hook_prevented"
        | "hook_stopped"
        | "background_requested" => C::Unknown,
        _ => return None,
    })
}
