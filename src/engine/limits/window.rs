//! The windows in which a plan's use is counted.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::measure::Millis;

/// A window, written as the CLI's `rateLimitType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// `five_hour`: a session of five hours.
    FiveHour,
    /// `seven_day`: the week, over all models.
    Weekly,
    /// `seven_day_opus`: the week of one model, by its family's name.
    WeeklyOf(String),
    /// `overage`: paid use beyond the plan.
    Overage,
    /// The message names none.
    #[default]
    Unknown,
}

const WEEK: &str = "seven_day";

impl Window {
    /// Reads the CLI's name of a window; one that is not known is `Unknown`.
    pub fn parse(name: &str) -> Self {
        match name {
            "five_hour" => Self::FiveHour,
            "seven_day" => Self::Weekly,
            "overage" => Self::Overage,
            _ => match name.strip_prefix("seven_day_").filter(|it| !it.is_empty()) {
                Some("overage_included") => Self::Weekly,
                Some(model) => Self::WeeklyOf(model.to_owned()),
                None => Self::Unknown,
            },
        }
    }

    /// The window of an event; a week that includes paid use is one model's where the message
    /// names that model.
    pub(super) fn of_event(name: &str, said: &Self) -> Self {
        match (Self::parse(name), said) {
            (Self::Weekly, Self::WeeklyOf(_)) if name != WEEK => said.clone(),
            (Self::Unknown, _) => said.clone(),
            (window, _) => window,
        }
    }

    /// The longest that it can last until the window resets; of one that is not known, a month's.
    pub fn longest(&self) -> Millis {
        Millis::seconds(match self {
            Self::FiveHour => 5 * 3600,
            Self::Weekly | Self::WeeklyOf(_) => 7 * 86_400,
            Self::Overage | Self::Unknown => 31 * 86_400,
        })
    }

    /// For people: `five-hour`, `weekly`, `weekly opus`, `overage`; `None` where it is unknown.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::FiveHour => Some("five-hour".to_owned()),
            Self::Weekly => Some("weekly".to_owned()),
            Self::WeeklyOf(model) => Some(format!("weekly {model}")),
            Self::Overage => Some("overage".to_owned()),
            Self::Unknown => None,
        }
    }

    /// The model that alone is held back; `None` where all are.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::WeeklyOf(model) => Some(model),
            _ => None,
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FiveHour => f.write_str("five_hour"),
            Self::Weekly => f.write_str(WEEK),
            Self::WeeklyOf(model) => write!(f, "seven_day_{model}"),
            Self::Overage => f.write_str("overage"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::parse(&name))
    }
}

/// What stands before `limit` and names no model.
const PLAIN_WORDS: &[&str] = &[
    "account's",
    "api",
    "claude",
    "current",
    "daily",
    "extra",
    "hourly",
    "individual",
    "message",
    "max",
    "monthly",
    "org's",
    "organization's",
    "overall",
    "plan",
    "plan's",
    "pro",
    "rate",
    "specified",
    "spend",
    "spending",
    "team",
    "team's",
    "usage",
    "workspace",
    "your",
];
const FAMILIES: [&str; 4] = ["opus", "sonnet", "haiku", "fable"];

/// The window that a cleaned message names. One that names none but gives a date is the week: the
/// shorter window resets within a day.
pub(super) fn window_of_message(text: &str, is_dated: bool) -> Window {
    if let Some((_, rest)) = text.split_once("\"ratelimittype\":\"") {
        return Window::parse(rest.split('"').next().unwrap_or_default());
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let head = text.split(" limit").next().unwrap_or_default();
    if has(&["extra usage", "overage", "spending cap"]) {
        return Window::Overage;
    }
    if let Some(model) = model_in(head) {
        return Window::WeeklyOf(model);
    }
    let has_head = |words: &[&str]| words.iter().any(|word| head.contains(word));
    if has_head(&["session", "5-hour", "5 hour", "five-hour", "five hour"]) {
        return Window::FiveHour;
    }
    let is_week = has_head(&["weekly", "week", "7-day", "seven-day", "seven day"]);
    let may_be_week = is_dated && !has(&["api usage limits", "monthly"]);
    if is_week || may_be_week { Window::Weekly } else { Window::Unknown }
}

/// `opus weekly`, `you've hit your fable 5`: the family of the model before `limit`.
fn model_in(head: &str) -> Option<String> {
    let is_word = |it: char| it.is_alphanumeric() || it == '\'' || it == '-';
    let words: Vec<&str> = head.split(|it| !is_word(it)).filter(|it| !it.is_empty()).collect();
    let family = words.iter().rev().take(3).find(|word| FAMILIES.contains(*word));
    if let Some(family) = family {
        return Some((*family).to_owned());
    }
    // A family that is not known yet: a single name, maybe with a version.
    let starts = ["hit your ", "reached your "];
    let named = starts.iter().find_map(|start| Some(head.rsplit_once(start)?.1))?;
    let words: Vec<&str> = named.split_whitespace().collect();
    let name = *words.first()?;
    let is_name = name.chars().all(|it| it.is_ascii_alphabetic())
        && !PLAIN_WORDS.contains(&name)
        && !["session", "weekly", "week", "five", "seven"].contains(&name);
    let is_version = |it: &&str| it.chars().all(|it| it.is_ascii_digit() || it == '.');
    (is_name && words[1..].iter().all(|it| is_version(it) || *it == "weekly"))
        .then(|| name.to_owned())
}
