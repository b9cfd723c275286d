//! JSON Schemas of every document kind, made from types that have the shape of the documents. Tests
//! hold their keys against those that the parsers read.

mod agent;
mod config;
mod plan;
mod rule;
mod shared;

use serde_json::Value;

/// The kinds of documents that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    Plan,
    Rule,
    /// The front matter of an agent.
    Agent,
    /// `orch.yaml`.
    Config,
}

impl DocumentKind {
    pub const ALL: [Self; 4] = [Self::Plan, Self::Rule, Self::Agent, Self::Config];

    /// The word people use for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Rule => "rule",
            Self::Agent => "agent",
            Self::Config => "config",
        }
    }

    /// Reads [`DocumentKind::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The JSON Schema (draft 2020-12) of a kind of document.
pub fn schema(kind: DocumentKind) -> Value {
    let schema = match kind {
        DocumentKind::Plan => schemars::schema_for!(plan::Plan),
        DocumentKind::Rule => schemars::schema_for!(rule::Rule),
        DocumentKind::Agent => schemars::schema_for!(agent::Agent),
        DocumentKind::Config => schemars::schema_for!(config::Config),
    };
    schema.to_value()
}

#[cfg(test)]
mod tests;
