//! The guard of a family: places that it cannot change, but for others within them. The shim takes its
//! own rights away before it starts the child, so that no process of the family ever runs with them.

#[cfg(all(target_os = "linux", not(orch_portable)))]
mod mounts;
#[cfg(all(target_os = "linux", not(orch_portable)))]
pub mod rights;
#[cfg(all(target_os = "linux", not(orch_portable)))]
mod ruleset;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use crate::spec::sandbox::Way;

/// What a family may do at a place and below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    /// As whoever it runs as: nothing is opened to it that was closed.
    Writable,
}

/// A place with what may be done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// No link is on the way to it.
    pub path: PathBuf,
    pub access: Access,
}

/// What a family is kept from, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    way: Way,
    /// Each after those that it lies in; what is in none of them is writable.
    places: Vec<Place>,
}

impl Confinement {
    /// Of several places that one lies in, the nearest counts. What is not there is left out.
    pub fn new(way: Way, read_only: &[PathBuf], writable: &[PathBuf]) -> Self {
        let known = |paths: &[PathBuf], access| {
            let paths: Vec<_> = paths.iter().filter_map(|it| it.canonicalize().ok()).collect();
            paths.into_iter().map(move |path| (path, access))
        };
        let all = known(read_only, Access::ReadOnly).chain(known(writable, Access::Writable));
        let mut places: Vec<Place> = Vec::new();
        for (path, access) in all.collect::<BTreeMap<_, _>>() {
            let around = places.iter().rev().find(|it| path.starts_with(&it.path));
            if around.map_or(Access::Writable, |it| it.access) != access {
                places.push(Place { path, access });
            }
        }
        Self { way, places }
    }

    /// The words that tell a shim of it; see [`Words`].
    pub fn arguments(&self) -> impl Iterator<Item = OsString> {
        let places = self.places.iter().flat_map(|it| {
            let word = match it.access {
                Access::ReadOnly => READ_ONLY,
                Access::Writable => WRITABLE,
            };
            [word.into(), it.path.clone().into_os_string()]
        });
        [BY.into(), <&str>::from(self.way).into()].into_iter().chain(places)
    }

    /// The last line by which a program may say that this kept it from writing.
    pub fn hindrance_in<'t>(&self, said: &'t str) -> Option<&'t str> {
        let signs = match self.way {
            Way::Namespace => ["Read-only file system", "EROFS"],
            Way::Landlock => ["Permission denied", "EACCES"],
        };
        said.lines().rev().find(|line| signs.iter().any(|sign| line.contains(sign)))
    }

    /// Confines this thread, and what it starts from now on.
    ///
    /// # Errors
    /// Why it cannot be: the caller then starts nothing.
    pub fn apply(&self) -> io::Result<()> {
        let done = match self.way {
            #[cfg(all(target_os = "linux", not(orch_portable)))]
            Way::Namespace => mounts::confine(&self.places),
            #[cfg(all(target_os = "linux", not(orch_portable)))]
            Way::Landlock => ruleset::confine(&self.places),
            #[cfg(not(all(target_os = "linux", not(orch_portable))))]
            _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        done.map_err(|why| io::Error::new(why.kind(), format!("the guard cannot be set: {why}")))
    }
}

const BY: &str = "--guard";
const READ_ONLY: &str = "--read-only";
const WRITABLE: &str = "--writable";

/// A confinement as its words arrive, one after another.
#[derive(Debug, Default)]
pub struct Words {
    way: Option<Way>,
    places: Vec<Place>,
}

impl Words {
    /// Takes a word with its value; `None` where it is not of a confinement.
    pub fn take(&mut self, word: &str, value: impl FnOnce() -> Option<OsString>) -> Option<()> {
        match word {
            BY => self.way = Some(value()?.to_str()?.parse().ok()?),
            READ_ONLY => self.place(&value()?, Access::ReadOnly),
            WRITABLE => self.place(&value()?, Access::Writable),
            _ => return None,
        }
        Some(())
    }

    fn place(&mut self, path: &OsStr, access: Access) {
        self.places.push(Place { path: path.into(), access });
    }

    /// `None` where nothing was said of one.
    pub fn confinement(self) -> Option<Confinement> {
        Some(Confinement { way: self.way?, places: self.places })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_place_counts_and_what_says_nothing_new_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("work/.orch/tree")).unwrap();
        fs::create_dir_all(root.join("work/.git")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        let check = |read_only: &[&str], writable: &[&str]| {
            let below = |paths: &[&str]| paths.iter().map(|it| root.join(it)).collect::<Vec<_>>();
            let made = Confinement::new(Way::Landlock, &below(read_only), &below(writable));
            let shown = made.places.iter().map(|it| {
                let path = it.path.strip_prefix(&root).unwrap().to_str().unwrap();
                let sign = if it.access == Access::ReadOnly { "-" } else { "+" };
                format!("{sign}{path}")
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(check(&["work/.git", "work"], &["work/.orch/tree"]), "-work +work/.orch/tree");
        assert_eq!(check(&["work"], &["tmp", "work/absent"]), "-work", "the rest is writable");
        assert_eq!(check(&["work", "work/.git"], &["work"]), "-work/.git", "said so by a person");
    }

    #[test]
    fn words_of_a_confinement_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        fs::create_dir(root.join("in")).unwrap();
        let of = Confinement::new(Way::Namespace, std::slice::from_ref(&root), &[root.join("in")]);
        let mut said = of.arguments().collect::<Vec<_>>().into_iter();
        let mut words = Words::default();
        while let Some(word) = said.next() {
            words.take(word.to_str().unwrap(), || said.next()).unwrap();
        }
        assert_eq!(words.confinement(), Some(of));
        assert_eq!(Words::default().confinement(), None);
        assert_eq!(Words::default().take("--stdin", || None), None);
    }
}
