//! Second floor: decides. It is told events and answers with effects; no disk, clock, process or
//! environment inside. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod action;
pub mod baseline;
pub mod breaker;
pub mod budget;
pub mod chart;
pub mod compete;
#[cfg(test)]
mod corpus;
pub mod db;
pub mod effect;
pub mod escalate;
pub mod event;
pub mod evidence;
pub mod gate;
pub mod graph;
pub mod history;
pub mod kept;
pub mod latch;
pub mod ledger;
pub mod limits;
pub mod lineage;
pub mod outcome;
pub mod overlap;
pub mod picture;
pub mod plan_change;
pub mod priority;
pub mod prompt;
pub mod question;
pub mod record;
pub mod schedule;
pub mod step;
pub mod stream;
pub mod view;
