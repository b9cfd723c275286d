//! A document's text with its path, and spans in it. Spans are byte ranges; lines and columns are
//! derived, counted from 1, columns in characters.

use std::ops::Range;
use std::sync::Arc;

use super::name::RelPath;

/// A byte range of a source.
pub type Span = Range<usize>;

/// A document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: RelPath,
    pub text: Arc<str>,
}

impl Source {
    pub fn new(path: RelPath, text: impl Into<Arc<str>>) -> Self {
        Self { path, text: text.into() }
    }

    /// 1-based line and column (in characters) of a byte offset; past the end is the end.
    pub fn position_of(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A place in a text for people: both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_offsets_bytes() {
        let source = Source::new(RelPath::new("p.yaml").unwrap(), "é: 1\ntâsks: x\n");
        assert_eq!(source.position_of(6), Position { line: 2, column: 1 });
        assert_eq!(source.position_of(9), Position { line: 2, column: 3 });
        assert_eq!(source.position_of(999), Position { line: 3, column: 1 });
    }
}
