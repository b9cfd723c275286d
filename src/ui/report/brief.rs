//! A text without the middle of its very long lines: what stands around a place in one is shown.

use std::ops::Range;

/// Longest line that is shown whole, in bytes.
const LINE: usize = 400;
/// What is shown on either side of a place in a longer one.
const AROUND: usize = 60;

/// The text in pieces, with where each came from.
#[derive(Debug)]
pub struct Brief {
    pub text: String,
    /// Where each piece begins, here and in the whole text, and its length.
    pieces: Vec<(usize, usize, usize)>,
}

impl Brief {
    /// `None` where no line is too long.
    pub fn of(text: &str, places: &[usize]) -> Option<Self> {
        text.split('\n').any(|line| line.len() > LINE).then(|| {
            let mut brief = Self { text: String::new(), pieces: Vec::new() };
            let mut at = 0;
            for line in text.split_inclusive('\n') {
                brief.push_line(text, at..at + line.len(), places);
                at += line.len();
            }
            brief
        })
    }

    fn push_line(&mut self, text: &str, line: Range<usize>, places: &[usize]) {
        if line.len() <= LINE {
            return self.push(text, line);
        }
        // Its head, what stands around each place, and its line break.
        let around =
            |at: usize| at.saturating_sub(AROUND).max(line.start)..(at + AROUND).min(line.end);
        let inside =
            places.iter().copied().filter(|at| (line.start..=line.end).contains(at)).map(around);
        let edges = [line.start..line.start + AROUND, line.end - 1..line.end];
        let mut shown: Vec<Range<usize>> = inside.chain(edges).collect();
        shown.sort_by_key(|it| it.start);
        let mut from = line.start;
        for piece in shown {
            let start = ceil_boundary(text, piece.start.max(from));
            let end = ceil_boundary(text, piece.end);
            if start >= end {
                continue;
            }
            if start > from {
                self.text.push('…');
            }
            self.push(text, start..end);
            from = end;
        }
    }

    fn push(&mut self, text: &str, piece: Range<usize>) {
        self.pieces.push((self.text.len(), piece.start, piece.len()));
        self.text.push_str(&text[piece]);
    }

    /// Where a place of the whole text stands here; what is left out stands at the end of what is before it.
    pub fn here(&self, whole: usize) -> usize {
        let after = self.pieces.partition_point(|(_, start, _)| *start <= whole);
        let Some((here, start, len)) = after.checked_sub(1).map(|at| self.pieces[at]) else {
            return 0;
        };
        here + (whole - start).min(len)
    }

    /// Where a place here stands in the whole text.
    pub fn whole(&self, here: usize) -> usize {
        let after = self.pieces.partition_point(|(start, _, _)| *start <= here);
        let Some((start, whole, len)) = after.checked_sub(1).map(|at| self.pieces[at]) else {
            return 0;
        };
        whole + (here - start).min(len)
    }
}

fn ceil_boundary(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, places: &[usize]) -> Option<String> {
        let brief = Brief::of(text, places)?;
        for &place in places {
            let here = brief.here(place);
            assert_eq!(brief.whole(here), place, "{}", brief.text);
            assert_eq!(brief.text[here..].chars().next(), text[place..].chars().next());
        }
        assert_eq!(brief.text.lines().count(), text.lines().count());
        Some(brief.text)
    }

    #[test]
    fn a_long_line_is_shown_around_its_places() {
        assert_eq!(check("short\nlines\n", &[0, 3]), None);
        let long = "ü".repeat(150_000);
        let text = format!("a: 1\nb: {long}X{long}\nc: 2\n");
        let x = text.find('X').unwrap();
        let shown = check(&text, &[x, x + 1]).unwrap();
        assert!(shown.len() < 600 && shown.contains("üXü") && shown.contains("…ü"), "{shown}");
        assert!(shown.starts_with("a: 1\nb: ü") && shown.ends_with("…\nc: 2\n"), "{shown}");
        // The end of the text, and a place at the end of a long last line.
        check(&long, &[0, long.len()]).unwrap();
        let shown = check(&text, &[0, text.len(), x]).unwrap();
        assert!(shown.len() < 1000, "{shown}");
    }
}
