//! Where front matter and role text of an agent file stand.

use crate::base::source::Span;

use super::loose::{is_key_line, is_own_key_line};

/// Where the parts of the file stand.
pub(super) struct Parts {
    pub front: Option<Span>,
    pub body: usize,
    /// The line that opens front matter which no line closes.
    pub unclosed: Option<Span>,
}

/// Front matter stands between a first line `---` and the next line that is nothing but `---`.
/// Where that one is missing, it ends with the last line that looks like front matter.
pub(super) fn split(text: &str) -> Parts {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let blank: usize = text[start..]
        .split_inclusive('\n')
        .take_while(|it| it.trim().is_empty())
        .map(str::len)
        .sum();
    let opening = start + blank;
    let Some(first) = text[opening..].split_inclusive('\n').next().filter(|it| is_fence(it)) else {
        return Parts { front: None, body: start, unclosed: None };
    };
    let front = opening + first.len();
    let mut at = front;
    for line in text[front..].split_inclusive('\n') {
        if is_fence(line) {
            return Parts { front: Some(front..at), body: at + line.len(), unclosed: None };
        }
        at += line.len();
    }
    let unclosed = Some(opening..opening + first.trim_end().len());
    match open_end(&text[front..]) {
        0 => Parts { front: None, body: start, unclosed },
        length => Parts { front: Some(front..front + length), body: front + length, unclosed },
    }
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

/// How many bytes of front matter that nothing closes look like it: keys, what is indented below
/// them, and list items. A blank line is part of it only where one of orch's keys comes after it.
fn open_end(text: &str) -> usize {
    let (mut end, mut at, mut is_behind_blank) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        let belongs = match is_behind_blank {
            true => is_own_key_line(line),
            false if end == 0 => is_key_line(line),
            false => is_key_line(line) || line.starts_with([' ', '\t']) || line.starts_with("- "),
        };
        if !is_blank && !belongs {
            break;
        }
        at += line.len();
        is_behind_blank = is_blank;
        if !is_blank {
            end = at;
        }
    }
    end
}
