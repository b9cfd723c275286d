//! What a judgement rests on, one line each.

use super::{Expectation, ReportPlace, first_line, last_line};
use crate::engine::outcome::evidence::{Ending, Evidence, StatusFile};
use crate::engine::stream::StreamFacts;

pub(super) fn clues_of(evidence: &Evidence, expectation: &Expectation) -> Vec<String> {
    let mut clues = vec![format!("{:?}", evidence.ending)];
    if evidence.ending == Ending::Lingered {
        clues.push("it did not exit after its result and was ended; the result counts".to_owned());
    }
    clues.extend(evidence.stream.iter().flat_map(clues_in));
    clues.extend(last_line(&evidence.stderr_tail).map(|line| format!("stderr: {line}")));
    if expectation.report == ReportPlace::Unseen && evidence.status_file == StatusFile::Absent {
        clues.push("no status file looked at".to_owned());
    }
    clues
}

fn clues_in(stream: &StreamFacts) -> Vec<String> {
    let mut clues = Vec::new();
    match &stream.result {
        Some(result) => {
            let reason = result.terminal_reason.as_deref().unwrap_or("-");
            clues
                .push(format!("result {} is_error={} ({reason})", result.subtype, result.is_error));
        }
        None => clues.push(format!("no result in {} events", stream.n_events)),
    }
    clues.extend(stream.api_error.as_ref().map(|error| {
        let status = error.status.map_or(String::new(), |status| format!(" {status}"));
        format!("api error{status} {}: {}", error.error, first_line(&error.text))
    }));
    clues.extend(stream.rate_limit.as_ref().map(|limit| {
        let window = limit.window.as_deref().unwrap_or("-");
        format!("rate limit {} {window} resets {:?}", limit.status, limit.resets_at)
    }));
    clues.extend(stream.windows.iter().filter(|it| it.is_near_limit()).map(|it| {
        let used = it.permille.map_or("?".to_owned(), |it| (it / 10).to_string());
        format!("near limit: {} at {used} %", it.window)
    }));
    clues.extend(stream.retrying.as_ref().map(|retry| {
        let status = retry.status.map_or(String::new(), |status| format!(" {status}"));
        format!("asking the API again: {}{status}, try {}", retry.error, retry.attempt)
    }));
    clues.extend(stream.permission_denials.iter().map(|denial| format!("denied {denial}")));
    if stream.has_background_task {
        clues.push("a background task was still running".to_owned());
    }
    if stream.is_truncated {
        clues.push("the last line is cut".to_owned());
    }
    if stream.n_foreign_lines > 0 {
        clues.push(format!("{} lines are no events", stream.n_foreign_lines));
    }
    clues
}
