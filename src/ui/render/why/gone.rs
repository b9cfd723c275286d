//! Outputs that a person deleted, in words.

use crate::base::name::RelPath;
use crate::spec::rule::ActionKind;

use super::NAMED;

/// `its outputs `a` and `b` were deleted: ...`
pub(super) fn text(paths: &[RelPath], action: ActionKind) -> String {
    let mut named: Vec<String> = paths.iter().take(NAMED).map(|it| format!("`{it}`")).collect();
    let all: Vec<&str> = paths.iter().take(NAMED).map(RelPath::as_str).collect();
    if paths.len() > NAMED {
        named.push(format!("{} more", paths.len() - NAMED));
    }
    let (what, it) = match paths.len() {
        1 => (format!("its output {} was deleted", named.join("")), "it"),
        _ => (format!("its outputs {} were deleted", named.join(", ")), "them"),
    };
    if action == ActionKind::Command {
        return format!("{what}, and its command makes {it} again");
    }
    format!(
        "{what}: `git restore {}` where that is not committed; else `orch retry` makes {it} again, \
         `orch accept` takes it as it is",
        all.join(" ")
    )
}
