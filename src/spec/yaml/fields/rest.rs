//! The keys that nobody asked for: kept as text, and told of where they are likely to be a mistake.

use std::collections::BTreeMap;

use super::super::{Node, NodeKind, Style};
use super::{Fields, shorten};
use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::keys::Others;
use crate::spec::text::nearest;

impl Fields<'_, '_> {
    /// The keys that the table does not have, as normalized text. Where others are refused all of them
    /// are reported, else one that looks like a typo, or like a key of another tool.
    pub fn rest(self) -> BTreeMap<String, String> {
        let unread = || self.keys.names().find(|name| !self.asked.contains(name));
        debug_assert_eq!(unread(), None, "a key of {} that nobody reads", self.keys.noun);
        let mut rest = BTreeMap::new();
        for entry in &self.mapping.entries {
            let key: &str = &entry.key;
            if self.keys.has(key) {
                continue;
            }
            if !self.keys.foreign.contains(&key) {
                let habit = self.habit_of(key);
                let typo = || nearest(key, self.unused()).filter(|it| is_likely_typo(key, it));
                let meant = if habit.is_some() { habit } else { typo() };
                if meant.is_some() || self.keys.others == Others::Refused {
                    self.report_unknown(key, entry.key_span.clone(), meant);
                }
            }
            rest.insert(key.to_owned(), normalized(&entry.value));
        }
        rest
    }

    /// What is right here, whether orch has a use for it or not.
    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.keys.names().chain(self.keys.foreign.iter().copied())
    }

    /// Known keys that are not written: what a typo may have been meant to be.
    fn unused(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.known().filter(|name| self.mapping.entry(name).is_none())
    }

    /// The key that is written otherwise here, or has another name elsewhere; empty where there is none
    /// of that meaning.
    fn habit_of(&self, key: &str) -> Option<&'static str> {
        let bare = bare(key);
        let same = self.known().find(|name| self::bare(name) == bare);
        let is_elsewhere = self.keys.elsewhere.iter().any(|it| self::bare(it.name) == bare);
        let habit = || self.keys.habits.iter().find(|(word, _)| *word == bare).map(|(_, own)| *own);
        same.or_else(habit).or(is_elsewhere.then_some(""))
    }

    fn report_unknown(&self, key: &str, span: Span, meant: Option<&str>) {
        let message = format!("{} has no key `{}`", self.keys.noun, shorten(key));
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
            out.push('[');
            write_joined(out, &sequence.items, write_normalized);
            out.push(']');
        }
        NodeKind::Mapping(mapping) => {
            out.push('{');
            write_joined(out, &mapping.entries, |entry, out| {
                out.push_str(&entry.key);
                out.push_str(": ");
                write_normalized(&entry.value, out);
            });
            out.push('}');
        }
    }
}

fn write_joined<T>(out: &mut String, items: &[T], write: impl Fn(&T, &mut String)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}
