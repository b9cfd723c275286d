//! What is different between two manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::Recorded;

/// One value that is not as it was. `section` and `name` say where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Difference {
    Changed { section: String, name: String, before: String, after: String },
    Added { section: String, name: String, after: String },
    Removed { section: String, name: String, before: String },
}

/// `inputs `src/a.rs` changed`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (section, name, how) = match self {
            Self::Changed { section, name, .. } => (section, name, "changed"),
            Self::Added { section, name, .. } => (section, name, "is new"),
            Self::Removed { section, name, .. } => (section, name, "is gone"),
        };
        write!(f, "{section} `{name}` {how}")
    }
}

impl Difference {
    pub fn section(&self) -> &str {
        let (Self::Changed { section, .. }
        | Self::Added { section, .. }
        | Self::Removed { section, .. }) = self;
        section
    }
}

/// All differences, in the order of the new manifest, what was removed last. A name that stands in a
/// section several times is compared value by value; one that is changed alike in several sections (a file that is
/// a script and an input) is told once.
pub fn differences(before: &Recorded, after: &Recorded) -> Vec<Difference> {
    let mut old: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (section, name, value) in before.values() {
        old.entry((section, name)).or_default().push(value);
    }
    for values in old.values_mut() {
        values.reverse();
    }
    let (mut found, mut shown) = (Vec::new(), BTreeSet::new());
    for (section, name, value) in after.values() {
        let was = old.get_mut(&(section, name)).and_then(Vec::pop);
        let (section, after) = (section.to_owned(), value.to_owned());
        match was {
            None => found.push(Difference::Added { section, name: name.to_owned(), after }),
            Some(before) if before == value || !shown.insert((name, before, value)) => {}
            Some(before) => {
                let (name, before) = (name.to_owned(), before.to_owned());
                found.push(Difference::Changed { section, name, before, after });
            }
        }
    }
    for (section, name, _) in before.values() {
        if let Some(before) = old.get_mut(&(section, name)).and_then(Vec::pop) {
            let (section, name) = (section.to_owned(), name.to_owned());
            found.push(Difference::Removed { section, name, before: before.to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Manifest;
    use proptest::prelude::*;

    fn manifest(entries: &[(u8, u8, u8)]) -> Recorded {
        let mut manifest = Recorded::default();
        for (section, name, value) in entries {
            manifest.section(&section.to_string());
            manifest.entry(&name.to_string(), &[*value]);
        }
        manifest
    }

    #[test]
    fn a_file_that_is_script_and_input_has_changed_once() {
        let of = |value| manifest(&[(0, 1, value), (1, 1, value), (1, 2, value)]);
        let found: Vec<String> =
            differences(&of(48), &of(49)).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["0 `1` changed", "1 `2` changed"]);
    }

    proptest! {
        #[test]
        fn equal_manifests_have_no_difference_and_others_have(
            left in proptest::collection::vec((0u8..3, 0u8..3, 48u8..51), 0..8),
            right in proptest::collection::vec((0u8..3, 0u8..3, 48u8..51), 0..8),
        ) {
            prop_assert_eq!(differences(&manifest(&left), &manifest(&left)), []);
            let values = |entries: &[(u8, u8, u8)]| {
                let mut entries = entries.to_vec();
                entries.sort();
                entries
            };
            if values(&left) != values(&right) {
                prop_assert!(!differences(&manifest(&left), &manifest(&right)).is_empty());
            }
        }
    }
}
