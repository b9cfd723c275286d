//! Differences of manifests in words.

use crate::base::digest::Difference;
use crate::ui::text::{columns_of, cut, one_line, path_text};

/// Values longer than this are cut for people.
const SHOWN: usize = 48;

/// `inputs src/a.rs: 1 -> 9`
pub fn words_of(difference: &Difference) -> String {
    match difference {
        Difference::Changed { section, name, before, after } => {
            let (before, after) = what_differs(&one_line(before), &one_line(after));
            let (before, after) = (cut(&before, SHOWN), cut(&after, SHOWN));
            format!("{section} {}: {before} -> {after}", path_text(name))
        }
        Difference::Added { section, name, .. } | Difference::Removed { section, name, .. } => {
            format!("{section} {}", path_text(name))
        }
    }
}

/// Of two long texts the words that are not the same, with one that is on each side.
fn what_differs(before: &str, after: &str) -> (String, String) {
    if columns_of(before).max(columns_of(after)) <= SHOWN {
        return (before.to_owned(), after.to_owned());
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split(' ').collect(), after.split(' ').collect());
    let most = old.len().min(new.len());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let front = same(&mut old.iter().zip(&new)).min(most);
    let back = same(&mut old.iter().rev().zip(new.iter().rev())).min(most - front);
    let shown = |words: &[&str]| {
        let (from, to) = (front.saturating_sub(1), (words.len() - back + 1).min(words.len()));
        let lead = if from > 0 { "... " } else { "" };
        let rest = if to < words.len() { " ..." } else { "" };
        format!("{lead}{}{rest}", words[from..to].join(" "))
    };
    (shown(&old), shown(&new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_texts_the_words_that_differ_are_shown() {
        let check = |before: &str, after: &str| {
            let (section, name) = ("agent".to_owned(), "body".to_owned());
            let (before, after) = (before.to_owned(), after.to_owned());
            words_of(&Difference::Changed { section, name, before, after })
        };
        let text =
            "You write code that others can read, and\nyou test what you write before you say so";
        insta::assert_snapshot!(check("short", "words"), @"agent body: short -> words");
        insta::assert_snapshot!(check(text, &text.replace("others", "people")), @"agent body: ... that others can ... -> ... that people can ...");
        insta::assert_snapshot!(check(text, &format!("{text}. Be brief.")), @"agent body: ... say so -> ... say so. Be brief.");
        insta::assert_snapshot!(check(text, &text.replace("You write ", "")), @"agent body: You write code ... -> code ...");
    }
}
