//! Checkouts of one repository: the main one, and those that `git worktree` made.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder that all checkouts of a repository share, by that of one of them; `None` where it is none.
pub fn common_folder_of(checkout: &Path) -> Option<PathBuf> {
    folders_of(checkout).map(|(_, common)| common)
}

/// Where a checkout keeps what all of its repository share: the main one, where that can be written to; for
/// checkouts of a bare repository its own folder.
pub fn home_of(checkout: &Path) -> PathBuf {
    let home =
        folders_of(checkout).filter(|(own, common)| own != common).and_then(|(_, common)| {
            let home = if common.ends_with(".git") { common.parent()?.to_owned() } else { common };
            rustix::fs::access(&home, rustix::fs::Access::WRITE_OK).is_ok().then_some(home)
        });
    home.unwrap_or_else(|| checkout.to_owned())
}

/// The checkout whose sessions the worktree at `root` is for; `None` where it is no worktree of `orch`'s.
pub fn checkout_of_attempt(root: &Path) -> Option<&Path> {
    let pool = root.parent()?;
    let names = [pool.file_name()?, pool.parent()?.file_name()?];
    (names == ["worktrees", ".orch"]).then(|| pool.parent()?.parent())?
}

/// The checkout's own folder of git's, and that which it shares with others. A worktree of an attempt is
/// one of its checkout's repository, though its git is its own, and so is what was made from it.
pub fn folders_of(checkout: &Path) -> Option<(PathBuf, PathBuf)> {
    let git = checkout.join(".git");
    let own = match fs::read_to_string(&git) {
        Ok(text) => checkout.join(text.trim().strip_prefix("gitdir:")?.trim()),
        Err(_) => git,
    };
    let common = match fs::read_to_string(own.join("commondir")) {
        Ok(text) => own.join(text.trim()),
        Err(_) => own.clone(),
    };
    let common = common.canonicalize().ok()?;
    let common = match common.parent().and_then(checkout_of_attempt) {
        Some(above) => folders_of(above)?.1,
        None => common,
    };
    Some((own.canonicalize().ok()?, common))
}

/// True for two checkouts of one repository, or one and the same.
pub fn are_of_one(one: &Path, other: &Path) -> bool {
    one == other || common_folder_of(one).is_some_and(|it| Some(it) == common_folder_of(other))
}

/// Every checkout of the repository that `checkout` is one of, itself first.
pub fn all_of(checkout: &Path) -> Vec<PathBuf> {
    let mut all = vec![checkout.to_owned()];
    let Some(common) = common_folder_of(checkout) else { return all };
    let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let places = linked.filter_map(|entry| {
        let file = fs::read_to_string(entry.path().join("gitdir")).ok()?;
        Some(entry.path().join(file.trim()).parent()?.to_owned())
    });
    let main = common.parent().filter(|_| common.ends_with(".git"));
    for place in main.map(Path::to_owned).into_iter().chain(places) {
        if !all.contains(&place) {
            all.push(place);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::Scratch;

    #[test]
    fn checkouts_of_one_repository_know_one_another() {
        let scratch = [Scratch::new(&[("a", "a")]), Scratch::new(&[("b", "b")])];
        let [one, other] = scratch.each_ref().map(Scratch::root);
        let folder = tempfile::tempdir().unwrap();
        let linked = folder.path().canonicalize().unwrap().join("linked");
        scratch[0].git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
        assert!(are_of_one(&one, &linked) && are_of_one(&linked, &one));
        assert!(!are_of_one(&linked, &other) && !are_of_one(folder.path(), &linked));
        assert_eq!(all_of(&linked).len(), 2);
        assert!(all_of(&one).contains(&linked));
        assert_eq!((home_of(&one), home_of(&linked)), (one.clone(), one.clone()));
        assert_eq!(home_of(folder.path()), folder.path());
        let bare = folder.path().canonicalize().unwrap().join("bare.git");
        let beside = folder.path().canonicalize().unwrap().join("beside");
        let (bare_name, beside_name) = (bare.to_str().unwrap(), beside.to_str().unwrap());
        scratch[0].git(&["clone", "-q", "--bare", ".", bare_name]);
        scratch[0].git(&["-C", bare_name, "worktree", "add", "-q", "-b", "side", beside_name]);
        assert_eq!(home_of(&beside), bare);
        let attempt = scratch[0].pool().acquire(&scratch[0].base()).unwrap();
        let from_it = folder.path().canonicalize().unwrap().join("from-it");
        let command = ["worktree", "add", "-q", from_it.to_str().unwrap()];
        crate::host::git::scratch::git_in(attempt.root(), &command);
        for place in [attempt.root(), &from_it] {
            assert!(are_of_one(place, &one) && !are_of_one(place, &other), "{}", place.display());
            assert_eq!(home_of(place), one);
        }
    }
}
