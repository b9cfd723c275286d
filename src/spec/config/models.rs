//! Which model a session is asked of, and when another one: `models`.

use crate::base::name::ModelName;
use crate::spec::yaml::Fields;

/// The ladder of models and how it is climbed. A plan's `model_escalation` wins, then flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Models {
    /// From the smallest to the largest.
    pub ladder: Vec<ModelName>,
    /// Where neither task nor agent names one.
    pub starting: Option<ModelName>,
    /// One step up after so many failed attempts; `None`: none by itself.
    pub escalate_after: Option<u32>,
    /// Never above this one.
    pub max: Option<ModelName>,
    /// What agents that validate are, instead of their own.
    pub validation: Option<ModelName>,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            ladder: ["haiku", "sonnet", "opus", "fable"].map(ModelName::new).into(),
            starting: None,
            escalate_after: None,
            max: None,
            validation: None,
        }
    }
}

impl Models {
    /// The place of a model on the ladder: its own name, or one that contains it as a word
    /// (`claude-sonnet-4-5`); `None` where it is not on it.
    pub fn place_of(&self, model: &ModelName) -> Option<usize> {
        let model = model.as_str().to_lowercase();
        let exact = self.ladder.iter().position(|it| it.as_str().to_lowercase() == model);
        let has_word = |name: &ModelName| {
            let name = name.as_str().to_lowercase();
            model.split(|it: char| !it.is_alphanumeric()).any(|word| word == name)
        };
        exact.or_else(|| self.ladder.iter().position(has_word))
    }
}

pub(super) fn read(mut fields: Fields<'_, '_>) -> Models {
    let default = Models::default();
    let ladder: Vec<ModelName> =
        fields.texts("ladder").into_iter().map(|(name, _)| ModelName::new(name)).collect();
    let max = fields.text("max").map(ModelName::new);
    let (starting, validation) = (fields.model_at("starting"), fields.model_at("validation"));
    let read = Models {
        ladder: if ladder.is_empty() { default.ladder } else { ladder },
        starting,
        escalate_after: fields.count("escalate_after"),
        max,
        validation,
    };
    let is_off = read.max.as_ref().is_some_and(|max| read.place_of(max).is_none());
    if is_off && let Some(node) = fields.node("max") {
        let ladder: Vec<&str> = read.ladder.iter().map(ModelName::as_str).collect();
        let help = format!("a model of the ladder: {}", ladder.join(", "));
        fields.problems().bad_value("max", node, help);
    }
    fields.rest();
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_its_place_by_whole_words() {
        let models = Models::default();
        let check = |name: &str| models.place_of(&ModelName::new(name));
        assert_eq!(check("sonnet"), Some(1));
        assert_eq!(check("claude-opus-4-20250514"), Some(2));
        assert_eq!(check("Haiku"), Some(0));
        assert_eq!(check("magnopus"), None);
        assert_eq!(check("sonnet[1m]"), Some(1));
    }
}
