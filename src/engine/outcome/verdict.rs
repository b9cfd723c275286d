//! A validator's verdict and findings in what it answered. The worst verdict wins; an example of
//! the format (`PASS | WARN | FAIL`), a quotation and a sentence about it are none.

mod condition;
mod findings;

use serde_json::Value;

use super::Verdict;
use super::object::object_in;
use super::places::{Place, blocks_of, lines_of};
use crate::engine::stream::StreamFacts;
use condition::{is_condition_below, is_conditional};
use findings::{Finding, json_findings, listed_findings};

/// What a validator has to answer where the CLI can hold it to a shape.
pub const VERDICT_SCHEMA: &str = r#"{"type":"object","properties":{"verdict":{"type":"string","enum":["PASS","WARN","FAIL"]},"findings":{"type":"array","items":{"type":"object","properties":{"level":{"type":"string","enum":["PASS","WARN","FAIL"]},"text":{"type":"string"}},"required":["level","text"],"additionalProperties":false}}},"required":["verdict","findings"],"additionalProperties":false}"#;

/// A verdict and its findings.
type Said = (Verdict, Vec<String>);

/// The verdict that a session answered.
pub(super) fn verdict_of_stream(stream: &StreamFacts) -> Option<Said> {
    let result = stream.result.as_ref();
    verdict_of_answer(result.and_then(|it| it.structured_output.as_deref()), &stream.final_text)
}

/// The verdict of a structured answer and of the text beside it. Where they differ the worse counts.
pub fn verdict_of_answer(structured: Option<&str>, text: &str) -> Option<Said> {
    let object = structured.and_then(|it| serde_json::from_str::<Value>(it).ok());
    let structured = object.as_ref().and_then(Answer::in_object).map(Answer::said);
    let written = verdict_of(text);
    match (structured, written) {
        (Some(one), Some(other)) if other.0 > one.0 => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

/// The verdict with its findings as `[LEVEL] text`; `None` where the text holds none, or where it
/// shows another one, worse, in a code block or a quotation: it cannot be told which is meant.
pub fn verdict_of(text: &str) -> Option<Said> {
    let lines = VerdictLines::of(text);
    let objects: Vec<Answer> = objects_of(text).iter().filter_map(Answer::in_object).collect();
    let from_objects = objects.iter().map(Answer::worst).max();
    // A FAIL that stands in a code block and nowhere else is believed; a PASS there is not.
    let alone = lines.shown.filter(|it| *it == Verdict::Fail && from_objects.is_none());
    let verdict = lines.plain.max(from_objects).or(alone)?;
    if lines.shown.or(lines.quoted).is_some_and(|_| lines.shown.max(lines.quoted) > Some(verdict)) {
        return None;
    }
    let mut findings = listed_findings(text);
    let named = objects.into_iter().flat_map(|it| it.findings);
    for finding in named {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Some(Answer { verdict, findings }.said())
}

/// A verdict with its findings, before they are told.
struct Answer {
    verdict: Verdict,
    findings: Vec<Finding>,
}

impl Answer {
    fn in_object(object: &Value) -> Option<Self> {
        let verdict = word_of(object.get("verdict")?.as_str()?)?;
        Some(Self { verdict, findings: json_findings(object) })
    }

    /// A verdict is no better than its worst finding says.
    fn worst(&self) -> Verdict {
        let worst = self.findings.iter().filter_map(|it| it.level).max();
        worst.map_or(self.verdict, |worst| worst.max(self.verdict))
    }

    fn said(self) -> Said {
        (self.worst(), self.findings.into_iter().map(|it| it.text).collect())
    }
}

/// The worst verdict lines of a text, by where they stand.
#[derive(Default)]
struct VerdictLines {
    plain: Option<Verdict>,
    /// In a code block.
    shown: Option<Verdict>,
    quoted: Option<Verdict>,
}

impl VerdictLines {
    fn of(text: &str) -> Self {
        let mut lines = Self::default();
        let mut below = lines_of(text).skip(1).map(|(_, line)| line);
        for (place, line) in lines_of(text) {
            let below = below.next().unwrap_or_default();
            let quoted = line.trim_start().strip_prefix('>');
            let Some(verdict) = verdict_in(quoted.unwrap_or(line)) else { continue };
            if verdict != Verdict::Fail && is_condition_below(below) {
                continue;
            }
            let worst = match place {
                Place::Code => &mut lines.shown,
                Place::Quoted => &mut lines.quoted,
                Place::Plain => &mut lines.plain,
            };
            *worst = (*worst).max(Some(verdict));
        }
        if ends_in_fail(text) {
            lines.plain = Some(Verdict::Fail);
        }
        lines
    }
}

/// `**FAIL**`, `Overall: FAIL` as the last line of what is said; a PASS has to be called a verdict.
fn ends_in_fail(text: &str) -> bool {
    let Some((Place::Plain, line)) = lines_of(text).filter(|(_, it)| !it.trim().is_empty()).last()
    else {
        return false;
    };
    let marks = ['*', '_', '#', '-', ' ', '\t', '[', ']', '`', '.', '!', ':', '❌'];
    let mut line = line.trim_matches(marks);
    for word in ["final ", "overall", "result"] {
        line = behind(line, word).unwrap_or(line).trim_start_matches(marks);
    }
    line.eq_ignore_ascii_case("FAIL")
}

/// `**Verdict: PASS**`, `## Verdict: **WARN**`, `VERDICT: FAIL - two tests`.
fn verdict_in(line: &str) -> Option<Verdict> {
    let marks = ['*', '_', '#', '-', ' ', '\t'];
    let line = line.trim().trim_start_matches(marks);
    let line = ["final ", "overall "].iter().find_map(|it| behind(line, it)).unwrap_or(line);
    let rest = behind(line, "verdict")?.trim_start_matches(['*', '_', ' ']).strip_prefix(':')?;
    let rest = rest.trim_start_matches(['*', '_', ' ', '[', '`']);
    let end = rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
    let verdict = word_of(&rest[..end])?;
    let rest = rest[end..].trim_start_matches(['*', '_', ' ', ']', '`', '.', '!']).trim_end();
    let is_end = rest.is_empty() || rest.starts_with(['(', '-', '–', '—', ':', ',', ';']);
    let other = rest.split(|it: char| !it.is_ascii_alphabetic()).find_map(exact_word_of);
    let is_one = is_end && other.is_none_or(|other| other == verdict);
    (is_one && (verdict == Verdict::Fail || !is_conditional(rest))).then_some(verdict)
}

/// What stands behind a word, in small letters or in capitals.
fn behind<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let head = line.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &line[word.len()..])
}

fn word_of(word: &str) -> Option<Verdict> {
    exact_word_of(&word.trim().to_ascii_uppercase())
}

fn exact_word_of(word: &str) -> Option<Verdict> {
    match word {
        "PASS" => Some(Verdict::Pass),
        "WARN" => Some(Verdict::Warn),
        "FAIL" => Some(Verdict::Fail),
        _ => None,
    }
}

/// Objects in fences, the whole text, and lines that are an object.
fn objects_of(text: &str) -> Vec<Value> {
    let blocks = blocks_of(text);
    let fenced = blocks.iter().filter(|it| !it.is_shown).map(|it| it.content);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let objects = fenced.chain([text]).chain(lines).filter_map(|it| object_in(it).ok());
    objects.map(Value::Object).collect()
}
