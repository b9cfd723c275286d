//! Which bytes an edit replaces, inserts and removes.

use super::find::Edit;
use super::quote::written;
use super::{EditError, FieldValue};
use crate::base::source::Span;
use crate::spec::yaml::{Entry, Layout, Mapping, NodeKind, Style};

/// Bytes of the old text and what stands there instead.
pub(super) struct Splice {
    pub span: Span,
    pub text: String,
    /// Which of the edits it is part of.
    pub owner: usize,
}

/// What stands where instead.
type Replaced = (Span, String);

/// Keys that orch writes: a new one goes behind those that are there.
const RECORD_KEYS: &[&str] = &[
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

pub(super) fn plan_splices(
    text: &str,
    (owner, edit): (usize, &Edit<'_, '_>),
    splices: &mut Vec<Splice>,
) -> Result<(), EditError> {
    let place_of = |key: &str| {
        edit.mapping.entries.iter().position(|entry| entry.key == key && !entry.is_merged)
    };
    // A value that is left out ends where a new line starts: what is there comes first.
    let (there, new): (Vec<_>, Vec<_>) =
        edit.fields.iter().partition(|(key, _)| place_of(key).is_some());
    for (key, value) in there.into_iter().chain(new) {
        let place = place_of(key);
        let splice = match (place, value) {
            (None, FieldValue::Absent) => None,
            (None, value) => Some(insertion(text, edit, key, value)?),
            (Some(at), FieldValue::Absent) => Some(removal(text, edit, at)?),
            (Some(at), value) => Some(replacement(text, edit, &edit.mapping.entries[at], value)?),
        };
        splices.extend(splice.map(|(span, text)| Splice { span, text, owner }));
    }
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
    let (style, is_replaceable) = match &entry.value.kind {
        NodeKind::Scalar(scalar) => (scalar.style, true),
        NodeKind::Sequence(sequence) => (Style::Plain, sequence.layout.is_flow()),
        NodeKind::Mapping(mapping) => (Style::Plain, mapping.layout.is_flow()),
    };
    if !is_replaceable {
        let (target, key) = (edit.target.clone(), entry.key.to_string());
        return Err(EditError::NotReplaceable { target, key });
    }
    let span = entry.value.span.clone();
    let new = scalar_text(value, style, layout);
    let lead = match text.as_bytes().get(span.start.wrapping_sub(1)) {
        Some(b':') => " ",
        _ if span.is_empty() => ": ",
        _ => "",
    };
    Ok((span, format!("{lead}{new}")))
}

fn scalar_text(value: FieldValue<'_>, style: Style, layout: Layout) -> String {
    match value {
        FieldValue::Text(text) => written(text, style, layout),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Absent => String::new(),
    }
}

fn insertion(
    text: &str,
    edit: &Edit<'_, '_>,
    key: &str,
    value: FieldValue<'_>,
) -> Result<Replaced, EditError> {
    let layout = edit.mapping.layout;
    let key = written(key, Style::Plain, layout);
    let pair = format!("{key}: {}", scalar_text(value, Style::Plain, layout));
    if layout.is_flow() {
        return Ok(flow_insertion(edit, &pair));
    }
    let sibling = sibling_of(text, edit.mapping);
    let Some(sibling) = sibling else { return Err(EditError::NoPlace(edit.target.clone())) };
    let (_, line_end) = line_of(text, sibling.value.span.end.max(sibling.key_span.end));
    let (key_line, _) = line_of(text, sibling.key_span.start);
    let indent = " ".repeat(text[key_line..sibling.key_span.start].chars().count());
    let eol =
        if text[line_end..].starts_with("\r\n") || is_crlf(text, line_end) { "\r\n" } else { "\n" };
    Ok((line_end..line_end, format!("{eol}{indent}{pair}")))
}

/// Only asked at the end of a text whose last line is not closed.
fn is_crlf(text: &str, line_end: usize) -> bool {
    line_end == text.len() && text.contains("\r\n")
}

fn flow_insertion(edit: &Edit<'_, '_>, pair: &str) -> Replaced {
    let own = || edit.mapping.entries.iter().filter(|entry| !entry.is_merged);
    let behind = own().find(|entry| entry.key == "status").or_else(|| own().next_back());
    match behind {
        Some(entry) => {
            let at = entry.value.span.end.max(entry.key_span.end);
            (at..at, format!(", {pair}"))
        }
        None => {
            let at = edit.span.start + 1;
            (at..at, format!(" {pair} "))
        }
    }
}

/// The entry a new line goes behind: `status` and what orch wrote behind it, else `id`, else any; it
/// has to stand on one line.
fn sibling_of<'m, 's>(text: &str, mapping: &'m Mapping<'s>) -> Option<&'m Entry<'s>> {
    let entries = &mapping.entries;
    let is_fit = |entry: &&Entry<'_>| {
        let is_block = entry
            .value
            .as_scalar()
            .is_some_and(|scalar| matches!(scalar.style, Style::Literal | Style::Folded));
        let end = entry.value.span.end.max(entry.key_span.end);
        !entry.is_merged && !is_block && !text[entry.key_span.start..end].contains('\n')
    };
    if let Some(at) = entries.iter().position(|entry| entry.key == "status") {
        let is_record = |entry: &&Entry<'_>| RECORD_KEYS.contains(&entry.key.as_ref());
        let run = entries[at..].iter().take_while(|entry| is_record(entry) && is_fit(entry));
        if let Some(last) = run.last() {
            return Some(last);
        }
    }
    entries
        .iter()
        .find(|entry| entry.key == "id" && is_fit(entry))
        .or_else(|| entries.iter().find(is_fit))
}

fn removal(text: &str, edit: &Edit<'_, '_>, at: usize) -> Result<Replaced, EditError> {
    let entries: Vec<&Entry<'_>> = edit.mapping.entries.iter().filter(|it| !it.is_merged).collect();
    let entry = entries[at];
    let end = entry.value.span.end.max(entry.key_span.end);
    let next = entries.get(at + 1).map(|next| next.key_span.start);
    let before =
        at.checked_sub(1).map(|at| entries[at].value.span.end.max(entries[at].key_span.end));
    let span = if edit.mapping.layout.is_flow() {
        match (before, next) {
            (Some(before), _) => before..end,
            (None, Some(next)) => entry.key_span.start..next,
            (None, None) => entry.key_span.start..end,
        }
    } else {
        let (line_start, _) = line_of(text, entry.key_span.start);
        let (_, line_end) = line_of(text, end);
        let is_own_line = text[line_start..entry.key_span.start].trim().is_empty();
        match next {
            _ if is_own_line => line_start..after_break(text, line_end),
            // The next key moves up to the dash, unless a comment would be lost.
            Some(next) if !text[end..next].contains('#') => entry.key_span.start..next,
            _ => {
                let (target, key) = (edit.target.clone(), entry.key.to_string());
                return Err(EditError::NotReplaceable { target, key });
            }
        }
    };
    Ok((span, String::new()))
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
