//! A JSON object that a session wrote: a key that stands there twice says two things, and so nothing.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// One object, strictly.
///
/// # Errors
/// What is wrong with it, by line and column; a key twice is wrong, too.
pub(super) fn object_in(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str::<Unique>(text.trim()).map(|it| it.0).map_err(|why| why.to_string())
}

/// The same of an object that a model wrote by hand: within a code fence or between words, with a comma
/// behind its last entry, or with line ends within a text.
///
/// # Errors
/// What is wrong with it as it was written.
pub(super) fn object_by_hand(text: &str) -> Result<Map<String, Value>, String> {
    object_in(text).or_else(|why| {
        let (start, end) = text.find('{').zip(text.rfind('}')).ok_or_else(|| why.clone())?;
        let inner = text.get(start..=end).ok_or_else(|| why.clone())?;
        let mended = object_in(&mended(inner));
        mended.map_err(|other| if other.contains(TWICE) { other } else { why })
    })
}

const TWICE: &str = "stands there twice";

struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueKeys)
    }
}

struct UniqueKeys;

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
        let mut object = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` {TWICE}")));
            }
            object.insert(key, value);
        }
        Ok(Unique(object))
    }
}

/// The text without commas before a closing bracket, and with control characters in texts escaped.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        let is_quote = c == '"' && !is_escaped;
        is_escaped = is_text && c == '\\' && !is_escaped;
        is_text ^= is_quote;
        match c {
            '\n' if is_text => mended.push_str("\\n"),
            '\r' if is_text => {}
            c if is_text && c.is_control() => mended.push(' '),
            ',' if !is_text && closes(&text[at + 1..]) => {}
            c => mended.push(c),
        }
    }
    mended
}

fn closes(rest: &str) -> bool {
    rest.trim_start().starts_with(['}', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        object_by_hand(text).map_or_else(|why| why, |it| Value::Object(it).to_string())
    }

    #[test]
    fn what_a_model_writes_by_hand_is_read() {
        let right = r#"{"a":"b, }","c":[1]}"#;
        assert_eq!(check(right), right);
        assert_eq!(check(r#"{"a": "b, }", "c": [1,],}"#), right);
        assert_eq!(check("```json\n{\"a\": \"b, }\", \"c\": [1]}\n```\n"), right);
        assert_eq!(check("It is this:\n{\"a\": \"b, }\",\n \"c\": [1],\n}\nDone."), right);
        assert_eq!(
            check("{\"a\": \"one\ntwo\tand \\\"three\\\"\"}"),
            r#"{"a":"one\ntwo and \"three\""}"#
        );
    }

    #[test]
    fn what_says_two_things_says_nothing() {
        let twice = "the key `a` stands there twice at line 1 column 16";
        assert_eq!(check(r#"{"a": 1, "a": 2}"#), twice);
        assert!(
            check("```\n{\"a\": 1, \"a\": 2,}\n```").contains("the key `a` stands there twice")
        );
        assert!(check("{\"a\": 1}\n{\"a\": 2}").contains("trailing characters"));
        assert!(check("{\"a\": ").contains("EOF"));
        assert!(check("[1]").contains("expected a JSON object"));
    }
}
