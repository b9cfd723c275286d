//! Cuts a cleaned message into numbers, words, marks and what stands in parentheses.

/// A piece of a message; white space is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Digits, with how many there are.
    Number(u64, usize),
    /// Letters; also `europe/berlin`, `port-au-prince` only behind a slash.
    Word(&'a str),
    /// What stands between parentheses, without spaces; one that is left open ends at the next
    /// space.
    Group(String),
    Mark(char),
}

/// Tokens of `text`, at most the first 40: a moment is told within them.
pub fn tokens_of(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next().filter(|_| tokens.len() < 40) {
        let (token, len) = match first {
            '(' => group(rest),
            '0'..='9' => number(rest),
            it if it.is_alphabetic() => word(rest),
            it => (Token::Mark(it), it.len_utf8()),
        };
        tokens.push(token);
        rest = rest[len..].trim_start();
    }
    tokens
}

fn number(text: &str) -> (Token<'_>, usize) {
    let len = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    // Too many digits for a number are a number that fits nowhere.
    (Token::Number(text[..len].parse().unwrap_or(u64::MAX), len), len)
}

fn word(text: &str) -> (Token<'_>, usize) {
    let mut is_zone = false;
    let end = text.char_indices().find(|(at, it)| {
        let next = text[at + it.len_utf8()..].chars().next();
        let goes_on = next.is_some_and(char::is_alphabetic);
        is_zone |= *it == '/';
        !(it.is_alphabetic() || ((*it == '/' || (is_zone && "_-".contains(*it))) && goes_on))
    });
    let len = end.map_or(text.len(), |(at, _)| at);
    (Token::Word(&text[..len]), len)
}

fn group(text: &str) -> (Token<'_>, usize) {
    let close = text.find(')');
    let end = close.or_else(|| text.find(' ')).unwrap_or(text.len());
    let inner: String = text[1..end].chars().filter(|it| !it.is_whitespace()).collect();
    (Token::Group(inner), end + usize::from(close.is_some()))
}
