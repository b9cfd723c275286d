//! What keeps an attempt's family together here.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::host::process::Keeping;
use crate::host::shim::Order;
use crate::spec::sandbox::Sandboxing;

/// The best that works here, where it takes nothing away: with a guard nobody becomes another user anyway,
/// and what a sandbox is off for may look for processes of others. A container has process numbers of its
/// own already.
pub fn of(sandboxing: &Sandboxing, shim: &Path) -> Keeping {
    match sandboxing {
        Sandboxing::Guard(_) if probe(shim).is_ok() => Keeping::Namespace,
        Sandboxing::Guard(_) | Sandboxing::Off | Sandboxing::Bwrap(_) => Keeping::Descent,
    }
}

/// Whether a family can have process numbers of its own here; tried once, with `shim`.
///
/// # Errors
/// Why it cannot, in words.
pub fn probe(shim: &Path) -> Result<(), String> {
    static KNOWN: OnceLock<Result<(), String>> = OnceLock::new();
    KNOWN.get_or_init(|| try_it(shim)).clone()
}

fn try_it(shim: &Path) -> Result<(), String> {
    let argv = ["sh", "-c", "test -d /proc/$$"];
    let argv = argv.map(Into::into).into();
    let order = Order { role: Keeping::Namespace.into(), argv, ..Order::default() };
    let mut child = Command::new(shim)
        .args(order.words())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{}` does not start: {error}", shim.display()))?;
    // Its end would end the family.
    let _life_line = child.stdin.take();
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it said nothing");
    Err(last.rsplit("of its own: ").next().unwrap_or(last).to_owned())
}
