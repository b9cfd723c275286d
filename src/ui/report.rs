//! Diagnostics and failures as text and as JSON: the only user of miette.

mod brief;
mod graphical;
mod json;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::host::error::Error;
use crate::host::surface::CheckedDocument;
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::visible;

pub use json::json_lines;

/// How many findings with one code are shown whole to people; the rest are counted. JSON has all.
const SHOWN_PER_CODE: usize = 25;

/// How text reports look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub paint: Paint,
    /// Columns.
    pub width: usize,
}

/// All diagnostics of all documents, in the order given, as text for people.
pub fn text_of(documents: &[CheckedDocument], look: Look) -> String {
    let sources: BTreeMap<&RelPath, &Source> =
        documents.iter().map(|document| (&document.source.path, &document.source)).collect();
    let mut text = String::new();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for document in documents {
        for diagnostic in &document.diagnostics {
            let count = shown.entry(diagnostic.code).or_default();
            *count += 1;
            if *count <= SHOWN_PER_CODE {
                let source = source_of(diagnostic, document, &sources);
                text.push_str(&graphical::render(diagnostic, source, look));
                text.push('\n');
            }
        }
    }
    for (code, count) in shown {
        if count > SHOWN_PER_CODE {
            let more = count - SHOWN_PER_CODE;
            let _ = writeln!(text, "... and {more} more {code} (all of them: --format json)");
        }
    }
    text
}

/// Diagnostics of one source, as text for people.
pub fn diagnostics_text(diagnostics: &[Diagnostic], source: Option<&Source>, look: Look) -> String {
    diagnostics.iter().map(|found| graphical::render(found, source, look) + "\n").collect()
}

/// The document that a diagnostic's labels point into.
fn source_of<'a>(
    diagnostic: &Diagnostic,
    document: &'a CheckedDocument,
    sources: &BTreeMap<&RelPath, &'a Source>,
) -> Option<&'a Source> {
    match &diagnostic.file {
        None => Some(&document.source),
        Some(file) if *file == document.source.path => Some(&document.source),
        Some(file) => sources.get(file).copied(),
    }
}

/// `2 errors, 1 warning in 1 of 3 files`, or `3 files are in order`.
pub fn summary_of(documents: &[CheckedDocument]) -> String {
    let count = |severity| {
        documents
            .iter()
            .flat_map(|document| &document.diagnostics)
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let found: Vec<String> =
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Advice, "hint")]
            .into_iter()
            .map(|(severity, noun)| (count(severity), noun))
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(count, noun))
            .collect();
    let n_all = documents.len();
    if found.is_empty() {
        return match n_all {
            0 => "no documents found".to_owned(),
            1 => "1 file is in order".to_owned(),
            _ => format!("{n_all} files are in order"),
        };
    }
    let n_touched = documents.iter().filter(|document| !document.diagnostics.is_empty()).count();
    format!("{} in {n_touched} of {}", found.join(", "), counted(n_all, "file"))
}

/// `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A failure of the machine with its causes and help.
pub fn error_text(error: &Error, paint: Paint) -> String {
    let what = visible(&error.to_string());
    let mut text = format!("{}: {what}\n", paint.paint(Tone::Bad, "error"));
    let mut cause = error.source();
    while let Some(deeper) = cause {
        push_block(&mut text, "caused by", &deeper.to_string());
        cause = deeper.source();
    }
    if let Some(help) = error.advice() {
        push_block(&mut text, "help", help);
    }
    text
}

/// A wrong command line.
pub fn usage_text(message: &str, help: Option<&str>, paint: Paint) -> String {
    let message = visible(message).replace('\n', "\n       ");
    let mut text = format!("{}: {message}\n", paint.paint(Tone::Bad, "error"));
    if let Some(help) = help {
        push_block(&mut text, "help", help);
    }
    text
}

/// `  head: text`, further lines below the first.
fn push_block(text: &mut String, head: &str, body: &str) {
    let indent = " ".repeat(head.len() + 4);
    for (number, line) in visible(body).lines().enumerate() {
        let start = if number == 0 { format!("  {head}: ") } else { indent.clone() };
        let _ = writeln!(text, "{start}{line}");
    }
}

#[cfg(test)]
mod tests;
