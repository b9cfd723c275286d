//! One diagnostic with its source excerpt, drawn by miette.

use std::borrow::Cow;
use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use crate::base::diagnostic::{Diagnostic, Label, Severity};
use crate::base::source::Source;

use super::Look;
use super::brief::Brief;
use crate::ui::text::{deceives, path_text, visible};

/// The diagnostic as text that ends in a newline.
pub fn render(diagnostic: &Diagnostic, source: Option<&Source>, look: Look) -> String {
    let diagnostic = &safe(diagnostic);
    let shown = Shown::new(diagnostic, source);
    let theme = match look.paint.colored {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(look.width)
        .with_context_lines(1)
        .tab_width(4)
        .without_syntax_highlighting();
    let mut text = String::new();
    let is_drawn = handler.render_report(&mut text, &shown).is_ok();
    if !is_drawn || (shown.source.is_none() && !diagnostic.labels.is_empty()) {
        text = plain(&shown);
    }
    tidy(&text)
}

/// The words quote documents: nothing in them may move the cursor.
fn safe(diagnostic: &Diagnostic) -> Diagnostic {
    let mut safe = diagnostic.clone();
    safe.message = visible(&safe.message);
    safe.help = safe.help.as_deref().map(visible);
    for label in &mut safe.labels {
        label.text = visible(&label.text);
    }
    safe
}

/// What miette leaves at line ends and around the report is of no use to anyone.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.trim_matches('\n').lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// Where there is nothing to draw (an empty document, one that was not read): the words alone.
fn plain(shown: &Shown) -> String {
    let Diagnostic { code, severity, labels, help, .. } = shown.diagnostic;
    let mut text = format!("{code}\n\n  {severity}: {shown}");
    for label in labels.iter().filter(|label| !label.text.is_empty()) {
        text.push_str(&format!("\n    {}", label.text));
    }
    if let Some(help) = help {
        text.push_str(&format!("\n  help: {help}"));
    }
    text
}

/// A diagnostic as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Excerpts<'a>>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(diagnostic: &'a Diagnostic, source: Option<&'a Source>) -> Self {
        let source = source.filter(|source| !source.text.trim().is_empty());
        let source = source.filter(|_| !diagnostic.labels.is_empty());
        let source = source.map(|source| Excerpts::of(source, &diagnostic.labels));
        let labels = source.as_ref().map_or_else(Vec::new, |source| {
            let labels = diagnostic.labels.iter().enumerate();
            labels.map(|(number, label)| source.span_of(label, number == 0)).collect()
        });
        Self { diagnostic, source, labels }
    }
}

/// A source that counts columns in characters, where miette's own count bytes.
#[derive(Debug)]
struct Excerpts<'a> {
    source: &'a Source,
    /// Ends in a line break: miette draws no label behind the last line's end.
    text: Cow<'a, str>,
    /// Where lines are too long to be shown whole, what is shown of them: then the text is that of it.
    brief: Option<Brief>,
}

impl<'a> Excerpts<'a> {
    fn of(source: &'a Source, labels: &[Label]) -> Self {
        let places: Vec<usize> =
            labels.iter().flat_map(|it| [it.span.start, it.span.end]).collect();
        let mut brief = Brief::of(&source.text, &places);
        let mut text = match &mut brief {
            Some(brief) => {
                Cow::Owned(of_same_length(&std::mem::take(&mut brief.text)).into_owned())
            }
            None => of_same_length(&source.text),
        };
        if !text.ends_with('\n') {
            text.to_mut().push('\n');
        }
        Self { source, text, brief }
    }

    /// A label that lies inside the text, on character boundaries; the end of the text is shown as the
    /// end of its last line.
    fn span_of(&self, label: &Label, is_primary: bool) -> LabeledSpan {
        let whole = &self.source.text;
        let start = floor_boundary(whole, label.span.start.min(last_visible(whole)));
        let end = floor_boundary(whole, label.span.end).max(start);
        let here = |at: usize| self.brief.as_ref().map_or(at, |brief| brief.here(at));
        let (start, end) = (here(start), here(end));
        let words = (!label.text.is_empty()).then(|| label.text.clone());
        match is_primary {
            true => LabeledSpan::new_primary_with_span(words, (start, end - start)),
            false => LabeledSpan::new_with_span(words, (start, end - start)),
        }
    }
}

/// The text with another character of as many bytes for each that moves the cursor, so that spans
/// stay right.
fn of_same_length(text: &str) -> Cow<'_, str> {
    let moves = |char: char| deceives(char) && char != '\r';
    if !text.contains(moves) {
        return Cow::Borrowed(text);
    }
    let shown = |char: char| match char.len_utf8() {
        _ if !moves(char) => char,
        1 => '?',
        2 => '¿',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(shown).collect())
}

impl SourceCode for Excerpts<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let found = self.text.as_bytes().read_span(span, lines_before, lines_after)?;
        let at = found.span().offset();
        let at = self.brief.as_ref().map_or(at, |brief| brief.whole(at));
        let column = self.source.position_of(at).column - 1;
        Ok(Box::new(MietteSpanContents::new_named(
            path_text(&self.source.path),
            found.data(),
            *found.span(),
            found.line(),
            column,
            found.line_count(),
        )))
    }
}

/// The end of the text without its final line break.
fn last_visible(text: &str) -> usize {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).len()
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)?;
        match (&self.diagnostic.file, &self.source) {
            (Some(file), None) => write!(f, " ({})", path_text(file)),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Advice => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self.labels.is_empty() {
            true => None,
            false => Some(Box::new(self.labels.iter().cloned())),
        }
    }
}
