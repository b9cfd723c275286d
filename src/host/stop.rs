//! Asking a running orch to stop: the user's `.stop` files, and `.orch/stop`, by which another orch
//! process asks the one that holds the lock.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::spec::config::stop_files_of;

use super::error::{Doing, Result};
use super::lock::{Holder, Lock};
use super::store::folder::{self, Access, OrchFolder};

pub use crate::spec::config::STOP_FILE;
const REQUEST: &str = "stop";
/// How often a request is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// How a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Nothing new starts; what runs may finish.
    Finish,
    /// What runs is ended, too: politely, then by force.
    Now,
}

/// What lies in `.orch/stop`: only the run that it names heeds it.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    to: Holder,
    wish: Wish,
}

/// Where a stop of this run may be asked for.
#[derive(Debug)]
pub struct Ears {
    root: PathBuf,
    files: Vec<PathBuf>,
    request: PathBuf,
    own: Option<Holder>,
    /// Stop files that this run has seen: they are for it, and for no other.
    heard: Vec<PathBuf>,
}

impl Ears {
    /// For the run that holds the lock. A request that was for a run before it is taken away.
    pub fn of_run(root: &Path, plans_dirs: &[String]) -> Self {
        let request = root.join(folder::NAME).join(REQUEST);
        let own = Lock::holder_of(root);
        if let Some(old) = read(&request)
            && Some(&old.to) != own.as_ref()
        {
            let _ = fs::remove_file(&request);
        }
        let files = stop_files(root, plans_dirs);
        Self { root: root.to_owned(), files, request, own, heard: Vec::new() }
    }

    /// What was asked for since the last look, with where from.
    pub fn listen(&mut self) -> Option<(Wish, String)> {
        let asked = self.request.exists().then(|| read(&self.request)).flatten();
        if let Some(request) = asked.filter(|it| Some(&it.to) == self.own.as_ref()) {
            // That it is gone is the answer.
            let _ = fs::remove_file(&self.request);
            return Some((request.wish, "orch stop".to_owned()));
        }
        let new = self.files.iter().find(|it| !self.heard.contains(it) && it.exists())?;
        self.heard.push(new.clone());
        let shown = new.strip_prefix(&self.root).unwrap_or(new);
        Some((Wish::Finish, shown.display().to_string()))
    }

    /// The run is over: the stop files that it heard are used up.
    pub fn consume(&mut self) {
        for file in self.heard.drain(..) {
            let _ = fs::remove_file(file);
        }
    }
}

/// Every place of a stop file, whether it is there or not.
pub fn stop_files(root: &Path, plans_dirs: &[String]) -> Vec<PathBuf> {
    stop_files_of(plans_dirs).iter().map(|file| root.join(file)).collect()
}

/// True where a stop file waits for the next run.
pub fn is_waiting(root: &Path, plans_dirs: &[String]) -> bool {
    stop_files(root, plans_dirs).iter().any(|file| file.exists())
}

/// Takes back every stop that waits; answers how many. The caller holds the lock.
pub fn withdraw(root: &Path, plans_dirs: &[String]) -> Result<usize> {
    let mut n = 0;
    for file in stop_files(root, plans_dirs) {
        match fs::remove_file(&file) {
            Ok(()) => n += 1,
            Err(error) if folder::is_absent(&error) => {}
            Err(error) => return Err(error).doing("taking back a stop", &file),
        }
    }
    Ok(n)
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing runs here.
    Nobody,
    /// It has heard, and goes on until what runs has finished.
    Heard(Holder),
    /// It is gone.
    Gone(Holder),
    /// It has not answered in time; the request stays for it.
    Silent(Holder),
}

/// Asks whoever runs here to stop, and waits for the answer: with [`Wish::Now`] until it is gone.
pub fn ask(root: &Path, wish: Wish, patience: Duration) -> Result<Answer> {
    let Some(holder) = Lock::holder_of(root) else { return Ok(Answer::Nobody) };
    let orch = OrchFolder::below(root, Access::ReadWrite);
    let file = orch.join(REQUEST);
    let request = Request { to: holder.clone(), wish };
    let json = serde_json::to_vec(&request).doing("asking for a stop", &file)?;
    orch.write_whole(&file, &[&json])?;
    let give_up = Instant::now() + patience;
    loop {
        let is_gone = Lock::holder_of(root).as_ref() != Some(&holder);
        let has_heard = !file.exists();
        if is_gone {
            // It ended by itself, perhaps without having heard.
            if read(&file).is_some_and(|left| left.to == holder) {
                let _ = fs::remove_file(&file);
            }
            return Ok(Answer::Gone(holder));
        }
        if has_heard && wish == Wish::Finish {
            return Ok(Answer::Heard(holder));
        }
        if Instant::now() >= give_up {
            return Ok(if has_heard { Answer::Heard(holder) } else { Answer::Silent(holder) });
        }
        // The lock of another process tells nobody when it is let go.
        thread::sleep(LOOK);
    }
}

fn read(file: &Path) -> Option<Request> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }

    #[test]
    fn a_stop_file_is_used_up_by_the_run_that_heard_it_and_by_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = ["plans".to_owned()];
        let mut ears = Ears::of_run(folder.path(), &dirs);
        assert_eq!(ears.listen(), None);
        ears.consume();
        for (file, shown) in [(STOP_FILE, ".claude/plans/.stop"), ("plans/.stop", "plans/.stop")] {
            put(folder.path(), file);
            let (wish, from) = ears.listen().unwrap();
            assert_eq!(wish, Wish::Finish);
            assert_eq!(from, shown);
            assert_eq!(ears.listen(), None, "once is enough");
        }
        drop(Ears::of_run(folder.path(), &dirs));
        assert!(is_waiting(folder.path(), &dirs), "a run that did not stop by it leaves it");
        ears.consume();
        assert!(!is_waiting(folder.path(), &dirs));
    }

    #[test]
    fn a_request_reaches_the_run_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(ask(root, Wish::Now, Duration::ZERO).unwrap(), Answer::Nobody);
        assert_eq!(fs::read_dir(root).unwrap().count(), 0);
        let lock = Lock::exclusive(root, &Holder::this_process()).unwrap();
        let holder = Lock::holder_of(root).unwrap();
        let mut ears = Ears::of_run(root, &[]);
        let silent = ask(root, Wish::Now, Duration::ZERO).unwrap();
        assert_eq!(silent, Answer::Silent(holder.clone()));
        assert_eq!(ears.listen(), Some((Wish::Now, "orch stop".to_owned())));
        assert_eq!(ears.listen(), None);
        let silent = ask(root, Wish::Finish, Duration::ZERO).unwrap();
        assert_eq!(silent, Answer::Silent(holder));
        drop(lock);
        let later = Holder { pid: 1, ..Holder::this_process() };
        let _lock = Lock::exclusive(root, &later).unwrap();
        assert_eq!(Ears::of_run(root, &[]).listen(), None, "it was for the run before");
    }
}
