//! What items are called: numbers and slugs as people write them, and their natural order.

use std::cmp::Ordering;

/// A file's stem, taken apart: `01-login` and `1-login` are one item's name, `login` may stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub number: Option<u64>,
    /// What comes behind the number.
    pub slug: &'a str,
}

/// Takes a stem apart. A name that is nothing but a number has an empty slug.
pub fn parts_of(stem: &str) -> Parts<'_> {
    let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = &stem[digits..];
    match stem[..digits].parse() {
        Ok(number) if rest.is_empty() || rest.starts_with(['-', '_', '.', ' ']) => {
            Parts { number: Some(number), slug: rest.trim_start_matches(['-', '_', '.', ' ']) }
        }
        _ => Parts { number: None, slug: stem },
    }
}

/// The stems that a written name means, the best kind of likeness only: the same, the same but for
/// zeros and case, the slug without its number, the number alone (`#2`).
pub fn meant_by<'s>(written: &str, stems: impl Iterator<Item = &'s str> + Clone) -> Vec<&'s str> {
    let wanted = parts_of(written.trim_start_matches('#'));
    let is_alike = |stem: &str| {
        let parts = parts_of(stem);
        parts.number == wanted.number && parts.slug.to_lowercase() == wanted.slug.to_lowercase()
    };
    let has_slug = |stem: &str| {
        let parts = parts_of(stem);
        let is_other = wanted.number.is_some() && parts.number.is_some();
        !wanted.slug.is_empty()
            && !is_other
            && parts.slug.to_lowercase() == wanted.slug.to_lowercase()
    };
    let has_number = |stem: &str| wanted.slug.is_empty() && parts_of(stem).number == wanted.number;
    let kinds: [&dyn Fn(&str) -> bool; 4] =
        [&|stem| stem == written, &is_alike, &has_slug, &has_number];
    let found =
        kinds.iter().map(|is_meant| stems.clone().filter(|it| is_meant(it)).collect::<Vec<_>>());
    found.into_iter().find(|it| !it.is_empty()).unwrap_or_default()
}

/// `2-x` before `10-x`: runs of digits compare as numbers, everything else by character.
pub fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while !left.is_empty() && !right.is_empty() {
        let (a, b) = (digits_at_start(left), digits_at_start(right));
        let order = match (a, b) {
            (0, _) | (_, 0) => left.chars().next().cmp(&right.chars().next()),
            _ => by_value(&left[..a], &right[..b]),
        };
        if order != Ordering::Equal {
            return order;
        }
        let step = |text: &str, digits: usize| match digits {
            0 => text.chars().next().map_or(0, char::len_utf8),
            n => n,
        };
        (left, right) = match (a, b) {
            (0, _) | (_, 0) => (&left[step(left, 0)..], &right[step(right, 0)..]),
            _ => (&left[step(left, a)..], &right[step(right, b)..]),
        };
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

fn digits_at_start(text: &str) -> usize {
    text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()
}

/// Numbers of any length, without counting on their fitting into a word.
fn by_value(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_known_as_people_write_them() {
        let stems = ["01-login", "2-logout", "12-login-page", "theme", "3-theme-dark"];
        let check = |written: &str| meant_by(written, stems.iter().copied()).join(" ");
        assert_eq!(check("01-login"), "01-login");
        assert_eq!(check("1-login"), "01-login");
        assert_eq!(check("1-Login"), "01-login");
        assert_eq!(check("login"), "01-login");
        assert_eq!(check("02-logout"), "2-logout");
        assert_eq!(check("#2"), "2-logout");
        assert_eq!(check("5-theme"), "theme");
        assert_eq!(check("4-login"), "", "another number is another item");
        assert_eq!(check("3"), "3-theme-dark");
        assert_eq!(check("log"), "");
        let twice = ["1-x", "2-x"];
        assert_eq!(meant_by("x", twice.iter().copied()), twice);
    }

    #[test]
    fn numbers_count_as_numbers() {
        let mut stems = ["10-x", "2-x", "02-a", "a10", "a9", "1", "é"];
        stems.sort_by(|one, other| natural_order(one, other));
        assert_eq!(stems, ["1", "02-a", "2-x", "10-x", "a9", "a10", "é"]);
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(mut names in proptest::collection::vec("[0-9a-cé-]{0,6}", 0..8)) {
            names.sort_by(|one, other| natural_order(one, other));
            for pair in names.windows(2) {
                let is_same = pair[0] == pair[1];
                prop_assert_eq!(natural_order(&pair[0], &pair[1]) == Ordering::Equal, is_same);
                prop_assert_ne!(natural_order(&pair[0], &pair[1]), Ordering::Greater);
                prop_assert_ne!(natural_order(&pair[1], &pair[0]), Ordering::Less);
            }
        }
    }
}
