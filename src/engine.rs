//! Second floor: decides. It is told events and answers with effects; no disk, clock, process or
//! environment inside. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod admission;
pub mod broken;
pub mod chart;
#[cfg(test)]
mod corpus;
pub mod decide;
pub mod documents;
pub mod effect;
pub mod escalate;
pub mod event;
pub mod graph;
pub mod ground;
pub mod jobs;
pub mod limits;
pub mod money;
pub mod outcome;
pub mod past;
pub mod picture;
pub mod plan_change;
pub mod record;
pub mod report;
pub mod step;
pub mod stream;
pub mod why;
pub mod world;
