//! Front matter that is no YAML, read line by line as Claude Code does: `key: the rest of the line`.

use std::borrow::Cow;

use crate::base::source::Span;
use crate::spec::yaml::{Entry, Layout, Mapping, Node, NodeKind, Origin, Scalar, Sequence, Style};

use super::keys::AGENT;

/// What could be read, as if YAML had been.
pub(super) struct Loose<'s> {
    pub node: Node<'s>,
    /// Values that may mean something else than what was read, with what is odd about them.
    pub unclear: Vec<(&'s str, Span, &'static str)>,
}

/// One key with the lines that belong to it.
struct Lines<'s> {
    key: &'s str,
    key_span: Span,
    head: &'s str,
    more: Vec<&'s str>,
    value: Span,
}

/// Reads `text`, which stands at byte `offset` of its file. `None` where no line has a key.
pub(super) fn read(text: &str, offset: usize) -> Option<Loose<'_>> {
    let found = entries(text, offset);
    if found.is_empty() {
        return None;
    }
    let mut unclear = Vec::new();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for lines in found {
        let (kind, odd) = value_of(&lines);
        let is_twice = entries.iter().any(|it| it.key == lines.key);
        if let Some(odd) = is_twice.then_some("it is written twice").or(odd) {
            unclear.push((lines.key, lines.value.clone(), odd));
        }
        entries.retain(|it| it.key != lines.key);
        let value = Node { kind, span: lines.value, origin: Origin::Written };
        let key = Cow::Borrowed(lines.key);
        entries.push(Entry { key, key_span: lines.key_span, value, is_merged: false });
    }
    let mapping = Mapping { entries, layout: Layout::Block };
    let span = offset..offset + text.trim_end().len();
    let node = Node { kind: NodeKind::Mapping(mapping), span, origin: Origin::Written };
    Some(Loose { node, unclear })
}

/// True for a line without indentation that starts with a key.
pub(super) fn is_key_line(line: &str) -> bool {
    key_of(line).is_some_and(|key| key.indent == 0)
}

/// True for a line without indentation that starts with a key that orch reads.
pub(super) fn is_own_key_line(line: &str) -> bool {
    key_of(line).is_some_and(|key| key.indent == 0 && AGENT.has(key.name))
}

struct Key<'s> {
    name: &'s str,
    indent: usize,
    /// Bytes of the line up to the end of the colon.
    end: usize,
}

/// The key a line starts with. After the colon comes a blank or nothing, as in YAML; for the keys
/// that orch knows it may be left out: a restriction is not lost for want of a blank.
fn key_of(line: &str) -> Option<Key<'_>> {
    let indent = line.len() - line.trim_start().len();
    let colon = indent + line[indent..].find(':')?;
    let name = line[indent..colon].trim_end().trim_matches(['"', '\'']);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_word);
    let rest = &line[colon + 1..];
    let is_apart = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (is_name && (is_apart || AGENT.has(name))).then_some(Key { name, indent, end: colon + 1 })
}

/// Keys that stand no deeper than the first one, each with what is below it.
fn entries(text: &str, offset: usize) -> Vec<Lines<'_>> {
    let mut found: Vec<Lines<'_>> = Vec::new();
    let (mut at, mut depth) = (offset, None);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let key = key_of(line).filter(|key| key.indent <= depth.unwrap_or(key.indent));
        if let Some(key) = key {
            depth = depth.or(Some(key.indent));
            let head = line[key.end..].trim();
            let from = start + key.end + line[key.end..].len() - line[key.end..].trim_start().len();
            found.push(Lines {
                key: key.name,
                key_span: start + key.indent..start + key.end - 1,
                head,
                more: Vec::new(),
                value: match head.is_empty() {
                    true => start + key.end..start + key.end,
                    false => from..from + head.len(),
                },
            });
        } else if let Some(last) = found.last_mut() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                last.more.push(line);
                last.value.end =
                    start + text[start - offset..].find(line).unwrap_or(0) + line.len();
            }
        }
    }
    found
}

/// A value, and what is odd about it.
fn value_of<'s>(lines: &Lines<'s>) -> (NodeKind<'s>, Option<&'static str>) {
    let head = without_comment(lines.head);
    if head.is_empty() && !lines.more.is_empty() && lines.more.iter().all(|it| is_item(it)) {
        let items = lines.more.iter().map(|it| without_comment(it[1..].trim_start()));
        return (list(items, &lines.value), None);
    }
    if head.is_empty() || head.starts_with(['|', '>']) {
        let style = if lines.more.is_empty() { Style::Plain } else { Style::Literal };
        return (scalar(lines.more.join("\n"), style), None);
    }
    let mut text = head.to_owned();
    for line in &lines.more {
        text.push(' ');
        text.push_str(without_comment(line));
    }
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => match text[1..].strip_suffix(quote) {
            Some(inner) => (scalar(unescaped(inner, quote), Style::DoubleQuoted), None),
            None => (scalar(text, Style::Plain), Some("its quotes do not close")),
        },
        Some('[') => match text[1..].strip_suffix(']') {
            Some(inner) => (list(inner.split(','), &lines.value), None),
            None => (list(text[1..].split(','), &lines.value), Some("its bracket does not close")),
        },
        Some('{') => (scalar(text, Style::Plain), Some("it is neither text nor a list")),
        _ => (scalar(text, Style::Plain), None),
    }
}

fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ") || line.starts_with("-\t")
}

/// A comment begins with a `#` behind a blank.
fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    let quoted = text.starts_with(['"', '\'']);
    let comment = text.match_indices('#').find(|(at, _)| text[..*at].ends_with([' ', '\t']));
    match comment {
        Some((at, _)) if !quoted => text[..at].trim_end(),
        _ => text,
    }
}

fn unescaped(text: &str, quote: char) -> String {
    match quote {
        '"' => text.replace("\\\"", "\"").replace("\\n", "\n"),
        _ => text.replace("''", "'"),
    }
}

fn list<'s, 't>(items: impl Iterator<Item = &'t str>, span: &Span) -> NodeKind<'s> {
    let items = items
        .map(|it| it.trim().trim_matches(['"', '\'']))
        .filter(|it| !it.is_empty())
        .map(|it| Node {
            kind: scalar(it.to_owned(), Style::DoubleQuoted),
            span: span.clone(),
            origin: Origin::Written,
        })
        .collect();
    NodeKind::Sequence(Sequence { items, layout: Layout::Block })
}

fn scalar<'s>(text: String, style: Style) -> NodeKind<'s> {
    NodeKind::Scalar(Scalar { text: Cow::Owned(text), style, tagged_text: false })
}
