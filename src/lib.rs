//! orch: a build system for agent work. Plans, agents, rules and validators are nodes of one
//! incremental graph; a headless agent session is its expensive compiler call.
//!
//! Five floors, each of which may use only those before it: `base <- spec <- engine <- host <- ui`.

pub mod base;
pub mod engine;
pub mod host;
pub mod spec;
pub mod ui;

#[cfg(test)]
#[path = "../tests/left_out/note.rs"]
mod left_out;
