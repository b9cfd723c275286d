//! What a build warns of that is nobody's result.

use std::collections::BTreeSet;

use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::Notice;
use crate::host::clock;
use crate::host::error::Result;
use crate::host::git::extent;
use crate::host::git::tip::TipMove;
use crate::host::surface::Surface;

use crate::host::build_loop::Run;
use crate::host::driver::Driver;

/// So many paths are named; the rest are counted.
const NAMED: usize = 5;

impl Run<'_> {
    /// Tells people; what the summary repeats is kept.
    pub(in crate::host) fn say(&mut self, notice: &Notice) {
        if let Notice::PlanChanged(told) = notice {
            self.plan_changes.push(told.clone());
        }
        self.surface.say(notice, clock::now());
    }
}

impl Driver {
    /// What is known before anything runs; `wanted` is what the build is asked for.
    pub(in crate::host) fn warn_at_the_start(
        &mut self,
        wanted: &Option<Vec<TaskRef>>,
        surface: &mut dyn Surface,
    ) {
        self.warn_of_missing_history(surface);
        self.cautions.wanted.clone_from(wanted);
        self.caution(surface);
        self.warn_of_set_aside(surface);
    }

    /// What is cut off cannot be told from what was never done.
    fn warn_of_missing_history(&self, surface: &mut dyn Surface) {
        if self.repo.is_shallow() {
            let text = format!("{}; {}", extent::SHALLOW, extent::UNSHALLOW);
            surface.say(&Notice::Warning(text), clock::now());
        }
    }

    /// Landings that do not fit the branch any more are not lost, and not in it.
    pub(in crate::host) fn warn_of_set_aside(&mut self, surface: &mut dyn Surface) {
        let Some(TipMove::SetAside { kept_as, paths }) = self.moved.take() else { return };
        let shown: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
        let text = format!(
            "landings that waited do not fit the branch any more, in {}: they are kept as `{kept_as}`",
            shown.join(", ")
        );
        surface.say(&Notice::Warning(text), clock::now());
    }

    /// Says what changed beside the worktrees while these tasks ran: it is never undone.
    pub(in crate::host) fn warn_of_strays(&self, run: &mut Run<'_>) -> Result<()> {
        let now = self.repo.surroundings(&self.branch()?, &run.surroundings)?;
        let before = std::mem::replace(&mut run.surroundings, now);
        let changes = run.surroundings.changes_since(&before);
        if changes.is_empty() {
            return Ok(());
        }
        let tasks = running(run);
        let text = format!("while {tasks} ran, {}; nothing was undone", changes.join(", "));
        run.surface.say(&Notice::Warning(text), clock::now());
        Ok(())
    }

    /// Says that somebody else has written into the journal; it counts for nothing.
    pub(in crate::host) fn warn_of_touched_journal(&mut self, run: &mut Run<'_>) -> Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if !journal.was_touched()? {
            return Ok(());
        }
        let who = match running(run) {
            tasks if tasks.is_empty() => "somebody else".to_owned(),
            tasks => format!("while {tasks} ran, somebody else"),
        };
        let text = format!(
            "{who} wrote into orch's journal; what was added was cut off and counts for nothing \
             (`.orch/journal-v1.cut` keeps it)"
        );
        run.surface.say(&Notice::Warning(text), clock::now());
        Ok(())
    }
}

/// The tasks that run now, by name.
fn running(run: &Run<'_>) -> String {
    let tasks: BTreeSet<String> = run.tasks.values().map(ToString::to_string).collect();
    tasks.into_iter().collect::<Vec<_>>().join(", ")
}

/// What a task made that no tree can hold. A replay of its result does not tell of it again.
pub(in crate::host) fn left_out(task: &TaskRef, paths: &[RelPath]) -> Option<Notice> {
    if paths.is_empty() {
        return None;
    }
    let mut named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    if paths.len() > NAMED {
        named.push(format!("{} more", paths.len() - NAMED));
    }
    Some(Notice::Warning(format!(
        "{task}: not in its result: {}; a repository of its own cannot land: the task must remove its \
         `.git`, or git must ignore it",
        named.join(", ")
    )))
}
