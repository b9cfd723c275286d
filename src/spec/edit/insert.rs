//! Where a new entry of a mapping goes.

use super::FieldValue;
use super::find::Edit;
use super::outline::end_of;
use super::quote::written;
use super::splice::{RECORD_KEYS, Replaced, column_of, eol_of, line_of, scalar_text};
use crate::spec::yaml::{Entry, Style};

pub(super) fn insertion(
    text: &str,
    edit: &Edit<'_, '_>,
    key: &str,
    value: FieldValue<'_>,
) -> Replaced {
    let layout = edit.mapping.layout;
    let key = written(key, Style::Plain, layout);
    let pair = format!("{key}: {}", scalar_text(value, Style::Plain, layout));
    if layout.is_flow() {
        return flow_insertion(edit, &pair);
    }
    let eol = eol_of(text);
    match sibling_of(text, edit) {
        Some(sibling) => {
            let (_, line_end) = line_of(text, end_of(sibling));
            let indent = " ".repeat(column_of(text, sibling.key_span.start));
            (line_end..line_end, format!("{eol}{indent}{pair}"))
        }
        // Nothing that stays ends on the line it begins on: before all of it.
        None => {
            let start = edit.kept().next().map_or(edit.span.start, |it| it.key_span.start);
            (start..start, format!("{pair}{eol}{}", " ".repeat(column_of(text, start))))
        }
    }
}

fn flow_insertion(edit: &Edit<'_, '_>, pair: &str) -> Replaced {
    let mut kept = edit.kept();
    match kept.clone().find(|entry| entry.key == "status").or_else(|| kept.next_back()) {
        Some(entry) => {
            let at = end_of(entry);
            (at..at, format!(", {pair}"))
        }
        None => {
            let at = edit.span.start + 1;
            (at..at, format!("{pair}, "))
        }
    }
}

/// The entry a new line goes behind: `status` and what orch wrote behind it, else `id`, else any; it
/// has to stay, and to stand on one line.
fn sibling_of<'n, 's>(text: &str, edit: &Edit<'n, 's>) -> Option<&'n Entry<'s>> {
    let is_fit = |entry: &&Entry<'_>| {
        let is_block = entry
            .value
            .as_scalar()
            .is_some_and(|scalar| matches!(scalar.style, Style::Literal | Style::Folded));
        !is_block && !text[entry.key_span.start..end_of(entry)].contains('\n')
    };
    let is_record = |entry: &&Entry<'_>| RECORD_KEYS.contains(&entry.key.as_ref());
    let behind_status = edit.kept().skip_while(|entry| entry.key != "status");
    let last_record = behind_status.take_while(|entry| is_record(entry) && is_fit(entry)).last();
    last_record
        .or_else(|| edit.kept().find(|entry| entry.key == "id" && is_fit(entry)))
        .or_else(|| edit.kept().find(is_fit))
}
