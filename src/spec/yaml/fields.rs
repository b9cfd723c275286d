//! Reading a mapping's keys by type; whatever is wrong is collected, and reading goes on.

mod narrow;
mod rest;

use strum::{EnumMessage, IntoEnumIterator};

use super::problems::{Problems, shorten};
use super::scalar::{boolean_of, float_of, int_of};
use super::{Mapping, Node, NodeKind, Resolved};
use crate::base::diagnostic::Diagnostic;
use crate::base::measure::Millis;
use crate::base::source::Span;
use crate::spec::glob::GlobSet;
use crate::spec::keys::{Keys, Shape, Word, value_of, words};
use crate::spec::text::{duration_of, nearest};

/// Reads the keys of one mapping by their table. A null value counts as not written.
/// [`Fields::rest`] deals with what is not in the table.
pub struct Fields<'n, 's> {
    problems: &'n Problems<'n>,
    mapping: &'n Mapping<'s>,
    span: Span,
    keys: &'static Keys,
    asked: Vec<&'static str>,
}

impl<'n, 's> Fields<'n, 's> {
    /// `None`, reported, where `node` is no mapping.
    pub fn of(node: &'n Node<'s>, keys: &'static Keys, problems: &'n Problems<'n>) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            problems.wrong_type(keys.noun, node, "a mapping of keys to values");
            return None;
        };
        let asked = Vec::with_capacity(keys.keys.len());
        Some(Self { problems, mapping, span: node.span.clone(), keys, asked })
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
        debug_assert!(self.keys.has(name), "{} has no key {name}", self.keys.noun);
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
        let keys = self.form(name, |shape| match shape {
            Shape::Map(keys) => Some(*keys),
            _ => None,
        })?;
        Fields::of(node, keys, self.problems)
    }

    /// What `pick` finds among the forms of a key.
    fn form<T>(&self, name: &str, pick: impl Fn(&Shape) -> Option<T>) -> Option<T> {
        let key = self.keys.key(name);
        let found = key.and_then(|key| key.shape.forms().iter().find_map(pick));
        debug_assert!(found.is_some(), "{name} of {} has another shape", self.keys.noun);
        found
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
        let message = format!("{} without `{name}`", self.keys.noun);
        self.problems.report(
            Diagnostic::error(self.problems.codes.missing_key, message)
                .label(start, format!("this {} has no `{name}`", self.keys.noun))
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

    /// A whole number within the bounds of the table; quoted ones are taken too.
    pub fn count(&mut self, name: &'static str) -> Option<u32> {
        let node = self.node(name)?;
        let (least, most) = self.form(name, |shape| match shape {
            Shape::Count(least, most) => Some((*least, *most)),
            _ => None,
        })?;
        let number = node.as_text().and_then(|text| int_of(text.trim()));
        match number.map(u32::try_from) {
            Some(Ok(count)) if (least..=most).contains(&count) => Some(count),
            Some(_) => {
                let help = match most {
                    u32::MAX if number < Some(i64::from(least)) => format!("at least {least}"),
                    _ => format!("a whole number from {least} to {most}"),
                };
                self.problems.bad_value(name, node, help);
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

    /// A finite number within the bounds of the table.
    pub fn number(&mut self, name: &'static str) -> Option<f64> {
        let node = self.node(name)?;
        let (least, most) = self.form(name, |shape| match shape {
            Shape::Number(least, most) => Some((*least, *most)),
            _ => None,
        })?;
        let number = node
            .as_text()
            .map(str::trim)
            .and_then(|text| float_of(text).or_else(|| int_of(text).map(|int| int as f64)));
        let number = number.filter(|number| number.is_finite());
        match number {
            None => self.problems.wrong_type(name, node, "a number"),
            Some(number) if (least..=most).contains(&number) => return Some(number),
            Some(_) if most < f64::MAX => {
                self.problems.bad_value(name, node, format!("from {least} to {most}"));
            }
            Some(_) => self.problems.bad_value(name, node, format!("at least {least}")),
        }
        None
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

    /// One of the words of `T`; anything else is reported with the words that would do.
    pub fn choice<T: IntoEnumIterator + EnumMessage>(&mut self, name: &'static str) -> Option<T> {
        let node = self.node(name)?;
        debug_assert_eq!(self.words_of(name), words::<T>(), "{name} of {}", self.keys.noun);
        let Some(text) = node.as_text() else {
            self.problems.wrong_type(name, node, "a word");
            return None;
        };
        let chosen = value_of(text);
        if chosen.is_none() {
            let words = words::<T>();
            let meant = nearest(text, words.iter().map(|word| word.text))
                .map_or(String::new(), |word| format!("did you mean `{word}`? "));
            let words: Vec<String> = words.iter().map(|it| format!("`{}`", it.text)).collect();
            self.problems.bad_value(name, node, format!("{meant}one of {}", words.join(", ")));
        }
        chosen
    }

    fn words_of(&self, name: &str) -> Vec<Word> {
        let words = self.form(name, |shape| match shape {
            Shape::Word(_, words) => Some(words()),
            _ => None,
        });
        words.unwrap_or_default()
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
