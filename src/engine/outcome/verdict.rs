//! A validator's verdict and findings in the text it wrote. The last verdict wins; an example of
//! the format (`PASS | WARN | FAIL`), a quotation and a sentence about it are none.

use serde_json::Value;

use super::Verdict;
use super::report::fenced_objects;

/// The verdict with its findings as `[LEVEL] text`; `None` where the text holds none.
pub fn verdict_of(text: &str) -> Option<(Verdict, Vec<String>)> {
    let (plain, fenced) = verdict_lines(text);
    let json = objects_of(text).into_iter().rev().find_map(|(at, object)| {
        let verdict = word_of(object.get("verdict")?.as_str()?)?;
        Some((at, verdict, json_findings(&object)))
    });
    let line = plain.or_else(|| fenced.filter(|_| json.is_none()));
    match (line, json) {
        (Some((at, _)), Some((json_at, verdict, findings))) if json_at > at => {
            Some((verdict, findings))
        }
        (Some((_, verdict)), _) => Some((verdict, listed_findings(text))),
        (None, Some((_, verdict, findings))) => Some((verdict, findings)),
        (None, None) => None,
    }
}

type Placed = Option<(usize, Verdict)>;

/// The last verdict line outside code fences, and the last inside.
fn verdict_lines(text: &str) -> (Placed, Placed) {
    let (mut plain, mut fenced) = (None, None);
    let mut is_fenced = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        if let Some(verdict) = verdict_in(line) {
            *(if is_fenced { &mut fenced } else { &mut plain }) = Some((at, verdict));
        }
        at += line.len();
    }
    (plain, fenced)
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
fn objects_of(text: &str) -> Vec<(usize, Value)> {
    let mut objects = fenced_objects(text);
    if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(text.trim()) {
        objects.push((0, value));
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('{') {
            objects.extend(serde_json::from_str::<Value>(line.trim()).ok().map(|it| (at, it)));
        }
        at += line.len();
    }
    objects.sort_by_key(|(at, _)| *at);
    objects
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
