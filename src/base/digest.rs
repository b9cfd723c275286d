//! BLAKE3 digests, and the framed manifest that both hashes an action and explains it.

mod difference;

pub use difference::{Difference, differences};

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What content is: the BLAKE3 hash of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hexadecimal digits; anything else is `None`.
    pub fn parse(hex: &str) -> Option<Self> {
        let is_lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_lower {
            return None;
        }
        blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// The first 12 hexadecimal digits: enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// [`Digest::of`] of bytes that come in pieces.
#[derive(Default)]
pub struct Digesting(blake3::Hasher);

impl Digesting {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 32]>::deserialize(deserializer).map(Self);
        }
        let hex = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&hex).ok_or_else(|| serde::de::Error::custom("not a BLAKE3 digest in hex"))
    }
}

/// Something that is told, piece by piece, what an action is made of. A [`Fingerprint`] hashes what
/// it is told; a [`Recorded`] manifest keeps it, so that two of them can be compared.
pub trait Manifest {
    /// Opens a section, such as `inputs`.
    fn section(&mut self, name: &str);
    /// One named value of the open section. Order matters and is the caller's to fix.
    fn entry(&mut self, name: &str, value: &[u8]);
    /// As `entry`, of a text that people want to see what differs in.
    fn text(&mut self, name: &str, value: &str) {
        self.entry(name, value.as_bytes());
    }
}

/// Hashes a manifest: every piece is framed by a tag and its length, so that no two different
/// manifests are the same bytes.
pub struct Fingerprint {
    /// Not hashed yet: many small pieces are hashed much quicker at once.
    waiting: Vec<u8>,
    /// What came before; `None` while that is nothing.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Fingerprint {
    /// As many bytes wait at most.
    const AT_ONCE: usize = 16 * 1024;

    /// `domain` names what is hashed and the version of its encoding, such as `orch action v1`.
    pub fn new(domain: &str) -> Self {
        let mut fingerprint = Self { waiting: Vec::with_capacity(1024), hasher: None };
        fingerprint.frame(b'D', domain.as_bytes());
        fingerprint
    }

    pub fn finish(mut self) -> Digest {
        match self.hasher.take() {
            None => Digest::of(&self.waiting),
            Some(mut hasher) => Digest(*hasher.update(&self.waiting).finalize().as_bytes()),
        }
    }

    fn frame(&mut self, tag: u8, bytes: &[u8]) {
        self.waiting.push(tag);
        self.waiting.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        if self.waiting.len() + bytes.len() <= Self::AT_ONCE {
            return self.waiting.extend_from_slice(bytes);
        }
        let hasher = self.hasher.get_or_insert_default();
        hasher.update(&self.waiting);
        hasher.update(bytes);
        self.waiting.clear();
    }
}

impl Manifest for Fingerprint {
    fn section(&mut self, name: &str) {
        self.frame(b'S', name.as_bytes());
    }

    fn entry(&mut self, name: &str, value: &[u8]) {
        self.frame(b'N', name.as_bytes());
        self.frame(b'V', value);
    }
}

/// A manifest as it was told: what `orch why` compares. Values of up to 256 bytes of UTF-8 are kept
/// whole, texts of up to 64 KiB, others as their digest and length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub sections: Vec<RecordedSection>,
}

/// One section of a [`Recorded`] manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSection {
    pub name: String,
    pub entries: Vec<(String, String)>,
}

impl Recorded {
    const WHOLE_UP_TO: usize = 256;
    const TEXT_UP_TO: usize = 64 * 1024;

    /// Every value with its section and name, in the order told.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.sections.iter().flat_map(|section| {
            let name = section.name.as_str();
            section.entries.iter().map(move |(key, value)| (name, key.as_str(), value.as_str()))
        })
    }
}

impl Manifest for Recorded {
    fn section(&mut self, name: &str) {
        self.sections.push(RecordedSection { name: name.to_owned(), entries: Vec::new() });
    }

    fn entry(&mut self, name: &str, value: &[u8]) {
        self.keep(name, value, Self::WHOLE_UP_TO);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.keep(name, value.as_bytes(), Self::TEXT_UP_TO);
    }
}

impl Recorded {
    fn keep(&mut self, name: &str, value: &[u8], whole_up_to: usize) {
        let shown = match std::str::from_utf8(value) {
            Ok(text) if text.len() <= whole_up_to => text.to_owned(),
            _ => format!("blake3:{} ({} bytes)", Digest::of(value), value.len()),
        };
        if self.sections.is_empty() {
            self.section("");
        }
        if let Some(section) = self.sections.last_mut() {
            section.entries.push((name.to_owned(), shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint_of(pieces: &[(&str, &[(&str, &str)])]) -> Digest {
        let mut fingerprint = Fingerprint::new("test v1");
        for (section, entries) in pieces {
            fingerprint.section(section);
            for (name, value) in *entries {
                fingerprint.entry(name, value.as_bytes());
            }
        }
        fingerprint.finish()
    }

    #[test]
    fn pieces_cannot_run_into_each_other() {
        let digests = [
            fingerprint_of(&[("a", &[("b", "cd")])]),
            fingerprint_of(&[("a", &[("bc", "d")])]),
            fingerprint_of(&[("ab", &[("c", "d")])]),
            fingerprint_of(&[("a", &[("b", "c"), ("d", "")])]),
        ];
        for (i, one) in digests.iter().enumerate() {
            assert!(digests[i + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn a_fingerprint_is_the_hash_of_its_frames_whatever_their_sizes() {
        for size in [0, 1, 1000, 16_000, 16_384, 40_000] {
            let (name, value) = ("n".repeat(size / 2), vec![b'x'; size]);
            let mut fingerprint = Fingerprint::new("test v1");
            let mut whole = blake3::Hasher::new();
            let mut frame = |tag: u8, bytes: &[u8]| {
                whole.update(&[tag]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
            };
            frame(b'D', b"test v1");
            for _ in 0..3 {
                fingerprint.entry(&name, &value);
                frame(b'N', name.as_bytes());
                frame(b'V', &value);
            }
            let whole = Digest::from_bytes(*whole.finalize().as_bytes());
            assert_eq!(fingerprint.finish(), whole, "{size}");
        }
    }

    #[test]
    fn hex_reads_back_and_nothing_else_does() {
        let digest = Digest::of(b"orch");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), None);
        assert_eq!(Digest::parse("00"), None);
    }

    #[test]
    fn a_long_value_is_recorded_by_digest() {
        let mut recorded = Recorded::default();
        recorded.section("prompt");
        recorded.entry("short", b"hello");
        recorded.entry("long", &[b'x'; 300]);
        let values: Vec<_> = recorded.values().collect();
        assert_eq!(values[0], ("prompt", "short", "hello"));
        assert!(values[1].2.ends_with("(300 bytes)"));
    }
}
