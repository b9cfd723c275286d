//! What attempts leave in a worktree behind git's back: ignored files. They go before the next
//! attempt, or one task's leavings would be another's input.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gix::bstr::{BString, ByteSlice};

use crate::base::digest::Digest;
use crate::host::error::{Doing, Result};
use crate::host::git::normalize::metadata;
use crate::host::removal::remove_folder;

/// First in a `<n>.ready` file, before what the worktree was set up with; one without it counts as not
/// ready.
const HEADER: &[u8] = b"ready 2\0";

/// What is known of a worktree that was set up.
pub(super) struct Ready {
    pub making: Option<Digest>,
    /// Ignored paths that it had then.
    pub paths: BTreeSet<BString>,
}

/// Ignored paths that stay.
#[derive(Clone, Debug, Default)]
pub(super) struct Keep {
    /// From the root; what is below them stays, too.
    pub paths: BTreeSet<BString>,
    /// Parts of a path, in any folder.
    pub names: BTreeSet<BString>,
}

impl Keep {
    /// Adds a path of the settings: one without `/` is a name.
    pub fn add(&mut self, path: &str) {
        let path = path.trim_matches('/');
        let kind = if path.contains('/') { &mut self.paths } else { &mut self.names };
        kind.insert(path.into());
    }

    fn takes(&self, path: &[u8]) -> bool {
        path.split_str("/").any(|part| self.names.contains(part.as_bstr()))
            || self.paths.iter().any(|kept| is_within(path, kept))
    }

    fn has_below(&self, folder: &[u8]) -> bool {
        self.paths.iter().any(|kept| is_within(kept, folder))
    }
}

fn is_within(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Removes one ignored path with all that is in it, except what stays.
pub(super) fn remove_leftover(root: &Path, path: &[u8], keep: &Keep) -> Result<()> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let doing = "removing what an earlier attempt left";
    let place = root.join(gix::path::from_bstr(path.as_bstr()).doing("naming a file", root)?);
    let Some(meta) = metadata(&place)?.filter(|_| !keep.takes(path)) else { return Ok(()) };
    if !meta.is_dir() {
        return fs::remove_file(&place).doing(doing, &place);
    }
    if !keep.has_below(path) {
        return remove_folder(&place).doing(doing, &place);
    }
    for entry in fs::read_dir(&place).doing(doing, &place)? {
        let name = entry.doing(doing, &place)?.file_name();
        let below = [path, b"/", name.as_encoded_bytes()].concat();
        remove_leftover(root, &below, keep)?;
    }
    Ok(())
}

/// An ignored path; where it is a folder with something in it that was brought, what is beside that.
pub(super) fn beside_brought(root: &Path, path: &[u8], brought: &Keep) -> Result<Vec<BString>> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if brought.takes(path) {
        return Ok(Vec::new());
    }
    if !brought.has_below(path) {
        return Ok(vec![path.into()]);
    }
    let doing = "looking at what a worktree was set up with";
    let place = root.join(gix::path::from_bstr(path.as_bstr()).doing("naming a file", root)?);
    let mut found = Vec::new();
    for entry in fs::read_dir(&place).doing(doing, &place)? {
        let name = entry.doing(doing, &place)?.file_name();
        let below = [path, b"/", name.as_encoded_bytes()].concat();
        found.extend(beside_brought(root, &below, brought)?);
    }
    Ok(found)
}

/// Notes which ignored paths a ready worktree has.
pub(super) fn write_ready(file: &Path, making: Option<Digest>, ignored: &[BString]) -> Result<()> {
    let mut content = HEADER.to_vec();
    content.extend(making.map(|it| it.to_string()).unwrap_or_default().as_bytes());
    content.push(0);
    for path in ignored {
        content.extend_from_slice(path);
        content.push(0);
    }
    fs::write(file, content).doing("noting that a worktree is set up", file)
}

/// What `write_ready` noted; `None` where the worktree is not ready.
pub(super) fn read_ready(file: &Path) -> Option<Ready> {
    let content = fs::read(file).ok()?;
    let mut parts = content.strip_prefix(HEADER)?.split(|&byte| byte == 0);
    let making = Digest::parse(&parts.next()?.to_str_lossy());
    let paths = parts.filter(|path| !path.is_empty()).map(BString::from).collect();
    Some(Ready { making, paths })
}
