//! Small text arts: the nearest name for "did you mean", whole-word phrases, slugs, durations.

use crate::base::measure::Millis;

/// The candidate that `word` was most likely meant to be: at most a third of its characters are
/// wrong, missing, added or swapped with their neighbour. The first of equals; `word` itself is none.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let longest = length.max(candidate.len());
        let bound = best
            .map_or((longest / 3).clamp(usize::from(longest > 1), 3), |(distance, _)| distance - 1);
        let other = candidate.chars().count();
        let (shorter, difference) = (length.min(other), length.abs_diff(other));
        // Most candidates differ more in length alone: they need no measuring.
        if bound == 0 || candidate == word || difference > bound || shorter == 0 {
            continue;
        }
        let distance = strsim::osa_distance(word, candidate);
        if distance <= bound {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// True where `phrase` occurs in `text` as whole words, in any case; what stands between
/// the words does not matter. An empty phrase occurs nowhere.
pub fn contains_phrase(text: &str, phrase: &str) -> bool {
    let wanted: Vec<String> = words(phrase).map(str::to_lowercase).collect();
    let Some(first) = wanted.first() else { return false };
    let found: Vec<&str> = words(text).collect();
    let same = |word: &str, lower: &str| {
        word.len() == lower.len() && word.eq_ignore_ascii_case(lower)
            || word.to_lowercase() == lower
    };
    found.iter().enumerate().any(|(at, word)| {
        same(word, first)
            && found.len() >= at + wanted.len()
            && found[at..].iter().zip(&wanted).all(|(word, lower)| same(word, lower))
    })
}

/// Words are runs of letters, digits and `_`; what stands between them does not matter.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Lower-case words joined by `-`: `Add the Parser!` is `add-the-parser`.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// `10m`, `90s`, `1h 30m`, `250ms`, `2d`; a bare number is seconds. `None` where it is none of these.
pub fn duration_of(text: &str) -> Option<Millis> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return scaled(seconds, 1000.0);
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let unit_end = rest[number..]
            .find(|c: char| !c.is_ascii_alphabetic())
            .map_or(rest.len(), |end| number + end);
        let unit = unit_in_millis(&rest[number..unit_end])?;
        let part = scaled(rest[..number].parse().ok()?, unit)?;
        total = total.checked_add(part.0)?;
        rest = rest[unit_end..].trim_start();
    }
    (!text.trim().is_empty()).then_some(Millis(total))
}

fn scaled(amount: f64, unit: f64) -> Option<Millis> {
    let millis = amount * unit;
    (millis.is_finite() && (0.0..1e15).contains(&millis)).then(|| Millis(millis.round() as u64))
}

fn unit_in_millis(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(1.0),
        "s" | "sec" | "secs" => Some(1000.0),
        "m" | "min" | "mins" => Some(60_000.0),
        "h" | "hour" | "hours" => Some(3_600_000.0),
        "d" | "day" | "days" => Some(86_400_000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_nearest_name() {
        let check = |word: &str| nearest(word, ["depends_on", "name", "status", "agent", "id"]);
        assert_eq!(check("depend_on"), Some("depends_on"));
        assert_eq!(check("dpeends_on"), Some("depends_on"));
        assert_eq!(check("agnet"), Some("agent"));
        assert_eq!(check("statsu"), Some("status"));
        assert_eq!(check("nmae"), Some("name"));
        assert_eq!(check("budget"), None);
        assert_eq!(check("status"), None);
        assert_eq!(check(""), None);
        assert_eq!(nearest("1.3", ["1.1", "1.2"]), Some("1.1"));
        assert_eq!(nearest("größe", ["große", "name"]), Some("große"));
    }

    #[test]
    fn phrases_are_whole_words() {
        let check = |text: &str, phrase: &str| contains_phrase(text, phrase);
        assert!(check("Please Code-Review this", "code review"));
        assert!(check("check it", "check"));
        assert!(check("Prüfe die ÄNDERUNG", "änderung"));
        assert!(!check("checkout the branch", "check"));
        assert!(!check("review", "code review"));
        assert!(!check("anything", ""));
        assert!(!check("code_review", "review"));
    }

    #[test]
    fn slugs_are_lower_case_words() {
        assert_eq!(slug("  Add the Parser! (v2) "), "add-the-parser-v2");
        assert_eq!(slug("!!"), "");
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        let check = |text: &str| duration_of(text).map(|span| span.0);
        assert_eq!(check("10m"), Some(600_000));
        assert_eq!(check("90"), Some(90_000));
        assert_eq!(check("0.5"), Some(500));
        assert_eq!(check("1h 30m"), Some(5_400_000));
        assert_eq!(check("1h30m"), Some(5_400_000));
        assert_eq!(check("250ms"), Some(250));
        for wrong in ["", "m", "10 parsecs", "-5", "1e99", "10m x", "nan", "inf"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }
}
