//! What people decide, written down and into the plans.

use crate::base::name::RelPath;
use crate::engine::effect::ItemEdit;
use crate::engine::effect::{Decide, Effect, StatusEdit};
use crate::engine::event::{Event, Written};
use crate::engine::record::{Decision, Record};
use crate::engine::step::Engine;
use crate::host::clock;
use crate::host::error::{Error, Result};
use crate::host::git::inherited;
use crate::host::state::State;
use crate::host::state::checkout::Home;
use crate::spec::plan::Status;

use super::Landings;
use super::status::edit_in_place;

const HOLDS: &str = "the decision is written down and holds; only its status line is missing";

impl Landings {
    /// Effects of a decision, outside of a build.
    pub fn take_down(&mut self, effect: Effect, state: &mut State) -> Result<()> {
        match effect {
            Effect::Append(record) => state.log.append(&record)?,
            Effect::WriteStatus(edit) => self.statuses.queue(edit),
            _ => {}
        }
        Ok(())
    }

    /// Writes a person's decisions into the plans. One that is exactly as committed stays so: where a
    /// task is only to run again, its line comes with what becomes of it; any other is committed.
    ///
    /// # Errors
    /// A status that cannot be written: the decision is journaled, and holds without.
    pub fn flush_decisions(&mut self, state: &mut State) -> Result<()> {
        let can_commit = self.can_commit(state)?;
        for (path, edits) in self.statuses.take_all() {
            if state.checkout.home_of(&path)? == Home::InPlace {
                decided_in_place(state, &path, edits)?;
                continue;
            }
            let needed: Vec<_> =
                edits.into_iter().filter(|it| needs_line(&state.engine, it)).collect();
            match can_commit {
                _ if needed.is_empty() => {}
                true => self.statuses.put_back(path, needed),
                false => decided_in_place(state, &path, needed)?,
            }
        }
        self.commit_decisions(state)
    }

    /// Whether a commit of orch comes into the checkout now.
    fn can_commit(&mut self, state: &State) -> Result<bool> {
        self.following.look(&state.checkout)?;
        let found = state.checkout.repo.state()?;
        let is_free = found.operation_under_way.is_none() && !found.is_detached;
        let is_free =
            is_free && self.following.waiting().is_none() && found.head == state.checkout.tip;
        Ok(is_free && inherited::command_under_way(state.root(), None).is_none())
    }

    fn commit_decisions(&mut self, state: &mut State) -> Result<()> {
        if self.statuses.is_empty() {
            return Ok(());
        }
        let decided: Vec<StatusEdit> = self.statuses.all().cloned().collect();
        let events = self.land_receipts(state)?;
        for event in events {
            if let Event::StatusWritten { written: Written::Failed(why), .. } = &event {
                return Err(Error::new(why.clone()).help(HOLDS));
            }
            for effect in state.step(event) {
                self.take_down(effect, state)?;
            }
        }
        if self.following.waiting().is_none() {
            return Ok(());
        }
        // The commit waits for the user's branch; the decision does not.
        decided.into_iter().try_for_each(|it| edit_in_place(state, &it.plan_path.clone(), &[it]))
    }
}

/// Whether a decision counts by its line in the plan, and not by the journal alone: a task that the
/// plan leaves out runs only where the plan says so.
fn needs_line(engine: &Engine, edit: &StatusEdit) -> bool {
    let plan = engine.plan_at(&edit.plan_path);
    let task = plan.and_then(|plan| plan.tasks().find(|it| it.id == edit.task.task));
    let status = task.map(|it| it.record.status);
    let is_left_out = matches!(status, Some(Status::Skipped | Status::Suspended));
    edit.status != Status::Pending || is_left_out
}

fn decided_in_place(state: &mut State, path: &RelPath, edits: Vec<StatusEdit>) -> Result<()> {
    edit_in_place(state, path, &edits).map_err(|error| error.help(HOLDS))?;
    edits.into_iter().try_for_each(|StatusEdit { task, status, .. }| {
        let at = clock::now();
        state.log.append(&Record::StatusWritten { at, task, status, is_loose: false })
    })
}

/// What a decision writes into the plan.
pub fn decided_status(engine: &Engine, decide: &Decide) -> Option<StatusEdit> {
    let status = match decide.decision {
        Decision::Retry | Decision::Reset => Status::Pending,
        Decision::Skip => Status::Skipped,
        Decision::Accept => Status::Completed,
    };
    let plan_path = engine.plan_path_of(&decide.task)?;
    Some(StatusEdit {
        plan_path,
        task: decide.task.clone(),
        status,
        attempts: None,
        result_message: None,
        last_error: None,
        model_used: None,
        completed_at: None,
        validation_findings: None,
        item: engine.is_stage(&decide.task).then_some(ItemEdit::Nothing),
    })
}
