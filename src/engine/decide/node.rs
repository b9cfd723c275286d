//! Deciding one node: up to date, replayed, run, adopted, skipped, blocked.

use std::sync::Arc;

use crate::base::name::ActionKey;
use crate::engine::effect::{Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::TaskHistory;
use crate::engine::record::{Decision, Record, Rekeyed};
use crate::engine::why::Why;
use crate::engine::world::Slot;
use crate::spec::plan::{CacheUse, Status, TaskRecord};

use super::{Board, Follow, Mode, TaskRun};

impl Board {
    /// Decides a node of which nothing before it is open.
    pub fn decide(&mut self, id: NodeId, ground: &mut Ground<'_>) -> Option<Follow> {
        let slot = self.slot(id);
        let record = ground.world.record(slot);
        if self.is_settled_unseen(id, &record, ground) || self.recheck(id, ground) {
            return None;
        }
        match ground.world.key(slot) {
            Some(key) => return self.decide_by_key(id, key, &record, ground),
            None if record.status.is_done() && ground.world.recipe(slot).is_none() => {
                self.note_reason(id, Why::DoneBefore);
                self.accept_as_is(id, Settled::UpToDate, ground);
            }
            None => self.cannot_be_built(id, ground),
        }
        None
    }

    /// True where the node is settled whatever its key is.
    fn is_settled_unseen(
        &mut self,
        id: NodeId,
        record: &TaskRecord,
        ground: &mut Ground<'_>,
    ) -> bool {
        if let Some(why) = ground.world.frozen(self.slot(id)) {
            self.note_reason(id, why);
            self.settle(id, Settled::Held);
        } else if record.status == Status::Skipped {
            // Whatever became of what it needed: what depends on it goes on.
            self.accept_as_is(id, Settled::Skipped, ground);
        } else if let Some(why) = ground.world.broken_need(self.slot(id)) {
            self.settle_broken(id, why, record, ground);
        } else if let Some(settled) = self.held_back(id, ground) {
            self.settle(id, settled);
        } else if self.is_behind_left_out(id, ground.world) {
            self.settle(id, Settled::Unwanted);
        } else if let Some(why) = ground.world.unplanned(self.slot(id)) {
            self.note_reason(id, why);
            self.settle(id, Settled::Held);
        } else {
            if let Some(run) = self.runs.get_mut(&id) {
                run.blocked_by = None;
            }
            let asking = self.asks_person(id, ground);
            if record.status == Status::Suspended || asking {
                self.settle(id, Settled::Suspended);
            }
            return record.status == Status::Suspended || asking;
        }
        true
    }

    /// What it needs cannot be told, so neither can its key: what was done stays so, and nothing else
    /// starts.
    fn settle_broken(
        &mut self,
        id: NodeId,
        why: Why,
        record: &TaskRecord,
        ground: &mut Ground<'_>,
    ) {
        self.note_reason(id, why);
        match record.status.is_done() {
            true => self.accept_as_is(id, Settled::UpToDate, ground),
            false => self.settle(id, Settled::Held),
        }
    }

    /// True for a stage that has no result before a person gives it one.
    fn asks_person(&mut self, id: NodeId, ground: &Ground<'_>) -> bool {
        let slot = self.slot(id);
        let Some(why) = ground.world.asks_person(slot) else { return false };
        let past = ground.past.history.task(self.task(id));
        let key = ground.world.key(slot);
        if past.zip(key).is_some_and(|(past, key)| past.standing(key).is_some()) {
            return false;
        }
        self.note_reason(id, why);
        true
    }

    /// The settled state that something before the node imposes on it.
    fn held_back(&mut self, id: NodeId, ground: &mut Ground<'_>) -> Option<Settled> {
        if let Some((by, settled)) = self.schedule.need_failure(&self.graph, id) {
            let is_open = matches!(settled, Settled::Stale | Settled::Undecided);
            return Some(if is_open { Settled::Undecided } else { self.blocked(id, by, ground) });
        }
        let by = self.schedule.order_failure(&self.graph, id)?;
        Some(self.blocked(id, by, ground))
    }

    fn blocked(&mut self, id: NodeId, by: NodeId, ground: &mut Ground<'_>) -> Settled {
        let (task, blamed) = (self.task(id).clone(), self.task(by).clone());
        let before = self.run(id).blocked_by.replace(blamed.clone());
        if before.as_ref() != Some(&blamed) {
            ground.publish(Notice::TaskBlocked { task, by: blamed });
        }
        Settled::Blocked(by)
    }

    fn decide_by_key(
        &mut self,
        id: NodeId,
        key: ActionKey,
        record: &TaskRecord,
        ground: &mut Ground<'_>,
    ) -> Option<Follow> {
        let slot = self.slot(id);
        let past = self.past_by_key(id, key, ground);
        let gave_up = self.recall(id, key, record, ground);
        let forced = match gave_up {
            Some(_) => None,
            None => self.forced(id, &past, record, ground),
        };
        self.note_asking(id, &past, ground.world);
        let standing = past.standing(key).filter(|_| !self.lacks_change(id, &past, ground));
        if let Some(standing) = standing
            && self.asks_standing(id, ground)
        {
            return self.decide_verdicts(id, key, standing, ground);
        }
        if forced.is_none() {
            if let Some(standing) =
                standing.filter(|it| !self.is_pinned_elsewhere(id, it, ground.world))
            {
                if self.fail_by_report(id, standing, ground) {
                    return None;
                }
                if self.mode == Mode::Build {
                    super::settle::mend_status(slot, record.status, &past, ground);
                }
                return self.decide_verdicts(id, key, standing, ground);
            }
            if past.accepted.is_none() && record.status.is_done() {
                self.adopt(id, key, ground);
                return None;
            }
        }
        match gave_up {
            Some(class) => self.settle(id, Settled::Failed(class)),
            None if forced.is_none() && self.waits_for_answer(id, key, ground) => {
                self.settle(id, Settled::Suspended);
            }
            None => self.look_up(id, key, forced, ground),
        }
        None
    }

    /// What is known of the task; a result that stands by the key as it was before scripts and what links
    /// lead to were in it stands by this one. From then on these count.
    fn past_by_key(&self, id: NodeId, key: ActionKey, ground: &mut Ground<'_>) -> Arc<TaskHistory> {
        let task = self.task(id);
        let mut past = ground.past.history.task_now(task);
        let narrow = ground.world.narrow_key(self.slot(id)).filter(|it| *it != key);
        let Some((from, fact)) = narrow.and_then(|it| Some((it, past.standing(it)?))) else {
            return past;
        };
        let Some(recipe) = fact.recipe else { return past };
        let rekeyed = Rekeyed {
            at: ground.now(),
            task: task.clone(),
            from,
            to: key,
            recipe,
            manifest: past.manifest,
            verdicts: Vec::new(),
        };
        match self.mode {
            Mode::Build => {
                ground.append(Record::Rekeyed(Box::new(rekeyed)));
                past = ground.past.history.task_now(task);
            }
            Mode::Survey => Arc::make_mut(&mut past).rekey(&rekeyed),
        }
        past
    }

    /// What is remembered of the task under this key: how it was given up, if nobody asked for it
    /// again since by setting its status back.
    fn recall(
        &mut self,
        id: NodeId,
        key: ActionKey,
        record: &TaskRecord,
        ground: &mut Ground<'_>,
    ) -> Option<OutcomeClass> {
        let is_set_back = is_set_back(self.slot(id), record, ground);
        let recipe = ground.world.recipe_digest(self.slot(id));
        let run = self.runs.get_mut(&id)?;
        run.has_shown_failure |= run.gave_up.is_some() && record.status == Status::Failed;
        // Another recipe may succeed where one has failed.
        let is_another = run.key != Some(key) || run.gave_up.is_some() && run.recipe != recipe;
        if is_another || is_set_back && run.has_shown_failure {
            let fresh = TaskRun { key: Some(key), recipe, cost: run.cost, ..TaskRun::default() };
            let old = std::mem::replace(run, fresh);
            ground.step.extend(old.resume.map(|session| Effect::Unpark { session }));
            return None;
        }
        run.gave_up
    }

    /// True where a result came with a change of the plan that is not on this branch: another one was
    /// switched to, or it was moved back, and with the receipt the change went. A plan that says `completed`
    /// has it, by whichever commit.
    fn lacks_change(&self, id: NodeId, past: &TaskHistory, ground: &Ground<'_>) -> bool {
        let slot = self.slot(id);
        let changes_plan = past.accepted.as_ref().is_some_and(|it| it.changes_plan);
        let has_run = self.known_run(id).is_some_and(|run| run.accepted.is_some());
        changes_plan
            && !has_run
            && past.has_lost_receipt()
            && ground.world.is_committed(slot)
            && !ground.world.record(slot).status.is_done()
    }

    /// Why a task runs although its key may have a result; `None` where that counts.
    fn forced(
        &self,
        id: NodeId,
        past: &TaskHistory,
        record: &TaskRecord,
        ground: &Ground<'_>,
    ) -> Option<Why> {
        let slot = self.slot(id);
        let run = self.known_run(id);
        let has_run = run.is_some_and(|run| run.accepted.is_some());
        let cache = ground.world.recipe(slot).map(|it| it.spec.cache).unwrap_or_default();
        // The line went together with the receipt it was committed with: no person's word.
        let is_moved_back = past.has_lost_receipt() && ground.world.is_committed(slot);
        // Where nobody reads plans again, one has the line of before this build's own result.
        let is_unread = has_run && !self.request.watch;
        if past.written.is_some_and(Status::is_done)
            && !past.is_lost
            && is_set_back(slot, record, ground)
            && !is_moved_back
            && !is_unread
        {
            Some(Why::SetBack)
        } else if has_run {
            None
        } else if self.request.force.contains(self.task(id)) {
            Some(Why::Forced)
        } else if matches!(past.decision, Some(Decision::Retry)) {
            Some(Why::AskedFor)
        } else if matches!(past.decision, Some(Decision::Reset)) {
            Some(Why::Forgotten)
        } else if self.request.renews_recipes
            && past.has_other_recipe(ground.world.recipe_digest(slot))
        {
            Some(Why::RecipeChanged)
        } else if cache == CacheUse::Never {
            Some(Why::NeverCached)
        } else if run.is_some_and(|run| !run.findings.is_empty()) {
            Some(Why::VerdictFails)
        } else {
            None
        }
    }
}

/// The plan says `pending`, and that is not only because orch has not written its word yet.
pub fn is_set_back(slot: Slot, record: &TaskRecord, ground: &Ground<'_>) -> bool {
    let Ground { world, past, .. } = ground;
    is_set_back_in(world, past, slot, record)
}

/// As [`is_set_back`], where nothing is to be changed.
pub fn is_set_back_in(
    world: &crate::engine::world::World,
    past: &crate::engine::past::Past,
    slot: Slot,
    record: &TaskRecord,
) -> bool {
    // What a stage of an item came to is not for its file to say.
    if record.status != Status::Pending || world.is_stage(slot) {
        return false;
    }
    let task = world.task(slot);
    // An uncommitted line that is gone with all else that was uncommitted was stashed away.
    let is_loose = past.history.task(task).is_some_and(|it| it.is_loose);
    let is_stashed = is_loose && world.is_committed(slot);
    !is_stashed && !past.lines.is_expected(task)
}
