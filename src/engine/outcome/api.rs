//! Failures of the API as the CLI reports them: by its fields, and by text only inside a message
//! that the CLI itself has made.

use super::OutcomeClass;
use super::OutcomeClass::{
    Auth, Billing, ContextOverflow, LaunchFailure, Network, Overloaded, PlanLimit, Refused,
    ServerError, Throttled, Unknown,
};
use crate::engine::stream::{ApiError, StreamFacts};

/// The API failure that ended the session; `None` where it did not end by one.
pub fn failure_of(stream: &StreamFacts) -> Option<(OutcomeClass, String)> {
    let result = stream.result.as_ref();
    let is_synthetic_result =
        result.is_some_and(|result| result.is_error && result.subtype == "success");
    if result.is_some() && !is_synthetic_result {
        return None;
    }
    if result.is_none() && stream.api_error.is_none() {
        return None;
    }
    let mut error = stream.api_error.clone().unwrap_or_default();
    if error.text.is_empty() {
        error.text.clone_from(&stream.final_text);
    }
    error.status = error.status.or(result.and_then(|result| result.api_error_status));
    error.status = error.status.or_else(|| status_in(&error.text));
    let class = by_turn(stream)
        .or_else(|| by_rate_limit(stream, &error))
        .unwrap_or_else(|| by_error(&error, &normalized(&error.text)));
    Some((class, super::first_line(error.text.trim()).to_owned()))
}

fn by_turn(stream: &StreamFacts) -> Option<OutcomeClass> {
    let result = stream.result.as_ref()?;
    if result.terminal_reason.as_deref() == Some("prompt_too_long") {
        return Some(ContextOverflow);
    }
    (result.stop_reason.as_deref() == Some("refusal")).then_some(Refused)
}

fn by_rate_limit(stream: &StreamFacts, error: &ApiError) -> Option<OutcomeClass> {
    let limit = stream.rate_limit.as_ref()?;
    let is_limited = error.error == "rate_limit" || error.status == Some(429);
    let class = if limit.resets_at.is_some() { PlanLimit } else { Throttled };
    is_limited.then_some(class)
}

fn by_error(error: &ApiError, text: &str) -> OutcomeClass {
    let kind = error.kind.as_deref().unwrap_or_default();
    match error.code.as_deref().unwrap_or_default() {
        "usage_limit_reached" => return PlanLimit,
        "max_output_tokens" => return ContextOverflow,
        "connection_failed" => return Network,
        _ => {}
    }
    match error.error.as_str() {
        "billing_error" => return Billing,
        "authentication_failed" => return Auth,
        "model_not_found" => return LaunchFailure,
        "max_output_tokens" => return ContextOverflow,
        _ => {}
    }
    if error.status == Some(529) || kind == "overloaded_error" {
        return Overloaded;
    }
    if let Some(class) = by_text(text) {
        return class;
    }
    match error.status {
        Some(429) => Throttled,
        Some(401 | 403) => Auth,
        Some(404) => LaunchFailure,
        Some(408) => Network,
        Some(500..=599) => ServerError,
        _ if error.error == "rate_limit" => Throttled,
        _ if error.error == "server_error" => ServerError,
        _ => Unknown,
    }
}

/// Phrases of the CLI's own messages, the more special ones first.
const PHRASES: &[(&str, OutcomeClass)] = &[
    ("not your usage limit", Throttled),
    ("temporarily limiting requests", Throttled),
    ("usage limit reached|0", Throttled),
    ("usage limit reached|", PlanLimit),
    ("credit balance is too low", Billing),
    ("spend limit", Billing),
    ("org's monthly usage limit", Billing),
    ("allocation has been disabled", Billing),
    ("prompt is too long", ContextOverflow),
    ("safeguards flagged", Refused),
    ("overloaded", Overloaded),
    ("high load", Overloaded),
    ("at capacity", Overloaded),
    ("account's rate limit", Throttled),
    ("rate limit reached", Throttled),
    ("out of extra usage", PlanLimit),
    ("spending cap reached", PlanLimit),
    ("limit reached", PlanLimit),
    ("usage limit", PlanLimit),
    ("not logged in", Auth),
    ("invalid api key", Auth),
    ("failed to authenticate", Auth),
    ("oauth token", Auth),
    ("organization has been disabled", Auth),
    ("organization has disabled", Auth),
    ("selected model", LaunchFailure),
    ("timed out", Network),
    ("connection refused", Network),
    ("connection dropped", Network),
    ("connection to the api was lost", Network),
    ("connection error", Network),
    ("malformed response", ServerError),
    ("json parse error", ServerError),
    ("temporarily unavailable", Overloaded),
    ("internal server error", ServerError),
];

fn by_text(text: &str) -> Option<OutcomeClass> {
    let phrase = PHRASES.iter().find(|(phrase, _)| text.contains(phrase));
    if let Some((_, class)) = phrase {
        return Some(*class);
    }
    let is_limit = ["hit your ", "reached your ", "reached your specified "]
        .iter()
        .any(|start| text.split(start).skip(1).any(|rest| rest.contains("limit")));
    is_limit.then_some(PlanLimit)
}

/// Lower case, plain apostrophes, single spaces.
fn normalized(text: &str) -> String {
    let text = text.to_lowercase().replace('’', "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `API Error: 529 {...}` and `API Error (529 ...`: what older versions say instead of fields.
fn status_in(text: &str) -> Option<u16> {
    let rest = text.split_once("API Error")?.1.trim_start_matches([':', ' ', '(']);
    let digits = rest.get(..3)?;
    digits.parse().ok().filter(|status| (400..600).contains(status))
}
