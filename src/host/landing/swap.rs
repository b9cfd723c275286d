//! Files change places with those of the user: whatever they write at this very moment is found in what
//! came out, and goes back to its place.
//!
//! The kernel exchanges two names at once (`RENAME_EXCHANGE`), or gives a name only where it is free
//! (`RENAME_NOREPLACE`). Where a file system can do neither, or a folder is another disk's, the file is
//! looked at right before it is replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::base::digest::Digest;
use crate::host::error::{Doing, Result};
use crate::host::git::place::remove_empty_above;
use crate::host::store::aside;

/// What changed places so far; nothing of it is thrown away before the end.
pub(super) struct Swaps {
    root: PathBuf,
    done: Vec<Swap>,
}

struct Swap {
    file: PathBuf,
    /// What lay at the path; after a return, what orch put there.
    aside: PathBuf,
    was: Option<Digest>,
    is: Option<Digest>,
}

/// Whether a path was as it had been found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Swapped {
    Done,
    /// Somebody wrote there meanwhile: what they wrote lies there.
    Taken,
}

impl Swaps {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), done: Vec::new() }
    }

    /// Puts what lies at `ready` to `file`, where `was` is found.
    pub fn put(&mut self, ready: &Path, file: &Path, was: Option<Digest>) -> Result<Swapped> {
        let doing = "putting a file into the checkout";
        let is = aside::print_of(ready).doing(doing, ready)?;
        let swap = Swap::new(file, &aside::place_for(&self.root, file), [was, is]);
        fs::rename(ready, &swap.aside).doing(doing, file)?;
        let moved = match was {
            None => renamed(&swap.aside, file, RenameFlags::NOREPLACE),
            Some(_) => renamed(&swap.aside, file, RenameFlags::EXCHANGE),
        };
        match moved.doing(doing, file)? {
            Moved::Yes => {}
            Moved::No => return swap.thrown_away(Swapped::Taken),
            Moved::Unsupported => return swap.put_after_a_look(),
        }
        if was.is_none() {
            self.done.push(swap);
            return Ok(Swapped::Done);
        }
        if aside::print_of(&swap.aside).doing(doing, file)? != was {
            swap.give_back()?;
            return Ok(Swapped::Taken);
        }
        self.done.push(swap);
        Ok(Swapped::Done)
    }

    /// Takes away what lies at `file`, where `was` is found; the folders above it that are empty then
    /// go, too.
    pub fn take_out(&mut self, file: &Path, was: Option<Digest>) -> Result<Swapped> {
        let doing = "taking a file out of the checkout";
        // Not beside it: its folder may have to go.
        let folder = aside::place_for(&self.root, &self.root.join("file"));
        let swap = Swap::new(file, &folder, [was, None]);
        match fs::rename(file, &swap.aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swapped::Done),
            // Another disk: it can only be looked at and removed.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                return self.removed_after_a_look(file, was);
            }
            moved => moved.doing(doing, file)?,
        }
        if aside::print_of(&swap.aside).doing(doing, file)? != was {
            swap.give_back()?;
            return Ok(Swapped::Taken);
        }
        self.done.push(swap);
        remove_empty_above(&self.root, file);
        Ok(Swapped::Done)
    }

    fn removed_after_a_look(&self, file: &Path, was: Option<Digest>) -> Result<Swapped> {
        let doing = "taking a file out of the checkout";
        if aside::print_of(file).doing(doing, file)? != was {
            return Ok(Swapped::Taken);
        }
        fs::remove_file(file).doing(doing, file)?;
        remove_empty_above(&self.root, file);
        Ok(Swapped::Done)
    }

    /// The files into which somebody has written since they were taken: an editor may hold one open.
    pub fn written_since(&self) -> Vec<PathBuf> {
        let is_written = |swap: &&Swap| {
            swap.was.is_some() && aside::print_of(&swap.aside).ok().is_some_and(|it| it != swap.was)
        };
        self.done.iter().filter(is_written).map(|swap| swap.file.clone()).collect()
    }

    /// Everything back as it was, but for what somebody has written since.
    pub fn undo(self) -> Result<()> {
        for swap in self.done.iter().rev() {
            swap.give_back()?;
        }
        Ok(())
    }

    /// It stays so. What was written into a file after it was taken lies at its path afterwards, as a
    /// change that is not committed.
    pub fn finish(self) -> Result<()> {
        let late = self.written_since();
        for swap in self.done {
            match late.contains(&swap.file) {
                true => swap.give_back()?,
                false => remove_known(&swap.aside)?,
            }
        }
        Ok(())
    }
}

impl Swap {
    fn new(file: &Path, folder: &Path, [was, is]: [Option<Digest>; 2]) -> Self {
        let aside = folder.join(aside::swap_name([was, is]));
        Self { file: file.to_owned(), aside, was, is }
    }

    /// The path gets back what was taken from it, and what orch had put there goes. Where somebody has
    /// put something else there meanwhile, theirs stays.
    fn give_back(&self) -> Result<()> {
        let doing = "giving a file back";
        let (file, aside) = (&self.file, &self.aside);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).doing(doing, parent)?;
        }
        let is_ours = self.is.is_some() && aside::print_of(file).doing(doing, file)? == self.is;
        let moved = match (self.was, is_ours) {
            (None, true) => return self.take_back(),
            (None, false) => return Ok(()),
            (Some(_), true) => renamed(aside, file, RenameFlags::EXCHANGE),
            (Some(_), false) => renamed(aside, file, RenameFlags::NOREPLACE),
        };
        match moved.doing(doing, file)? {
            Moved::Yes if is_ours && aside::print_of(aside).doing(doing, aside)? != self.is => {
                // What came out is newer than what orch had put there.
                renamed(aside, file, RenameFlags::EXCHANGE).doing(doing, file)?;
                remove_known_as(aside, self.was)
            }
            Moved::Yes => remove_known_as(aside, self.is),
            Moved::No => remove_known_as(aside, self.was),
            Moved::Unsupported => fs::rename(aside, file).doing(doing, file),
        }
    }

    /// What orch had put where nothing was goes away.
    fn take_back(&self) -> Result<()> {
        let doing = "taking a file back";
        fs::rename(&self.file, &self.aside).doing(doing, &self.file)?;
        if aside::print_of(&self.aside).doing(doing, &self.file)? == self.is {
            return remove_known(&self.aside);
        }
        renamed(&self.aside, &self.file, RenameFlags::NOREPLACE).doing(doing, &self.file)?;
        Ok(())
    }

    fn put_after_a_look(self) -> Result<Swapped> {
        let doing = "putting a file into the checkout";
        if aside::print_of(&self.file).doing(doing, &self.file)? != self.was {
            return self.thrown_away(Swapped::Taken);
        }
        fs::rename(&self.aside, &self.file).doing(doing, &self.file)?;
        Ok(Swapped::Done)
    }

    fn thrown_away(self, swapped: Swapped) -> Result<Swapped> {
        remove_known(&self.aside)?;
        Ok(swapped)
    }
}

/// What came of a rename that must not replace anything.
enum Moved {
    Yes,
    /// The name is taken, or what was to be exchanged is gone.
    No,
    /// The file system cannot do it.
    Unsupported,
}

fn renamed(from: &Path, to: &Path, flags: RenameFlags) -> io::Result<Moved> {
    match renameat_with(CWD, from, CWD, to, flags) {
        Ok(()) => Ok(Moved::Yes),
        Err(Errno::EXIST | Errno::NOENT | Errno::NOTDIR | Errno::ISDIR) => Ok(Moved::No),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(Moved::Unsupported),
        Err(error) => Err(error.into()),
    }
}

/// Removes it where it is what it was then; anything else is the user's, and stays.
fn remove_known_as(aside: &Path, known: Option<Digest>) -> Result<()> {
    match aside::print_of(aside).doing("looking at a file", aside)? {
        print if print == known => remove_known(aside),
        _ => Ok(()),
    }
}

fn remove_known(aside: &Path) -> Result<()> {
    match fs::remove_file(aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.doing("removing what was replaced", aside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new(present: Option<&str>) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(place.0.path().join(".orch/tmp")).unwrap();
            if let Some(text) = present {
                fs::write(place.file(), text).unwrap();
            }
            place
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("file")
        }

        fn print(&self) -> Option<Digest> {
            aside::print_of(&self.file()).unwrap()
        }

        fn put(&self, swaps: &mut Swaps, was: Option<Digest>) -> Swapped {
            let ready = self.0.path().join(".orch/tmp/new-1");
            fs::write(&ready, "landed").unwrap();
            swaps.put(&ready, &self.file(), was).unwrap()
        }

        /// What lies at the path, and how many files are left aside.
        fn left(&self) -> String {
            let text = fs::read_to_string(self.file()).unwrap_or_else(|_| "-".to_owned());
            format!("{text} {}", fs::read_dir(self.0.path().join(".orch/tmp")).unwrap().count())
        }
    }

    /// The file is `present` when it is looked at, `then` when it is replaced, and `late` is written
    /// after that; what lies there after an undo, and after a finish.
    fn check(present: Option<&str>, then: Option<&str>, late: Option<&str>) -> String {
        let run = |ends: fn(Swaps) -> Result<()>| {
            let place = Place::new(present);
            let mut swaps = Swaps::new(place.0.path());
            let was = place.print();
            match then {
                Some(text) => fs::write(place.file(), text).unwrap(),
                None => _ = fs::remove_file(place.file()),
            }
            let swapped = place.put(&mut swaps, was);
            if let Some(text) = late {
                fs::write(place.file(), text).unwrap();
            }
            ends(swaps).unwrap();
            format!("{swapped:?} {}", place.left())
        };
        format!("{} | {}", run(Swaps::undo), run(Swaps::finish))
    }

    #[test]
    fn what_is_as_it_was_is_replaced_and_can_be_undone() {
        assert_eq!(check(Some("old"), Some("old"), None), "Done old 0 | Done landed 0");
        assert_eq!(check(None, None, None), "Done - 0 | Done landed 0");
    }

    #[test]
    fn what_somebody_wrote_meanwhile_stays_theirs() {
        assert_eq!(check(Some("old"), Some("mine"), None), "Taken mine 0 | Taken mine 0");
        assert_eq!(check(None, Some("mine"), None), "Taken mine 0 | Taken mine 0");
        assert_eq!(check(Some("old"), None, None), "Taken - 0 | Taken - 0");
        assert_eq!(check(Some("old"), Some("old"), Some("late")), "Done late 0 | Done late 0");
        assert_eq!(check(None, None, Some("late")), "Done late 0 | Done late 0");
    }

    #[test]
    fn what_goes_on_writing_into_the_file_that_was_taken_is_found() {
        use std::io::Write as _;
        let place = Place::new(Some("old"));
        let mut editor = fs::OpenOptions::new().append(true).open(place.file()).unwrap();
        let mut swaps = Swaps::new(place.0.path());
        assert_eq!(place.put(&mut swaps, place.print()), Swapped::Done);
        editor.write_all(b" and more").unwrap();
        assert_eq!(swaps.written_since(), [place.file()]);
        swaps.finish().unwrap();
        assert_eq!(place.left(), "old and more 0");
    }

    #[test]
    fn a_file_is_taken_out_as_it_was_or_not_at_all() {
        let place = Place::new(Some("old"));
        let was = place.print();
        fs::write(place.file(), "mine").unwrap();
        let mut swaps = Swaps::new(place.0.path());
        assert_eq!(swaps.take_out(&place.file(), was).unwrap(), Swapped::Taken);
        assert_eq!(place.left(), "mine 0");
        assert_eq!(swaps.take_out(&place.file(), place.print()).unwrap(), Swapped::Done);
        assert_eq!(place.left(), "- 1");
        swaps.undo().unwrap();
        assert_eq!(place.left(), "mine 0");
    }
}
