//! What a judgement rests on, one line each.

use super::{first_line, last_line};
use crate::engine::evidence::Evidence;

pub(super) fn clues_of(evidence: &Evidence) -> Vec<String> {
    let mut clues = vec![format!("{:?}", evidence.ending)];
    if let Some(stream) = &evidence.stream {
        clues.extend(stream.result.as_ref().map(|result| {
            let reason = result.terminal_reason.as_deref().unwrap_or("-");
            format!("result {} is_error={} ({reason})", result.subtype, result.is_error)
        }));
        clues.extend(stream.api_error.as_ref().map(|error| {
            let status = error.status.map_or(String::new(), |status| format!(" {status}"));
            format!("api error{status} {}: {}", error.error, first_line(&error.text))
        }));
        clues.extend(stream.rate_limit.as_ref().map(|limit| {
            let window = limit.window.as_deref().unwrap_or("-");
            format!("rate limit {} {window} resets {:?}", limit.status, limit.resets_at)
        }));
        clues.extend(stream.permission_denials.iter().map(|denial| format!("denied {denial}")));
    }
    clues.extend(last_line(&evidence.stderr_tail).map(|line| format!("stderr: {line}")));
    clues
}
