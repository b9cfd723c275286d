//! What a session can reach beside its worktree: branches, tags, stash, configuration and hooks of
//! the user's repository. Orch never undoes a change there; it tells of it.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Repository, branch_ref};
use crate::base::digest::Digest;
use crate::host::error::{Doing, Result};

/// How these were at one moment: by name, what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings(BTreeMap<String, String>);

impl Surroundings {
    /// What differs from an earlier moment, each as a phrase: "the branch `x` was made".
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let mut told = Vec::new();
        for (name, value) in &self.0 {
            match earlier.0.get(name) {
                Some(then) if then == value => {}
                Some(_) => told.push(format!("{name} was changed")),
                None => told.push(format!("{name} was made")),
            }
        }
        let gone = earlier.0.keys().filter(|name| !self.0.contains_key(*name));
        told.extend(gone.map(|name| format!("{name} was removed")));
        told
    }
}

impl Repository {
    /// The surroundings now, without the branch that orch itself moves.
    pub fn surroundings(&self, own_branch: &str) -> Result<Surroundings> {
        let doing = "listing refs";
        let git = self.local();
        let mut found = BTreeMap::new();
        let refs = git.references().doing(doing, self.root())?;
        for reference in refs.all().doing(doing, self.root())?.flatten() {
            let name = reference.name().as_bstr().to_string();
            if name == branch_ref(own_branch) {
                continue;
            }
            if let Some(shown) = shown_ref(&name) {
                found.insert(shown, format!("{:?}", reference.target()));
            }
        }
        let common = git.common_dir();
        for name in ["config", "config.worktree", "info/exclude", "info/attributes"] {
            note_file(&mut found, &common.join(name), &format!("`.git/{name}`"));
        }
        for entry in std::fs::read_dir(common.join("hooks")).into_iter().flatten().flatten() {
            let name = entry.file_name();
            note_file(&mut found, &entry.path(), &format!("the hook `{}`", name.display()));
        }
        Ok(Surroundings(found))
    }
}

fn shown_ref(name: &str) -> Option<String> {
    if name == "refs/stash" {
        return Some("the stash".to_owned());
    }
    let branch = name.strip_prefix("refs/heads/").map(|branch| format!("the branch `{branch}`"));
    branch.or_else(|| Some(format!("the tag `{}`", name.strip_prefix("refs/tags/")?)))
}

fn note_file(found: &mut BTreeMap<String, String>, file: &Path, name: &str) {
    if let Ok(bytes) = std::fs::read(file) {
        found.insert(name.to_owned(), Digest::of(&bytes).to_string());
    }
}
