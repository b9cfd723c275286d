//! Which logs tell how a task's newest attempt was judged.

use crate::engine::outcome::OutcomeClass;
use crate::engine::record::AttemptEnded;

/// The logs of the validators that judged the newest attempt, oldest first, as places in the list. Of a
/// validator whose verdict was known already it is the log of the run that reached it.
pub fn judging(attempts: &[AttemptEnded]) -> Vec<usize> {
    let newest = attempts.iter().rposition(|it| it.validator.is_none());
    let work = newest.map(|at| &attempts[at]);
    if work.is_some_and(|it| it.outcome != OutcomeClass::Done) {
        return Vec::new();
    }
    let Some(key) = work.or(attempts.last()).map(|it| it.key) else { return Vec::new() };
    let is_last_of_its_validator = |at: &usize| {
        let it = &attempts[*at];
        let is_same = |other: &AttemptEnded| other.key == key && other.validator == it.validator;
        it.validator.is_some() && it.key == key && !attempts[at + 1..].iter().any(is_same)
    };
    (0..attempts.len()).filter(is_last_of_its_validator).collect()
}

/// The logs whose output tells most of where a task stands, the best first: of what failed last, else of
/// the validators that judged, the newest first.
pub fn telling(attempts: &[AttemptEnded]) -> Vec<usize> {
    let Some(newest) = attempts.iter().rposition(|it| it.validator.is_none()) else {
        return judging(attempts).into_iter().rev().collect();
    };
    if attempts[newest].outcome != OutcomeClass::Done {
        return vec![newest];
    }
    let judged = judging(attempts);
    let failed = judged.iter().rev().find(|at| attempts[**at].outcome != OutcomeClass::Done);
    match failed {
        Some(failed) => vec![*failed],
        None => judged.into_iter().rev().collect(),
    }
}

/// A line above a validator's log: who judged what, and how.
pub fn heading(log: &AttemptEnded) -> String {
    let validator = log.validator.as_ref().map_or_else(String::new, ToString::to_string);
    let verdict = match log.message.lines().next() {
        Some(line) if !line.is_empty() => line,
        _ => log.outcome.as_str(),
    };
    format!("validator {validator} on attempt {}: {verdict}", log.number)
}
