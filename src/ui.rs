//! Top floor: what people type and read.

pub mod args;
pub mod console;
pub mod exit;
mod json;
pub mod report;
pub mod shell;
pub mod target;

use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
