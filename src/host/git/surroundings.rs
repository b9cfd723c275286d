//! What a session can reach beside its worktree: branches, tags, stash, configuration and hooks of
//! the user's repository. Orch never undoes a change there; it tells of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::lineage::{history, is_ancestor};
use super::{Repository, branch_ref, trailer};
use crate::base::digest::Digest;
use crate::host::error::{Doing, Result};
use crate::host::scan::Stat;

/// So many changes of the branch are named; the rest are counted.
const NAMED: usize = 5;

/// How these were at one moment: by name, what they hold.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    held: BTreeMap<String, String>,
    /// Where the branch stands that orch itself moves.
    head: Option<ObjectId>,
    /// Files whose stat will tell of a change, so that they need not be read each time.
    known: BTreeMap<PathBuf, (Stat, String)>,
}

impl Surroundings {
    /// What differs from an earlier moment, each as a phrase: "the branch `x` was made".
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        differences(&self.held, &earlier.held)
    }

    fn note_file(&mut self, file: &Path, name: &str, earlier: &Self) {
        let Some(stat) = Stat::at(file) else { return };
        let known = earlier.known.get(file).filter(|(then, _)| *then == stat);
        let digest = match known {
            Some((_, digest)) => digest.clone(),
            None => match std::fs::read(file) {
                Ok(bytes) => Digest::of(&bytes).to_string(),
                Err(_) => return,
            },
        };
        // What a link leads to changes without it.
        if stat.is_file() && (known.is_some() || stat.is_settled_now()) {
            self.known.insert(file.to_owned(), (stat, digest.clone()));
        }
        self.held.insert(name.to_owned(), digest);
    }
}

impl Repository {
    /// The surroundings now, without the branch that orch itself moves. What was seen `earlier` is
    /// not read again.
    pub fn surroundings(&self, own_branch: &str, earlier: &Surroundings) -> Result<Surroundings> {
        let git = self.local();
        let mut found =
            Surroundings { held: self.refs_but(own_branch)?, ..Surroundings::default() };
        found.head = self.ref_target(&branch_ref(own_branch))?;
        let common = git.common_dir();
        for name in ["config", "config.worktree", "info/exclude", "info/attributes"] {
            found.note_file(&common.join(name), &format!("`.git/{name}`"), earlier);
        }
        for entry in std::fs::read_dir(common.join("hooks")).into_iter().flatten().flatten() {
            let name = format!("the hook `{}`", entry.file_name().display());
            found.note_file(&entry.path(), &name, earlier);
        }
        Ok(found)
    }

    /// What somebody else did to the branch that orch itself moves, each as a phrase.
    pub fn strays_on(&self, branch: &str, seen: [&Surroundings; 2]) -> Result<Vec<String>> {
        let [Some(before), Some(now)] = seen.map(|it| it.head) else { return Ok(Vec::new()) };
        let git = self.local();
        if before == now || !git.has_object(before) {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        if !is_ancestor(&git, before, now) {
            changes.push(format!("the branch `{branch}` was moved away from {before}"));
        }
        for commit in history(&git, now, [before])?.into_iter().rev() {
            let place = commit.to_string();
            let found = git.find_commit(commit).doing("reading a commit", &place)?;
            let message = found.message_raw_sloppy();
            if !trailer::is_of_orch(&message.to_str_lossy()) {
                let subject = message.lines().next().unwrap_or_default().to_str_lossy();
                changes.push(format!(
                    "the branch `{branch}` got the commit {} (`{subject}`), which is not orch's",
                    &place[..10]
                ));
            }
        }
        if changes.len() > NAMED {
            let n_more = changes.len() - NAMED;
            changes.truncate(NAMED);
            changes.push(format!("and {n_more} more of them"));
        }
        Ok(changes)
    }

    /// Branches, tags and the stash. Orch's own refs, of which there may be many, are not looked at.
    fn refs_but(&self, own_branch: &str) -> Result<BTreeMap<String, String>> {
        let doing = "listing refs";
        let git = self.local();
        let mut found = BTreeMap::new();
        let mut note = |reference: &gix::Reference<'_>| {
            let name = reference.name().as_bstr().to_string();
            if name != branch_ref(own_branch) {
                found.insert(shown_ref(&name), format!("{:?}", reference.target()));
            }
        };
        let refs = git.references().doing(doing, self.root())?;
        for prefix in ["refs/heads/", "refs/tags/"] {
            refs.prefixed(prefix).doing(doing, self.root())?.flatten().for_each(|it| note(&it));
        }
        let stash = git.try_find_reference("refs/stash").doing(doing, self.root())?;
        stash.iter().for_each(note);
        Ok(found)
    }
}

/// What differs from an earlier moment, each as a phrase.
pub(crate) fn differences(
    now: &BTreeMap<String, String>,
    earlier: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, value) in now {
        match earlier.get(name) {
            Some(then) if then == value => {}
            Some(_) => changes.push(format!("{name} was changed")),
            None => changes.push(format!("{name} was made")),
        }
    }
    let gone = earlier.keys().filter(|name| !now.contains_key(*name));
    changes.extend(gone.map(|name| format!("{name} was removed")));
    changes
}

/// A ref as people call it.
pub(crate) fn shown_ref(name: &str) -> String {
    let kinds = [
        ("refs/heads/", "branch"),
        ("refs/tags/", "tag"),
        ("refs/remotes/", "remote-tracking branch"),
    ];
    let of_kind =
        |(start, kind): &(&str, &str)| Some(format!("the {kind} `{}`", name.strip_prefix(start)?));
    match name {
        "refs/stash" => "the stash".to_owned(),
        _ => kinds.iter().find_map(of_kind).unwrap_or_else(|| format!("the ref `{name}`")),
    }
}
