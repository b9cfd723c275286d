//! What the stand-in of the CLI keeps of its own costs: the total of each session, for when it goes on,
//! and, where somebody counts along, a line for every call and result.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

/// Names a file that gets a line of JSON for every model call (`{"session", "call"}`) and every
/// result (`{"session", "cost"}`). Tests hold the ledger against it.
const LOG: &str = "ORCH_SCRIPTED_LOG";

/// In the worktree, which is the same where a session goes on; nothing below `.orch` lands.
fn place(session: &str) -> String {
    format!(".orch/task/played-{session}")
}

/// What the session has cost so far.
pub fn total_of(session: &str) -> Option<f64> {
    fs::read_to_string(place(session)).ok()?.trim().parse().ok()
}

/// Where it cannot be kept the session counts from zero, as a CLI without its state would.
pub fn keep(session: &str, total: f64) {
    let _ = fs::write(place(session), total.to_string());
}

pub fn log(session: &str, mut line: Value) {
    let Some(path) = std::env::var_os(LOG) else { return };
    line["session"] = json!(session);
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    // One write for each line: several players share the file.
    let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}
