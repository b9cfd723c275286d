//! Tests of the project as a whole: its own sources, and the built program.

mod big;
mod build;
mod classify;
mod commands;
mod competition;
mod cost;
mod faults;
mod floors;
mod hygiene;
mod kill;
mod large_plan;
mod lies;
mod overnight;
mod plan_change;
mod questions;
mod real_cli;
mod real_cost;
mod scheduling;
mod secrets;
mod session;
mod smoke;
mod sources;
mod stop;
mod support;
mod validators;
mod watch;
