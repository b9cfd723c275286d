//! `## Verification Log`: what verifications of earlier cycles found, as the original wrote it.

use super::outline::Section;
use crate::base::source::Span;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verification {
    pub number: u32,
    /// As written: `2026-02-17 01:25`.
    pub at: Option<String>,
    pub said: Option<Said>,
    /// orch wrote it.
    pub is_own: bool,
    pub span: Span,
}

/// How often the item was archived before, and how many verifications stand before the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Closed {
    pub times: u32,
    pub verifications: u32,
}

/// The verdict of an entry. Only words of the log's own count: what is quoted or stands in code is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    Pass,
    Warn,
    Fail,
}

/// The heading of the log.
pub fn is_log(title: &str) -> bool {
    ["verification log", "verifications"].contains(&title)
}

/// The entries of the log, its sections given without their common heading.
pub fn verifications_in<'s>(sections: impl Iterator<Item = &'s Section>) -> Vec<Verification> {
    let mut found: Vec<Verification> = Vec::new();
    for section in sections {
        if let Some((number, at)) = entry_of(&section.title) {
            found.push(Verification {
                number,
                at,
                said: None,
                is_own: section.mark.is_some(),
                span: section.heading.clone(),
            });
        }
        let Some(last) = found.last_mut() else { continue };
        last.said = section
            .blocks
            .iter()
            .filter_map(|it| said_in(it.bold.as_deref()?))
            .next_back()
            .or(last.said);
    }
    found
}

/// How the log tells of earlier ends of the item.
pub fn closed_in<'s>(sections: impl Iterator<Item = &'s Section>) -> Closed {
    let (mut closed, mut verifications) = (Closed::default(), 0);
    for section in sections {
        verifications += u32::from(entry_of(&section.title).is_some());
        if section.title.trim().to_lowercase().starts_with("archived") {
            closed = Closed { times: closed.times + 1, verifications };
        }
    }
    closed
}

/// `Verification #2 - 2026-02-17 01:35`.
fn entry_of(title: &str) -> Option<(u32, Option<String>)> {
    let lower = title.to_lowercase();
    let rest = lower.strip_prefix("verification")?.trim_start().trim_start_matches('#');
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let at = rest[digits..].trim_start_matches(|c: char| !c.is_alphanumeric()).trim();
    Some((rest[..digits].parse().ok()?, (!at.is_empty()).then(|| at.to_owned())))
}

/// `Verdict: PASS`, set in bold.
fn said_in(bold: &str) -> Option<Said> {
    let rest = bold.trim().strip_prefix("Verdict")?.trim_start_matches(':').trim();
    match rest.split(|c: char| !c.is_ascii_alphabetic()).next()? {
        "PASS" => Some(Said::Pass),
        "WARN" => Some(Said::Warn),
        "FAIL" => Some(Said::Fail),
        _ => None,
    }
}
