//! A validator's verdict and findings in what it answered. The worst verdict wins; an example of
//! the format (`PASS | WARN | FAIL`), a quotation and a sentence about it are none.

use serde_json::Value;

use super::Verdict;
use super::report::fenced_objects;
use crate::engine::stream::StreamFacts;

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
    let structured = object.as_ref().and_then(said_in);
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
    let objects: Vec<Said> = objects_of(text).iter().filter_map(said_in).collect();
    let from_objects = objects.iter().map(|(verdict, _)| *verdict).max();
    // A FAIL that stands in a code block and nowhere else is believed; a PASS there is not.
    let alone = lines.shown.filter(|it| *it == Verdict::Fail && from_objects.is_none());
    let verdict = lines.plain.max(from_objects).or(alone)?;
    if lines.shown.or(lines.quoted).is_some_and(|_| lines.shown.max(lines.quoted) > Some(verdict)) {
        return None;
    }
    let mut findings = listed_findings(text);
    for finding in objects.into_iter().flat_map(|(_, findings)| findings) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Some((at_least(verdict, &findings), findings))
}

/// A verdict is no better than its worst finding says.
fn at_least(verdict: Verdict, findings: &[String]) -> Verdict {
    let has = |level: &str| findings.iter().any(|it| it.starts_with(level));
    match () {
        () if has("[FAIL]") => Verdict::Fail,
        () if has("[WARN]") => verdict.max(Verdict::Warn),
        () => verdict,
    }
}

fn said_in(object: &Value) -> Option<Said> {
    let verdict = word_of(object.get("verdict")?.as_str()?)?;
    let findings = json_findings(object);
    Some((at_least(verdict, &findings), findings))
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
        let mut is_fenced = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
                is_fenced = !is_fenced;
            }
            let quoted = line.trim_start().strip_prefix('>');
            let Some(verdict) = verdict_in(quoted.unwrap_or(line)) else { continue };
            let place = match (is_fenced, quoted) {
                (true, _) => &mut lines.shown,
                (false, Some(_)) => &mut lines.quoted,
                (false, None) => &mut lines.plain,
            };
            *place = (*place).max(Some(verdict));
        }
        lines
    }
}

/// `**Verdict: PASS**`, `## Verdict: **WARN**`, `VERDICT: FAIL - two tests`.
fn verdict_in(line: &str) -> Option<Verdict> {
    let marks = ['*', '_', '#', '-', ' ', '\t'];
    let line = line.trim().trim_start_matches(marks);
    let head = line.get(..7)?;
    if !head.eq_ignore_ascii_case("verdict") {
        return None;
    }
    let rest = line[7..].trim_start_matches(['*', '_', ' ']).strip_prefix(':')?;
    let rest = rest.trim_start_matches(['*', '_', ' ', '[', '`']);
    let end = rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
    let verdict = word_of(&rest[..end])?;
    let rest = rest[end..].trim_start_matches(['*', '_', ' ', ']', '`', '.', '!']).trim_end();
    let is_end = rest.is_empty() || rest.starts_with(['(', '-', '–', '—', ':', ',', ';']);
    let other = rest.split(|it: char| !it.is_ascii_alphabetic()).find_map(exact_word_of);
    (is_end && other.is_none_or(|other| other == verdict)).then_some(verdict)
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
    let fenced = fenced_objects(text).into_iter().map(|(_, value)| value);
    let whole = serde_json::from_str::<Value>(text.trim()).ok();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
    fenced.chain(whole).chain(lines).filter(Value::is_object).collect()
}

fn json_findings(object: &Value) -> Vec<String> {
    let findings = object.get("findings").and_then(Value::as_array);
    findings.into_iter().flatten().filter_map(json_finding).collect()
}

fn json_finding(finding: &Value) -> Option<String> {
    if let Some(text) = finding.as_str() {
        return Some(text.to_owned());
    }
    let field = |names: &[&str]| {
        names.iter().find_map(|name| finding.get(name)?.as_str()).map(str::to_owned)
    };
    let text = field(&["message", "text", "finding", "description"])?;
    match field(&["level", "severity", "verdict"]) {
        Some(level) => Some(format!("[{}] {text}", level.to_uppercase())),
        None => Some(text),
    }
}

/// Lines as `- [FAIL] text`.
fn listed_findings(text: &str) -> Vec<String> {
    let finding = |line: &str| {
        let rest = line.trim().strip_prefix(['-', '*'])?.trim_start().strip_prefix('[')?;
        let (level, text) = rest.split_once(']')?;
        word_of(level).map(|_| format!("[{}] {}", level.trim().to_uppercase(), text.trim()))
    };
    text.lines().filter_map(finding).collect()
}
