//! One file a command: what it asks of the project, and how the answer reads.

pub mod accept;
pub mod answer;
pub mod archive;
pub mod build;
pub mod cache;
pub mod check;
pub mod classify;
pub mod completions;
pub mod cost;
pub mod demo;
pub mod doctor;
pub mod graph;
pub mod init;
pub mod land;
pub mod log;
pub mod new;
pub mod reset;
pub mod resume;
pub mod retry;
pub mod schema;
pub mod show;
pub mod skip;
pub mod status;
pub mod stop;
pub mod trust;
pub mod waiting;
pub mod watch;
pub mod why;

mod decision;
pub mod refusal;
mod selection;
