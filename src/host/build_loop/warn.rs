//! What a build warns of that is nobody's result.

use crate::base::name::{AttemptId, RelPath, TaskRef};
use crate::engine::effect::Notice;
use crate::host::error::Result;
use crate::host::git::extent;
use crate::host::git::tip::TipMove;

use super::BuildLoop;

/// So many paths are named; the rest are counted.
const NAMED: usize = 5;

impl BuildLoop<'_> {
    /// What is known before anything runs.
    pub(super) fn warn_at_the_start(&mut self) {
        // What is cut off cannot be told from what was never done.
        if self.state.checkout.repo.is_shallow() {
            self.voice.warn(format!("{}; {}", extent::SHALLOW, extent::UNSHALLOW));
        }
        self.voice.caution(self.state);
        self.warn_of_set_aside();
    }

    /// Landings that do not fit the branch any more are not lost, and not in it.
    pub(super) fn warn_of_set_aside(&mut self) {
        let Some(TipMove::SetAside { kept_as, paths }) = self.state.checkout.moved.take() else {
            return;
        };
        self.voice.warn(format!(
            "landings that waited do not fit the branch any more, in {}: they are kept as `{kept_as}`",
            first_of(&paths).join(", ")
        ));
    }

    /// Says what changed beside the worktrees while these tasks ran: it is never undone.
    pub(super) fn warn_of_strays(&mut self) -> Result<()> {
        let changes = self.crew.look_around(&self.state.checkout)?;
        if !changes.is_empty() {
            let tasks = self.crew.tasks().unwrap_or_default();
            let changes = changes.join(", ");
            self.voice.warn(format!("while {tasks} ran, {changes}; nothing was undone"));
        }
        let strays = self.crew.strays();
        if !strays.is_empty() {
            let tasks = self.crew.tasks().unwrap_or_default();
            self.voice.warn(format!(
                "while {tasks} ran, in a worktree's own git {}; yours is as it was, and only the files \
                 of the worktree count",
                strays.join(", ")
            ));
        }
        Ok(())
    }

    /// What is to be told where nothing keeps sessions from the checkout.
    pub(super) fn warn_of_no_guard(&mut self, why: &str) {
        self.voice.warn(format!(
            "nothing keeps sessions, commands and validators from writing to your checkout and its git here: \
             {why}; what changes there while sessions run is told; `orch doctor` says what a guard takes"
        ));
    }

    /// Many a tool keeps a cache in a folder that worktrees have a link to.
    pub(super) fn warn_of_hindrance(&mut self, attempt: AttemptId, line: &str) {
        let task = self.crew.task_of(attempt).map_or_else(String::new, |task| format!("{task}: "));
        self.voice.warn(format!(
            "{task}what failed says `{}`: a guard keeps your checkout as it is, and what is linked from it; \
             `write: true` of `worktree.link`, or `write` of `sandbox`, opens a place",
            line.trim()
        ));
    }

    /// Says which files of the checkout were written while a session ran that is over now, where no landing
    /// did it: a session can, by their absolute paths.
    pub(super) fn warn_of_edits(&mut self, attempt: AttemptId) -> Result<()> {
        if !self.crew.is_session(attempt) {
            return Ok(());
        }
        let mut files = self.crew.look_at_files(&self.state.checkout)?;
        // Plans get status lines from orch itself, and a changed one is told by what it changes.
        files.retain(|it| !self.state.loaded.documents.config.is_plan(it));
        if !files.is_empty() {
            let tasks = self.crew.tasks().unwrap_or_default();
            let more = files.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.voice.warn(format!(
                "while {tasks} ran, {}{more} changed in your checkout, and no landing did it: where it was \
                 not you, it was a session; nothing was undone",
                first_of(&files).join(", ")
            ));
        }
        Ok(())
    }

    /// Says that somebody else has written into the journal; it counts for nothing.
    pub(super) fn warn_of_touched_journal(&mut self) -> Result<()> {
        if self.state.log.was_touched()? {
            let who = match self.crew.tasks() {
                None => "somebody else".to_owned(),
                Some(tasks) => format!("while {tasks} ran, somebody else"),
            };
            self.voice.warn(format!(
                "{who} wrote into orch's journal; what was added was cut off and counts for nothing \
                 (`.orch/journal-v1.cut` keeps it)"
            ));
        }
        Ok(())
    }
}

fn first_of(paths: &[RelPath]) -> Vec<String> {
    paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect()
}

/// What a task made that no tree can hold. A replay of its result does not tell of it again.
pub fn left_out(task: &TaskRef, paths: &[RelPath]) -> Option<Notice> {
    if paths.is_empty() {
        return None;
    }
    let mut named = first_of(paths);
    if paths.len() > NAMED {
        named.push(format!("{} more", paths.len() - NAMED));
    }
    Some(Notice::warning(format!(
        "{task}: not in its result: {}; a repository of its own cannot land: the task must remove its \
         `.git`, or git must ignore it",
        named.join(", ")
    )))
}
