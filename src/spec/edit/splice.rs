//! Which bytes an edit replaces, inserts and removes.

use super::comments::comments_in;
use super::find::Edit;
use super::quote::written;
use super::{EditError, FieldValue, insert, remove};
use crate::base::source::Span;
use crate::spec::yaml::{Entry, Layout, NodeKind, Origin, Style};

/// Bytes of the old text and what stands there instead.
pub(super) struct Splice {
    pub span: Span,
    pub text: String,
    /// Which of the edits it is part of.
    pub owner: usize,
}

/// What stands where instead.
pub(super) type Replaced = (Span, String);

/// Keys that orch writes: a new one goes behind those that are there.
pub(super) const RECORD_KEYS: &[&str] = &[
    "status",
    "attempts",
    "last_attempt",
    "model_used",
    "completed_at",
    "result_message",
    "last_error",
    "validation_findings",
    "validation_attempts",
    "pause_reason",
];

/// No two of the splices overlap: what is put in stands beside entries that stay, or before all of
/// them.
pub(super) fn plan_splices(
    text: &str,
    owner: usize,
    edit: &Edit<'_, '_>,
    splices: &mut Vec<Splice>,
) -> Result<(), EditError> {
    let mut replaced = remove::removals(text, edit);
    // A value that is left out ends where a new line starts: what is there comes first.
    let is_there = |key: &str| edit.mapping.own_entry(key);
    for &(key, value) in &edit.fields {
        match is_there(key) {
            Some(entry) if value != FieldValue::Absent => {
                replaced.push(replacement(text, edit, entry, value)?);
            }
            _ => {}
        }
    }
    for &(key, value) in &edit.fields {
        if is_there(key).is_none() && value != FieldValue::Absent {
            replaced.push(insert::insertion(text, edit, key, value));
        }
    }
    splices.extend(replaced.into_iter().map(|(span, text)| Splice { span, text, owner }));
    Ok(())
}

/// The new text. The splices are left in the order of the text.
pub(super) fn apply(text: &str, splices: &mut [Splice]) -> String {
    splices.sort_by_key(|splice| splice.span.start);
    let mut edited = String::with_capacity(text.len() + 256);
    let mut copied = 0;
    for splice in splices.iter() {
        edited.push_str(text.get(copied..splice.span.start).unwrap_or_default());
        edited.push_str(&splice.text);
        copied = copied.max(splice.span.end);
    }
    edited.push_str(&text[copied..]);
    edited
}

fn replacement(
    text: &str,
    edit: &Edit<'_, '_>,
    entry: &Entry<'_>,
    value: FieldValue<'_>,
) -> Result<Replaced, EditError> {
    let layout = edit.mapping.layout;
    let is_alias = entry.value.origin == Origin::Alias;
    let (style, is_on_lines) = match &entry.value.kind {
        _ if is_alias => (Style::Plain, false),
        NodeKind::Scalar(scalar) => (scalar.style, false),
        NodeKind::Sequence(sequence) => (Style::Plain, !sequence.layout.is_flow()),
        NodeKind::Mapping(mapping) => (Style::Plain, !mapping.layout.is_flow()),
    };
    let behind_colon = behind_colon(text, entry);
    let span = match behind_colon {
        Some(colon) if is_on_lines && RECORD_KEYS.contains(&entry.key.as_ref()) => {
            colon..entry.value.span.end
        }
        _ if is_on_lines => {
            let (target, key) = (edit.target.clone(), entry.key.to_string());
            return Err(EditError::NotReplaceable { target, key });
        }
        _ => entry.value.span.clone(),
    };
    let new = scalar_text(value, style, layout);
    let lead = match text.as_bytes().get(span.start.wrapping_sub(1)) {
        Some(b':') => " ",
        _ if span.is_empty() => ": ",
        _ => "",
    };
    let kept = comments_in(text, &span, [&entry.value]);
    let room = format!("{}{}", eol_of(text), " ".repeat(column_of(text, entry.key_span.start) + 2));
    let kept: String = kept.iter().map(|comment| format!("{comment}{room}")).collect();
    Ok((span, format!("{lead}{kept}{new}")))
}

/// Where the value of a key begins at the earliest; `None` where the colon is not right behind it.
fn behind_colon(text: &str, entry: &Entry<'_>) -> Option<usize> {
    let between = text.get(entry.key_span.end..entry.value.span.start)?;
    let colon = between.find(':')?;
    between[..colon].trim().is_empty().then_some(entry.key_span.end + colon + 1)
}

pub(super) fn scalar_text(value: FieldValue<'_>, style: Style, layout: Layout) -> String {
    match value {
        FieldValue::Text(text) => written(text, style, layout),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Absent => String::new(),
    }
}

/// The line break that the text uses.
pub(super) fn eol_of(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// How many characters stand before `at` on its line.
pub(super) fn column_of(text: &str, at: usize) -> usize {
    let (start, _) = line_of(text, at);
    text[start..at].chars().count()
}

/// Start and end of the line `at` is in, without its line break.
pub(super) fn line_of(text: &str, at: usize) -> (usize, usize) {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
    (start, end.max(at))
}

/// Behind the line break that stands at `line_end`.
pub(super) fn after_break(text: &str, line_end: usize) -> usize {
    let rest = &text[line_end..];
    line_end + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
}
