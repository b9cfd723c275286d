//! Findings of a validator's answer, and how grave each one calls itself.

use serde_json::Value;

use super::Verdict;

/// What was found, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it says of the verdict, where it has a level.
    pub level: Option<Verdict>,
    pub text: String,
}

/// Lines as `- [FAIL] text`, `1. **[CRITICAL]** text`, `- **FAIL**: text`.
pub(super) fn listed_findings(text: &str) -> Vec<Finding> {
    text.lines().filter_map(finding_in).collect()
}

/// Findings of an object with a verdict.
pub(super) fn json_findings(object: &Value) -> Vec<Finding> {
    let lists = ["findings", "issues"].into_iter().filter_map(|it| object.get(it)?.as_array());
    lists.flatten().filter_map(json_finding).collect()
}

fn json_finding(finding: &Value) -> Option<Finding> {
    if let Some(text) = finding.as_str() {
        let plain = || Finding { level: None, text: text.to_owned() };
        return Some(bracketed(text.trim()).unwrap_or_else(plain));
    }
    let field = |names: &[&str]| names.iter().find_map(|name| finding.get(name)?.as_str());
    let text = field(&["message", "text", "finding", "description"])?;
    match field(&["level", "severity", "verdict"]) {
        Some(level) => of_level(level, text),
        None => Some(Finding { level: None, text: text.to_owned() }),
    }
}

/// Where it says that there is none of its level, it is no finding.
fn of_level(word: &str, text: &str) -> Option<Finding> {
    let level = level_of(word);
    let text = text.trim();
    let is_one = level == Some(Verdict::Pass) || !is_nothing(text);
    let word = word.trim().to_uppercase();
    is_one.then(|| Finding { level, text: format!("[{word}] {text}").trim_end().to_owned() })
}

fn finding_in(line: &str) -> Option<Finding> {
    let line = line.trim();
    let item = item_of(line);
    let marked = item.unwrap_or(line).trim_start_matches(EMPHASIS);
    let bracketed = bracketed(marked);
    bracketed.or_else(|| item.and_then(worded)).or_else(|| item.and_then(crossed))
}

const EMPHASIS: [char; 3] = ['*', '_', '`'];

/// What stands behind the mark of a list's item or a heading.
fn item_of(line: &str) -> Option<&str> {
    let behind_digits = line.trim_start_matches(|it: char| it.is_ascii_digit());
    let rest = match behind_digits.len() < line.len() {
        true => behind_digits.strip_prefix(['.', ')'])?,
        false if line.starts_with('#') => line.trim_start_matches('#'),
        false => line.strip_prefix(['-', '*', '+', '•'])?,
    };
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

/// `[FAIL] text`, with or without emphasis.
fn bracketed(text: &str) -> Option<Finding> {
    let (word, text) = text.strip_prefix('[')?.split_once(']')?;
    let word = word.trim_matches(EMPHASIS);
    let end = word.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(word.len());
    let (head, rest) = word.split_at(end);
    let is_word = rest.is_empty() || rest.trim_start().starts_with([':', '-', '#']);
    let is_link = text.starts_with(['(', '[']);
    level_of(head)?;
    if !is_word || is_link {
        return None;
    }
    of_level(head, text.trim_start_matches(EMPHASIS).trim_start_matches([':', '-', ' ']))
}

/// `**FAIL** text`, `FAIL: text`: the word in capitals.
fn worded(item: &str) -> Option<Finding> {
    let marked = item.trim_start_matches(EMPHASIS);
    let end = marked.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(marked.len());
    let (word, rest) = marked.split_at(end);
    if !matches!(word, "FAIL" | "FAILED" | "CRITICAL" | "BLOCKER" | "WARN" | "WARNING") {
        return None;
    }
    let text = rest.trim_start_matches(EMPHASIS);
    let is_strong = item.starts_with("**") && rest.starts_with("**");
    let is_apart = text.trim_start().starts_with([':', '-', '–', '—']);
    let text = text.trim_start_matches([':', '-', '–', '—', ' ', '*', '_']);
    (is_strong || is_apart).then(|| of_level(word, text))?
}

/// `❌ text`.
fn crossed(item: &str) -> Option<Finding> {
    let text = item.trim_start_matches(EMPHASIS).strip_prefix(['❌', '✗', '✘'])?;
    of_level("FAIL", text.trim_start_matches(['\u{fe0f}', ' ', '*', '_', ':']))
}

/// What a level's word says of the verdict; `None` where it says nothing of it.
fn level_of(word: &str) -> Option<Verdict> {
    match word.trim().to_ascii_uppercase().as_str() {
        "FAIL" | "FAILED" | "FAILURE" | "ERROR" | "CRITICAL" | "BLOCKER" | "BLOCKING" | "FATAL"
        | "SEVERE" | "HIGH" | "MAJOR" => Some(Verdict::Fail),
        "WARN" | "WARNING" | "MEDIUM" | "MODERATE" => Some(Verdict::Warn),
        "PASS" | "PASSED" => Some(Verdict::Pass),
        _ => None,
    }
}

/// `- [FAIL] none`.
fn is_nothing(text: &str) -> bool {
    let is_mark = |it: char| !it.is_alphanumeric();
    let text = text.trim_matches(is_mark).to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    matches!(
        words[..],
        ["none" | "nothing" | "no" | "n/a" | "0"]
            | ["none" | "nothing", "found" | "identified" | "to" | "here"]
            | ["no", "issues" | "findings" | "failures" | "problems" | "errors"]
            | ["no", _, "found" | "identified"]
            | ["0", "tests" | "failures" | "issues" | "findings" | "of", ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Option<String> {
        let shown = |it: Finding| format!("{}: {}", it.level.map_or("-", Verdict::as_str), it.text);
        finding_in(line).map(shown)
    }

    #[test]
    fn a_finding_is_known_in_any_list_and_by_any_grave_word() {
        for line in [
            "- [FAIL] x",
            "* [fail] x",
            "1. [FAIL] x",
            "12) [FAIL]: x",
            "  + [FAIL] x",
            "[FAIL] x",
            "- **[FAIL]** x",
            "- **[FAIL] x",
            "- `[FAIL]` x",
            "### [FAIL] x",
            "• [FAIL] x",
            "- **FAIL**: x",
            "- **FAIL** x",
            "- FAIL: x",
            "1. FAIL - x",
            "- ❌ x",
            "**[FAIL]** x",
        ] {
            assert_eq!(check(line).as_deref(), Some("FAIL: [FAIL] x"), "{line}");
        }
        assert_eq!(check("- [CRITICAL] x").as_deref(), Some("FAIL: [CRITICAL] x"));
        assert_eq!(check("- [Blocker: data] x").as_deref(), Some("FAIL: [BLOCKER] x"));
        assert_eq!(check("- **CRITICAL:** x").as_deref(), Some("FAIL: [CRITICAL] x"));
        assert_eq!(check("- [WARNING] x").as_deref(), Some("WARN: [WARNING] x"));
        assert_eq!(check("- [PASS] x").as_deref(), Some("PASS: [PASS] x"));
        assert_eq!(check("- [FAIL] no heading").as_deref(), Some("FAIL: [FAIL] no heading"));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for line in [
            "- [FAIL] none",
            "- [CRITICAL] None.",
            "- FAILED: 0",
            "- **FAIL**: no issues found",
            "- [Error handling](docs/a.md) is there",
            "- [error](a.md)",
            "- [PASS|WARN|FAIL] place",
            "- FAIL is what an empty file gives",
            "- `FAIL` lines are read",
            "- Critical: 0",
            "- [ ] open",
            "- [x] closed",
            "- [NOTE] x",
            "FAIL: x",
            "-[FAIL]",
            "# CRITICAL",
            "2026 [FAIL] x",
        ] {
            assert_eq!(check(line), None, "{line}");
        }
    }
}
