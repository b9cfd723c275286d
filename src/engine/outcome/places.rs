//! Where the lines of a text stand in its Markdown: what is in a code block, a comment or a quotation is
//! shown, not said.

/// Whose word a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Plain,
    /// In a code block, by a fence or by four blanks, or in a comment.
    Code,
    Quoted,
}

/// Columns by which a line is set in where that alone makes it code.
const CODE_INDENT: usize = 4;

/// The lines of a text, with their places.
pub(super) fn lines_of(text: &str) -> impl Iterator<Item = (Place, &str)> {
    let mut walk = Walk::default();
    text.lines().map(move |line| (walk.place_of(line), line))
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Where its content begins.
    pub start: usize,
    pub content: &'a str,
    /// The fence itself is set in so far that it is code.
    pub is_shown: bool,
}

/// Fenced blocks that are closed, in their order.
pub(super) fn blocks_of(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Fence, usize, bool)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let inner = line.trim_start();
        match &open {
            Some((fence, start, is_shown)) if fence.is_closed_by(inner) => {
                let content = &text[*start..at];
                blocks.push(Block { start: *start, content, is_shown: *is_shown });
                open = None;
            }
            Some(_) => {}
            None => {
                let start = at + line.len();
                open =
                    Fence::opened_by(inner).map(|it| (it, start, indent_of(line) >= CODE_INDENT));
            }
        }
        at += line.len();
    }
    blocks
}

/// What stands between the last two fences, where the second one ends the text: where it begins.
pub(super) fn block_at_end(text: &str) -> Option<(usize, &str)> {
    let text = text.trim_end();
    let end = text.rfind('\n')? + 1;
    let closing = Fence::opened_by(&text[end..]).filter(|it| it.is_closed_by(&text[end..]))?;
    let mut at = end;
    for line in text[..end].split_inclusive('\n').rev() {
        let start = at;
        at -= line.len();
        let opening = Fence::opened_by(line.trim_end_matches('\n'));
        if opening.is_some_and(|it| (it.mark, it.length) == (closing.mark, closing.length)) {
            return Some((start, &text[start..end]));
        }
    }
    None
}

#[derive(Default)]
struct Walk {
    fence: Option<Fence>,
    is_comment: bool,
}

impl Walk {
    fn place_of(&mut self, line: &str) -> Place {
        let inner = line.trim_start();
        if let Some(fence) = &self.fence {
            if fence.is_closed_by(inner) {
                self.fence = None;
            }
            return Place::Code;
        }
        if self.is_comment || inner.starts_with("<!--") {
            self.is_comment = !inner.contains("-->");
            return Place::Code;
        }
        if inner.starts_with('>') {
            return Place::Quoted;
        }
        self.fence = Fence::opened_by(inner);
        match self.fence.is_some() || indent_of(line) >= CODE_INDENT {
            true => Place::Code,
            false => Place::Plain,
        }
    }
}

struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let mark = line.chars().next().filter(|it| matches!(it, '`' | '~'))?;
        let rest = line.trim_start_matches(mark);
        let length = line.len() - rest.len();
        // What has its end on the same line is code within it.
        let is_inline = mark == '`' && rest.contains('`');
        (length >= 3 && !is_inline).then_some(Self { mark, length })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let rest = line.trim_start_matches(self.mark);
        line.len() - rest.len() >= self.length && rest.trim().is_empty()
    }
}

/// Columns before the first character, a tab up to the next fourth.
fn indent_of(line: &str) -> usize {
    let blanks = line.chars().take_while(|it| matches!(it, ' ' | '\t'));
    blanks.fold(0, |column, it| if it == '\t' { column + 4 - column % 4 } else { column + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter for each line: `p`lain, `c`ode, `q`uoted.
    fn check(text: &str) -> String {
        let letter = |(place, _)| match place {
            Place::Plain => 'p',
            Place::Code => 'c',
            Place::Quoted => 'q',
        };
        lines_of(text).map(letter).collect()
    }

    #[test]
    fn each_line_has_its_place() {
        assert_eq!(check("a\n    b\n\tc\n   d\n  \te"), "pccpc");
        assert_eq!(check("> a\n  > b\nc"), "qqp");
        assert_eq!(check("```\na\n```\nb"), "cccp");
        assert_eq!(check("````\n```\na\n```\nb\n````\nc"), "ccccccp");
        assert_eq!(check("~~~\n```\n~~~\na"), "cccp");
        assert_eq!(check("```a``` is code\nb"), "pp");
        assert_eq!(check("```\na\n``` b\nc"), "cccc");
        assert_eq!(check("<!-- a -->\nb\n<!--\nc\n-->\nd"), "cpcccp");
    }

    #[test]
    fn the_last_block_ends_the_text() {
        let check = |text: &'static str| block_at_end(text).map(|(_, content)| content);
        assert_eq!(check("```\nnever closed\n\n```json\n{}\n```\n"), Some("{}\n"));
        assert_eq!(check("```json\n{}\n```\nand more"), None);
        assert_eq!(check("````\n```json\n{}\n```\n````"), Some("```json\n{}\n```\n"));
        assert_eq!(check("{}\n```"), None);
    }

    #[test]
    fn blocks_are_what_stands_between_fences() {
        let text = "x\n```json\n{}\n```\n    ```\n    1\n    ```\n```\nopen";
        let blocks = blocks_of(text);
        let contents: Vec<_> = blocks.iter().map(|it| (it.content, it.is_shown)).collect();
        assert_eq!(contents, [("{}\n", false), ("    1\n", true)]);
        assert_eq!(blocks[0].start, 10);
    }
}
