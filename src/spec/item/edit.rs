//! What orch writes into an item's file: entries of its log, and how it ended. Everything else stays as it
//! is, to the byte.

use crate::base::source::{Source, Span};

use super::outline::sections_of;
use super::stages::StageId;
use super::{Item, log};

/// What a stage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub stage: StageId<'a>,
    /// It says yes or no: `PASS`, `WARN`, `FAIL`.
    pub verdict: Option<&'a str>,
    /// In words.
    pub report: &'a str,
    /// What the report is known by.
    pub digest: &'a str,
    /// Local time, `2026-02-17 01:25`.
    pub at: &'a str,
}

/// How the work on an item ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<'a> {
    pub at: &'a str,
    /// The status that it has from now on.
    pub status: &'a str,
    /// What is told of it, a line each.
    pub facts: &'a [String],
}

const LOG: &str = "## Verification Log";

/// What stands in the comment that tells an entry from others.
fn mark_of(entry: &Entry<'_>) -> String {
    format!("{} {}", entry.stage, entry.digest)
}

/// True where the log has an entry of this stage.
pub fn has_entry(item: &Item, stage: StageId<'_>) -> bool {
    let of_stage = format!("{stage} ");
    item.marks.iter().any(|it| it.starts_with(&of_stage))
}

/// The text with the entry at the end of its log; as it is where it has that very entry.
pub fn with_entry(source: &Source, item: &Item, entry: &Entry<'_>) -> String {
    let mark = mark_of(entry);
    if item.marks.contains(&mark) {
        return source.text.to_string();
    }
    let mark = format!("<!-- orch {mark} -->");
    let mut lines = vec![heading_of(item, entry), String::new(), mark, String::new()];
    if let Some(verdict) = entry.verdict {
        lines.extend([format!("**Verdict: {verdict}**"), String::new()]);
    }
    let (checks, findings) = parts_of(entry.report);
    if !checks.is_empty() {
        lines.push("**Checks performed:**".to_owned());
        lines.extend(checks);
        lines.push(String::new());
    }
    if !findings.is_empty() {
        lines.extend(["**Findings:**".to_owned(), String::new()]);
        lines.extend(findings);
    }
    appended(&source.text, &lines)
}

/// The text with its last status and a last entry of its log.
pub fn with_end(source: &Source, item: &Item, ended: &Ended<'_>) -> String {
    let status = item.status_at.clone();
    let mut text = source.text.to_string();
    match status {
        Some(span) => text.replace_range(span, ended.status),
        None => text = with_status(&text, item, ended.status),
    }
    let mut lines = vec![format!("### Archived - {}", ended.at), String::new()];
    lines.extend(ended.facts.iter().map(|it| format!("- {it}")));
    appended(&text, &lines)
}

/// `### Verification #2 - 2026-02-17 01:35`; of any other stage its name.
fn heading_of(item: &Item, entry: &Entry<'_>) -> String {
    let at = entry.at;
    if entry.verdict.is_some() {
        let last = item.verifications.iter().map(|it| it.number).max().unwrap_or(0);
        return format!("### Verification #{} - {at}", last + 1);
    }
    let mut name = entry.stage.to_string();
    name[..1].make_ascii_uppercase();
    format!("### {name} - {at}")
}

/// Check lines of a report, and what else it says: as a quotation, so that nothing in it is a heading of the
/// item, or takes in what stands behind it.
fn parts_of(report: &str) -> (Vec<String>, Vec<String>) {
    let is_check = |line: &str| {
        let rest = line.strip_prefix(['-', '*']).map(str::trim_start);
        let marks = ["[x]", "[X]", "[ ]", "[FAIL]", "[WARN]", "[PASS]"];
        rest.is_some_and(|rest| marks.iter().any(|it| rest.starts_with(it)))
    };
    let is_verdict = |line: &str| {
        let bare = line.trim().trim_matches(['*', '#', ' ', '_']);
        bare.get(..8).is_some_and(|it| it.eq_ignore_ascii_case("verdict:"))
    };
    let lines = report.lines().map(str::trim_end).filter(|it| !is_verdict(it));
    let (checks, findings): (Vec<&str>, Vec<&str>) = lines.partition(|it| is_check(it));
    let start = findings.iter().position(|it| !it.is_empty()).unwrap_or(findings.len());
    let end = findings.iter().rposition(|it| !it.is_empty()).map_or(start, |at| at + 1);
    let quoted = findings[start..end].iter().map(|it| format!("> {it}").trim_end().to_owned());
    (checks.into_iter().map(str::to_owned).collect(), quoted.collect())
}

/// Lines at the end of the log, which is made where there is none; line ends as the text has them.
fn appended(text: &str, lines: &[String]) -> String {
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let log_end = end_of_log(text);
    let at = log_end.unwrap_or(text.len());
    let (before, behind) = text.split_at(at);
    let before = before.trim_end();
    let mut parts: Vec<&str> = vec![before, ""];
    if log_end.is_none() {
        parts.extend([LOG, ""]);
    }
    parts.extend(lines.iter().map(String::as_str));
    let mut text = parts.join(line_end).trim_end().to_owned() + line_end;
    if !behind.trim().is_empty() {
        text.push_str(line_end);
        text.push_str(behind.trim_start_matches(['\r', '\n']));
    }
    text
}

/// Where the section of the log ends; `None` where there is none.
fn end_of_log(text: &str) -> Option<usize> {
    let front = crate::spec::agent::front_matter_of(text).map_or(0, |it: Span| it.end);
    let sections = sections_of(text, front);
    let is_log = |title: &str| log::is_log(&title.trim().trim_end_matches(':').to_lowercase());
    let at = sections.iter().rposition(|it| it.level == 2 && is_log(&it.title))?;
    let next = sections[at + 1..].iter().find(|it| (1..=2).contains(&it.level));
    Some(next.map_or(text.len(), |it| it.whole.start))
}

/// A status below the title, where there was none.
fn with_status(text: &str, item: &Item, status: &str) -> String {
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("## Status: {status}");
    let front = crate::spec::agent::front_matter_of(text).map_or(0, |it| it.end);
    let sections = sections_of(text, front);
    let title = sections.iter().find(|it| it.level == 1 && it.title.trim() == item.title);
    match title {
        Some(title) => {
            let at = title.heading.end;
            let (before, behind) = text.split_at(at);
            let behind = behind.trim_start_matches(['\r', '\n']);
            let gap = format!("{line_end}{line_end}");
            format!("{}{gap}{line}{gap}{behind}", before.trim_end())
        }
        None => appended(text, &[line]).replacen(&format!("{LOG}{line_end}{line_end}"), "", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::spec::item::parse;
    use proptest::prelude::*;

    fn source(text: &str) -> Source {
        Source::new(RelPath::new("docs/defect-backlog/1-x.md").unwrap(), text)
    }

    fn with(text: &str, report: &str) -> String {
        let source = source(text);
        let entry = Entry {
            stage: StageId { stage: "verify", cycle: 1 },
            verdict: Some("FAIL"),
            report,
            digest: "abc",
            at: "2026-02-17 01:25",
        };
        with_entry(&source, &parse(&source).value, &entry)
    }

    const REPORT: &str = "# Found\n\n**Verdict: FAIL**\n- [x] a: `make`\n- [FAIL] b: `make b`\n\n## Status: Fixed\n\nMore.\n```\n## In code\n";

    #[test]
    fn an_entry_stands_at_the_end_of_the_log_and_makes_no_heading_of_its_own() {
        let text = "# X\n\nWords.\n\n## Verification Log\n\n### Verification #1 - then\n\n**Verdict: FAIL**\n\n## Source\n\nMe.\n";
        insta::assert_snapshot!(with(text, REPORT), @r"
        # X

        Words.

        ## Verification Log

        ### Verification #1 - then

        **Verdict: FAIL**

        ### Verification #2 - 2026-02-17 01:25

        <!-- orch verify abc -->

        **Verdict: FAIL**

        **Checks performed:**
        - [x] a: `make`
        - [FAIL] b: `make b`

        **Findings:**

        > # Found
        >
        >
        > ## Status: Fixed
        >
        > More.
        > ```
        > ## In code

        ## Source

        Me.
        ");
    }

    #[test]
    fn line_ends_stay_and_an_end_has_its_status() {
        let source = source("\u{feff}# X\r\n\r\n**Status:** Open\r\n\r\nWords.\r\n");
        let item = parse(&source).value;
        let facts = ["Cost: $1.00".to_owned()];
        let ended = Ended { at: "now", status: "Fixed", facts: &facts };
        let text = with_end(&source, &item, &ended);
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert!(text.contains("**Status:** Fixed\r\n") && text.ends_with("- Cost: $1.00\r\n"));
        let bare = super::tests::source("# X\n\nWords.\n");
        let text = with_end(&bare, &parse(&bare).value, &ended);
        assert!(text.starts_with("# X\n\n## Status: Fixed\n\nWords."), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_written_changes_no_word_of_the_item_and_is_written_once(
            lines in proptest::collection::vec("(#{1,3} )?(Status: Open|Verification Log|[a-c`~*-]{0,9}|- \\[ \\] x|> y)", 0..9),
            report in "(\\PC|\n){0,60}",
        ) {
            let text = format!("# Title\n\n{}\n", lines.join("\n"));
            let before = parse(&source(&text)).value;
            let after = with(&text, &report);
            let item = parse(&source(&after)).value;
            // What stands in a block that is never closed takes in all behind it.
            prop_assume!(!text.contains("```") && !text.contains("~~~"));
            prop_assert_eq!(&item.title, &before.title);
            prop_assert_eq!(item.standing, before.standing);
            prop_assert_eq!(item.text.trim(), before.text.trim());
            prop_assert_eq!(with(&after, &report), after);
        }
    }
}
