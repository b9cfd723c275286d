//! Which model an attempt gets: where the ladder begins, how far failures take it up, and its cap.
//! The beginning is in the task's key; how high an attempt was is only told with its result.

use crate::base::name::ModelName;
use crate::spec::config::Models;
use crate::spec::plan::{Escalation, Meta};

/// `--starting-model`, `--escalate-after-failures`, `--max-model`: they win, for one build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFlags {
    pub starting: Option<ModelName>,
    pub escalate_after: Option<u32>,
    pub max: Option<ModelName>,
}

/// What holds for one plan's sessions: flags over the plan over the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy<'a> {
    models: &'a Models,
    pub starting: Option<&'a ModelName>,
    after: Option<u32>,
    max: Option<&'a ModelName>,
    /// Nobody wrote the cap: what begins above it stays where it is.
    is_default_max: bool,
    pub validation: Option<&'a ModelName>,
}

/// A cap that the ladder does not have, or that lies below where the task begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCap(pub String);

impl<'a> Policy<'a> {
    pub fn of(models: &'a Models, meta: &'a Meta, flags: &'a ModelFlags) -> Self {
        let plan = meta.escalation.as_ref();
        let of_plan =
            |key: fn(&Escalation) -> &Option<ModelName>| plan.and_then(|plan| key(plan).as_ref());
        Self {
            models,
            starting: flags.starting.as_ref(),
            after: flags
                .escalate_after
                .or(plan.and_then(|it| it.escalate_after))
                .or(models.escalate_after),
            max: flags.max.as_ref().or(of_plan(|it| &it.max_model)).or(models.max.as_ref()),
            is_default_max: flags.max.is_none() && plan.is_some_and(|it| it.is_default_max),
            validation: of_plan(|it| &it.validation_model).or(models.validation.as_ref()),
        }
    }

    /// The model after so many failed attempts and so many steps that the retry ladder asked for. One
    /// that is not on the ladder stays as it is.
    ///
    /// # Errors
    /// Where the cap is not on the ladder, or below the model that the task begins with: neither is
    /// what somebody wanted.
    pub fn model_at(
        &self,
        base: &ModelName,
        n_failed: u32,
        n_asked: u32,
    ) -> Result<ModelName, BadCap> {
        let Some(begin) = self.models.place_of(base) else { return Ok(base.clone()) };
        let top = self.cap(base, begin)?;
        let by_failures = self.after.map_or(0, |after| n_failed / after.max(1));
        let place = (begin + (by_failures + n_asked) as usize).min(top);
        // Where it did not move the name stays as written: it may say more than the ladder does.
        if place == begin {
            return Ok(base.clone());
        }
        Ok(self.models.ladder.get(place).unwrap_or(base).clone())
    }

    fn cap(&self, base: &ModelName, begin: usize) -> Result<usize, BadCap> {
        let Some(max) = self.max else { return Ok(self.models.ladder.len().saturating_sub(1)) };
        let ladder: Vec<&str> = self.models.ladder.iter().map(ModelName::as_str).collect();
        let Some(top) = self.models.place_of(max) else {
            let message = format!("`{max}` is no model of the ladder ({})", ladder.join(", "));
            return Err(BadCap(message));
        };
        if top < begin && self.is_default_max {
            return Ok(begin);
        }
        if top < begin {
            let message = format!(
                "it is to begin with `{base}`, and no model above `{max}` is allowed: raise the cap, or give \
                 the task a `model`"
            );
            return Err(BadCap(message));
        }
        Ok(top)
    }
}

/// That a model answered which stands below the one that was asked for; `None` where it does not, or
/// where the ladder does not have both.
pub fn weaker_than_asked(
    asked: &ModelName,
    answered: &ModelName,
    models: &Models,
) -> Option<String> {
    let is_weaker = models.place_of(answered)? < models.place_of(asked)?;
    is_weaker.then(|| format!("`{asked}` was asked for, and {answered} answered: a weaker model"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `base after max`, each `-` where not given; the models of the first seven attempts.
    fn check(words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        let [base, after, max] = words[..] else { panic!("{words:?}") };
        let given = |word: &str| (word != "-").then(|| ModelName::new(word));
        let flags =
            ModelFlags { starting: None, escalate_after: after.parse().ok(), max: given(max) };
        let (models, meta) = (Models::default(), Meta::default());
        let policy = Policy::of(&models, &meta, &flags);
        let base = ModelName::new(base);
        let model = |n| match policy.model_at(&base, n, 0) {
            Ok(model) => model.to_string(),
            Err(BadCap(why)) => why.split(':').next().unwrap_or_default().to_owned(),
        };
        let mut models: Vec<String> = (0..7).map(model).collect();
        models.dedup();
        models.join(" ")
    }

    #[test]
    fn failures_go_up_the_ladder_as_far_as_the_cap() {
        assert_eq!(check("haiku 2 -"), "haiku sonnet opus fable");
        assert_eq!(check("haiku 2 opus"), "haiku sonnet opus");
        assert_eq!(check("haiku 2 sonnet"), "haiku sonnet");
        assert_eq!(check("sonnet - -"), "sonnet", "nobody asked for it");
        assert_eq!(check("claude-sonnet-4-5 1 -"), "claude-sonnet-4-5 opus fable");
        assert_eq!(check("gpt 1 -"), "gpt", "not on the ladder");
        assert_eq!(check("opus 1 opus"), "opus");
    }

    #[test]
    fn a_cap_below_the_beginning_is_an_error_and_no_downgrade() {
        assert_eq!(
            check("opus 1 sonnet"),
            "it is to begin with `opus`, and no model above `sonnet` is allowed"
        );
        assert_eq!(
            check("haiku 1 huge"),
            "`huge` is no model of the ladder (haiku, sonnet, opus, fable)"
        );
    }

    #[test]
    fn a_cap_that_nobody_wrote_lowers_nothing() {
        let (models, flags) = (Models::default(), ModelFlags::default());
        let escalation = Escalation {
            escalate_after: Some(1),
            max_model: Some(ModelName::new("opus")),
            is_default_max: true,
            ..Escalation::default()
        };
        let meta = Meta { escalation: Some(escalation), ..Meta::default() };
        let policy = Policy::of(&models, &meta, &flags);
        let at = |base, n| policy.model_at(&ModelName::new(base), n, 0).unwrap().to_string();
        assert_eq!((at("sonnet", 5), at("fable", 5)), ("opus".to_owned(), "fable".to_owned()));
    }

    #[test]
    fn flags_win_over_the_plan_and_the_plan_over_the_settings() {
        let models = Models { escalate_after: Some(9), ..Models::default() };
        let escalation = Escalation { escalate_after: Some(1), ..Escalation::default() };
        let meta = Meta { escalation: Some(escalation), ..Meta::default() };
        let flags = ModelFlags { escalate_after: Some(3), ..ModelFlags::default() };
        let none = ModelFlags::default();
        let after = |meta: &Meta, flags: &ModelFlags| Policy::of(&models, meta, flags).after;
        assert_eq!(after(&Meta::default(), &none), Some(9));
        assert_eq!(after(&meta, &none), Some(1));
        assert_eq!(after(&meta, &flags), Some(3));
    }
}
