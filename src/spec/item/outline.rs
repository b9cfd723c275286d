//! An item's Markdown as sections: what stands below each heading, code and quotations told apart from
//! words of its own.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};

use crate::base::source::Span;

/// A heading with what stands below it, to the next heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// 1 to 6; 0 for what stands above the first heading.
    pub level: u8,
    pub title: String,
    /// The heading's line; empty above the first.
    pub heading: Span,
    /// Heading and body.
    pub whole: Span,
    pub blocks: Vec<Block>,
    /// What orch noted here, in a comment that nobody sees: `verify.2 DIGEST`.
    pub mark: Option<String>,
}

/// A paragraph or an entry of a list, in words: code fences, quotations, tables and HTML are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// Plain words, with code spans' backticks; lines are parted by `\n`.
    pub text: String,
    pub span: Span,
    /// The whole paragraph is set in bold, or its first words are.
    pub bold: Option<String>,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    Paragraph,
    /// An entry of a list that stands in no other list.
    Entry,
    /// An entry of a list in a list.
    Deeper,
}

/// The sections of a text, in its order; `from` is where its front matter ends.
pub fn sections_of(text: &str, from: usize) -> Vec<Section> {
    let mut reading = Reading::new(text, from);
    for (event, range) in Parser::new(&text[from..]).into_offset_iter() {
        reading.take(event, from + range.start..from + range.end);
    }
    reading.done()
}

struct Reading<'t> {
    text: &'t str,
    sections: Vec<Section>,
    /// Lists and entries around the present place.
    n_lists: usize,
    /// Quotations, code and HTML around it: nothing in them counts.
    n_foreign: usize,
    heading: Option<HeadingLevel>,
    block: Option<Block>,
    /// Bold words that are being read.
    bold: Option<String>,
}

impl<'t> Reading<'t> {
    fn new(text: &'t str, from: usize) -> Self {
        let above = Section { heading: from..from, whole: from..text.len(), ..Section::default() };
        Self {
            text,
            sections: vec![above],
            n_lists: 0,
            n_foreign: 0,
            heading: None,
            block: None,
            bold: None,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Start(tag) => self.start(&tag, span),
            Event::End(tag) => self.end(tag, span),
            Event::Text(words) => self.words(&words),
            Event::Code(code) => self.words(&format!("`{code}`")),
            Event::SoftBreak | Event::HardBreak => self.words("\n"),
            Event::Html(html) if self.n_foreign == 1 => self.mark(&html),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, span: Span) {
        match tag {
            Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock => self.n_foreign += 1,
            Tag::List(_) => {
                self.close_block(span.start);
                self.n_lists += 1;
            }
            Tag::Heading { level, .. } if self.n_lists == 0 && self.n_foreign == 0 => {
                self.open_section(*level, span);
            }
            Tag::Item => self.open_block(
                if self.n_lists > 1 { BlockKind::Deeper } else { BlockKind::Entry },
                span,
            ),
            Tag::Paragraph if self.n_lists == 0 => self.open_block(BlockKind::Paragraph, span),
            Tag::Strong => self.bold = Some(String::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, span: Span) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::CodeBlock | TagEnd::HtmlBlock => self.n_foreign -= 1,
            TagEnd::List(_) => self.n_lists -= 1,
            TagEnd::Heading(_) => self.heading = None,
            TagEnd::Item => self.close_block(span.end),
            TagEnd::Paragraph if self.n_lists == 0 => self.close_block(span.end),
            TagEnd::Paragraph => self.words("\n"),
            TagEnd::Strong => {
                let bold = self.bold.take();
                if let Some(block) = &mut self.block {
                    block.bold = block.bold.take().or(bold);
                }
            }
            _ => {}
        }
    }

    fn open_section(&mut self, level: HeadingLevel, span: Span) {
        self.close_block(span.start);
        if let Some(last) = self.sections.last_mut() {
            last.whole.end = span.start;
        }
        let heading = span.start..span.start + self.text[span.clone()].trim_end().len();
        self.heading = Some(level);
        self.sections.push(Section {
            level: level as u8,
            heading,
            whole: span.start..self.text.len(),
            ..Section::default()
        });
    }

    fn open_block(&mut self, kind: BlockKind, span: Span) {
        if self.n_foreign == 0 {
            self.close_block(span.start);
            self.block = Some(Block { kind, text: String::new(), span, bold: None });
        }
    }

    fn close_block(&mut self, end: usize) {
        let Some(mut block) = self.block.take() else { return };
        block.text = block.text.trim().to_owned();
        block.span = trimmed(self.text, block.span.start..end.max(block.span.start));
        if let (false, Some(section)) = (block.text.is_empty(), self.sections.last_mut()) {
            section.blocks.push(block);
        }
    }

    fn words(&mut self, words: &str) {
        if self.n_foreign > 0 {
            return;
        }
        if let Some(bold) = &mut self.bold {
            bold.push_str(words);
        }
        match (self.heading, &mut self.block) {
            (Some(_), _) => {
                if let Some(section) = self.sections.last_mut() {
                    section.title.push_str(words);
                }
            }
            (None, Some(block)) => block.text.push_str(words),
            (None, None) => {}
        }
    }

    fn mark(&mut self, html: &str) {
        let noted = html.trim().strip_prefix("<!-- orch ").and_then(|it| it.strip_suffix("-->"));
        if let (Some(noted), Some(section)) = (noted, self.sections.last_mut()) {
            section.mark = Some(noted.trim().to_owned());
        }
    }

    fn done(mut self) -> Vec<Section> {
        self.close_block(self.text.len());
        self.sections
    }
}

fn trimmed(text: &str, span: Range<usize>) -> Span {
    let end = span.start + text[span.clone()].trim_end().len();
    span.start..end
}
