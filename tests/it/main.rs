//! Tests of the project as a whole: its own sources, and the built program.

mod build;
mod classify;
mod commands;
mod cost;
mod faults;
mod floors;
mod hygiene;
mod lies;
mod overnight;
mod questions;
mod real_cli;
mod real_cost;
mod session;
mod sources;
mod support;
mod watch;
