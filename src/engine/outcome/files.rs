//! What the files say: outputs that are missing or cannot land, writes that were not allowed, losses.

use crate::base::name::RelPath;
use crate::engine::outcome::evidence::Evidence;

use super::Expectation;

/// Why the files that an attempt left are not what was asked for; `None` where they are.
pub(super) fn mismatch_of(evidence: &Evidence, expectation: &Expectation) -> Option<String> {
    if !expectation.documents.is_empty() {
        return Some(format!("{}; put it back", expectation.documents.join("; ")));
    }
    if !evidence.missing_outputs.is_empty() {
        let missing = evidence.missing_outputs.join(", ");
        return Some(format!("declared outputs are missing: {missing}"));
    }
    if !evidence.hollow_outputs.is_empty() {
        let hollow = evidence.hollow_outputs.join(", ");
        return Some(format!("declared outputs are not made: {hollow}"));
    }
    if !expectation.untouched.is_empty() {
        let paths = list_of(&expectation.untouched);
        return Some(format!(
            "declared outputs are not made: {paths}: as before the session; where that is right, the task says \
             `no_change: allowed`"
        ));
    }
    match &evidence.ignored_outputs[..] {
        [] => {}
        [ignored] => {
            return Some(format!(
                "declared output {ignored} is git-ignored, so it cannot land: un-ignore it or do not \
                 declare it"
            ));
        }
        ignored => {
            return Some(format!(
                "declared outputs {} are git-ignored, so they cannot land: un-ignore them or do not \
                 declare them",
                ignored.join(", ")
            ));
        }
    }
    if !expectation.stray_writes.is_empty() {
        let paths = list_of(&expectation.stray_writes);
        return Some(format!("wrote outside the allowed outputs: {paths}"));
    }
    (!expectation.lost_files.is_empty()).then(|| {
        let paths = list_of(&expectation.lost_files);
        format!("deleted or emptied {paths}, which the rule keeps and the task does not name")
    })
}

fn list_of(paths: &[RelPath]) -> String {
    paths.iter().map(RelPath::as_str).collect::<Vec<_>>().join(", ")
}
