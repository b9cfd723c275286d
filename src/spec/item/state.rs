//! Status and priority of an item, in the words that people use for them.

use crate::spec::text::nearest;

/// Where an item stands, as its file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    /// To be worked on.
    #[default]
    Open,
    /// Its work is done: `Fixed`, `Completed`.
    Done,
    /// Nothing will be done: `Closed (Duplicate)`, `Won't fix`.
    Dropped,
    /// Not now: `On hold`, `Deferred`.
    OnHold,
    /// It was tried, and a person has to look: `Failed`.
    Failed,
    /// A word that is not understood: nothing is started on a guess.
    Unclear,
}

/// How soon an item's turn is, the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Critical,
    High,
    #[default]
    Medium,
    Low,
}

const STANDINGS: &[(Standing, &[&str])] = &[
    (
        Standing::Open,
        &[
            "open",
            "new",
            "todo",
            "to do",
            "ready",
            "planned",
            "proposed",
            "accepted",
            "approved",
            "in progress",
            "in-progress",
            "started",
            "active",
            "reopened",
            "draft",
            "pending",
            "backlog",
            "verify",
        ],
    ),
    (
        Standing::Done,
        &[
            "fixed",
            "completed",
            "complete",
            "done",
            "resolved",
            "implemented",
            "archived",
            "verified",
            "shipped",
            "merged",
        ],
    ),
    (
        Standing::Dropped,
        &[
            "closed",
            "duplicate",
            "won't fix",
            "wontfix",
            "won't do",
            "rejected",
            "invalid",
            "obsolete",
            "cancelled",
            "canceled",
            "abandoned",
            "superseded",
            "not a bug",
            "works as intended",
        ],
    ),
    (
        Standing::OnHold,
        &[
            "on hold",
            "on-hold",
            "hold",
            "held",
            "blocked",
            "deferred",
            "postponed",
            "paused",
            "suspended",
            "parked",
            "later",
            "waiting",
        ],
    ),
    (Standing::Failed, &["failed", "failing"]),
];

const PRIORITIES: &[(Priority, &[&str])] = &[
    (Priority::Critical, &["critical", "urgent", "blocker", "highest", "immediate", "p0"]),
    (Priority::High, &["high", "major", "important", "p1"]),
    (Priority::Medium, &["medium", "normal", "moderate", "default", "p2"]),
    (Priority::Low, &["low", "lowest", "minor", "trivial", "nice to have", "p3", "p4", "p5"]),
];

/// A word that is not understood, with the one that was likely meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    pub nearest: Option<&'static str>,
}

/// What a status says: its first words, whatever stands behind them (`Closed (Duplicate of #1)`).
pub fn standing_of(text: &str) -> Result<Standing, Unclear> {
    known(text, STANDINGS)
}

/// What a priority says.
pub fn priority_of(text: &str) -> Result<Priority, Unclear> {
    known(text, PRIORITIES)
}

fn known<T: Copy>(text: &str, table: &[(T, &[&'static str])]) -> Result<T, Unclear> {
    let text = plain(text);
    let words = || table.iter().flat_map(|(value, words)| words.iter().map(|word| (*value, *word)));
    let leads = |word: &str| {
        text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    // The longest: `on hold` is not `on`.
    let found = words().filter(|(_, word)| leads(word)).max_by_key(|(_, word)| word.len());
    found.map(|(value, _)| value).ok_or_else(|| {
        let first = text.split(['(', ',', ';', '.', ':']).next().unwrap_or_default().trim();
        Unclear { nearest: nearest(first, words().map(|(_, word)| word)) }
    })
}

/// Lower case, without marks, signs of emphasis and typographic apostrophes.
fn plain(text: &str) -> String {
    let text = text.trim().trim_start_matches(|c: char| !c.is_alphanumeric());
    text.chars()
        .filter(|c| !matches!(c, '*' | '`'))
        .map(|c| if c == '\u{2019}' { '\'' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_by_its_first_words() {
        use Standing as S;
        let check = |text: &str| standing_of(text);
        assert_eq!(check("Open"), Ok(S::Open));
        assert_eq!(check("**In Progress** (since Monday)"), Ok(S::Open));
        assert_eq!(check("Fixed in 1.2"), Ok(S::Done));
        assert_eq!(check("✅ Completed"), Ok(S::Done));
        assert_eq!(check("Closed (Duplicate of feature #1)"), Ok(S::Dropped));
        assert_eq!(check("Won’t fix"), Ok(S::Dropped));
        assert_eq!(check("On Hold: waits for legal"), Ok(S::OnHold));
        assert_eq!(check("openness"), Err(Unclear { nearest: None }));
        assert_eq!(check("Opne"), Err(Unclear { nearest: Some("open") }));
        assert_eq!(check("offen"), Err(Unclear { nearest: None }));
    }

    #[test]
    fn priorities_are_words_or_numbers() {
        let check = |text: &str| priority_of(text);
        assert_eq!(check("High"), Ok(Priority::High));
        assert_eq!(check("P0 - customers are down"), Ok(Priority::Critical));
        assert_eq!(check("(low)"), Ok(Priority::Low));
        assert_eq!(check("P10"), Err(Unclear { nearest: Some("p0") }));
        assert!(Priority::Critical < Priority::High);
    }
}
