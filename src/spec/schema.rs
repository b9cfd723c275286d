//! JSON Schemas of every kind of document, made from the tables of keys that the readers use.

use serde_json::{Map, Value, json};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

use super::keys::{Key, Keys, Others, Shape, Word};
use super::{agent, config, item, plan, rule};

/// The kinds of documents that have a schema.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum DocumentKind {
    Plan,
    Rule,
    /// The front matter of an agent.
    Agent,
    /// `orch.yaml`.
    Config,
    /// A rule of `kind: item`.
    Kind,
}

impl DocumentKind {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The word people use for it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads [`DocumentKind::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// The keys of the document itself.
    pub fn keys(self) -> &'static Keys {
        match self {
            Self::Plan => &plan::keys::PLAN,
            Self::Rule => &rule::keys::RULE,
            Self::Agent => &agent::keys::AGENT,
            Self::Config => &config::keys::CONFIG,
            Self::Kind => &item::kind::keys::KIND,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Plan => "orch plan",
            Self::Rule => "orch rule",
            Self::Agent => "orch agent",
            Self::Config => "orch settings",
            Self::Kind => "orch kind of items",
        }
    }
}

/// The JSON Schema (draft 2020-12) of a kind of document.
pub fn schema(kind: DocumentKind) -> Value {
    let mut definitions = Definitions::default();
    let mut schema = definitions.object(kind.keys());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(kind.title());
    schema["$defs"] = Value::Object(definitions.made);
    schema
}

/// What a schema names once and refers to.
#[derive(Default)]
struct Definitions {
    made: Map<String, Value>,
}

impl Definitions {
    fn object(&mut self, keys: &Keys) -> Value {
        let properties = keys.keys.iter().map(|key| (key.name.to_owned(), self.property(key)));
        let properties: Map<String, Value> = properties.collect();
        let mut object = json!({
            "type": "object",
            "description": one_line(keys.about),
            "properties": properties,
        });
        let required = keys.keys.iter().filter(|key| key.is_required).map(|key| key.name);
        let required: Vec<&str> = required.collect();
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        if keys.others == Others::Refused {
            object["additionalProperties"] = json!(false);
        }
        object
    }

    /// A key without a value counts as not written, so null is fine where it may be left out.
    fn property(&mut self, key: &Key) -> Value {
        let mut property = self.value(&key.shape);
        if !key.is_required {
            property = or_null(property);
        }
        property["description"] = json!(description_of(key));
        if key.is_deprecated {
            property["deprecated"] = json!(true);
        }
        property
    }

    fn value(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Text => json!({ "type": "string" }),
            Shape::Matching(pattern) => json!({ "type": "string", "pattern": pattern }),
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Off => json!({ "const": false }),
            Shape::Count(least, most) => {
                let most = (*most < u32::MAX).then(|| json!(most));
                bounded("integer", Some(json!(least)), most)
            }
            Shape::Integer => json!({ "type": "integer" }),
            Shape::Number(least, most) => {
                let least = (*least > f64::MIN).then(|| json!(least));
                bounded("number", least, (*most < f64::MAX).then(|| json!(most)))
            }
            Shape::Duration => self.defined("duration", |_| duration()),
            Shape::Texts => self.defined("texts", |_| texts()),
            Shape::Command => self.defined("command", |_| command()),
            Shape::Word(name, words) => self.defined(name, |_| choice(&words())),
            Shape::Map(keys) => self.defined(keys.noun, |all| all.object(keys)),
            Shape::List(item) => json!({ "type": "array", "items": self.value(item) }),
            Shape::Names(name, value) => json!({
                "type": "object",
                "propertyNames": self.value(name),
                "additionalProperties": self.value(value),
            }),
            Shape::Forms(forms) => {
                let forms: Vec<Value> = forms.iter().map(|form| self.value(form)).collect();
                json!({ "anyOf": forms })
            }
        }
    }

    /// A reference to what `make` makes, once.
    fn defined(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.made.contains_key(name) {
            self.made.insert(name.to_owned(), Value::Null);
            let made = make(self);
            self.made.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// A number from `least` to `most`, where these are bounds.
fn bounded(kind: &str, least: Option<Value>, most: Option<Value>) -> Value {
    let mut value = json!({ "type": kind });
    for (name, bound) in [("minimum", least), ("maximum", most)] {
        if let Some(bound) = bound {
            value[name] = bound;
        }
    }
    value
}

fn or_null(mut value: Value) -> Value {
    let nothing = json!({ "type": "null" });
    if let Some(forms) = value.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.push(nothing);
        return value;
    }
    match value.get("type").and_then(Value::as_str).map(str::to_owned) {
        Some(kind) => value["type"] = json!([kind, "null"]),
        None => value = json!({ "anyOf": [value, nothing] }),
    }
    value
}

/// What a key means, and what holds without it.
fn description_of(key: &Key) -> String {
    let about = one_line(key.about);
    match key.default {
        "" => about,
        default => format!("{}; {default} where none is given.", about.trim_end_matches('.')),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words that are all explained are told one by one.
fn choice(words: &[Word]) -> Value {
    if words.iter().any(|word| word.about.is_empty()) {
        let words: Vec<&str> = words.iter().map(|word| word.text).collect();
        return json!({ "type": "string", "enum": words });
    }
    let variant = |word: &Word| {
        let about = one_line(word.about);
        json!({ "type": "string", "const": word.text, "description": about })
    };
    json!({ "oneOf": words.iter().map(variant).collect::<Vec<_>>() })
}

fn duration() -> Value {
    let unit = "(ms|s|secs?|m|mins?|h|hours?|d|days?)";
    json!({
        "description": "`90s`, `10m`, `1h 30m`, or seconds as a number",
        "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": format!(r"^([0-9.]+{unit}\s*)+$|^[0-9.]+$") },
        ],
    })
}

fn texts() -> Value {
    json!({
        "description": "A list, or one of its items alone.",
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    })
}

fn command() -> Value {
    json!({
        "description": "A list of words that is run as it stands, or one line for `sh -c`.",
        "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }],
    })
}

#[cfg(test)]
mod tests;
