//! Proposals, laid into the worktree of their judge.

use std::fs;
use std::path::Path;

use crate::engine::effect::{Exhibit, Launch, Purpose};
use crate::engine::jobs::ballot::{ANSWER, EXHIBITS};
use crate::host::error::{Doing, Result};

use super::{Workshop, clear_way};

/// Lays what the judge compares; of an earlier judgement nothing stays in any worktree.
pub fn lay(shop: &Workshop, launch: &Launch, root: &Path) -> Result<()> {
    let folder = root.join(EXHIBITS);
    clear_way(root, &folder)?;
    let Purpose::Judge(_, exhibits) = &launch.purpose else { return Ok(()) };
    for exhibit in exhibits {
        lay_one(shop, exhibit, &folder.join(&exhibit.label))?;
    }
    Ok(())
}

fn lay_one(shop: &Workshop, exhibit: &Exhibit, folder: &Path) -> Result<()> {
    for path in &exhibit.paths {
        let Some(tree) = &exhibit.tree else { continue };
        if let Some(content) = shop.repo.read_path_at(tree, path)? {
            write(&folder.join(path.as_str()), &content)?;
        }
    }
    match &exhibit.answer {
        Some(answer) => write(&folder.join(ANSWER), answer.as_bytes()),
        None => fs::create_dir_all(folder).doing("laying a proposal", folder),
    }
}

fn write(place: &Path, content: &[u8]) -> Result<()> {
    let doing = "laying a proposal";
    fs::create_dir_all(place.parent().unwrap_or(place)).doing(doing, place)?;
    fs::write(place, content).doing(doing, place)
}
