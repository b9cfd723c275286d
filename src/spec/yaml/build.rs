//! From the parser's events to the tree: spans, anchors, merge keys, limits.

mod alias;

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::syntax::syntax;
use super::{Entry, Layout, MAX_DEPTH, Mapping, Node, NodeKind, Origin, Scalar, Sequence, Style};
use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::source::Span;

/// Builds the tree of `text`; all spans are moved by `base`.
pub(super) fn build(text: &str, base: usize) -> Parsed<Option<Node<'_>>> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        block_scalar_eof_without_line_feed: true,
        simple_key_max_lookahead: 1024,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(text, base);
    let outcome =
        Parser::new_from_str_with_options(text, options).try_for_each(|next| match next {
            Ok((event, span)) => builder.take(event, span.byte_range().unwrap_or(0..0)),
            Err(error) => Err(Box::new(syntax(text, base, &error))),
        });
    if let Err(fatal) = outcome {
        builder.diagnostics.push(*fatal);
        return Parsed { value: None, diagnostics: builder.diagnostics };
    }
    Parsed { value: builder.root, diagnostics: builder.diagnostics }
}

type Taken = Result<(), Box<Diagnostic>>;

struct Builder<'s> {
    text: &'s str,
    base: usize,
    open: Vec<Open<'s>>,
    root: Option<Node<'s>>,
    documents: usize,
    anchors: BTreeMap<usize, Node<'s>>,
    /// What aliases and anchors have cost so far, in nodes.
    spent: usize,
    /// Where the last event ended: a block scalar's indicator is looked for from here.
    seen_to: usize,
    diagnostics: Vec<Diagnostic>,
}

/// A collection whose end has not come.
struct Open<'s> {
    start: usize,
    /// Where its last child ended; block collections have no closing token.
    end: usize,
    layout: Layout,
    anchor: usize,
    content: Content<'s>,
}

enum Content<'s> {
    Sequence(Vec<Node<'s>>),
    Mapping { entries: Vec<Entry<'s>>, key: Key<'s>, merges: Vec<Node<'s>> },
}

enum Key<'s> {
    None,
    Text(Cow<'s, str>, Span),
    Merge,
    /// A list or mapping as a key: reported, its value is dropped.
    Unusable,
}

impl<'s> Builder<'s> {
    fn new(text: &'s str, base: usize) -> Self {
        Self {
            text,
            base,
            open: Vec::new(),
            root: None,
            documents: 0,
            anchors: BTreeMap::new(),
            spent: 0,
            seen_to: 0,
            diagnostics: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'s>, range: Span) -> Taken {
        let end = range.end;
        match event {
            Event::DocumentStart(..) => self.start_document(range)?,
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &range)?;
                let node = self.scalar(text, style, tag.as_deref(), range);
                self.anchor(anchor, &node)?;
                self.place(node)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &range)?;
                self.start(Content::Sequence(Vec::new()), style, anchor, range);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &range)?;
                let content =
                    Content::Mapping { entries: Vec::new(), key: Key::None, merges: Vec::new() };
                self.start(content, style, anchor, range);
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(range)?,
            Event::Alias(id) => self.alias(id, range)?,
            Event::UnresolvedAlias(name) => return Err(self.unknown_alias(&name, range)),
            _ => {}
        }
        self.seen_to = self.seen_to.max(end);
        Ok(())
    }

    fn start_document(&mut self, range: Span) -> Taken {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::error("yaml::several-documents", "more than one YAML document in the file")
                .label(self.at(range), "a second document starts here")
                .help("put each document into its own file"),
        ))
    }

    fn at(&self, range: Span) -> Span {
        self.base + range.start..self.base + range.end
    }

    /// As PyYAML's safe loader does, tags other than YAML's own are refused.
    fn check_tag(&self, tag: Option<&Tag>, range: &Span) -> Taken {
        match tag {
            Some(tag) if tag.core_suffix().is_none() && tag.suffix() != "" => Err(Box::new(
                Diagnostic::error("yaml::unknown-tag", format!("unknown tag `{tag}`"))
                    .label(self.at(range.clone()), "tagged")
                    .help("remove the tag, or quote the text where it should start with `!`"),
            )),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'s, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        range: Span,
    ) -> Node<'s> {
        let style = match style {
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            _ => Style::Plain,
        };
        let is_block = matches!(style, Style::Literal | Style::Folded);
        let range = match style {
            _ if is_block => self.with_indicator(range),
            Style::Plain if range.is_empty() => self.behind_colon(range),
            _ => range,
        };
        // The parser makes up `~` where nothing is written.
        let text = if style == Style::Plain && range.is_empty() { Cow::Borrowed("") } else { text };
        let tagged_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        Node {
            kind: NodeKind::Scalar(Scalar { text, style, tagged_text }),
            span: self.at(range),
            origin: Origin::Written,
        }
    }

    /// From the `|` or `>` to the end of the last line that is not blank.
    fn with_indicator(&self, range: Span) -> Span {
        let start = self.indicator_before(range.start, ['|', '>']).unwrap_or(range.start);
        let end = range.end.max(start);
        start..start + self.text[start..end].trim_end().len()
    }

    /// A value that is left out stands behind the colon of its key.
    fn behind_colon(&self, range: Span) -> Span {
        let content = self.open.last().map(|open| &open.content);
        let Some(Content::Mapping { key: Key::Text(_, key), .. }) = content else { return range };
        let key_end = key.end - self.base;
        let gap = self.text[key_end..].bytes().take_while(|&byte| byte == b' ').count();
        let at = key_end + gap + 1;
        if self.text.as_bytes().get(at - 1) == Some(&b':') { at..at } else { range }
    }

    /// Where one of `indicators` stands between the last event and `limit`, outside of comments,
    /// anchors and tags.
    fn indicator_before(&self, limit: usize, indicators: [char; 2]) -> Option<usize> {
        let mut at = self.seen_to.min(limit);
        while at < limit {
            let here = &self.text[at..limit];
            let c = here.chars().next()?;
            at += match c {
                _ if indicators.contains(&c) => return Some(at),
                '#' => here.find('\n').unwrap_or(here.len()),
                '&' | '!' => here.find(char::is_whitespace).unwrap_or(here.len()),
                _ => c.len_utf8(),
            };
        }
        None
    }

    fn start(&mut self, content: Content<'s>, style: StructureStyle, anchor: usize, range: Span) {
        let layout = match style {
            StructureStyle::Flow => Layout::Flow,
            StructureStyle::Block => Layout::Block,
        };
        let is_dashes = layout == Layout::Block && matches!(content, Content::Sequence(_));
        let is_value =
            self.open.last().is_some_and(|open| !matches!(open.content, Content::Sequence(_)));
        // The parser starts a list that is not indented below its key at the first item.
        let dash =
            if is_dashes && is_value { self.indicator_before(range.start, ['-'; 2]) } else { None };
        let start = dash.unwrap_or(range.start);
        self.open.push(Open { start, end: start, layout, anchor, content });
    }

    fn finish(&mut self, range: Span) -> Taken {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let end = if open.layout.is_flow() { range.end } else { open.end.max(open.start) };
        let kind = match open.content {
            Content::Sequence(items) => NodeKind::Sequence(Sequence { items, layout: open.layout }),
            Content::Mapping { mut entries, merges, .. } => {
                self.report_duplicates(&entries);
                self.merge(&mut entries, merges)?;
                NodeKind::Mapping(Mapping { entries, layout: open.layout })
            }
        };
        let node = Node { kind, span: self.at(open.start..end), origin: Origin::Written };
        self.anchor(open.anchor, &node)?;
        self.place(node)
    }

    /// Puts a finished node where the parser stands: into the open collection, or at the root.
    fn place(&mut self, node: Node<'s>) -> Taken {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.end = open.end.max(node.span.end - self.base);
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, key, merges } => match std::mem::replace(key, Key::None) {
                Key::None => {
                    *key = key_of(node, &mut self.diagnostics);
                }
                Key::Text(key, key_span) => {
                    entries.push(Entry { key, key_span, value: node, is_merged: false });
                }
                Key::Merge => merges.push(node),
                Key::Unusable => {}
            },
        }
        Ok(())
    }

    fn report_duplicates(&mut self, entries: &[Entry<'s>]) {
        if entries.len() <= 16 {
            for (at, entry) in entries.iter().enumerate() {
                if let Some(first) = entries[..at].iter().find(|other| other.key == entry.key) {
                    self.diagnostics.push(duplicate(first, entry));
                }
            }
            return;
        }
        let mut seen: BTreeMap<&str, &Entry<'s>> = BTreeMap::new();
        for entry in entries {
            match seen.get(entry.key.as_ref()) {
                Some(first) => self.diagnostics.push(duplicate(first, entry)),
                None => {
                    seen.insert(&entry.key, entry);
                }
            }
        }
    }
}

fn key_of<'s>(node: Node<'s>, diagnostics: &mut Vec<Diagnostic>) -> Key<'s> {
    match node.kind {
        NodeKind::Scalar(scalar) if scalar.style == Style::Plain && scalar.text == "<<" => {
            Key::Merge
        }
        NodeKind::Scalar(scalar) => Key::Text(scalar.text, node.span),
        _ => {
            diagnostics.push(
                Diagnostic::error("yaml::complex-key", "a key must be text")
                    .label(node.span, "this is a list or a mapping")
                    .help("quote the text where it should start with `{` or `[`"),
            );
            Key::Unusable
        }
    }
}

fn duplicate(first: &Entry<'_>, again: &Entry<'_>) -> Diagnostic {
    Diagnostic::error("yaml::duplicate-key", format!("`{}` is written twice", again.key))
        .label(again.key_span.clone(), "written again here")
        .label(first.key_span.clone(), "first written here")
        .help("keep one of them: readers differ on which one counts")
}
