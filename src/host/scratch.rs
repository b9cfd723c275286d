//! A git repository made from nothing, for samples: none of the user's git settings reach it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::error::{Doing, Error, Result};

/// Makes a repository with one commit of these files in a folder that is empty or absent.
///
/// # Errors
/// The folder holds something, git is missing, or the disk fails.
pub fn make_repository(root: &Path, files: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(root).doing("making the folder", root)?;
    let mut entries = std::fs::read_dir(root).doing("reading the folder", root)?;
    if entries.next().is_some() {
        return Err(Error::new("making a sample in a folder that is not empty")
            .at(root)
            .help("name a folder that is empty or not there yet"));
    }
    for (path, text) in files {
        let path = root.join(path);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).doing("making the folder", folder)?;
        std::fs::write(&path, text).doing("writing a sample file", &path)?;
    }
    git(root, &["init", "--quiet", "--initial-branch=main"])?;
    git(root, &["config", "user.name", "orch demo"])?;
    git(root, &["config", "user.email", "demo@orch.invalid"])?;
    git(root, &["add", "--all"])?;
    git(root, &["commit", "--quiet", "--message=Start"])
}

fn git(root: &Path, words: &[&str]) -> Result<()> {
    let doing = || format!("running `git {}` for a sample", words.join(" "));
    let output = Command::new("git")
        .args(words)
        .current_dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .output()
        .map_err(|problem| Error::because(doing(), problem).help("install git"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::because(doing(), said).at(root))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_one_clean_commit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new");
        make_repository(&root, &[("a/b.txt", "text")]).unwrap();
        let status = Command::new("git").args(["status", "--short"]).current_dir(&root).output();
        assert_eq!(status.unwrap().stdout, b"");
        assert_eq!(std::fs::read_to_string(root.join("a/b.txt")).unwrap(), "text");
        let again = make_repository(&root, &[]).unwrap_err();
        assert!(again.help.is_some());
    }
}
