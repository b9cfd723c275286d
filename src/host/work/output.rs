//! What has become of a declared output: a name alone is no file that was made.

use std::fs;
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::file::{FileKind, FileState};
use crate::base::name::RelPath;
use crate::engine::effect::{Launch, LaunchAction};
use crate::host::error::Result;
use crate::host::scan::{AsIs, Scanner, path_below};
use crate::host::store::folder::Access;
use crate::host::worktree::{Collected, Worktree};
use crate::spec::glob::GlobSet;

use super::Workshop;

/// Names of files that are often meant to be empty.
const MARKERS: &[&str] = &["__init__.py", "py.typed", "conftest.py"];

/// A file that is larger is not looked through for something in it, bytes.
const BLANK_AT_MOST: u64 = 4096;

pub enum Output {
    Made,
    /// It was there before, and is the same.
    Unchanged(RelPath),
    /// There by name only: which, and what it is.
    Hollow(String),
    Missing,
    /// In the worktree, but not in what git would take of it.
    Ignored,
}

/// Where declared outputs are looked for.
pub struct Outputs<'a> {
    pub shop: &'a Workshop,
    pub launch: &'a Launch,
    pub worktree: &'a Worktree,
    pub collected: &'a Collected,
}

impl Outputs<'_> {
    /// What became of one pattern: the best of what it takes.
    pub fn output_of(&self, pattern: &str) -> Result<Output> {
        let Self { shop, worktree, collected, .. } = self;
        let tip = shop.repo.tree_of(&worktree.base().tip)?;
        let scanner = Scanner::open(worktree.root(), Access::ReadOnly, Arc::new(AsIs));
        let found = scanner.scan(&[GlobSet::new([pattern])], &[])?;
        let mut output = Output::Missing;
        for (path, _) in found.iter().filter(|(_, state)| state.is_some()) {
            let Some(state) = shop.repo.state_at(&collected.tree, path)? else {
                if matches!(output, Output::Missing) {
                    output = Output::Ignored;
                }
                continue;
            };
            let is_changed = collected.patch.paths().any(|it| it == path);
            // A draft of the user's that was laid there is not the task's.
            if !is_changed && !shop.repo.has_path(&tip, path)? {
                continue;
            }
            match self.hollow(path, state)? {
                Some(what) if !matches!(output, Output::Unchanged(_)) => {
                    output = Output::Hollow(what)
                }
                Some(_) => {}
                None if is_changed => return Ok(Output::Made),
                None => output = Output::Unchanged(path.clone()),
            }
        }
        Ok(output)
    }

    /// What a file is that has nothing in it; `None` where it has.
    fn hollow(&self, path: &RelPath, state: FileState) -> Result<Option<String>> {
        if state.kind == FileKind::Symlink {
            let Some(what) = self.nothing_behind(path)? else {
                return Ok(None);
            };
            return Ok(Some(format!("{path} is a link to {what}")));
        }
        // What a command leaves empty is often a stamp: its exit code says that it is done.
        let is_session = matches!(self.launch.action, LaunchAction::Session(_));
        let name = path.file_name();
        let is_marker = name.starts_with('.') || MARKERS.contains(&name);
        if !is_session || is_marker {
            return Ok(None);
        }
        let what = match state.digest == Digest::of(b"") {
            true => Some("is empty"),
            false => self.is_blank(path).then_some("has nothing in it but blanks"),
        };
        Ok(what.map(|what| format!("{path} {what}")))
    }

    /// Nothing that anybody could read. Of a large file nothing is looked at.
    fn is_blank(&self, path: &RelPath) -> bool {
        let file = self.worktree.root().join(path.as_str());
        let is_small = fs::metadata(&file).is_ok_and(|it| it.len() <= BLANK_AT_MOST);
        let is_nothing = |it: &u8| it.is_ascii_whitespace() || *it == 0;
        is_small
            && fs::read(&file).is_ok_and(|bytes| {
                bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).iter().all(is_nothing)
            })
    }

    /// What a link leads to, where that is nothing that lands.
    fn nothing_behind(&self, path: &RelPath) -> Result<Option<&'static str>> {
        let Self { shop, worktree, collected, .. } = self;
        let real = |path: &std::path::Path| fs::canonicalize(path).ok();
        let Some(target) = real(&worktree.root().join(path.as_str())) else {
            return Ok(Some("nothing"));
        };
        let root = real(worktree.root()).unwrap_or_else(|| worktree.root().to_owned());
        let Some(below) = path_below(&root, &target) else {
            return Ok(Some("what lies outside of the repository"));
        };
        let lands = target.is_dir() || shop.repo.state_at(&collected.tree, &below)?.is_some();
        Ok((!lands).then_some("what does not land"))
    }
}
