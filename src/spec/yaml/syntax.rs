//! What the parser refuses, in words that say what to do.

use granit_parser::{ErrorKind, ScanError};

use crate::base::diagnostic::Diagnostic;

/// The diagnostic of a document that is no YAML; its span is moved by `base`.
pub(super) fn syntax(text: &str, base: usize, error: &ScanError) -> Diagnostic {
    let mut at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let width = text[at..].chars().next().filter(|c| !c.is_control()).map_or(0, char::len_utf8);
    let (message, help) = words_of(error);
    let code = match error.kind() {
        ErrorKind::RecursionLimitExceeded => "yaml::too-deep",
        _ => "yaml::syntax",
    };
    let diagnostic = Diagnostic::error(code, message)
        .label(base + at..base + at + width, "the reader stopped here");
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The message for a syntax error, and what to do about it where that is likely known.
fn words_of(error: &ScanError) -> (String, Option<&'static str>) {
    let (message, help) = match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
            ("a tab cannot indent YAML", "replace the tab by spaces")
        }
        ErrorKind::MappingValueNotAllowed => (
            "a key cannot stand here",
            "put a text that has `: ` in it into quotes; indent with care",
        ),
        ErrorKind::InvalidColonPlacement => {
            ("a `:` cannot stand here", "close the bracket before, or quote the text")
        }
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::SimpleKeyExpected => (
            "the indentation does not fit, or a `key: value` is not complete",
            "keys of one mapping start in the same column; a text with `: ` or ` #` needs quotes",
        ),
        ErrorKind::UnclosedQuotedScalar => ("a quote is never closed", "close it"),
        ErrorKind::CommentInterceptedScalar => {
            ("a comment cuts a text of several lines", "quote the text, or move the comment")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            ("a text cannot start with this character", "put the text into quotes")
        }
        ErrorKind::RecursionLimitExceeded => {
            ("lists and mappings nest too deep", "flatten the document")
        }
        _ => return (format!("not YAML: {}", error.info()), None),
    };
    (message.to_owned(), Some(help))
}
