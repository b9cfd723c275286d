//! Differences of manifests in words.

use crate::base::digest::Difference;
use crate::ui::text::{cut, one_line};

/// Values longer than this are cut for people.
const SHOWN: usize = 48;

/// `inputs src/a.rs: 1 -> 9`
pub fn words_of(difference: &Difference) -> String {
    let shown = |value: &str| cut(&one_line(value), SHOWN);
    match difference {
        Difference::Changed { section, name, before, after } => {
            format!("{section} {name}: {} -> {}", shown(before), shown(after))
        }
        Difference::Added { section, name, .. } | Difference::Removed { section, name, .. } => {
            format!("{section} {name}")
        }
    }
}
