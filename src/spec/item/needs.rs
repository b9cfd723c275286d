//! `## Dependencies`: which other items an item waits for.

use super::outline::{BlockKind, Section};
use crate::base::source::Span;

/// An item that another one names as what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    /// As written, without folder and ending: `02-login`, `login`, `#2`.
    pub name: String,
    pub span: Span,
}

/// The headings of such a section.
pub fn is_of_needs(title: &str) -> bool {
    ["dependencies", "dependency", "depends on", "blocked by", "requires"].contains(&title)
}

/// What the entries of such a section name; and those that name nothing.
pub fn needs_in(section: &Section) -> (Vec<Need>, Vec<Span>) {
    let (mut needs, mut vague) = (Vec::new(), Vec::new());
    for block in section.blocks.iter().filter(|it| it.kind == BlockKind::Entry) {
        match named_in(&block.text) {
            Named::Item(name) => needs.push(Need { name, span: block.span.clone() }),
            Named::Nothing => {}
            Named::Unclear => vague.push(block.span.clone()),
        }
    }
    (needs, vague)
}

enum Named {
    Item(String),
    /// `None`, a dash.
    Nothing,
    /// Words that are no name.
    Unclear,
}

/// An entry begins with the name; remarks stand behind it (`(completed)`, `: why`).
fn named_in(text: &str) -> Named {
    let text = text.trim().trim_start_matches("[ ]").trim_start_matches("[x]").trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_quoted = first.starts_with('`');
    let bare = first.trim_matches(|c: char| "`'\"*[](),;:".contains(c));
    if ["none", "nothing", "n/a", "keine"].contains(&bare.to_lowercase().as_str()) {
        return Named::Nothing;
    }
    let is_file = bare.ends_with(".md");
    let name = bare.rsplit('/').next().unwrap_or(bare).trim_end_matches(".md");
    let is_only_word = first.len() == text.len();
    let has_form = name.contains('-') && !name.starts_with('-')
        || name.starts_with(|c: char| c.is_ascii_digit() || c == '#');
    match name {
        "" | "-" | "–" | "—" => Named::Nothing,
        name if is_file || is_quoted || is_only_word || has_form => Named::Item(name.to_owned()),
        _ => Named::Unclear,
    }
}

/// A name from front matter.
pub fn named(text: &str) -> Option<String> {
    match named_in(text) {
        Named::Item(name) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::outline::sections_of;
    use super::*;

    fn check(lines: &str) -> String {
        let text = format!("## Dependencies\n\n{lines}\n");
        let sections = sections_of(&text, 0);
        let (needs, vague) = needs_in(&sections[1]);
        let mut found: Vec<String> = needs.into_iter().map(|it| it.name).collect();
        found.extend(vague.into_iter().map(|span| format!("? {}", &text[span])));
        found.join("\n")
    }

    #[test]
    fn names_stand_first_in_their_entries() {
        assert_eq!(
            check("- 02-login.md (completed): it has the form\n  and more words"),
            "02-login"
        );
        assert_eq!(
            check("- `login`\n* docs/feature-backlog/3-x.md\n1. [9-y](9-y.md) - why"),
            "login\n3-x\n9-y"
        );
        assert_eq!(check("- #2\n- theme"), "#2\ntheme");
        assert_eq!(check("None - this stands alone.\n"), "");
        assert_eq!(check("- None\n- n/a\n-"), "");
        assert_eq!(check("- The parser must be there"), "? - The parser must be there");
        assert_eq!(check("- [x] 4-done\n- [ ] 5-open"), "4-done\n5-open");
    }
}
