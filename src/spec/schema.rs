//! JSON Schemas of every document kind.
