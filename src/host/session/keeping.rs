//! What keeps an attempt's family together here.

use std::path::Path;
use std::sync::OnceLock;

use crate::host::process::Keeping;
use crate::host::shim::Order;
use crate::spec::sandbox::Sandboxing;

use super::trial;

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
    let output = trial::output_of(&order, shim, Path::new("."))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(trial::reason_of(&output, "of its own: ")),
    }
}
