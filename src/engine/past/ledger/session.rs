//! The session report of the original: what one run of orch spent, by what it worked on.

use serde_json::{Value, json};

use crate::base::measure::Moment;

use super::LedgerEntry;
use super::group::sum_of;
use super::report::iso;

/// `pipeline-session-20260115-150405.json`, in UTC; from the second of one moment on with a number.
pub fn session_file_name(at: Moment, nth: u32) -> String {
    let stamp: String =
        iso(at).chars().filter(|char| *char == 'T' || char.is_ascii_digit()).collect();
    let stamp = stamp.replace('T', "-");
    match nth {
        0 | 1 => format!("pipeline-session-{stamp}.json"),
        nth => format!("pipeline-session-{stamp}-{nth}.json"),
    }
}

/// What a run spent, each entry with the name of what it was for: `None` where it spent nothing. What is
/// for one thing is summed up, in the order in which it began.
pub fn session_report(spent: &[(String, LedgerEntry)], ended: Moment) -> Option<Value> {
    let begun = spent.first()?.1.run_started;
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in spent {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let items = names.into_iter().map(|name| {
        let own = || spent.iter().filter(|(it, _)| it == name).map(|(_, entry)| entry);
        let sum = sum_of(own());
        json!({
            "name": name, "cost_usd": sum.cost_usd, "input_tokens": sum.input_tokens,
            "output_tokens": sum.output_tokens, "sessions": sum.sessions,
            "plan": own().next().map(|it| it.task.plan.as_str()),
        })
    });
    let all = sum_of(spent.iter().map(|(_, entry)| entry));
    Some(json!({
        "session_timestamp": iso(ended),
        "started_at": iso(begun),
        "total_cost_usd": all.cost_usd,
        "total_input_tokens": all.input_tokens,
        "total_output_tokens": all.output_tokens,
        "sessions": all.sessions,
        "work_items": items.collect::<Vec<_>>(),
    }))
}

/// What the original calls a backlog item in its reports: `defect: 12 Login Fails`.
pub fn item_title(kind: &str, slug: &str) -> String {
    let words = slug.split(['-', '_', ' ']).filter(|word| !word.is_empty());
    let title = words.map(|word| {
        let mut chars = word.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        first.chain(chars.flat_map(char::to_lowercase)).collect::<String>()
    });
    format!("{kind}: {}", title.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_called_as_the_original_did() {
        let check = |slug: &str| item_title("defect", slug);
        assert_eq!(check("12-login-fails"), "defect: 12 Login Fails");
        assert_eq!(check("über_ALLES--x"), "defect: Über Alles X");
    }

    #[test]
    fn files_are_called_by_their_second_and_never_the_same() {
        let at = Moment(1_768_489_445_999);
        assert_eq!(session_file_name(at, 1), "pipeline-session-20260115-150405.json");
        assert_eq!(session_file_name(at, 2), "pipeline-session-20260115-150405-2.json");
    }
}
