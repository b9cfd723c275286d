//! Collects what is wrong with one document under its codes.

use std::cell::RefCell;

use super::Node;
use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::name::RelPath;

/// The diagnostic codes of one kind of document; made by `codes!`.
#[derive(Debug)]
pub struct Codes {
    pub wrong_type: &'static str,
    pub unknown_key: &'static str,
    pub missing_key: &'static str,
    pub bad_value: &'static str,
    pub bad_glob: &'static str,
    /// How bad a key is that looks like a typo of a known one.
    pub typo: Severity,
}

/// `codes!("plan")`: the [`Codes`] `plan::wrong-type` and so on.
macro_rules! codes {
    ($kind:literal) => {
        $crate::spec::yaml::Codes {
            wrong_type: concat!($kind, "::wrong-type"),
            unknown_key: concat!($kind, "::unknown-key"),
            missing_key: concat!($kind, "::missing-key"),
            bad_value: concat!($kind, "::bad-value"),
            bad_glob: concat!($kind, "::bad-glob"),
            typo: $crate::base::diagnostic::Severity::Warning,
        }
    };
}
pub(crate) use codes;

/// Collects what is wrong with one document.
pub struct Problems<'a> {
    pub codes: &'static Codes,
    file: &'a RelPath,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'a> Problems<'a> {
    pub fn new(file: &'a RelPath, codes: &'static Codes) -> Self {
        Self { codes, file, found: RefCell::new(Vec::new()) }
    }

    /// Takes a finding; it is made to point into this document.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic.in_file(self.file));
    }

    /// Reports that a value is not what its place needs: `expected` reads like `a list of names`.
    pub fn wrong_type(&self, name: &str, node: &Node<'_>, expected: &str) {
        let message = format!("`{name}` must be {expected}, not {}", node.noun());
        self.report(
            Diagnostic::error(self.codes.wrong_type, message)
                .label(node.span.clone(), format!("this is {}", node.noun())),
        );
    }

    /// Reports a value of the right type that says something impossible.
    pub fn bad_value(&self, name: &str, node: &Node<'_>, help: impl Into<String>) {
        let shown = node.as_text().unwrap_or_default();
        let message = format!("`{name}` cannot be `{}`", shorten(shown));
        self.report(
            Diagnostic::error(self.codes.bad_value, message)
                .label(node.span.clone(), "not understood")
                .help(help),
        );
    }

    pub fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}

/// The beginning of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
