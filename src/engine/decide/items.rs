//! What the stages of a backlog item write into its file.

use crate::base::measure::{Millis, Usd};
use crate::base::name::TaskRef;
use crate::engine::effect::{ItemEdit, ItemEnd};
use crate::engine::ground::Ground;
use crate::engine::past::history::TaskHistory;
use crate::engine::world::Slot;
use crate::spec::agent::stem;
use crate::spec::item::edit::has_entry;
use crate::spec::item::kind::{ARCHIVE, WORK};
use crate::spec::item::stages::StageId;
use crate::spec::plan::Status;

/// True for a stage that has ended well, of which the item's file does not tell yet.
pub(super) fn is_to_be_written(slot: Slot, ground: &Ground<'_>) -> bool {
    let Some((item, _)) = ground.world.item(slot) else { return false };
    let id = StageId::of(&ground.world.task(slot).task);
    let has_report = ground.world.recipe(slot).is_some_and(|it| it.rule.is_report);
    id.stage == ARCHIVE || has_report && !has_entry(item, id)
}

/// What a stage that came to this writes.
pub(super) fn item_edit_of(slot: Slot, status: Status, ground: &Ground<'_>) -> ItemEdit {
    let task = ground.world.task(slot);
    let id = StageId::of(&task.task);
    if status != Status::Completed {
        return ItemEdit::Nothing;
    }
    if id.stage == ARCHIVE {
        return end_of(slot, ground).map_or(ItemEdit::Nothing, |it| ItemEdit::End(Box::new(it)));
    }
    let accepted = ground.past.history.task(task).and_then(|it| it.accepted.as_ref());
    let report = accepted.and_then(|it| it.report.clone());
    report.filter(|_| id.stage != WORK).map_or(ItemEdit::Nothing, ItemEdit::Entry)
}

fn end_of(slot: Slot, ground: &Ground<'_>) -> Option<ItemEnd> {
    let (_, staging) = ground.world.item(slot)?;
    let own = ground.world.task(slot);
    let path = ground.world.plan_path(slot);
    // An archived item of the same name stays what it is.
    let to = match ground.world.is_archived(stem(path.file_name())) {
        true => {
            let name = StageId { stage: stem(path.file_name()), cycle: staging.last.max(2) };
            staging.kind.archive.join(&format!("{name}.md"))?
        }
        false => staging.kind.archive.join(path.file_name())?,
    };
    let history = &ground.past.history;
    let plans = std::iter::once(&own.plan).chain(staging.plans.iter().map(|(_, name)| name));
    let known: Vec<(&TaskRef, &TaskHistory)> = plans.flat_map(|it| history.tasks_of(it)).collect();
    let commit = |(task, past): &(&TaskRef, &TaskHistory)| {
        let commit = past.accepted.as_ref()?.commit.clone()?;
        Some((TaskRef::clone(task), commit))
    };
    let verify = staging.kind.reopens.as_deref();
    let verified_by = verify.and_then(|stage| {
        let id = StageId { stage, cycle: staging.last }.task_id();
        let task = TaskRef { plan: own.plan.clone(), task: id };
        history.task(&task)?.accepted.as_ref()?;
        Some(task)
    });
    let ends = known.iter().filter_map(|(_, past)| past.accepted.as_ref()?.at);
    let (first, last) = (ends.clone().min(), ends.max());
    Some(ItemEnd {
        to,
        status: staging.kind.done.clone(),
        cost: known.iter().map(|(_, past)| past.cost).sum::<Usd>(),
        sessions: known.iter().map(|(_, past)| past.n_attempts).sum(),
        commits: known.iter().filter_map(commit).collect(),
        verified_by,
        took: first.zip(last).map(|(first, last)| last - first).filter(|it| *it > Millis(0)),
    })
}
