//! Cuts bytes into lines with bounded memory, and takes terminal noise off a line.

/// Longer lines are counted and skipped; bytes.
pub const LINE_LIMIT: usize = 8 * 1024 * 1024;

/// Keeps the unfinished line between chunks.
#[derive(Debug, Default)]
pub struct LineSplitter {
    rest: Vec<u8>,
    is_skipping: bool,
    n_skipped: u64,
}

impl LineSplitter {
    /// Gives every line that ends in `bytes` to `take`, without its newline.
    pub fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        let mut parts = bytes.split(|&byte| byte == b'\n');
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            self.end_line(part, take);
        }
        self.extend(last);
    }

    fn end_line(&mut self, part: &[u8], take: &mut impl FnMut(&[u8])) {
        if self.rest.is_empty() && !self.is_skipping && part.len() <= LINE_LIMIT {
            take(part);
            return;
        }
        self.extend(part);
        if !self.is_skipping {
            take(&self.rest);
        }
        self.rest.clear();
        self.is_skipping = false;
    }

    fn extend(&mut self, part: &[u8]) {
        if self.is_skipping {
            return;
        }
        if self.rest.len() + part.len() > LINE_LIMIT {
            self.is_skipping = true;
            self.n_skipped += 1;
            self.rest = Vec::new();
        } else {
            self.rest.extend_from_slice(part);
        }
    }

    /// The last line where it had no newline.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }

    pub fn n_skipped(&self) -> u64 {
        self.n_skipped
    }
}

/// The line without white space, byte-order mark and terminal sequences in front and white space
/// behind.
pub fn trim_noise(mut line: &[u8]) -> &[u8] {
    loop {
        line = line.trim_ascii();
        let skip = match line {
            [0xef, 0xbb, 0xbf, ..] => 3,
            [0x1b, b'[', rest @ ..] => 2 + through(rest, |byte| (0x40..=0x7e).contains(&byte)),
            [0x1b, b']', rest @ ..] => 2 + through(rest, |byte| byte == 0x07),
            [0x1b, _, ..] => 2,
            _ => return line,
        };
        line = &line[skip.min(line.len())..];
    }
}

fn through(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| is_end(byte)).map_or(bytes.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_over_long_line_is_counted_and_the_next_is_read() {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for _ in 0..9 {
            splitter.feed(&vec![b'x'; 1 << 20], &mut |line| lines.push(line.len()));
        }
        assert!(splitter.rest.capacity() <= 2 * LINE_LIMIT);
        splitter.feed(b"yy\nok\nre", &mut |line| lines.push(line.len()));
        assert_eq!((lines, splitter.n_skipped()), (vec![2], 1));
        assert_eq!(splitter.finish().as_deref(), Some(&b"re"[..]));
    }

    #[test]
    fn terminal_noise_is_taken_off() {
        let check = |line: &[u8]| String::from_utf8_lossy(trim_noise(line)).into_owned();
        assert_eq!(check(b"\x1b[0m\x1b]0;title\x07 {}\r"), "{}");
        assert_eq!(check(b"\xef\xbb\xbf{}"), "{}");
        assert_eq!(check(b"\x1b[31"), "");
    }
}
