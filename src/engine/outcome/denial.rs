//! Calls that the CLI denied: got around, or what kept the work from being done.

use super::{Classified, Expectation, OutcomeClass as C};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::evidence::STATUS_FILE;

/// Denied calls of tools that the session was given whole.
pub(super) fn needed<'a>(
    evidence: &'a Evidence,
    expectation: &'a Expectation,
) -> impl Iterator<Item = &'a String> {
    let denials = evidence.stream.as_ref().map_or(&[][..], |it| &it.permission_denials);
    let tool_of = |denial: &String| denial.split('(').next().unwrap_or_default().to_owned();
    denials.iter().filter(move |it| expectation.needed_tools.contains(&tool_of(it)))
}

/// The finding, laid to the denied call that explains it where there is one: a result that is whole
/// was got in another way.
pub(super) fn explained(finding: Classified, evidence: &Evidence) -> Classified {
    let (class, message) = &finding;
    let lacks_something = match class {
        C::NoStatus | C::NoChange | C::FailedByStatus => true,
        C::OutputMismatch => !evidence.missing_outputs.is_empty(),
        _ => false,
    };
    if !lacks_something {
        return finding;
    }
    let stream = evidence.stream.as_ref();
    let denied = stream.map_or(&[][..], |stream| &stream.permission_denials);
    let is_of = |denial: &String, path: &str| denial.contains(path);
    let of_output =
        |denial: &&String| evidence.missing_outputs.iter().any(|path| is_of(denial, path));
    let of_status = |denial: &&String| *class == C::NoStatus && is_of(denial, STATUS_FILE);
    let mattered = denied.iter().find(of_output).or_else(|| denied.iter().find(of_status));
    match mattered.or(denied.last()) {
        Some(denial) => (C::PermissionDenied, format!("denied: {denial}; {message}")),
        None => finding,
    }
}
