//! What a worktree is set up with: the settings, what they bring from the user's checkout, and the files
//! of its tree that the set-up line goes by. Where any of it is another, a worktree is set up anew.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::Mode;

use super::bring::{bring_copy, bring_link};
use super::leftovers::{Keep, read_ready, remove_leftover};
use super::moving::remove_file;
use super::pool::{Pool, Worktree};
use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::host::error::{Doing, Result};
use crate::host::git::normalize::metadata;
use crate::spec::config::{Link, WorktreeConfig};

/// Files that installers go by, beside those that end in `.lock`.
const LOCK_FILES: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "requirements.txt",
    "requirements-dev.txt",
    "go.sum",
    "packages.lock.json",
    ".tool-versions",
    "rust-toolchain.toml",
];

impl Pool {
    /// Brings what belongs into a worktree that stands on its tree; it is fresh from then on where
    /// what it was set up with is not what it would be now.
    pub(super) fn furnish(&self, tree: &mut Worktree) -> Result<()> {
        let index = &tree.remembered()?.index;
        let making = making_of(&self.config, self.repository().root(), index)?;
        let ready = read_ready(&tree.ready_file());
        tree.is_fresh = ready.as_ref().is_none_or(|it| it.making != Some(making));
        if let Some(stale) = ready.filter(|_| tree.is_fresh) {
            remove_file(&tree.ready_file())?;
            self.strip(tree, &stale.paths)?;
        }
        tree.making = Some(making);
        self.bring(tree)
    }

    /// Removes what an earlier set-up left, but for what is to stay whatever happens.
    fn strip(&self, tree: &Worktree, left: &BTreeSet<BString>) -> Result<()> {
        let index = &tree.remembered()?.index;
        let mut keep = Keep::default();
        self.config.keep.iter().for_each(|path| keep.add(path));
        let is_tracked = |path: &BStr| is_tracked(index, path);
        for path in left.iter().filter(|path| !is_tracked(path.as_bstr())) {
            remove_leftover(tree.root(), path, &keep)?;
        }
        for path in &self.config.copy {
            remove_untracked(tree.root(), path.trim_matches('/'), index)?;
        }
        Ok(())
    }

    fn bring(&self, tree: &Worktree) -> Result<()> {
        let source = |path: &str| self.repository().root().join(path.trim_matches('/'));
        let target = |path: &str| tree.root().join(path.trim_matches('/'));
        for link in self.config.link.iter().filter(|_| tree.is_fresh) {
            bring_link(&source(&link.path), &target(&link.path))?;
        }
        for path in &self.config.copy {
            let (from, to) = (source(path), target(path));
            // A file may have been changed by an attempt; a folder is as it is until set up anew.
            let is_file = metadata(&from)?.is_some_and(|meta| meta.is_file());
            if is_file && !is_tracked(&tree.remembered()?.index, path.trim_matches('/').into()) {
                refresh(&from, &to)?;
            }
            if tree.is_fresh {
                bring_copy(&from, &to)?;
            }
        }
        Ok(())
    }
}

/// Removes a copied file that is not what it is a copy of, and puts that there.
fn refresh(source: &Path, target: &Path) -> Result<()> {
    let doing = "copying into a worktree";
    let is_file = metadata(target)?.is_some_and(|meta| meta.is_file());
    if is_file && fs::read(source).doing(doing, source)? == fs::read(target).doing(doing, target)? {
        return Ok(());
    }
    if !metadata(target)?.is_some_and(|meta| meta.is_dir()) {
        remove_file(target)?;
    }
    bring_copy(source, target)
}

/// True for a file of the tree, and for a folder with one in it.
fn is_tracked(index: &gix::index::State, path: &BStr) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path).as_bstr();
    index.entry_by_path(path).is_some() || index.path_is_directory(path)
}

fn remove_untracked(root: &Path, path: &str, index: &gix::index::State) -> Result<()> {
    let doing = "removing what was copied into a worktree";
    let place = root.join(path);
    let Some(meta) = metadata(&place)? else { return Ok(()) };
    if !is_tracked(index, path.into()) {
        let removed =
            if meta.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) };
        return removed.doing(doing, &place);
    }
    if meta.is_dir() {
        for entry in fs::read_dir(&place).doing(doing, &place)? {
            let name = entry.doing(doing, &place)?.file_name();
            if let Some(name) = name.to_str() {
                remove_untracked(root, &format!("{path}/{name}"), index)?;
            }
        }
    }
    Ok(())
}

/// Tells one furnishing from another.
fn making_of(
    config: &WorktreeConfig,
    checkout: &Path,
    index: &gix::index::State,
) -> Result<Digest> {
    let mut print = Fingerprint::new("orch worktree v1");
    if let Some(line) = &config.setup {
        print.section("setup");
        print.entry("line", line.as_bytes());
        let named: BTreeSet<&[u8]> = words_of(line).map(str::as_bytes).collect();
        for entry in index.entries() {
            let path = entry.path(index);
            if entry.mode == Mode::COMMIT || is_lock_file(path) || named.contains(path.as_bytes()) {
                print.entry(&path.to_str_lossy(), entry.id.as_slice());
            }
        }
    }
    print.section("links");
    for Link { path, .. } in &config.link {
        let is_there = checkout.join(path.trim_matches('/')).exists();
        print.entry(path, if is_there { b"there" } else { b"absent" });
    }
    print.section("copies");
    for path in &config.copy {
        tell_source(&checkout.join(path.trim_matches('/')), path, &mut print)?;
    }
    Ok(print.finish())
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| c.is_whitespace() || "'\"();&|<>`=,:".contains(c));
    words.map(|word| word.trim_start_matches("./")).filter(|word| !word.is_empty())
}

fn is_lock_file(path: &BStr) -> bool {
    let name = path.rsplit_str("/").next().unwrap_or(path);
    name.ends_with(b".lock") || LOCK_FILES.iter().any(|it| it.as_bytes() == name)
}

/// A file by its content; what is in a folder, which may be large, by its stat.
fn tell_source(source: &Path, shown: &str, print: &mut Fingerprint) -> Result<()> {
    let doing = "looking at what is copied into worktrees";
    let Some(meta) = metadata(source)? else {
        print.entry(shown, b"absent");
        return Ok(());
    };
    if meta.is_symlink() {
        let target = fs::read_link(source).doing(doing, source)?;
        print.entry(shown, target.as_os_str().as_encoded_bytes());
    } else if meta.is_file() {
        let content = fs::read(source).doing(doing, source)?;
        print.entry(shown, Digest::of(&content).as_bytes());
        print.entry("mode", &meta.mode().to_le_bytes());
    } else if meta.is_dir() {
        let entries = ignore::WalkBuilder::new(source)
            .standard_filters(false)
            .sort_by_file_name(Ord::cmp)
            .build();
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            print.entry("path", entry.path().as_os_str().as_encoded_bytes());
            if !meta.is_dir() {
                let stat = (meta.size(), meta.mtime(), meta.mtime_nsec(), meta.mode());
                print.entry("stat", format!("{stat:?}").as_bytes());
            }
        }
    }
    Ok(())
}
