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

/// A folder of the recordings that tests read; says so where it is absent.
#[cfg(test)]
fn shared_folder(name: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("ORCH_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        std::path::PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there; set ORCH_SHARED", folder.display());
    None
}
