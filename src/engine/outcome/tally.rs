//! What a test file asserts, by its words: enough to tell people how a change of it looks.

/// How many of its lines assert something, and how many leave a test out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub asserts: usize,
    pub skips: usize,
}

const ASSERTS: &[&str] = &[
    "assert", "expect(", "expect!", "expect ", "should", "require.", "must", "t.error", "t.fatal",
    "t.fail", "test ", "[ ", "[[ ", "cmp ", "diff ", "grep ", "exit 1", "panic!", "check(",
    "fail(", "ensure", "verify(",
];

const SKIPS: &[&str] = &[
    "[ignore",
    "skip",
    "xit(",
    "xdescribe(",
    "xtest(",
    "@disabled",
    "@ignore",
    ".todo(",
    ".only(",
    "pending(",
    "xfail",
];

impl Tally {
    /// Of a file's text; lines that are comments do not count.
    pub fn of(text: &str) -> Self {
        let lines = text.lines().map(|it| it.trim().to_lowercase());
        let is_comment = |it: &String| {
            let starts = ["//", "/*", "*", "--", "\"\"\"", "<!--"];
            starts.iter().any(|start| it.starts_with(start))
                || it.starts_with('#') && !it.starts_with("#[")
        };
        let has = |line: &String, words: &[&str]| words.iter().any(|it| line.contains(it));
        lines.filter(|it| !is_comment(it)).fold(Self::default(), |sum, line| Self {
            asserts: sum.asserts + usize::from(has(&line, ASSERTS)),
            skips: sum.skips + usize::from(has(&line, SKIPS)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_assert_and_that_skip_are_counted() {
        let check = |text: &str| (Tally::of(text).asserts, Tally::of(text).skips);
        assert_eq!(check("test \"$(sh a)\" = 3 || exit 1\n"), (1, 0));
        assert_eq!(check("# test \"$(sh a)\" = 3\n"), (0, 0));
        assert_eq!(
            check("@Disabled\nvoid a() {\n  assertEquals(1, 2);\n  // assert(x);\n}\n"),
            (1, 1)
        );
        assert_eq!(check("it.skip('a', () => { expect(a).toBe(1) })"), (1, 1));
    }
}
