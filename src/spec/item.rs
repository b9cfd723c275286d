//! A backlog item: Markdown of a person, or of a tool for them. Nothing in it is an error by itself;
//! what is not understood is told, and keeps only what rests on it from starting.

mod criteria;
pub mod edit;
mod keys;
pub mod kind;
mod log;
pub mod name;
mod needs;
mod outline;
pub mod stages;
mod state;
#[cfg(test)]
mod tests;

use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::measure::Usd;
use crate::base::source::{Source, Span};

use super::yaml::{self, Codes, Fields, Problems, codes};

pub use criteria::Criterion;
pub use keys::{ITEM, Planning};
pub use log::{Closed, Said, Verification};
pub use needs::Need;
pub use state::{Priority, Standing};

use outline::{Block, BlockKind, Section, sections_of};

const CODES: Codes = codes!("item");

/// Shorter descriptions, in characters, are looked at for what they do not say.
const SHORT: usize = 400;

/// An item as its file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The first heading; the file's stem where there is none.
    pub title: String,
    pub standing: Standing,
    /// The words of its status, where it has any.
    pub status_at: Option<Span>,
    pub priority: Priority,
    /// What it waits for.
    pub needs: Vec<Need>,
    pub criteria: Vec<Criterion>,
    /// What earlier cycles found, in the log's order.
    pub verifications: Vec<Verification>,
    /// What orch noted in the log, by stage and report.
    pub marks: Vec<String>,
    /// How often it was archived before it was opened again.
    pub closed: Closed,
    /// Where it came from, in its words.
    pub origin: Option<String>,
    pub planning: Planning,
    /// What all its work may cost, in USD.
    pub budget: Option<Usd>,
    /// Its own words: title and sections, without status, priority and log. What work on it is keyed by.
    pub text: String,
}

/// Reads an item's file.
pub fn parse(source: &Source) -> Parsed<Item> {
    let problems = Problems::new(&source.path, &CODES);
    let stem = super::agent::stem(source.path.file_name());
    let mut item = Item { title: stem.to_owned(), ..Item::default() };
    let front = super::agent::front_matter_of(&source.text);
    let mut reading =
        Reading { source, problems: &problems, item: &mut item, taken_out: Vec::new() };
    if let Some(front) = front.clone() {
        reading.front(front);
    }
    let start = source.text.len() - source.text.trim_start_matches('\u{feff}').len();
    let from = front.map_or(start, |it| behind_fence(&source.text, it.end));
    let sections = sections_of(&source.text, from);
    reading.sections(&sections);
    reading.keep_text(from);
    tell_vague(&item, &sections, &problems);
    Parsed { value: item, diagnostics: problems.into_found() }
}

/// Behind the line that closes front matter.
fn behind_fence(text: &str, front_end: usize) -> usize {
    let fence = text[front_end..].split_inclusive('\n').next().unwrap_or_default();
    if fence.trim_end() == "---" { front_end + fence.len() } else { front_end }
}

struct Reading<'a, 'p> {
    source: &'a Source,
    problems: &'a Problems<'p>,
    item: &'a mut Item,
    /// What is no part of the item's own words.
    taken_out: Vec<Span>,
}

impl Reading<'_, '_> {
    fn front(&mut self, front: Span) {
        let parsed = yaml::parse_part(self.source, front);
        for mut found in parsed.diagnostics {
            found.severity = found.severity.min(crate::base::diagnostic::Severity::Warning);
            self.problems.report(found);
        }
        let Some(node) = parsed.value.filter(|it| it.as_mapping().is_some()) else { return };
        let Some(mut fields) = Fields::of(&node, &ITEM, self.problems) else { return };
        if let Some(title) = fields.text("title").map(str::trim).filter(|it| !it.is_empty()) {
            self.item.title = title.to_owned();
        }
        if let (Some(text), Some(span)) = (fields.text("status"), fields.span_of("status")) {
            self.status(text, span);
        }
        if let (Some(text), Some(span)) = (fields.text("priority"), fields.span_of("priority")) {
            self.priority(text, span);
        }
        for (text, span) in fields.texts("depends_on") {
            self.item.needs.extend(needs::named(text).map(|name| Need { name, span }));
        }
        self.item.planning = fields.choice("plan").unwrap_or_default();
        self.item.budget = fields.number("budget").filter(|it| *it > 0.0).map(Usd::from_dollars);
        fields.rest();
    }

    fn sections(&mut self, sections: &[Section]) {
        let mut is_in_log = false;
        let mut logged: Vec<&Section> = Vec::new();
        let mut own: Vec<&Section> = Vec::new();
        for (at, section) in sections.iter().enumerate() {
            let title = title_of(section);
            if section.level > 0 && section.level <= 2 {
                is_in_log = log::is_log(&title);
            }
            if is_in_log {
                self.taken_out.push(section.whole.clone());
                logged.push(section);
            } else if at > 0 && section.level == 1 && sections[..at].iter().all(|it| it.level != 1)
            {
                self.item.title = section.title.trim().to_owned();
                self.lines(section);
                own.push(section);
            } else if !self.is_said_of_itself(section, &title) {
                own.push(section);
                if section.level == 0 {
                    self.lines(section);
                }
            }
        }
        self.item.marks = logged.iter().filter_map(|it| it.mark.clone()).collect();
        self.item.closed = log::closed_in(logged.iter().copied());
        self.item.verifications = log::verifications_in(logged.into_iter());
        self.item.criteria = criteria::criteria_in(own.into_iter(), title_of);
    }

    /// True for a section that is read as what the item says of itself.
    fn is_said_of_itself(&mut self, section: &Section, title: &str) -> bool {
        if section.level != 2 {
            return false;
        }
        let (word, inline) = match title.split_once(':') {
            Some((word, inline)) => (word.trim(), Some(inline.trim())),
            None => (title, None),
        };
        if needs::is_of_needs(word) {
            let (needs, vague) = needs::needs_in(section);
            self.item.needs.extend(needs);
            for span in vague {
                self.problems.report(no_name(span));
            }
            return true;
        }
        match word {
            "status" | "priority" => {
                let first = section.blocks.first();
                let (said, span) = match (inline.filter(|it| !it.is_empty()), first) {
                    (Some(_), _) => {
                        (section.title.split_once(':').map_or("", |it| it.1), &section.heading)
                    }
                    (None, Some(block)) => (block.text.as_str(), &block.span),
                    (None, None) => ("", &section.heading),
                };
                self.taken_out.push(section.heading.clone());
                self.taken_out.push(span.clone());
                let span = span.clone();
                if word == "status" {
                    self.status(said, span)
                } else {
                    self.priority(said, span)
                }
                true
            }
            "source" | "sources" | "origin" => {
                let words: Vec<&str> = section.blocks.iter().map(|it| it.text.as_str()).collect();
                self.item.origin = Some(words.join("\n")).filter(|it| !it.is_empty());
                false
            }
            _ => false,
        }
    }

    /// `**Status:** Open` below the title.
    fn lines(&mut self, section: &Section) {
        let paragraphs = section.blocks.iter().filter(|it| it.kind == BlockKind::Paragraph);
        for block in paragraphs {
            for line in block.text.lines() {
                let Some((word, said)) = line.split_once(':') else { continue };
                match word.trim().to_lowercase().as_str() {
                    "status" => self.line(block, |it, span| it.status(said, span)),
                    "priority" => self.line(block, |it, span| it.priority(said, span)),
                    _ => {}
                }
            }
        }
    }

    fn line(&mut self, block: &Block, take: impl FnOnce(&mut Self, Span)) {
        let span = block.span.clone();
        if block.text.lines().count() == 1 {
            self.taken_out.push(span.clone());
        }
        take(self, span);
    }

    fn status(&mut self, said: &str, span: Span) {
        let said = said.trim();
        let at = self.source.text[span.clone()].rfind(said).map(|at| span.start + at);
        self.item.status_at = at.map(|at| at..at + said.len());
        match state::standing_of(said) {
            Ok(standing) => self.item.standing = standing,
            Err(unclear) => {
                self.item.standing = Standing::Unclear;
                let message = format!("the status `{said}` is not understood");
                let help = match unclear.nearest {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => "`Open`, `On hold`, `Fixed`, `Completed`, `Closed` and `Failed` are"
                        .to_owned(),
                };
                self.problems.report(
                    Diagnostic::warning("item::unclear-status", message)
                        .label(span, "nothing is started before this is clear")
                        .help(help),
                );
            }
        }
    }

    fn priority(&mut self, said: &str, span: Span) {
        match state::priority_of(said) {
            Ok(priority) => self.item.priority = priority,
            Err(unclear) => {
                let message = format!("the priority `{}` is not understood", said.trim());
                let meant = unclear.nearest.map(|word| format!("did you mean `{word}`?"));
                self.problems.report(
                    Diagnostic::warning("item::unclear-priority", message)
                        .label(span, "it is taken for `Medium`")
                        .help(meant.unwrap_or_else(|| {
                            "`Critical`, `High`, `Medium`, `Low` and `P0` to `P4` are".to_owned()
                        })),
                );
            }
        }
    }

    /// What is left of the text without what was taken out, blank lines at its ends too.
    fn keep_text(&mut self, from: usize) {
        let text = &self.source.text;
        self.taken_out.sort_by_key(|span| span.start);
        let (mut kept, mut at) = (String::new(), from);
        for span in &self.taken_out {
            kept.push_str(&text[at..span.start.max(at)]);
            at = at.max(span.end);
        }
        kept.push_str(&text[at..]);
        self.item.text = kept.replace("\r\n", "\n").trim().to_owned();
    }
}

/// A heading as it is compared: lower case, without marks.
fn title_of(section: &Section) -> String {
    let title = section.title.trim().trim_end_matches(':').to_lowercase();
    title.chars().filter(|c| !"*`_".contains(*c)).collect()
}

fn no_name(span: Span) -> Diagnostic {
    Diagnostic::advice("item::unclear-dependency", "an entry of the dependencies names no item")
        .label(span, "no name stands first here")
        .help(
            "begin with the item's file: `- 02-login.md: why`; prose belongs into another section",
        )
}

/// Advice where a planner would have to guess what is wanted.
fn tell_vague(item: &Item, sections: &[Section], problems: &Problems<'_>) {
    const SAYING: [&str; 8] = [
        "expected",
        "acceptance",
        "fix",
        "symptom",
        "proposed",
        "scope",
        "requirement",
        "root need",
    ];
    let says =
        sections.iter().map(title_of).any(|title| SAYING.iter().any(|it| title.contains(it)));
    let is_open = item.standing == Standing::Open;
    if !is_open || says || !item.criteria.is_empty() || item.text.chars().count() > SHORT {
        return;
    }
    let place = sections.iter().find(|it| it.level == 1).map_or(0..0, |it| it.heading.clone());
    problems.report(
        Diagnostic::advice("item::vague", "it does not say what is expected")
            .label(place, "no expected behaviour, and no criterion")
            .help("add `## Expected Behavior`, or `## Acceptance` with a list: each entry is verified by itself"),
    );
}
