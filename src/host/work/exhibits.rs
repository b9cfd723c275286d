//! Proposals: kept under refs, taken up again, and laid into the worktree of their judge.

use std::fs;
use std::path::Path;

use crate::base::name::{AttemptId, CommitId, TaskRef};
use crate::engine::effect::{Effect, Exhibit, Launch, Purpose};
use crate::engine::event::Event;
use crate::engine::jobs::ballot::{ANSWER, EXHIBITS};
use crate::host::error::{Doing, Result};

use crate::host::driver::Driver;
use crate::host::driver::Shared;
use crate::host::land::Kept;

/// Lays what the judge compares; of an earlier judgement nothing stays in any worktree.
pub(in crate::host) fn lay(shared: &Shared, launch: &Launch, root: &Path) -> Result<()> {
    let folder = root.join(EXHIBITS);
    clear(root, &folder)?;
    let Purpose::Judge(_, exhibits) = &launch.purpose else { return Ok(()) };
    for exhibit in exhibits {
        lay_one(shared, exhibit, &folder.join(&exhibit.label))?;
    }
    Ok(())
}

fn lay_one(shared: &Shared, exhibit: &Exhibit, folder: &Path) -> Result<()> {
    for path in &exhibit.paths {
        let Some(tree) = &exhibit.tree else { continue };
        if let Some(content) = shared.repo.read_path_at(tree, path)? {
            write(&folder.join(path.as_str()), &content)?;
        }
    }
    match &exhibit.answer {
        Some(answer) => write(&folder.join(ANSWER), answer.as_bytes()),
        None => fs::create_dir_all(folder).doing("laying a proposal", folder),
    }
}

fn write(place: &Path, content: &[u8]) -> Result<()> {
    let doing = "laying a proposal";
    fs::create_dir_all(place.parent().unwrap_or(place)).doing(doing, place)?;
    fs::write(place, content).doing(doing, place)
}

/// Removes the folder, and links that an earlier session may have put in its way.
fn clear(root: &Path, folder: &Path) -> Result<()> {
    for place in [&root.join(".orch"), folder.parent().unwrap_or(root), folder] {
        let removed = match fs::symlink_metadata(place) {
            Ok(meta) if meta.is_dir() && place == folder => fs::remove_dir_all(place),
            Ok(meta) if !meta.is_dir() => fs::remove_file(place),
            _ => Ok(()),
        };
        removed.doing("clearing the way of proposals", place)?;
    }
    Ok(())
}

impl Driver {
    /// What the engine wants done about kept proposals; other effects are not for here.
    pub(in crate::host) fn perform_on_proposal(&mut self, effect: Effect) -> Result<Option<Event>> {
        Ok(match effect {
            Effect::Shelve { attempt, kept_as, subject } => {
                Some(self.shelve(attempt, &kept_as, &subject)?)
            }
            Effect::Recall { attempt, task, kept_as, commit } => {
                Some(self.recall(attempt, task, (&kept_as, &commit))?)
            }
            Effect::Forget { kept_as } => {
                self.repo.forget(&kept_as)?;
                None
            }
            _ => None,
        })
    }

    /// Keeps what a proposal left under a ref, above the tree that it started from.
    fn shelve(&self, attempt: AttemptId, name: &str, subject: &str) -> Result<Event> {
        let commit = match self.kept.get(&attempt) {
            Some(kept) => Some(self.repo.keep_as(name, (&kept.tree, &kept.stands_on), subject)?),
            None => None,
        };
        Ok(Event::Shelved { attempt, commit })
    }

    /// Takes up what `shelve` kept, and merges it like any other.
    fn recall(
        &mut self,
        attempt: AttemptId,
        task: TaskRef,
        (name, commit): (&str, &CommitId),
    ) -> Result<Event> {
        let Some((tree, stands_on)) = self.repo.kept_as(name, commit)? else {
            let message = format!("`{name}` is gone, or another");
            return Ok(Event::LandingFailed { attempt, message });
        };
        let kept = Kept {
            task,
            base: self.repo.tree_of(&stands_on)?,
            tree,
            tip: self.repo.beneath_overlay(&stands_on)?,
            stands_on,
            worktree: None,
            merged: None,
            users: None,
            left_out: Vec::new(),
        };
        self.kept.insert(attempt, kept);
        self.merge(attempt)
    }
}
