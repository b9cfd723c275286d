//! Starts a family once, to see what the kernel lets orch do here.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::host::shim::Order;

/// What came of an order in `folder`.
///
/// # Errors
/// It could not be started, in words.
pub(super) fn output_of(order: &Order, shim: &Path, folder: &Path) -> Result<Output, String> {
    let mut child = Command::new(shim)
        .args(order.words())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{}` does not start: {error}", shim.display()))?;
    // Its end would end the family.
    let _life_line = child.stdin.take();
    child.wait_with_output().map_err(|error| error.to_string())
}

/// What the shim said last, behind the words in front of its reason.
pub(super) fn reason_of(output: &Output, words: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it said nothing");
    last.rsplit(words).next().unwrap_or(last).to_owned()
}
