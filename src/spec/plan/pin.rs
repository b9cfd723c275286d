//! `pin`: which cached result a task takes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;

/// An output digest or an action key as `orch show` prints them, whole or its first digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pin(String);

impl Pin {
    /// What [`Pin::parse`] takes.
    pub const PATTERN: &str = "^[0-9a-f]{4,64}$";

    /// From 4 to 64 lower-case hexadecimal digits; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        (is_hex && (4..=64).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// True where the digest begins with it.
    pub fn fits(&self, digest: &Digest) -> bool {
        digest.to_string().starts_with(&self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
