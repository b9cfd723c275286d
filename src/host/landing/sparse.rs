//! Which new paths a sparse checkout of the user leaves out.

use std::collections::BTreeSet;

use gix::bstr::BString;
use gix::glob::pattern::Case;
use gix::index::State;
use gix::index::entry::{Flags, Stat};
use gix::worktree::sparse::{apply_patterns, read_patterns};

use crate::host::error::{Doing, Result};
use crate::host::git::object::TreeChange;
use crate::host::git::place::index_mode;

/// The added paths among `changes` that lie outside the checkout; none where it is not sparse.
pub(super) fn outside(git: &gix::Repository, changes: &[TreeChange]) -> Result<BTreeSet<BString>> {
    let doing = "reading the patterns of the sparse checkout";
    let config = git.config_snapshot();
    let is = |key: &str| config.boolean(key).unwrap_or(false);
    if !is("core.sparseCheckout") {
        return Ok(BTreeSet::new());
    }
    let Some(patterns) = read_patterns(git.git_dir()).doing(doing, git.git_dir())? else {
        return Ok(BTreeSet::new());
    };
    let mut index = State::new(git.object_hash());
    for change in changes.iter().filter(|change| change.before.is_none()) {
        let Some(entry) = change.after else { continue };
        let (mode, path) = (index_mode(entry.kind), change.path.as_ref());
        index.dangerously_push_entry(Stat::default(), entry.id, Flags::empty(), mode, path);
    }
    index.sort_entries();
    let source = git.git_dir().join("info/sparse-checkout");
    let case = if is("core.ignoreCase") { Case::Fold } else { Case::Sensitive };
    let cone = is("core.sparseCheckoutCone");
    apply_patterns(&mut index, &patterns, &source, cone, case).doing(doing, &source)?;
    let skipped = index.entries().iter().filter(|it| it.flags.contains(Flags::SKIP_WORKTREE));
    Ok(skipped.map(|entry| entry.path(&index).to_owned()).collect())
}
