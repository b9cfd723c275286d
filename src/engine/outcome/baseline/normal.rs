//! The normal form of a line of output: without times, positions, folders of one run and process
//! numbers. Anything else stays, since it may be what a test is called.

/// A line without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Normal {
    pub text: String,
    /// How many failures it counts, in its order.
    pub counts: Vec<u64>,
}

const FAILURES: &[&str] = &[
    "failed", "failures", "failure", "failing", "fail", "errors", "error", "problems", "problem",
    "previous",
];
/// What is counted that is no failure.
const OTHERS: &[&str] = &[
    "passed", "passing", "pass", "ok", "ignored", "measured", "filtered", "skipped", "total",
    "tests", "suites", "warnings", "warning",
];
const UNITS: &[&str] = &[
    "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minutes",
    "h",
];

pub(super) fn normal_form(line: &str) -> Normal {
    let line = without_colours(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut counts = Vec::new();
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| bare(words[at]));
        let after = words.get(at + 1).map_or("", |word| bare(word));
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&normal_word(word, before, after, &mut counts));
    }
    Normal { text, counts }
}

fn normal_word(word: &str, before: &str, after: &str, counts: &mut Vec<u64>) -> String {
    let inner = bare(word);
    let is_one_of = |words: &[&str], word: &str| words.contains(&word.to_lowercase().as_str());
    let with = |new: &str| word.replacen(inner, new, 1);
    if let Ok(number) = inner.parse::<u64>() {
        let is_told = is_one_of(OTHERS, after) || is_one_of(UNITS, after);
        let is_process = after == "panicked" && word.starts_with('(');
        if is_told || is_process {
            return with("*");
        }
        if is_one_of(FAILURES, after) || (is_one_of(FAILURES, before) && before != "previous") {
            counts.push(number);
            return with("#");
        }
        return word.to_owned();
    }
    if let Some((key, number)) = inner.split_once('=')
        && let (true, Ok(number)) = (is_one_of(FAILURES, key), number.parse::<u64>())
    {
        counts.push(number);
        return with(&format!("{key}=#"));
    }
    if is_time(inner) || (inner.parse::<f64>().is_ok() && is_one_of(UNITS, after)) {
        return with("*");
    }
    if inner.len() > 2 && inner.starts_with("0x") {
        return with("0x*");
    }
    without_position(&without_folder(word))
}

/// Without the brackets and signs around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != 'µ')
}

/// `0.01s`, `5ms`, `1m2.5s`, `12:30:01`, `2026-01-31`, `2026-01-31T12:30:01.5Z`.
fn is_time(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if digits == 0 || !word.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let is_clock = |c: char| c.is_ascii_digit() || matches!(c, ':' | '-' | '.' | 'T' | 'Z' | '+');
    let colons = word.matches(':').count();
    if word.chars().all(is_clock)
        && (colons >= 2 || (word.matches('-').count() >= 2 && digits >= 8))
    {
        return true;
    }
    let parts = word.split(|c: char| c.is_ascii_digit() || c == '.').filter(|it| !it.is_empty());
    let mut units = parts.peekable();
    let ends_in_unit = !word.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    ends_in_unit && units.peek().is_some() && units.all(|unit| UNITS.contains(&unit))
}

/// A path inside a worktree or a scratch folder starts there.
fn without_folder(word: &str) -> String {
    for (marker, instead) in [("/.orch/worktrees/", ""), ("/.orch/run/", "run/"), ("/tmp/", "tmp/")]
    {
        let Some(at) = word.find(marker) else { continue };
        let is_outside = |c: char| matches!(c, '\'' | '"' | '`' | '(' | '[' | '<' | '=' | ',');
        let start = word[..at].rfind(is_outside).map_or(0, |at| at + 1);
        let rest = &word[at + marker.len()..];
        let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
        return format!("{}{instead}{rest}", &word[..start]);
    }
    word.to_owned()
}

/// `src/a.rs:10:5:` and `src/a.ts(12,5)` without their numbers; `suite:3` is a name.
fn without_position(word: &str) -> String {
    if let Some((file, rest)) = word.split_once('(')
        && let Some((numbers, rest)) = rest.split_once(')')
        && is_file(file)
        && numbers.contains(',')
        && numbers.chars().all(|c| c.is_ascii_digit() || c == ',')
    {
        return format!("{file}(*){rest}");
    }
    let Some((file, rest)) = word.split_once(':').filter(|(file, _)| is_file(file)) else {
        return word.to_owned();
    };
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let parts = rest.split(':').map(|part| if is_number(part) { "*" } else { part });
    format!("{file}:{}", parts.collect::<Vec<_>>().join(":"))
}

fn is_file(text: &str) -> bool {
    text.contains(['.', '/'])
}

/// Without the escapes that colour a terminal.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let _ = chars.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_left_out_and_names_stay() {
        let check = |line: &str| {
            let Normal { text, counts } = normal_form(line);
            format!("{text} {counts:?}")
        };
        let table = [
            ("=== 2 failed, 5 passed in 0.12s ===", "=== # failed, * passed in * === [2]"),
            ("FAILED (failures=2)", "FAILED (failures=#) [2]"),
            ("  ✕ adds (5 ms)", "✕ adds (* ms) []"),
            ("--- FAIL: TestX (0.00s)", "--- FAIL: TestX (*) []"),
            ("FAILED a.py::test[1] - x", "FAILED a.py::test[1] - x []"),
            ("2026-01-31T10:00:00Z error at 0x7ffe", "* error at 0x* []"),
            ("\u{1b}[31merror\u{1b}[0m: in '/tmp/x1/y.c:3'", "error: in 'tmp/y.c:3' []"),
            ("make: *** [Makefile:3: test] Error 1", "make: *** [Makefile:3: test] Error # [1]"),
            ("due to 2 previous errors", "due to # previous errors [2]"),
            ("suite:3 failed", "suite:3 failed []"),
            ("retry_3s failed", "retry_3s failed []"),
        ];
        for (line, normal) in table {
            assert_eq!(check(line), normal);
        }
    }
}
