//! `sandbox: guard`: which places a family cannot change, and the way to keep it from that.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use strum::IntoEnumIterator;

use crate::host::git::checkouts;
use crate::host::inbox;
use crate::host::shim;
use crate::host::shim::confine::Confinement;
use crate::spec::config::Link;
use crate::spec::sandbox::{Guard, Way};

use super::trial;

/// Where a family works.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The checkout whose build it is of.
    pub checkout: &'a Path,
    pub worktree: &'a Path,
    /// Folders of the attempt's own.
    pub own: Vec<PathBuf>,
    pub links: &'a [Link],
    pub home: Option<PathBuf>,
    /// The CLI's own files; sessions only.
    pub config_folder: Option<PathBuf>,
}

impl Ground<'_> {
    /// What keeps the guard here.
    pub fn confinement(&self, way: Way, guard: &Guard) -> Confinement {
        if way == Way::Landlock {
            self.make_what_the_cli_cannot();
        }
        Confinement::new(way, &self.read_only(), &self.writable(&guard.write))
    }

    /// Nothing can be made in a folder above the checkout, as the home often is; there the CLI makes its folder
    /// and its file at its first start, and some versions wait for ever where they cannot.
    fn make_what_the_cli_cannot(&self) {
        let (Some(home), Some(folder)) = (&self.home, &self.config_folder) else { return };
        let is_above = home.canonicalize().is_ok_and(|home| self.checkout.starts_with(home));
        if !is_above || *folder != home.join(".claude") {
            return;
        }
        let _ = std::fs::create_dir(folder);
        let file =
            std::fs::File::options().write(true).create_new(true).open(home.join(".claude.json"));
        // Where that fails, the CLI says what it lacks.
        let _ = file.and_then(|mut file| file.write_all(b"{}\n"));
    }

    /// All checkouts of the repository, with what is orch's in them; git's folders, wherever they lie; and
    /// what the worktree has links to.
    fn read_only(&self) -> Vec<PathBuf> {
        let mut places = checkouts::all_of(self.checkout);
        let folders = checkouts::folders_of(self.checkout);
        places.extend(folders.into_iter().flat_map(|(own, common)| [own, common]));
        places.extend(self.linked(false));
        // For themselves, too: whoever opens the checkout by `write` does not mean these.
        places.extend([".git", ".orch"].map(|it| self.checkout.join(it)));
        places
    }

    fn writable(&self, also: &[String]) -> Vec<PathBuf> {
        let mut places = vec![self.worktree.to_owned(), inbox::refusals_of(self.checkout)];
        places.extend(self.own.iter().cloned());
        places.extend(git_folder_of(self.worktree));
        places.extend(self.linked(true));
        if let Some(folder) = &self.config_folder {
            places.push(folder.clone());
            places.extend(self.home.as_ref().map(|home| home.join(".claude.json")));
        }
        places.extend(named(also, self.home.as_deref()));
        places
    }

    fn linked(&self, is_writable: bool) -> impl Iterator<Item = PathBuf> {
        let links = self.links.iter().filter(move |it| it.is_writable == is_writable);
        links.map(|it| self.checkout.join(&it.path))
    }
}

/// Places as `write` names them.
pub(super) fn named(places: &[String], home: Option<&Path>) -> Vec<PathBuf> {
    let place = |place: &String| match place.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(PathBuf::from(place)),
    };
    places.iter().filter_map(place).collect()
}

/// Where the git of a worktree lies outside of it, as earlier versions made them.
pub(super) fn git_folder_of(worktree: &Path) -> Option<PathBuf> {
    let link = std::fs::read_to_string(worktree.join(".git")).ok()?;
    Some(PathBuf::from(link.strip_prefix("gitdir:")?.trim()))
}

/// The way to keep a guard here, with `shim` to try it: the one that is asked for, or the first that works.
///
/// # Errors
/// Why there is none, in words.
pub fn way_of(guard: &Guard, shim: &Path) -> Result<Way, String> {
    let mut reasons = Vec::new();
    for way in Way::iter().filter(|way| guard.by.is_none_or(|it| it == *way)) {
        match probe(way, shim) {
            Ok(()) => return Ok(way),
            Err(why) => reasons.push(why),
        }
    }
    Err(reasons.join("; "))
}

/// Whether a way works here; tried once for each program that is to keep it.
///
/// # Errors
/// Why it does not, in words.
pub fn probe(way: Way, shim: &Path) -> Result<(), String> {
    type Tried = BTreeMap<(&'static str, PathBuf), Result<(), String>>;
    static TRIED: Mutex<Tried> = Mutex::new(BTreeMap::new());
    let shown = match way {
        Way::Namespace => "no mount namespace",
        Way::Landlock => "no Landlock",
    };
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    let found = tried.entry((shown, shim.to_owned()));
    found.or_insert_with(|| try_it(way, shim).map_err(|why| format!("{shown} ({why})"))).clone()
}

/// Confines a shell in a scratch folder, which is to write in one place and not in another.
fn try_it(way: Way, shim: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let open = folder.path().join("open");
    std::fs::create_dir(&open).map_err(|error| error.to_string())?;
    let guard = Confinement::new(way, &[folder.path().to_owned()], &[open]);
    let line = "echo > open/in || exit 3; ! echo > out";
    let argv = ["sh", "-c", line].map(Into::into).into();
    let order = shim::Order { guard: Some(guard), argv, ..shim::Order::default() };
    let output = trial::output_of(&order, shim, folder.path())?;
    match output.status.code() {
        Some(0) => Ok(()),
        Some(1) => Err("it keeps nobody from writing".to_owned()),
        Some(3) => Err("it keeps from writing where that is allowed".to_owned()),
        _ => Err(trial::reason_of(&output, "cannot be set: ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cli_finds_what_it_could_not_make() {
        let check = |way: Way, home: &str, folder: &str| {
            let above = tempfile::tempdir().unwrap();
            let above = above.path().canonicalize().unwrap();
            let checkout = above.join("work");
            std::fs::create_dir_all(&checkout).unwrap();
            std::fs::create_dir_all(above.join(home)).unwrap();
            let ground = Ground {
                checkout: &checkout,
                worktree: &checkout,
                own: Vec::new(),
                links: &[],
                home: Some(above.join(home).components().collect()),
                config_folder: Some(above.join(folder)),
            };
            ground.confinement(way, &Guard::default());
            above.join(".claude").is_dir() && above.join(".claude.json").is_file()
        };
        assert!(check(Way::Landlock, ".", ".claude"));
        assert!(!check(Way::Namespace, ".", ".claude"), "it can make them itself");
        assert!(!check(Way::Landlock, "home", "home/.claude"), "there, too");
        assert!(!check(Way::Landlock, ".", "elsewhere"), "it keeps its files together");
    }
}
