//! Takes secrets out of everything that is stored or shown: known forms of tokens, and the very
//! values that were given to a child.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

use crate::engine::record::Record;

/// What stands where a secret stood. No character of it changes the meaning of JSON.
pub const MASKED: &str = "[masked]";
/// An unfinished line is passed on when it grows beyond this, bytes.
const LINE_LIMIT: usize = 1 << 20;
/// How far a URL's password is from its `://`, bytes.
const LONGEST_USER: usize = 256;
/// Shorter values are no secrets: masking them would tear up ordinary text.
const SHORTEST_VALUE: usize = 8;

/// Variables whose names hold one of these have secret values.
#[rustfmt::skip]
const NAMES: &[&str] =
    &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"];

const PEM_START: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"-----END ";

/// How a kind of token starts, and how many token characters must follow.
const FORMS: &[(&[u8], usize)] = &[
    (b"sk-ant-", 8),
    (b"sk-proj-", 16),
    (b"sk-", 32),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    (b"xapp-", 10),
    (b"ghp_", 20),
    (b"gho_", 20),
    (b"ghu_", 20),
    (b"ghs_", 20),
    (b"ghr_", 20),
    (b"github_pat_", 20),
    (b"glpat-", 16),
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"AIza", 35),
    (b"npm_", 30),
    (b"hf_", 30),
    (b"sk_live_", 16),
    (b"rk_live_", 16),
    (b"Basic ", 16),
    (b"Bearer ", 16),
    (b"eyJhbGciOi", 20),
];

/// Which values are secret beside the known forms.
#[derive(Clone, Default)]
pub struct Mask {
    values: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} values)", self.values.len())
    }
}

impl Mask {
    /// Values worth hiding: those of variables named like secrets.
    pub fn of_environment<'a>(variables: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut values = Vec::new();
        for (name, value) in variables {
            values.extend(secrets_in(&name.to_ascii_uppercase(), value));
        }
        let escaped: Vec<Vec<u8>> = values.iter().filter_map(|value| as_json(value)).collect();
        values.extend(escaped);
        values.retain(|value| value.len() >= SHORTEST_VALUE);
        // One may be the beginning of another: the longer goes first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// Hides what of orch's own environment looks like a secret. A path that is there is none: it tells where
    /// something is.
    pub fn of_process() -> Self {
        let own = own_variables();
        let variables =
            own.iter().filter_map(|(name, value)| Some((name.to_str()?, value.as_encoded_bytes())));
        Self::of_environment(variables)
    }

    /// A record without secrets in its words; what others are found by stays.
    pub fn record<'a>(&self, record: &'a Record) -> Cow<'a, Record> {
        let mut masked = record.clone();
        for text in masked.texts_mut() {
            *text = self.text(text);
        }
        if masked == *record { Cow::Borrowed(record) } else { Cow::Owned(masked) }
    }

    /// The bytes without secrets.
    pub fn apply<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut masked: Option<Vec<u8>> = None;
        let mut from = 0;
        let mut at = 0;
        while at < bytes.len() {
            let known = self.secret_at(&bytes[at..], at.checked_sub(1).map(|it| bytes[it]));
            let Some(len) = known.or_else(|| password_at(bytes, at)) else {
                at += 1;
                continue;
            };
            let masked = masked.get_or_insert_default();
            masked.extend_from_slice(&bytes[from..at]);
            masked.extend_from_slice(MASKED.as_bytes());
            at += len;
            from = at;
        }
        match masked {
            Some(mut masked) => {
                masked.extend_from_slice(&bytes[from..]);
                Cow::Owned(masked)
            }
            None => Cow::Borrowed(bytes),
        }
    }

    /// As [`Self::apply`], for text.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.apply(text.as_bytes())).into_owned()
    }

    fn secret_at(&self, bytes: &[u8], before: Option<u8>) -> Option<usize> {
        let value = self.values.iter().find(|value| bytes.starts_with(value));
        if let Some(value) = value {
            return Some(value.len());
        }
        if let Some(rest) = bytes.strip_prefix(PEM_START) {
            return private_key(rest).map(|n| PEM_START.len() + n);
        }
        if !matches!(bytes[0], b's' | b'x' | b'g' | b'A' | b'n' | b'B' | b'e' | b'h' | b'r')
            || before.is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        FORMS.iter().find_map(|(start, least)| {
            let rest = bytes.strip_prefix(*start)?;
            let n = rest.iter().take_while(|&&byte| is_token(byte)).count();
            (n >= *least).then_some(start.len() + n)
        })
    }
}

/// What orch itself was given, without paths that are there.
pub fn own_variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(_, it)| !Path::new(it).exists()).collect()
}

/// The length of the password of a URL that begins at `at`. What is put in only later, such as
/// `$PASSWORD` or `{password}`, is none.
fn password_at(bytes: &[u8], at: usize) -> Option<usize> {
    if at == 0 || bytes[at - 1] != b':' || b"$<{[*/\\".contains(&bytes[at]) {
        return None;
    }
    let user = &bytes[at.saturating_sub(LONGEST_USER)..at - 1];
    let n = user.iter().rev().take_while(|&&byte| is_token(byte) || byte == b'%').count();
    if !user[..user.len() - n].ends_with(b"://") {
        return None;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"@/?#\"'<>\\`".contains(byte);
    let len = bytes[at..].iter().position(ends)?;
    (len > 0 && bytes[at + len] == b'@').then_some(len)
}

/// What of a variable's value is secret.
fn secrets_in(name: &str, value: &[u8]) -> Vec<Vec<u8>> {
    if NAMES.iter().any(|it| name.contains(it)) {
        return vec![value.to_vec()];
    }
    let mut found = Vec::new();
    if name.contains("HEADERS") {
        let headers = value.split(|&byte| byte == b'\n');
        let values = headers.filter_map(|it| it.splitn(2, |&byte| byte == b':').nth(1));
        found.extend(values.map(|it| it.trim_ascii().to_vec()));
    }
    found.extend(password_in(value));
    found
}

/// The password of a URL: `scheme://user:PASSWORD@host`.
fn password_in(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    Some(password.as_bytes().to_vec())
}

/// How a value stands in a JSON text, where that differs.
fn as_json(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    let quoted = serde_json::to_string(text).ok()?;
    let inner = &quoted[1..quoted.len() - 1];
    (inner != text).then(|| inner.as_bytes().to_vec())
}

/// The length of a private key behind [`PEM_START`], to its end or that of the text.
fn private_key(rest: &[u8]) -> Option<usize> {
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    let kind = text(&rest[..rest.len().min(48)]);
    let (kind, _) = kind.split_once("-----")?;
    if !kind.ends_with("PRIVATE KEY") {
        return None;
    }
    let end = rest.windows(PEM_END.len()).position(|it| it == PEM_END);
    let Some(end) = end else { return Some(rest.len()) };
    let behind = &rest[end + PEM_END.len()..];
    let tail = behind.windows(5).position(|it| it == b"-----").map_or(0, |at| at + 5);
    Some(end + PEM_END.len() + tail)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Masks a stream: holds the unfinished line back, so that no secret slips through between chunks.
#[derive(Debug, Default)]
pub struct MaskedStream {
    mask: Mask,
    rest: Vec<u8>,
}

impl MaskedStream {
    pub fn new(mask: Mask) -> Self {
        Self { mask, rest: Vec::new() }
    }

    /// Takes the next bytes; answers with those that are safe to pass on.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let end = match self.rest.iter().rposition(|&byte| byte == b'\n') {
            Some(at) => at + 1,
            None if self.rest.len() > LINE_LIMIT => self.safe_cut(),
            None => 0,
        };
        let later = self.rest.split_off(end);
        let now = std::mem::replace(&mut self.rest, later);
        self.mask.apply(&now).into_owned()
    }

    /// Behind the last byte that no token holds, with room for a value that is no plain token.
    fn safe_cut(&self) -> usize {
        let room = self.mask.values.iter().map(Vec::len).max().unwrap_or(0).max(4096);
        let end = self.rest.len().saturating_sub(room);
        let last = self.rest[..end].iter().rposition(|&byte| !is_token(byte) && byte != b' ');
        last.map_or(end, |at| at + 1)
    }

    /// The unfinished last line.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.rest);
        self.mask.apply(&rest).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> String {
        let variables = [("ANTHROPIC_API_KEY", &b"hunter2-hunter2"[..]), ("PATH", b"/usr/bin:/x")];
        Mask::of_environment(variables.into_iter()).text(text)
    }

    #[test]
    fn tokens_and_given_values_are_masked_and_nothing_else() {
        assert_eq!(check(r#"{"k":"sk-ant-api03-AAAAbbbb_cc"}"#), r#"{"k":"[masked]"}"#);
        assert_eq!(check("hunter2-hunter2!"), "[masked]!");
        assert_eq!(check("xoxb-123456-abcdef ghp_0123456789abcdefghij"), "[masked] [masked]");
        assert_eq!(check("Authorization: Bearer abcdefghij0123456789"), "Authorization: [masked]");
        for plain in
            ["/usr/bin:/x", "risk-ant-farm", "task-ant-api03-AAAAbbbb", "sk-ant-", "sk-short"]
        {
            assert_eq!(check(plain), plain);
        }
    }

    #[test]
    fn values_are_found_in_urls_headers_and_json_and_private_keys_whole() {
        let check = |text: &str| {
            let variables: [(&str, &[u8]); 4] = [
                ("DATABASE_URL", b"postgres://me:pass-word-1@db.example:5432/x"),
                ("HTTPS_PROXY", b"http://me:proxy-word@proxy.example:80"),
                ("ANTHROPIC_CUSTOM_HEADERS", b"X-Auth: header-value-1\nX-Org: short"),
                ("APP_SECRET", b"with\"quote\\and-more"),
            ];
            Mask::of_environment(variables.into_iter()).text(text)
        };
        assert_eq!(check("https://me:proxy-word@x"), "https://me:[masked]@x");
        assert_eq!(check("sent header-value-1, short"), "sent [masked], short");
        assert_eq!(check(r#"{"a":"with\"quote\\and-more"}"#), r#"{"a":"[masked]"}"#);
        let key = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIB\\n-----END RSA PRIVATE KEY-----";
        assert_eq!(check(&format!("a {key} b")), "a [masked] b");
        assert_eq!(check("-----BEGIN CERTIFICATE-----"), "-----BEGIN CERTIFICATE-----");
        assert_eq!(check("Authorization: Basic dXNlcjpwYXNzd29yZA=="), "Authorization: [masked]==");
    }

    #[test]
    fn passwords_of_urls_are_masked_wherever_they_come_from() {
        assert_eq!(
            check("git clone https://me:s3cr3t@host/x.git"),
            "git clone https://me:[masked]@host/x.git"
        );
        assert_eq!(check("redis://:s3cr3t@host"), "redis://:[masked]@host");
        assert_eq!(check("a://u:p@h b://u:p%40q@h"), "a://u:[masked]@h b://u:[masked]@h");
        for plain in [
            "https://host:8080/a@b",
            "https://me@host",
            "https://u:$PW@h",
            "https://u:{pw}@h",
            "a:b@c",
            "https://u:[masked]@h",
            "http://localhost:3000",
            "https://host:80",
            "see https://x: me@host",
        ] {
            assert_eq!(check(plain), plain);
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_let_a_secret_through(cut in 1usize..20, lead in "[ -~]{0,30}") {
            let text = format!("{lead} sk-ant-api03-SECRETSECRET tail\nmore hunter2-hunter2\nend");
            let mut stream = MaskedStream::new(Mask::of_environment(
                [("X_TOKEN", &b"hunter2-hunter2"[..])].into_iter(),
            ));
            let mut seen = Vec::new();
            for chunk in text.as_bytes().chunks(cut) {
                seen.extend(stream.feed(chunk));
            }
            seen.extend(stream.finish());
            let seen = String::from_utf8(seen).unwrap();
            prop_assert!(!seen.contains("SECRET") && !seen.contains("hunter2"));
            prop_assert!(seen.ends_with("end"));
        }
    }
}
