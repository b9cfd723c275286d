//! Copies of the user's refs in the git of a worktree: what a session changes of them is told, and ends
//! with the attempt.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use gix::bstr::ByteSlice;
use gix::refs::TargetRef;

use crate::host::error::{Doing, Result};
use crate::host::git::surroundings::{differences, shown_ref};

/// What is copied. Not the stash, nor what `orch` keeps.
const COPIED: &[&str] =
    &["refs/heads/", "refs/notes/", "refs/remotes/", "refs/replace/", "refs/tags/"];

/// The first line of a `packed-refs` file that says nothing of what tags lead to.
const HEADER: &str = "# pack-refs with: sorted \n";

/// Before a ref that stands for another one, which no `packed-refs` file can hold.
const SYMBOLIC: &str = "ref: ";

/// Refs as they are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    /// A whole `packed-refs` file.
    pub packed: String,
    /// Each with the name of what it stands for.
    pub symbolic: Vec<(String, String)>,
}

impl Copies {
    /// Those of the user's repository as they are now.
    pub fn of(user: &gix::Repository) -> Result<Self> {
        let doing = "listing refs";
        let (mut found, mut packed) = (Self::default(), Vec::new());
        let refs = user.references().doing(doing, user.git_dir())?;
        for prefix in COPIED {
            for reference in refs.prefixed(*prefix).doing(doing, user.git_dir())?.flatten() {
                let Ok(name) = reference.name().as_bstr().to_str() else { continue };
                match reference.target() {
                    TargetRef::Object(id) => packed.push((name.to_owned(), id.to_owned())),
                    TargetRef::Symbolic(to) => {
                        let to = to.as_bstr().to_string();
                        found.symbolic.push((name.to_owned(), to));
                    }
                }
            }
        }
        packed.sort();
        found.packed.reserve(HEADER.len() + 80 * packed.len());
        found.packed.push_str(HEADER);
        for (name, id) in packed {
            let _ = writeln!(found.packed, "{id} {name}");
        }
        Ok(found)
    }

    /// As noted beside the worktree; `None` where nothing is.
    pub fn noted(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let mut found = Self::default();
        for line in text.split_inclusive('\n') {
            match line.strip_prefix(SYMBOLIC).and_then(|it| it.trim_end().split_once(' ')) {
                Some((name, to)) => found.symbolic.push((name.to_owned(), to.to_owned())),
                None => found.packed.push_str(line),
            }
        }
        Some(found)
    }

    /// The text by which [`Copies::noted`] finds them again.
    pub fn note(&self) -> String {
        let mut text = self.packed.clone();
        for (name, to) in &self.symbolic {
            let _ = writeln!(text, "{SYMBOLIC}{name} {to}");
        }
        text
    }

    /// Phrases that say what differs in the git folder `own` of a worktree: "the tag `v1` was removed".
    pub fn changes_in(&self, own: &Path) -> Vec<String> {
        let packed = fs::read(own.join("packed-refs")).unwrap_or_default();
        let mut loose = BTreeMap::new();
        read_loose(own, "refs", &mut loose);
        let as_given = self.symbolic.iter();
        let as_given = as_given.map(|(name, to)| (name.clone(), format!("{SYMBOLIC}{to}")));
        if packed == self.packed.as_bytes()
            && loose.iter().eq(&as_given.collect::<BTreeMap<_, _>>())
        {
            return Vec::new();
        }
        let mut now = read_packed(&packed.to_str_lossy());
        now.extend(loose);
        let mut given = read_packed(&self.packed);
        given.extend(
            self.symbolic.iter().map(|(name, to)| (name.clone(), format!("{SYMBOLIC}{to}"))),
        );
        differences(&shown(now), &shown(given))
    }
}

fn shown(refs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    refs.into_iter().map(|(name, value)| (shown_ref(&name), value)).collect()
}

fn read_packed(text: &str) -> BTreeMap<String, String> {
    let entries = text.lines().filter(|line| !line.starts_with(['#', '^']));
    let entries = entries.filter_map(|line| line.split_once(' '));
    entries.map(|(id, name)| (name.to_owned(), id.to_owned())).collect()
}

/// Reads what lies below a folder of refs. Links are not followed, and files being written are passed by.
fn read_loose(own: &Path, name: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(own.join(name)).into_iter().flatten().flatten() {
        let Ok(part) = entry.file_name().into_string() else { continue };
        let name = format!("{name}/{part}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => read_loose(own, &name, found),
            Ok(kind) if kind.is_file() && !part.ends_with(".lock") => {
                let value = fs::read_to_string(entry.path()).unwrap_or_default();
                found.insert(name, value.trim_end().to_owned());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::Scratch;

    #[test]
    fn what_is_noted_is_found_again() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        scratch.git(&["tag", "-a", "-m", "v1", "v1"]);
        scratch.git(&["branch", "z"]);
        scratch.git(&["pack-refs", "--all"]);
        scratch.git(&["branch", "a"]);
        scratch.git(&["update-ref", "refs/orch/tip/main", "HEAD"]);
        scratch.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        scratch.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        let copies = Copies::of(&gix::open(scratch.root()).unwrap()).unwrap();
        let names: Vec<String> = read_packed(&copies.packed).into_keys().collect();
        let wanted = ["heads/a", "heads/main", "heads/z", "remotes/origin/main", "tags/v1"];
        assert_eq!(names, wanted.map(|it| format!("refs/{it}")));
        let symbolic = ("refs/remotes/origin/HEAD".into(), "refs/remotes/origin/main".into());
        assert_eq!(copies.symbolic, [symbolic]);
        let file = scratch.root().join(".git/noted");
        fs::write(&file, copies.note()).unwrap();
        assert_eq!(Copies::noted(&file), Some(copies));
        assert_eq!(Copies::noted(&scratch.root()), None);
    }
}
