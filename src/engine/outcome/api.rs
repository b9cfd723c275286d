//! Failures of the API as the CLI reports them: by its fields, and by text only inside a message
//! that the CLI itself has made.

use super::OutcomeClass;
use super::OutcomeClass::{
    Auth, Billing, ContextOverflow, LaunchFailure, LaunchRefused, Network, Overloaded, PlanLimit,
    Refused, ServerError, Throttled, Unknown,
};
use crate::engine::limits::{Clock, Limit, limit_of, limit_of_message};
use crate::engine::stream::class_of_message;
use crate::engine::stream::clean;
use crate::engine::stream::{ApiError, ResultFacts, Retrying, StreamFacts};

/// The API failure that ended the session.
pub struct Failure {
    pub class: OutcomeClass,
    /// The CLI's words, their first line.
    pub message: String,
    /// Of a plan limit.
    pub limit: Option<Limit>,
}

/// The API failure that ended the session; `None` where it did not end by one.
pub fn failure_of(stream: &StreamFacts, clock: &Clock) -> Option<Failure> {
    let error = error_of(stream)?;
    let text = clean(&error.text);
    let class = by_turn(stream)
        .or_else(|| by_rate_limit(stream, &error, clock))
        .unwrap_or_else(|| by_error(&error, &text));
    // A spending limit that names the plan's reset ends with it.
    let is_dated = class == Billing && limit_of_message(&text, clock.now, &clock.zone).is_some();
    let class = if is_dated { PlanLimit } else { class };
    let limit =
        (class == PlanLimit).then(|| limit_of(stream.rate_limit.as_ref(), &error.text, clock));
    let message = super::first_line(error.text.trim()).to_owned();
    Some(Failure { class, message, limit })
}

/// The CLI's own report of a failure that ended the session: what the model said is none of it.
fn error_of(stream: &StreamFacts) -> Option<ApiError> {
    let Some(result) = &stream.result else {
        return stream.api_error.clone().filter(ApiError::is_marked);
    };
    let is_api = result.terminal_reason.as_deref() == Some("api_error");
    let is_told = result.is_error && (result.subtype == "success" || is_api);
    if !is_told && !is_last_word(stream, result) {
        return None;
    }
    let mut error = stream.api_error.clone().unwrap_or_default();
    if error.text.is_empty() && !stream.is_final_text_said {
        let first = result.errors.first().filter(|_| stream.final_text.is_empty());
        error.text.clone_from(first.unwrap_or(&stream.final_text));
    }
    error.status = error.status.or(result.api_error_status).or_else(|| status_in(&error.text));
    Some(error)
}

/// The result calls itself a success, but the CLI's last message is that it failed, and no answer of the
/// model followed.
fn is_last_word(stream: &StreamFacts, result: &ResultFacts) -> bool {
    let is_failure = |error: &ApiError| error.is_marked() || status_in(&error.text).is_some();
    let is_success = result.subtype == "success" && !result.is_error;
    is_success && stream.api_error.as_ref().is_some_and(is_failure)
}

/// A message of the CLI alone, without the stream it stood in.
pub fn failure_in(text: &str, clock: &Clock) -> Failure {
    let error = ApiError { text: text.to_owned(), status: status_in(text), ..ApiError::default() };
    let cleaned = clean(text);
    let limit = limit_of_message(&cleaned, clock.now, &clock.zone);
    let class = match by_error(&error, &cleaned) {
        Billing if limit.is_some() => PlanLimit,
        class => class,
    };
    let limit = (class == PlanLimit).then(|| limit.unwrap_or_default());
    Failure { class, message: super::first_line(text.trim()).to_owned(), limit }
}

/// What the CLI was waiting for when it was cut off: the API's own failure, not the session's.
pub fn class_of_retry(retry: &Retrying) -> OutcomeClass {
    let error =
        ApiError { error: retry.error.clone(), status: retry.status, ..ApiError::default() };
    match by_error(&error, "") {
        Unknown if retry.status.is_none() => Network,
        class => class,
    }
}

fn by_turn(stream: &StreamFacts) -> Option<OutcomeClass> {
    let result = stream.result.as_ref()?;
    let reason = result.terminal_reason.as_deref();
    if matches!(reason, Some("prompt_too_long" | "blocking_limit" | "rapid_refill_breaker")) {
        return Some(ContextOverflow);
    }
    (result.stop_reason.as_deref() == Some("refusal")).then_some(Refused)
}

/// A rejection that names neither window nor end is a throttle, whatever its message calls it.
fn by_rate_limit(stream: &StreamFacts, error: &ApiError, clock: &Clock) -> Option<OutcomeClass> {
    let event = stream.rate_limit.as_ref()?;
    let is_limited = error.error == "rate_limit" || error.status == Some(429);
    let said = limit_of_message(&error.text, clock.now, &clock.zone);
    let is_said = said.is_some_and(|it| it.resets_at.is_some() || event.window.is_some());
    let is_plan = event.resets_at.is_some() || is_said;
    is_limited.then_some(if is_plan { PlanLimit } else { Throttled })
}

fn by_error(error: &ApiError, text: &str) -> OutcomeClass {
    let kind = error.kind.as_deref().unwrap_or_default();
    match error.code.as_deref().unwrap_or_default() {
        "usage_limit_reached" => return PlanLimit,
        "max_output_tokens" => return ContextOverflow,
        "connection_failed" | "stream_idle_timeout" => return Network,
        _ => {}
    }
    match error.error.as_str() {
        "billing_error" => return Billing,
        "authentication_failed"
        | "oauth_org_not_allowed"
        | "account_on_hold"
        | "verification_required"
        | "cloud_credential_error" => return Auth,
        "model_not_found" => return LaunchRefused,
        "max_output_tokens" => return ContextOverflow,
        _ => {}
    }
    let is_overloaded = kind == "overloaded_error" || error.error == "overloaded";
    if error.status == Some(529) || is_overloaded {
        return Overloaded;
    }
    if let Some(class) = class_of_message(text) {
        return class;
    }
    match error.status {
        Some(429) => Throttled,
        Some(401 | 403) => Auth,
        Some(402) => Billing,
        Some(413) => ContextOverflow,
        Some(404) => LaunchFailure,
        Some(408) => Network,
        Some(500..=599) => ServerError,
        _ if error.error == "rate_limit" => Throttled,
        _ if error.error == "server_error" => ServerError,
        _ => Unknown,
    }
}

/// `API Error: 529 {...}` and `API Error (529 ...`: what older versions say instead of fields.
fn status_in(text: &str) -> Option<u16> {
    let rest = text.split_once("API Error")?.1.trim_start_matches([':', ' ', '(']);
    let digits = rest.get(..3)?;
    digits.parse().ok().filter(|status| (400..600).contains(status))
}
