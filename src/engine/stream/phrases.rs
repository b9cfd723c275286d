//! What the CLI's own messages say, by their words. Never asked about a model's or a tool's text.

use crate::spec::outcome::OutcomeClass::{
    self, Aborted, Auth, Billing, ContextOverflow, LaunchFailure, LaunchRefused, Network,
    Overloaded, PlanLimit, Refused, ServerError, Throttled,
};

/// Phrases of the CLI's own messages, the more special ones first.
const PHRASES: &[(&str, OutcomeClass)] = &[
    ("not your usage limit", Throttled),
    ("temporarily limiting requests", Throttled),
    ("request rejected (429)", Throttled),
    ("usage limit reached|0", Throttled),
    ("usage limit reached|", PlanLimit),
    ("\"status\":\"rejected\",\"resetsat\":", PlanLimit),
    ("credit balance is too low", Billing),
    ("out of credits", Billing),
    ("spend limit", Billing),
    ("org's monthly usage limit", Billing),
    ("organization's monthly usage limit", Billing),
    ("allocation has been disabled", Billing),
    ("payment required", Billing),
    ("prompt is too long", ContextOverflow),
    ("exceed context limit", ContextOverflow),
    ("context window", ContextOverflow),
    ("maximum context length", ContextOverflow),
    ("conversation is too long", ContextOverflow),
    ("output token maximum", ContextOverflow),
    ("request too large", ContextOverflow),
    ("request_too_large", ContextOverflow),
    ("safeguards flagged", Refused),
    ("usage policy", Refused),
    ("overloaded", Overloaded),
    ("high load", Overloaded),
    ("at capacity", Overloaded),
    ("account's rate limit", Throttled),
    ("rate limit reached", Throttled),
    ("rate limited", Throttled),
    ("too many requests", Throttled),
    ("out of extra usage", PlanLimit),
    ("spending cap reached", PlanLimit),
    ("limit reached", PlanLimit),
    ("usage limit", PlanLimit),
    ("not logged in", Auth),
    ("please run /login", Auth),
    ("invalid api key", Auth),
    ("invalid x-api-key", Auth),
    ("authentication_error", Auth),
    ("failed to authenticate", Auth),
    ("oauth token", Auth),
    // Cloud providers, each in its own words.
    ("security token included in the request is", Auth),
    ("token is expired", Auth),
    ("token has expired", Auth),
    ("session has expired", Auth),
    ("credentials have expired", Auth),
    ("expiredtoken", Auth),
    ("invalid_grant", Auth),
    ("could not load credentials", Auth),
    ("could not load the default credentials", Auth),
    ("unable to locate credentials", Auth),
    ("reauthentication", Auth),
    ("organization has been disabled", Auth),
    ("organization has disabled", Auth),
    ("inside another claude code session", LaunchFailure),
    ("cannot be used with root", LaunchRefused),
    ("is already in use", LaunchFailure),
    ("no conversation found", LaunchFailure),
    ("unknown option", LaunchFailure),
    ("selected model", LaunchRefused),
    ("request was aborted", Aborted),
    ("timed out", Network),
    ("idle timeout", Network),
    ("connection refused", Network),
    ("connection reset", Network),
    ("connection dropped", Network),
    ("connection to the api was lost", Network),
    ("connection error", Network),
    ("unable to connect", Network),
    ("network error", Network),
    ("fetch failed", Network),
    ("socket hang up", Network),
    ("econnreset", Network),
    ("econnrefused", Network),
    ("etimedout", Network),
    ("enotfound", Network),
    ("eai_again", Network),
    ("malformed response", ServerError),
    ("json parse error", ServerError),
    ("temporarily unavailable", Overloaded),
    ("internal server error", ServerError),
    ("service unavailable", ServerError),
    ("bad gateway", ServerError),
    ("gateway timeout", ServerError),
];

/// The class of a message that [`super::clean()`] has cleaned; `None` where it says nothing known.
pub fn class_of_message(text: &str) -> Option<OutcomeClass> {
    let phrase = PHRASES.iter().find(|(phrase, _)| text.contains(phrase));
    if let Some((_, class)) = phrase {
        return Some(*class);
    }
    let is_limit = ["hit your ", "reached your ", "reached your specified "]
        .iter()
        .any(|start| text.split(start).skip(1).any(|rest| rest.contains("limit")));
    is_limit.then_some(PlanLimit)
}

/// Why a program that wrote no event refused to start, by the end of what it wrote.
pub fn class_of_refusal(text: &str) -> OutcomeClass {
    match class_of_message(text) {
        Some(class @ (PlanLimit | Throttled | Overloaded | Network)) => class,
        Some(class @ (Auth | Billing | LaunchRefused)) => class,
        _ => LaunchFailure,
    }
}
