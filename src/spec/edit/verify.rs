//! Proof that an edit changed the fields it was to change and nothing else.

use super::find::Edit;
use super::splice::{Splice, after_break, line_of};
use super::{EditError, FieldValue};
use crate::base::source::{Source, Span};
use crate::spec::yaml::{self, Entry, Mapping, Node, NodeKind, Origin, Resolved};

/// An edit that was made, to be proved.
pub(super) struct Edited<'e, 'n, 's> {
    pub edits: &'e [Edit<'n, 's>],
    /// In the order of the text.
    pub splices: &'e [Splice],
    pub text: &'e str,
}

/// Compares by meaning. Lines that hold whole entries of one block mapping are read by themselves;
/// where that proves nothing, the whole text is read again.
pub(super) fn verify(
    source: &Source,
    root: &Node<'_>,
    edited: &Edited<'_, '_, '_>,
) -> Result<(), EditError> {
    if !has_aliases(root) && are_local(source, edited) {
        return Ok(());
    }
    let again = Source::new(source.path.clone(), edited.text);
    let parsed = yaml::parse(&again);
    let is_same = parsed.value.as_ref().is_some_and(|new| same_but(root, new, edited.edits));
    if is_same && !parsed.has_errors() {
        return Ok(());
    }
    let targets: Vec<String> = edited.edits.iter().map(|edit| edit.target.to_string()).collect();
    Err(EditError::ChangesMore(targets.join(", ")))
}

/// True where every edit is proved by its own lines. In a text with aliases that proves nothing.
pub(super) fn are_local(source: &Source, edited: &Edited<'_, '_, '_>) -> bool {
    (0..edited.edits.len()).all(|at| is_local(source, at, edited))
}

/// With aliases, a value may be read in other places than its own.
fn has_aliases(node: &Node<'_>) -> bool {
    node.origin == Origin::Alias
        || match &node.kind {
            NodeKind::Scalar(_) => false,
            NodeKind::Sequence(sequence) => sequence.items.iter().any(has_aliases),
            NodeKind::Mapping(mapping) => {
                mapping.entries.iter().any(|entry| entry.is_merged || has_aliases(&entry.value))
            }
        }
}

/// True where the lines of the touched entries, read by themselves, hold exactly these entries before
/// and the changed ones after. Indentation decides what block lines belong to, so the lines around
/// them mean what they meant.
fn is_local(source: &Source, at: usize, edited: &Edited<'_, '_, '_>) -> bool {
    let edit = &edited.edits[at];
    let is_removed = |(key, value): &(&str, FieldValue<'_>)| {
        *value == FieldValue::Absent && edit.mapping.entry(key).is_some()
    };
    let removes = edit.fields.iter().any(is_removed);
    if edit.mapping.layout.is_flow() || removes {
        return false;
    }
    let own = || edited.splices.iter().filter(|splice| splice.owner == at);
    let (Some(first), Some(last)) = (own().next(), own().next_back()) else { return true };
    let touched = first.span.start..last.span.end;
    let Some((entries, lines)) = lines_around(&source.text, edit.mapping, &touched) else {
        return false;
    };
    let is_foreign = |splice: &Splice| {
        splice.owner != at && lines.start <= splice.span.end && splice.span.start < lines.end
    };
    if edited.splices.iter().any(is_foreign) {
        return false;
    }
    let moved = |splices: &mut dyn Iterator<Item = &Splice>, from: usize| {
        splices.fold(from, |at, splice| at + splice.text.len() - splice.span.len())
    };
    let before = &mut edited.splices.iter().filter(|splice| splice.span.start < lines.start);
    let start = moved(before, lines.start);
    let end = moved(&mut own(), start + lines.len());
    let Some(new_lines) = edited.text.get(start..end) else { return false };
    reads_as(&source.text[lines], |mapping| same_pairs(entries, &mapping.entries, &[], &[]))
        && reads_as(new_lines, |mapping| same_pairs(entries, &mapping.entries, &edit.fields, &[]))
}

/// The entries that `touched` reaches into or stands behind, and their whole lines.
fn lines_around<'m, 's>(
    text: &str,
    mapping: &'m Mapping<'s>,
    touched: &Span,
) -> Option<(&'m [Entry<'s>], Span)> {
    let entries = &mapping.entries;
    let first = entries.iter().rposition(|entry| entry.key_span.start <= touched.start)?;
    let last = entries.iter().rposition(|entry| entry.key_span.start <= touched.end)?;
    let (start, _) = line_of(text, entries[first].key_span.start);
    let value_end = entries[last].value.span.end.max(entries[last].key_span.end);
    let (_, end) = line_of(text, value_end.max(touched.end));
    Some((&entries[first..=last], start..after_break(text, end)))
}

/// Reads lines as one mapping, which may be the only item of a list.
fn reads_as(lines: &str, is_right: impl FnOnce(&Mapping<'_>) -> bool) -> bool {
    let Some(path) = crate::base::name::RelPath::new("lines") else { return false };
    let source = Source::new(path, lines);
    let parsed = yaml::parse(&source);
    if parsed.has_errors() {
        return false;
    }
    let mut node = parsed.value.as_ref();
    while let Some([only]) = node.and_then(Node::as_sequence).map(|sequence| &sequence.items[..]) {
        node = Some(only);
    }
    node.and_then(Node::as_mapping).is_some_and(is_right)
}

/// The same meaning everywhere but in the edited mappings, and there the edited one.
fn same_but(old: &Node<'_>, new: &Node<'_>, edits: &[Edit<'_, '_>]) -> bool {
    match (&old.kind, &new.kind) {
        (NodeKind::Scalar(a), NodeKind::Scalar(b)) => {
            a.text == b.text && a.resolve() == b.resolve()
        }
        (NodeKind::Sequence(a), NodeKind::Sequence(b)) => {
            a.items.len() == b.items.len()
                && a.items.iter().zip(&b.items).all(|(a, b)| same_but(a, b, edits))
        }
        (NodeKind::Mapping(a), NodeKind::Mapping(b)) => {
            let edit = edits.iter().find(|edit| std::ptr::eq(edit.mapping, a));
            let fields = edit.map_or(&[][..], |edit| &edit.fields);
            same_pairs(&a.entries, &b.entries, fields, edits)
        }
        _ => false,
    }
}

/// Entries nobody edits are the same in the same order; every edited one has its value.
fn same_pairs(
    old: &[Entry<'_>],
    new: &[Entry<'_>],
    fields: &[(&str, FieldValue<'_>)],
    edits: &[Edit<'_, '_>],
) -> bool {
    let is_edited = |entry: &&Entry<'_>| fields.iter().any(|(key, _)| *key == entry.key);
    let kept = |entries| -> Vec<&Entry<'_>> { untouched(entries, fields) };
    let (before, after) = (kept(old), kept(new));
    let is_kept = before.len() == after.len()
        && before
            .iter()
            .zip(&after)
            .all(|(a, b)| a.key == b.key && same_but(&a.value, &b.value, edits));
    let set = new.iter().filter(is_edited).count();
    let wanted = fields.iter().filter(|(_, value)| *value != FieldValue::Absent).count();
    is_kept
        && set == wanted
        && fields.iter().all(|(key, value)| match new.iter().find(|entry| entry.key == *key) {
            Some(entry) => means(&entry.value, *value),
            None => *value == FieldValue::Absent,
        })
}

fn untouched<'e, 's>(
    entries: &'e [Entry<'s>],
    fields: &[(&str, FieldValue<'_>)],
) -> Vec<&'e Entry<'s>> {
    entries.iter().filter(|entry| !fields.iter().any(|(key, _)| *key == entry.key)).collect()
}

fn means(node: &Node<'_>, value: FieldValue<'_>) -> bool {
    let Some(scalar) = node.as_scalar() else { return false };
    match value {
        FieldValue::Text(text) => scalar.text == text && scalar.resolve() == Resolved::Text,
        FieldValue::Number(number) => scalar.resolve() == Resolved::Int(number),
        FieldValue::Absent => false,
    }
}
