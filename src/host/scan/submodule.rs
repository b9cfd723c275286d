//! What a repository inside the repository stands on, read from its files alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::name::CommitId;

/// The commit that a submodule's working folder stands on; `None` where `folder` is none.
pub fn commit_of(folder: &Path) -> Option<CommitId> {
    let git = git_folder_of(folder)?;
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    match head.trim().strip_prefix("ref: ") {
        Some(name) => branch_tip(&common_folder_of(&git), name),
        None => commit_id(&head),
    }
}

/// The folder with `HEAD` of a working folder and, where it is another, the one with its branches.
pub fn git_folders_of(folder: &Path) -> Vec<PathBuf> {
    let git = git_folder_of(folder).filter(|git| git.is_dir());
    let mut folders: Vec<PathBuf> =
        git.into_iter().flat_map(|git| [common_folder_of(&git), git]).collect();
    folders.dedup();
    folders
}

/// The folder with `HEAD` of the working folder that `folder` is the top of. `.git` may be a file
/// that tells where it lies.
fn git_folder_of(folder: &Path) -> Option<PathBuf> {
    let dot_git = folder.join(".git");
    let meta = fs::symlink_metadata(&dot_git).ok()?;
    if !meta.is_file() {
        return Some(dot_git);
    }
    let text = fs::read_to_string(&dot_git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir: ")?.trim_end()))
}

/// Where branches are kept: a linked worktree shares them with the one it was made from.
fn common_folder_of(git: &Path) -> PathBuf {
    match fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim_end()),
        Err(_) => git.to_owned(),
    }
}

fn branch_tip(git: &Path, name: &str) -> Option<CommitId> {
    if let Ok(text) = fs::read_to_string(git.join(name)) {
        return commit_id(&text);
    }
    let packed = fs::read_to_string(git.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (id, named) = line.split_once(' ')?;
        (named == name).then(|| commit_id(id)).flatten()
    })
}

fn commit_id(text: &str) -> Option<CommitId> {
    let id = text.trim();
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| CommitId::new(id))
}
