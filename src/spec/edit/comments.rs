//! Comments inside of bytes that are taken out: they are a person's, and stay.

use crate::base::source::Span;
use crate::spec::yaml::{Node, NodeKind, Origin, Style};

/// The comments in `span` of `text`, from their `#` on. `nodes` are all that is written in it.
pub(super) fn comments_in<'t, 'n>(
    text: &'t str,
    span: &Span,
    nodes: impl IntoIterator<Item = &'n Node<'n>>,
) -> Vec<&'t str> {
    let mut tokens = Vec::new();
    for node in nodes {
        add_tokens(text, node, &mut tokens);
    }
    let mut comments = Vec::new();
    let mut at = span.start;
    for token in tokens {
        add_comments(text, at..token.start.min(span.end), &mut comments);
        at = at.max(token.end);
    }
    add_comments(text, at..span.end, &mut comments);
    comments
}

/// Where scalars and aliases are written, in the order of the text.
fn add_tokens(text: &str, node: &Node<'_>, tokens: &mut Vec<Span>) {
    match &node.kind {
        _ if node.origin == Origin::Alias => tokens.push(node.span.clone()),
        NodeKind::Scalar(scalar) => {
            // Behind the indicator of a block scalar there may be a comment.
            let is_block = matches!(scalar.style, Style::Literal | Style::Folded);
            let header = text[node.span.clone()].find('\n').unwrap_or(node.span.len());
            let start = node.span.start + if is_block { header } else { 0 };
            tokens.push(start..node.span.end);
        }
        NodeKind::Sequence(sequence) => {
            sequence.items.iter().for_each(|item| add_tokens(text, item, tokens));
        }
        NodeKind::Mapping(mapping) => {
            for entry in mapping.entries.iter().filter(|entry| !entry.is_merged) {
                tokens.push(entry.key_span.clone());
                add_tokens(text, &entry.value, tokens);
            }
        }
    }
}

fn add_comments<'t>(text: &'t str, gap: Span, comments: &mut Vec<&'t str>) {
    let mut at = gap.start;
    while let Some(found) = text.get(at..gap.end).and_then(|rest| rest.find('#')) {
        let start = at + found;
        let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        let is_comment = text[..start].chars().next_back().is_none_or(char::is_whitespace);
        at = if is_comment { end } else { start + 1 };
        if is_comment {
            comments.push(text[start..end].trim_end());
        }
    }
}
