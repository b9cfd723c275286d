//! Acceptance criteria: what a verifier has to answer yes or no, each with evidence.

use super::outline::{Block, BlockKind, Section};
use crate::base::source::Span;

/// One thing that holds when the item is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Criterion {
    /// Its own (`AC-2`), else its number among the item's criteria, from 1.
    pub id: String,
    /// In its words, on one line.
    pub text: String,
    pub span: Span,
}

/// The headings of sections in which every entry is a criterion.
pub fn is_of_criteria(title: &str) -> bool {
    ["acceptance", "acceptance criteria", "criteria", "definition of done", "done when"]
        .contains(&title)
}

/// All criteria: entries below such a heading, check boxes, and sentences with `shall` (EARS: *When the
/// user logs in, the system shall ...*, after Mavin et al., 2009) anywhere.
pub fn criteria_in<'s>(
    sections: impl Iterator<Item = &'s Section>,
    title_of: impl Fn(&Section) -> String,
) -> Vec<Criterion> {
    let mut found: Vec<Criterion> = Vec::new();
    for section in sections {
        let is_list = is_of_criteria(&title_of(section));
        let has_entries = section.blocks.iter().any(|it| it.kind == BlockKind::Entry);
        for block in &section.blocks {
            let is_entry = block.kind == BlockKind::Entry;
            let is_whole =
                is_entry && (is_list || unboxed(&block.text).is_some()) || is_list && !has_entries;
            match is_whole {
                true => found.push(criterion(unboxed(&block.text).unwrap_or(&block.text), block)),
                false => found.extend(
                    sentences(&block.text).filter(|it| is_ears(it)).map(|it| criterion(it, block)),
                ),
            }
        }
    }
    for (at, criterion) in found.iter_mut().enumerate().filter(|(_, it)| it.id.is_empty()) {
        criterion.id = (at + 1).to_string();
    }
    found
}

fn criterion(text: &str, block: &Block) -> Criterion {
    let words: Vec<&str> = text.split_whitespace().collect();
    let own = words.first().and_then(|it| own_id(it));
    let rest = &words[usize::from(own.is_some())..];
    Criterion { id: own.unwrap_or_default(), text: rest.join(" "), span: block.span.clone() }
}

/// The words behind a check box.
fn unboxed(text: &str) -> Option<&str> {
    ["[ ]", "[x]", "[X]"].iter().find_map(|it| text.strip_prefix(it)).map(str::trim_start)
}

/// `AC1:`, `AC-2.1`, `R3)`.
fn own_id(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| "*`()[]:.,".contains(c));
    let letters = word.len() - word.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
    let number = word[letters..].trim_start_matches(['-', '_']);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    ((1..=4).contains(&letters) && is_number).then(|| word.to_owned())
}

fn is_ears(sentence: &str) -> bool {
    sentence.split_whitespace().any(|word| word.eq_ignore_ascii_case("shall"))
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(". ")
        .flat_map(|it| it.split(".\n"))
        .map(str::trim)
        .filter(|it| !it.is_empty())
}
