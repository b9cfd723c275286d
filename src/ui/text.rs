//! Text that came from elsewhere, made fit for a line of a terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// True for what makes a terminal show something else than stands there: control characters but line breaks
/// and tabs, what turns the direction of writing, and line breaks that are none to a program.
pub fn deceives(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns
        || matches!(char, '\u{2028}' | '\u{2029}')
        || char.is_control() && !matches!(char, '\n' | '\t')
}

/// What may go out to where people read: whoever said it, all that deceives is written out, but colours of orch's
/// own where there are to be any. Every text passes here last.
pub fn outgoing(text: &str, is_colored: bool) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(char) = rest.chars().next() {
        let colour = colour_at(rest).filter(|_| is_colored);
        let len = colour.map_or(char.len_utf8(), str::len);
        match colour {
            Some(colour) => shown.push_str(colour),
            None if char == '\r' && rest.starts_with("\r\n") => {}
            None if deceives(char) => shown.extend(char.escape_unicode()),
            None => shown.push(char),
        }
        rest = &rest[len..];
    }
    Cow::Owned(shown)
}

/// The sequence at the beginning that colours or dresses text, and hides none.
fn colour_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.find(|char: char| !char.is_ascii_digit() && char != ';')?;
    let (numbers, rest) = inner.split_at(end);
    let is_plain = |number: &str| matches!(number.parse::<u16>().unwrap_or(0), 0..=4 | 22..=24 | 30..=37 | 39 | 90..=97);
    let is_shown = numbers.starts_with("38;") || numbers.split(';').all(is_plain);
    (rest.starts_with('m') && is_shown).then(|| &text[.."\u{1b}[".len() + end + 1])
}

/// JSON in which all that deceives is escaped: it stands for the same values.
pub fn outgoing_json(json: String) -> String {
    if !json.contains(deceives) {
        return json;
    }
    let mut shown = String::with_capacity(json.len());
    for char in json.chars() {
        // All of them have four digits. A carriage return stands between values.
        match deceives(char) && char != '\r' {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(char))),
            false => shown.push(char),
        }
    }
    shown
}

/// The text on one line: runs of white space are one blank, and nothing in it can move the cursor.
pub fn one_line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text without escape sequences and control characters, line breaks and tabs apart.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next_if(|next| !('@'..='~').contains(next)).is_some() {}
                chars.next();
            }
            char if deceives(char) => {}
            char => shown.push(char),
        }
    }
    shown
}

/// A path or a name with what deceives and line breaks written out, so that it can be told from any other.
pub fn path_text(path: impl std::fmt::Display) -> String {
    let shown = |char: char| match char.is_control() || deceives(char) {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    path.to_string().chars().map(shown).collect()
}

/// The text with paths as the repository has them: a session names files by the worktree it is in.
pub fn without_worktree(text: &str) -> String {
    const POOL: &str = ".orch/worktrees/";
    let is_edge = |char: char| char.is_whitespace() || "\"'`=:;,()<>[]{}|&".contains(char);
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(POOL) {
        let (before, after) = (&rest[..at], &rest[at + POOL.len()..]);
        let name = after.find(|char: char| !char.is_ascii_digit()).unwrap_or(after.len());
        let start = before
            .rfind(is_edge)
            .map_or(0, |edge| edge + before[edge..].chars().next().map_or(1, char::len_utf8));
        shown.push_str(&before[..start]);
        rest = &after[name..];
        match rest
            .strip_prefix('/')
            .filter(|inside| !inside.starts_with(is_edge) && !inside.is_empty())
        {
            Some(inside) => rest = inside,
            None => {
                shown.push('.');
                rest = rest.strip_prefix('/').unwrap_or(rest);
            }
        }
    }
    shown + rest
}

/// What a tool is called for: one line of at most `most` columns, with paths as the repository has them.
pub fn call_text(detail: &str, most: usize) -> String {
    cut_middle(&without_worktree(&one_line(detail)), most)
}

/// How many columns of a terminal the text takes: wide characters take two, accents none.
pub fn columns_of(text: &str) -> usize {
    text.width()
}

/// At most `most` columns, the last of them `…` where something was cut.
pub fn cut(text: &str, most: usize) -> String {
    if columns_of(text) <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let fits = |char: &char| {
        let left = room.checked_sub(char.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// As [`cut`], with both ends kept: of a path and a command the end tells as much as the beginning.
pub fn cut_middle(text: &str, most: usize) -> String {
    if columns_of(text) <= most {
        return text.to_owned();
    }
    let head = cut(text, most.div_ceil(2));
    let mut room = most - most.min(columns_of(&head));
    let fits = |char: &char| {
        let left = room.checked_sub(char.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let tail: Vec<char> = text.chars().rev().take_while(fits).collect();
    head.chars().chain(tail.into_iter().rev()).collect()
}

/// The text filled with blanks to `width` columns.
pub fn fill(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns_of(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_in_a_text_can_move_the_cursor() {
        assert_eq!(visible("a\u{1b}[31mred\u{1b}[0m\r\u{7}b\n\tc"), "aredb\n\tc");
        assert_eq!(visible("open \u{1b}["), "open ");
        assert_eq!(path_text("odd\u{1b}[31m\n.txt"), "odd\\u{1b}[31m\\n.txt");
        assert_eq!(one_line("  a\n\tb\u{1b}[2Jc "), "a bc");
    }

    #[test]
    fn nothing_goes_out_that_deceives_but_colours_of_our_own() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[8mhid\u{1b}[2J\u{9b}x \u{202e}txt.exe\r\n\tend";
        assert_eq!(
            outgoing(text, true),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[8mhid\\u{1b}[2J\\u{9b}x \\u{202e}txt.exe\n\tend"
        );
        assert!(!outgoing(text, false).contains('\u{1b}'));
        assert_eq!(outgoing("Größe שלום 日本", false), "Größe שלום 日本");
        let json = serde_json::json!({ "a": text }).to_string();
        let sent = outgoing_json(json.clone());
        assert!(!sent.contains(deceives), "{sent}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&sent), read(&json));
    }

    proptest! {
        #[test]
        fn no_text_whatever_deceives(text in any::<String>(), colours in "(\u{1b}\\[[0-9;]{0,6}[a-zA-Z]|[ -~\u{80}-\u{a0}\u{2020}-\u{2070}]){0,20}") {
            for text in [&text, &colours] {
                let is_plain = |shown: &str| !shown.contains(deceives);
                prop_assert!(is_plain(&outgoing(text, false)) && is_plain(&visible(text)));
                prop_assert!(!path_text(text).contains('\n') && is_plain(&path_text(text)));
                prop_assert!(!one_line(text).contains('\n') && is_plain(&one_line(text)));
                let json = serde_json::to_string(text).unwrap();
                let sent = outgoing_json(json.clone());
                prop_assert!(is_plain(&sent));
                prop_assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), text.clone());
                // Taken away, the colours that may go out leave nothing that deceives.
                let mut rest = outgoing(text, true).into_owned();
                while let Some(at) = rest.find('\u{1b}') {
                    let len = colour_at(&rest[at..]).map(str::len);
                    prop_assert!(len.is_some(), "{rest:?}");
                    rest.replace_range(at..at + len.unwrap_or(1), "");
                }
                prop_assert!(is_plain(&rest));
            }
        }
    }

    #[test]
    fn paths_are_those_of_the_repository() {
        let check = without_worktree;
        assert_eq!(check("Read /r/.orch/worktrees/12/src/a.rs"), "Read src/a.rs");
        assert_eq!(check("Read /r/src/a.rs"), "Read /r/src/a.rs");
        assert_eq!(check("ls /r/.orch/worktrees/12"), "ls .");
        assert_eq!(
            check("cd '/r/.orch/worktrees/1/' && ls /r/.orch/worktrees/1/src"),
            "cd '.' && ls src"
        );
        assert_eq!(check("grep é=/r/.orch/worktrees/1/é.rs;x"), "grep é=é.rs;x");
    }

    #[test]
    fn text_is_cut_and_filled_by_columns() {
        assert_eq!(cut("Größe", 5), "Größe");
        assert_eq!(cut("Größen", 5), "Größ…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut_middle("src/a/b/long.rs", 15), "src/a/b/long.rs");
        assert_eq!(cut_middle("src/a/b/long.rs", 10), "src/…ng.rs");
        assert_eq!(cut_middle("日本語日本語", 7), "日…本語");
        // Half of a wide character is none.
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(fill("日本", 6), "日本  ");
        assert_eq!(fill("u\u{308}b", 3), "u\u{308}b ");
        assert_eq!(fill("long", 2), "long");
    }
}
