//! Which bytes go with an entry that is taken out. Comments stay, also those of its own line.

use super::comments::comments_in;
use super::find::Edit;
use super::outline::end_of;
use super::splice::{Replaced, after_break, column_of, eol_of, line_of};
use crate::spec::yaml::{Entry, Style};

pub(super) fn removals(text: &str, edit: &Edit<'_, '_>) -> Vec<Replaced> {
    let mut removed: Vec<Replaced> = Vec::new();
    let own: Vec<&Entry<'_>> = edit.own().collect();
    for (at, entry) in own.iter().enumerate().filter(|(_, entry)| edit.removes(entry)) {
        if edit.mapping.layout.is_flow() {
            in_brackets(text, entry, &mut removed);
            continue;
        }
        let (line_start, _) = line_of(text, entry.key_span.start);
        let is_own_line = text[line_start..entry.key_span.start].trim().is_empty();
        let before = own[..at].iter().rev().find(|before| !edit.removes(before)).copied();
        let next = own.get(at + 1).filter(|next| !edit.removes(next));
        removed.push(match is_own_line {
            true => lines(text, entry, before),
            false => behind_dash(text, entry, next.copied()),
        });
    }
    removed
}

/// An entry with its comma: the one behind it, else the one before.
fn in_brackets(text: &str, entry: &Entry<'_>, removed: &mut Vec<Replaced>) {
    let mut span = entry.key_span.start..end_of(entry);
    let kept = kept_of(text, entry);
    let comma = span.end + leading(&text[span.end..], char::is_whitespace);
    if text[comma..].starts_with(',') {
        span.end = comma + 1;
        let next = span.end + leading(&text[span.end..], |c| c == ' ');
        let is_comment = text[next..].starts_with('#');
        span.end = if is_comment { span.end } else { next };
    } else if let Some(comma) = comma_before(text, span.start, removed) {
        match text[comma + 1..span.start].trim_matches(' ') {
            "" => span.start = comma,
            _ => removed.push((comma..comma + 1, String::new())),
        }
    }
    removed.push((span, kept));
}

/// How many bytes in front are such characters.
fn leading(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(is_such).len()
}

/// The comma before `at` on its line, over entries that are taken out as well.
fn comma_before(text: &str, at: usize, removed: &[Replaced]) -> Option<usize> {
    let mut at = at;
    loop {
        at = text[..at].trim_end_matches(' ').len();
        let ends_here = |(span, _): &&Replaced| span.end == at && !span.is_empty();
        match removed.iter().rev().find(ends_here) {
            Some((span, kept)) if kept.is_empty() => at = span.start,
            Some(_) => return None,
            None => return text[..at].ends_with(',').then(|| at - 1),
        }
    }
}

/// The whole lines of an entry; `before` is what stays above it.
fn lines(text: &str, entry: &Entry<'_>, before: Option<&Entry<'_>>) -> Replaced {
    let (start, _) = line_of(text, entry.key_span.start);
    let (_, line_end) = line_of(text, end_of(entry));
    let mut end = after_break(text, line_end);
    let indent = " ".repeat(column_of(text, entry.key_span.start));
    let kept: String = comments_in(text, &(entry.key_span.end..line_end), [&entry.value])
        .iter()
        .map(|comment| format!("{indent}{comment}{}", eol_of(text)))
        .collect();
    // A text that keeps the blank lines behind it must not get more of them.
    if before.is_some_and(|before| keeps_blank_lines(text, before)) {
        end += blank_lines(&text[end..]);
    }
    (start..end, kept)
}

fn keeps_blank_lines(text: &str, entry: &Entry<'_>) -> bool {
    let scalar = entry.value.as_scalar();
    let is_block = scalar.is_some_and(|it| matches!(it.style, Style::Literal | Style::Folded));
    let header = text[entry.value.span.clone()].lines().next().unwrap_or_default();
    is_block && header.split('#').next().unwrap_or_default().contains('+')
}

fn blank_lines(text: &str) -> usize {
    let blank = |line: &&str| line.trim().is_empty();
    text.split_inclusive('\n').take_while(blank).map(str::len).sum()
}

/// The first entry of a list's item, behind the dash; the next one moves up where nothing stands
/// between them.
fn behind_dash(text: &str, entry: &Entry<'_>, next: Option<&Entry<'_>>) -> Replaced {
    let (start, end) = (entry.key_span.start, end_of(entry));
    let kept = kept_of(text, entry);
    match next {
        Some(next) if kept.is_empty() && text[end..next.key_span.start].trim().is_empty() => {
            (start..next.key_span.start, kept)
        }
        _ => (start..end, kept),
    }
}

/// The comments between a key and the end of its value, each with a line of its own.
fn kept_of(text: &str, entry: &Entry<'_>) -> String {
    let room = format!("{}{}", eol_of(text), " ".repeat(column_of(text, entry.key_span.start)));
    let comments = comments_in(text, &(entry.key_span.end..end_of(entry)), [&entry.value]);
    comments.iter().map(|comment| format!(" {comment}{room}")).collect()
}
