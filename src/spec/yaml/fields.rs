//! Reading a mapping's keys by type; whatever is wrong is collected, and reading goes on.

mod narrow;

use std::collections::BTreeMap;

use super::problems::{Problems, shorten};
use super::scalar::{boolean_of, float_of, int_of};
use super::{Mapping, Node, NodeKind, Resolved, Style};
use crate::base::diagnostic::Diagnostic;
use crate::base::measure::Millis;
use crate::base::source::Span;
use crate::spec::glob::GlobSet;
use crate::spec::text::{duration_of, nearest};

/// Reads the keys of one mapping. A null value counts as not written. Every key asked for is known;
/// [`Fields::rest`] deals with the others.
pub struct Fields<'n, 's> {
    problems: &'n Problems<'n>,
    mapping: &'n Mapping<'s>,
    span: Span,
    what: &'static str,
    asked: Vec<&'static str>,
    known: &'static [&'static str],
    habits: &'static [(&'static str, &'static str)],
}

impl<'n, 's> Fields<'n, 's> {
    /// `what` names the mapping in messages, such as `task`. `None`, reported, where `node` is none.
    pub fn of(node: &'n Node<'s>, what: &'static str, problems: &'n Problems<'n>) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            problems.wrong_type(what, node, "a mapping of keys to values");
            return None;
        };
        let asked = Vec::with_capacity(32);
        Some(Self {
            problems,
            mapping,
            span: node.span.clone(),
            what,
            asked,
            known: &[],
            habits: &[],
        })
    }

    pub fn problems(&self) -> &'n Problems<'n> {
        self.problems
    }

    /// Bytes of the whole mapping.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// The value of a key, whatever it is; `None` where it is not written or null.
    pub fn node(&mut self, name: &'static str) -> Option<&'n Node<'s>> {
        self.asked.push(name);
        self.mapping.get(name).filter(|node| !node.is_null())
    }

    /// The value of the first of several synonyms that is written.
    pub fn first_node(&mut self, names: &[&'static str]) -> Option<(&'static str, &'n Node<'s>)> {
        let mut found = None;
        for &name in names {
            let node = self.node(name);
            found = found.or(node.map(|node| (name, node)));
        }
        found
    }

    /// Where a value stands; `None` where it is not written or null.
    pub fn span_of(&self, name: &str) -> Option<Span> {
        let node = self.mapping.get(name).filter(|node| !node.is_null())?;
        Some(node.span.clone())
    }

    /// A nested mapping.
    pub fn fields(&mut self, name: &'static str) -> Option<Fields<'n, 's>> {
        let node = self.node(name)?;
        Fields::of(node, name, self.problems)
    }

    /// Any scalar as it is written: numbers, dates and booleans are taken as text.
    pub fn text(&mut self, name: &'static str) -> Option<&'n str> {
        let node = self.node(name)?;
        if node.as_text().is_none() {
            self.problems.wrong_type(name, node, "text");
        }
        node.as_text()
    }

    /// Like [`Fields::text`]; a key that is not written, or empty, is an error with `help`.
    pub fn required_text(&mut self, name: &'static str, help: &str) -> Option<&'n str> {
        match self.node(name) {
            Some(node) if node.as_text() != Some("") => self.text(name),
            _ => {
                self.missing(name, help);
                None
            }
        }
    }

    /// Reports that `name` is not written.
    pub fn missing(&self, name: &str, help: &str) {
        let start = self.span.start..self.mapping.entries.first().map_or(self.span.end, |entry| {
            entry.value.span.end.max(entry.key_span.end).min(self.span.end).max(self.span.start)
        });
        let message = format!("{} without `{name}`", self.what);
        self.problems.report(
            Diagnostic::error(self.problems.codes.missing_key, message)
                .label(start, format!("this {} has no `{name}`", self.what))
                .help(help),
        );
    }

    /// `true`, `yes`, `on` and their opposites.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let node = self.node(name)?;
        if let Some(Resolved::Bool(flag)) = node.as_scalar().map(|scalar| scalar.resolve()) {
            return Some(flag);
        }
        let quoted = node.as_text().filter(|text| boolean_of(text).is_some());
        match quoted {
            Some(text) => self.problems.bad_value(name, node, format!("without quotes: {text}")),
            None => self.problems.wrong_type(name, node, "true or false"),
        }
        None
    }

    /// A whole number from zero up; quoted ones are taken too.
    pub fn count(&mut self, name: &'static str) -> Option<u32> {
        let node = self.node(name)?;
        let number = node.as_text().and_then(|text| int_of(text.trim()));
        match number.map(u32::try_from) {
            Some(Ok(count)) => Some(count),
            Some(Err(_)) => {
                self.problems.bad_value(name, node, "a whole number from 0 to 4294967295");
                None
            }
            None => {
                self.problems.wrong_type(name, node, "a whole number");
                None
            }
        }
    }

    /// A whole number of either sign.
    pub fn integer(&mut self, name: &'static str) -> Option<i64> {
        let node = self.node(name)?;
        let number = node.as_text().and_then(|text| int_of(text.trim()));
        if number.is_none() {
            self.problems.wrong_type(name, node, "a whole number");
        }
        number
    }

    /// Any finite number.
    pub fn number(&mut self, name: &'static str) -> Option<f64> {
        let node = self.node(name)?;
        let number = node
            .as_text()
            .map(str::trim)
            .and_then(|text| float_of(text).or_else(|| int_of(text).map(|int| int as f64)));
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.problems.wrong_type(name, node, "a number");
        }
        number
    }

    /// `10m`, `90s`, `1h 30m`, or seconds as a number.
    pub fn duration(&mut self, name: &'static str) -> Option<Millis> {
        let node = self.node(name)?;
        let Some(text) = node.as_text() else {
            self.problems.wrong_type(name, node, "a duration");
            return None;
        };
        let duration = duration_of(text);
        if duration.is_none() {
            self.problems.bad_value(name, node, "a duration is `90s`, `10m`, `1h 30m`, or seconds");
        }
        duration
    }

    /// One of several words; anything else is reported with the words that would do.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let node = self.node(name)?;
        let Some(text) = node.as_text() else {
            self.problems.wrong_type(name, node, "a word");
            return None;
        };
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            let meant = nearest(text, choices.iter().map(|(word, _)| *word))
                .map_or(String::new(), |word| format!("did you mean `{word}`? "));
            self.problems.bad_value(name, node, format!("{meant}one of {}", words.join(", ")));
        }
        chosen
    }

    /// The items of a list; empty where it is not written.
    pub fn list(&mut self, name: &'static str) -> &'n [Node<'s>] {
        let Some(node) = self.node(name) else { return &[] };
        match node.as_sequence() {
            Some(sequence) => &sequence.items,
            None => {
                self.problems.wrong_type(name, node, "a list");
                &[]
            }
        }
    }

    /// A list of texts, or one text alone, each with its place.
    pub fn texts(&mut self, name: &'static str) -> Vec<(&'n str, Span)> {
        self.node(name).map_or_else(Vec::new, |node| self.texts_in(name, node))
    }

    /// Like [`Fields::texts`]; a text alone is split at commas (`tools: Read, Bash(git *)`), but not
    /// inside of parentheses.
    pub fn comma_texts(&mut self, name: &'static str) -> Vec<String> {
        match self.node(name) {
            Some(node) if node.as_scalar().is_some() => {
                split_commas(node.as_text().unwrap_or_default())
            }
            Some(node) => {
                self.texts_in(name, node).into_iter().map(|(text, _)| text.to_owned()).collect()
            }
            None => Vec::new(),
        }
    }

    /// The texts of `node`, which is the value of `name`.
    pub fn texts_in(&self, name: &str, node: &'n Node<'s>) -> Vec<(&'n str, Span)> {
        let items = match &node.kind {
            NodeKind::Scalar(_) => std::slice::from_ref(node),
            NodeKind::Sequence(sequence) => &sequence.items[..],
            NodeKind::Mapping(_) => {
                self.problems.wrong_type(name, node, "a list of texts");
                &[]
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.as_text() {
                Some(text) => texts.push((text, item.span.clone())),
                None => self.problems.wrong_type(&format!("{name}[]"), item, "text"),
            }
        }
        texts
    }

    /// Path patterns: a list or one text. A pattern that cannot be compiled is reported and left out.
    pub fn globs(&mut self, name: &'static str) -> GlobSet {
        let mut patterns = Vec::new();
        for (pattern, span) in self.texts(name) {
            match GlobSet::check_pattern(pattern) {
                Ok(()) => patterns.push(pattern.to_owned()),
                Err(reason) => self.problems.report(
                    Diagnostic::error(
                        self.problems.codes.bad_glob,
                        format!("`{}` is no path pattern: {reason}", shorten(pattern)),
                    )
                    .label(span, "in this pattern")
                    .help(
                        "patterns are relative to the root: `src/**/*.rs`, `docs`, `!docs/old/**`",
                    ),
                ),
            }
        }
        GlobSet { patterns }
    }

    /// True where nothing outside of `keys` was asked for so far: what keeps a list of keys honest.
    pub fn reads_only(&self, keys: &[&str]) -> bool {
        self.asked.iter().all(|name| keys.contains(name))
    }

    /// [`Fields::rest`] of a mapping that has the keys `keys`; no other may have been asked for.
    pub fn rest_of(self, keys: &[&str]) -> BTreeMap<String, String> {
        debug_assert!(self.reads_only(keys), "{} reads a key outside of its list", self.what);
        self.rest()
    }

    /// Declares keys that are right but not read here: kept by [`Fields::rest`], never reported.
    pub fn known(&mut self, names: &'static [&'static str]) {
        self.known = names;
    }

    /// Declares what other tools call such keys, in small letters without `-` and `_`, and which key is
    /// meant, if any: reported by [`Fields::rest`].
    pub fn habits(&mut self, habits: &'static [(&'static str, &'static str)]) {
        self.habits = habits;
    }

    /// The keys nobody asked for, as normalized text. One that looks like a typo, or like a key of
    /// another tool, is reported.
    pub fn rest(self) -> BTreeMap<String, String> {
        self.leftover(Strictness::Typos)
    }

    /// Reports every key nobody asked for.
    pub fn refuse_rest(self) {
        self.leftover(Strictness::All);
    }

    fn leftover(self, strictness: Strictness) -> BTreeMap<String, String> {
        let mut rest = BTreeMap::new();
        for entry in &self.mapping.entries {
            let key: &str = &entry.key;
            if self.asked.contains(&key) {
                continue;
            }
            if !self.known.contains(&key) {
                let habit = self.habit_of(key);
                let typo = || nearest(key, self.unused()).filter(|it| is_likely_typo(key, it));
                let meant = if habit.is_some() { habit } else { typo() };
                if meant.is_some() || strictness == Strictness::All {
                    self.report_unknown(key, entry.key_span.clone(), meant);
                }
            }
            rest.insert(key.to_owned(), normalized(&entry.value));
        }
        rest
    }

    /// Known keys that are not written: what a typo may have been meant to be.
    fn unused(&self) -> impl Iterator<Item = &'static str> + '_ {
        let names = self.asked.iter().chain(self.known).copied();
        names.filter(|name| self.mapping.entry(name).is_none())
    }

    /// The key that is written otherwise here, or has another name elsewhere; empty where there is none
    /// of that meaning.
    fn habit_of(&self, key: &str) -> Option<&'static str> {
        let bare = bare(key);
        let mut own = self.asked.iter().chain(self.known);
        let same = own.find(|name| self::bare(name) == bare).copied();
        let habit = || self.habits.iter().find(|(word, _)| *word == bare).map(|(_, own)| *own);
        same.or_else(habit)
    }

    fn report_unknown(&self, key: &str, span: Span, meant: Option<&str>) {
        let message = format!("{} has no key `{}`", self.what, shorten(key));
        let meant = meant.filter(|meant| !meant.is_empty());
        let help = match meant {
            Some(meant) if self.mapping.entry(meant).is_none() => {
                format!("did you mean `{meant}`?")
            }
            Some(meant) => format!("it has no effect beside `{meant}`"),
            None => "it has no effect".to_owned(),
        };
        let codes = self.problems.codes;
        let mut found = Diagnostic::warning(codes.unknown_key, message);
        if meant.is_some() {
            found.severity = codes.typo;
        }
        self.problems.report(found.label(span, "unknown key").help(help));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Strictness {
    Typos,
    All,
}

fn bare(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Short keys are close to one another by chance, so they need a closer look.
fn is_likely_typo(key: &str, meant: &str) -> bool {
    let close = |a: &str, b: &str| nearest(a, [b]).is_some();
    if key.len().min(meant.len()) <= 4 {
        return key.len() >= 3 && key.len().abs_diff(meant.len()) <= 1 && close(key, meant);
    }
    close(key, meant)
}

/// A text's parts between commas that stand outside of parentheses, without outer blanks and empty ones.
pub fn split_commas(text: &str) -> Vec<String> {
    let mut depth = 0i32;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The value in one line, however it is written: texts that could be taken for something else in
/// double quotes.
fn normalized(node: &Node<'_>) -> String {
    let mut text = String::new();
    write_normalized(node, &mut text);
    text
}

fn write_normalized(node: &Node<'_>, out: &mut String) {
    match &node.kind {
        NodeKind::Scalar(scalar) if scalar.style == Style::Plain => out.push_str(&scalar.text),
        NodeKind::Scalar(scalar) => out.push_str(&format!("{:?}", scalar.text)),
        NodeKind::Sequence(sequence) => {
            write_joined(out, ('[', ']'), &sequence.items, write_normalized);
        }
        NodeKind::Mapping(mapping) => {
            write_joined(out, ('{', '}'), &mapping.entries, |entry, out| {
                out.push_str(&entry.key);
                out.push_str(": ");
                write_normalized(&entry.value, out);
            });
        }
    }
}

fn write_joined<T>(
    out: &mut String,
    (open, close): (char, char),
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
    out.push(close);
}
