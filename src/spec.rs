//! First floor: the documents people write, from text to value with every diagnostic at once. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod agent;
pub mod builtin;
pub mod config;
pub mod edit;
pub mod glob;
pub mod item;
pub mod item_check;
pub mod keys;
pub mod model;
pub mod outcome;
pub mod plan;
pub mod plan_check;
pub mod quota;
pub mod rebuild;
pub mod rule;
pub mod sandbox;
pub mod schema;
pub mod smoke;
pub mod text;
pub mod yaml;
