//! The keys that nobody asked for: kept as text, and told of where they are likely to be a mistake.

use std::collections::BTreeMap;

use super::super::{Node, NodeKind, Style};
use super::{Fields, shorten};
use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::text::nearest;

impl Fields<'_, '_> {
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
