//! Names of models as people write them: which cannot be what was meant.

use super::text::nearest;

/// Words of the service's own names.
const FAMILIES: [&str; 5] = ["haiku", "sonnet", "opus", "fable", "mythos"];

/// Names that the CLI takes beside the families.
const OTHERS: [&str; 4] = ["default", "best", "opusplan", "inherit"];

/// The name that was probably meant; `None` where the name is right, or of a kind that is not known
/// here: a provider's own (`glm-4.6`, `arn:...`) may well be served.
pub fn meant_by(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    let name = name.strip_suffix("[1m]").unwrap_or(&name);
    if FAMILIES.iter().chain(&OTHERS).any(|it| *it == name) {
        return None;
    }
    let mut words = name.split(|it: char| !it.is_ascii_alphabetic()).filter(|it| it.len() > 3);
    let first = words.next()?;
    if first == "claude" {
        let is_known = |word: &str| FAMILIES.contains(&word) || word == "instant";
        return words.find(|word| !is_known(word)).and_then(|word| nearest(word, FAMILIES));
    }
    let is_first = name.starts_with(first);
    match FAMILIES.iter().find(|it| **it == first) {
        Some(family) if is_first => Some(family),
        _ if is_first => nearest(first, FAMILIES.into_iter().chain(OTHERS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_names_and_those_of_other_providers_are_left_alone() {
        for name in [
            "sonnet",
            "Opus",
            "opusplan",
            "sonnet[1m]",
            "claude-sonnet-4-5",
            "claude-3-5-haiku-20241022",
            "claude-instant-1.2",
            "glm-4.6",
            "kimi-k2",
            "anthropic/claude-sonnet-4.5",
            "gpt-5",
            "scripted",
            "us.anthropic.claude-opus-4-1-20250805-v1:0",
            "arn:aws:bedrock:eu-west-1:1:inference-profile/sonet",
            "my-sonnet",
            "big",
            "-",
        ] {
            assert_eq!(meant_by(name), None, "{name}");
        }
    }

    #[test]
    fn a_slip_is_recognized() {
        let check = |name: &str| meant_by(name).unwrap_or("-");
        assert_eq!(check("sonet-9"), "sonnet");
        assert_eq!(check("sonnet-4.5"), "sonnet");
        assert_eq!(check("claude-sonet-5"), "sonnet");
        assert_eq!(check("opsu"), "opus");
        assert_eq!(check("haikku"), "haiku");
    }
}
