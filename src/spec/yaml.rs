//! YAML with the exact byte span of every node: the only user of the YAML parser. Values are read as
//! YAML 1.1 does (`yes` is a boolean, a date stays text); the raw text of every scalar is kept.

mod build;
mod fields;
mod problems;
mod scalar;
mod syntax;

use std::borrow::Cow;

use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::source::{Source, Span};

pub use fields::{Fields, split_commas};
pub(crate) use problems::codes;
pub use problems::{Codes, Problems};
pub use scalar::Resolved;

/// Documents above this many bytes are refused unread.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Collections nest at most this deep, aliases included.
pub const MAX_DEPTH: usize = 64;
/// What aliases and merge keys may add to a document, in nodes.
pub const MAX_ALIASED: usize = 200_000;

/// One value with the place it stands at.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'s> {
    pub kind: NodeKind<'s>,
    /// Its bytes: quotes and brackets included, a block scalar from its `|` or `>` to the end of its
    /// last line that is not blank, an alias its `*name`. Empty where a value is left out.
    pub span: Span,
    pub origin: Origin,
}

/// Whether a value stands where it is read, or was reached through `*alias`; an aliased node's
/// children keep the spans of the anchored original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Written,
    Alias,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind<'s> {
    Scalar(Scalar<'s>),
    Sequence(Sequence<'s>),
    Mapping(Mapping<'s>),
}

/// A scalar's text after unquoting and unescaping; for a plain one, exactly what is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar<'s> {
    pub text: Cow<'s, str>,
    pub style: Style,
    /// `!!str` says that it is text whatever it looks like.
    pub tagged_text: bool,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// How a collection is written: by indentation, or in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Block,
    Flow,
}

impl Layout {
    pub fn is_flow(self) -> bool {
        self == Self::Flow
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sequence<'s> {
    pub items: Vec<Node<'s>>,
    pub layout: Layout,
}

/// Entries in file order, those that `<<` brought last. Keys are unique.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping<'s> {
    pub entries: Vec<Entry<'s>>,
    pub layout: Layout,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'s> {
    pub key: Cow<'s, str>,
    pub key_span: Span,
    pub value: Node<'s>,
    /// Brought by a `<<` merge key: it is written elsewhere.
    pub is_merged: bool,
}

impl<'s> Mapping<'s> {
    pub fn entry(&self, key: &str) -> Option<&Entry<'s>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// As [`Self::entry`], where it is written in this very mapping.
    pub fn own_entry(&self, key: &str) -> Option<&Entry<'s>> {
        self.entry(key).filter(|entry| !entry.is_merged)
    }

    /// The value of `key`, null or not.
    pub fn get(&self, key: &str) -> Option<&Node<'s>> {
        self.entry(key).map(|entry| &entry.value)
    }
}

impl<'s> Node<'s> {
    pub fn as_scalar(&self) -> Option<&Scalar<'s>> {
        if let NodeKind::Scalar(scalar) = &self.kind { Some(scalar) } else { None }
    }

    pub fn as_mapping(&self) -> Option<&Mapping<'s>> {
        if let NodeKind::Mapping(mapping) = &self.kind { Some(mapping) } else { None }
    }

    pub fn as_sequence(&self) -> Option<&Sequence<'s>> {
        if let NodeKind::Sequence(sequence) = &self.kind { Some(sequence) } else { None }
    }

    /// The text of a scalar that is not null.
    pub fn as_text(&self) -> Option<&str> {
        self.as_scalar().filter(|scalar| !scalar.is_null()).map(|scalar| scalar.text.as_ref())
    }

    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// What it is, for messages: `a list`, `text`, `a number`.
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.resolve().noun(),
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }
}

/// Reads the one document of `source`. `None` where it is empty or cannot be read at all; then an
/// empty document has no diagnostic.
pub fn parse(source: &Source) -> Parsed<Option<Node<'_>>> {
    parse_part(source, 0..source.text.len())
}

/// Like [`parse`] for a byte range of `source`, such as front matter; spans are those of the whole.
pub fn parse_part(source: &Source, part: Span) -> Parsed<Option<Node<'_>>> {
    if part.len() > MAX_BYTES {
        return Parsed { value: None, diagnostics: vec![too_large(source, part.len())] };
    }
    let mut parsed = build::build(&source.text[part.clone()], part.start);
    for diagnostic in &mut parsed.diagnostics {
        diagnostic.file = Some(source.path.clone());
    }
    parsed
}

/// What is said of a document of `bytes` bytes above [`MAX_BYTES`].
pub fn too_large(source: &Source, bytes: usize) -> Diagnostic {
    let limit = MAX_BYTES / (1024 * 1024);
    Diagnostic::error("yaml::too-large", format!("the document has {bytes} bytes"))
        .in_file(&source.path)
        .label(0..0, "not read any further")
        .help(format!("a document may have {limit} MiB; split it"))
}

#[cfg(test)]
mod tests;
