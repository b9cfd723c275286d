//! Where a repository begins.

use std::path::{Path, PathBuf};

use crate::host::error::{Doing, Error, Result};

/// A folder to work in, and the root of the repository it lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub root: PathBuf,
    /// The folder below the root, `""` at the root; parts joined by `/`.
    pub folder: String,
}

/// Looks upwards from `start` (the working folder if not given): the nearest folder with `.git` is
/// the root; where there is none, the nearest with `orch.yaml`; else `start` itself (`~/.claude` makes no
/// home a repository).
///
/// # Errors
/// `start` cannot be entered.
pub fn locate(start: Option<&Path>) -> Result<Located> {
    let start = start.unwrap_or(Path::new("."));
    let folder = start.canonicalize().doing("entering the folder", start)?;
    if !folder.is_dir() {
        return Err(Error::new("entering the folder: it is a file").at(start));
    }
    let with = |names: &[&str]| {
        folder.ancestors().find(|place| names.iter().any(|name| place.join(name).exists()))
    };
    let root = with(&[".git"]).or_else(|| with(&["orch.yaml"])).unwrap_or(&folder);
    let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
    let parts: Vec<String> =
        below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    Ok(Located { root: root.to_owned(), folder: parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_repository_is_found_from_anywhere_below() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/.git")).unwrap();
        std::fs::create_dir_all(root.join("a/b/c")).unwrap();
        std::fs::write(root.join("a/b/orch.yaml"), "").unwrap();
        let found = locate(Some(&root.join("a/b/c"))).unwrap();
        assert_eq!(found, Located { root: root.join("a"), folder: "b/c".to_owned() });
        assert!(locate(Some(&root.join("nowhere"))).is_err());
    }
}
