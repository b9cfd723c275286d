//! The scheduling loop: decides and starts until nothing more follows, then ends what is over.

use crate::engine::admission::Stopping;
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::jobs::Shop;
use crate::spec::plan::Status;

use super::Engine;

impl Engine {
    /// Does everything that can be done now.
    pub(super) fn pump(&mut self) {
        self.world.note_approvals(&self.past);
        self.restart_if_touched();
        let Some(mut shop) = self.shop() else { return };
        if !shop.build.board.freshness.has_scanned {
            return;
        }
        go_round(&mut shop);
        end_what_runs(&mut shop);
        // What an item's plan left may ask for more, too.
        if shop.build.board.is_to_restart() {
            return self.pump();
        }
        if is_idle(&shop) && shop.close_plans() {
            // What a plan left may ask for more: each task is made again for that once at most.
            if shop.build.board.is_to_restart() {
                self.pump();
            }
            return;
        }
        finish_if_settled(&mut shop);
    }

    /// After a change under a build that stays: states are decided anew, running attempts stay.
    fn restart_if_touched(&mut self) {
        let Some(shop) = self.shop().filter(|it| it.build.board.is_to_restart()) else { return };
        shop.build.restart(&shop.ground);
        let (globs, paths) = self.files_wanted();
        if !self.world.has_scanned_for(&globs, &paths) {
            self.rescan();
        }
    }
}

/// Decides and starts until nothing more follows. Proposals of what has begun go before what has not.
fn go_round(shop: &mut Shop<'_>) {
    shop.advance_contests();
    shop.close_for_items();
    loop {
        decide_all(shop);
        shop.close_for_items();
        shop.go_on_with_reviews();
        shop.wake_backed_off();
        shop.start_queued();
        // What was held just now settles what waits for it: nothing else may ever wake that.
        decide_all(shop);
        if !shop.advance_contests() {
            break;
        }
    }
}

fn decide_all(shop: &mut Shop<'_>) {
    while let Some(id) = shop.build.board.schedule.pop_decidable() {
        let is_stopping = shop.build.admission.is_stopping();
        if is_stopping && !may_stand(shop, id) {
            shop.build.board.settle(id, Settled::Held);
            continue;
        }
        if shop.puts_aside(id) {
            continue;
        }
        match shop.build.board.decide(id, &mut shop.ground) {
            // Only an attempt could tell.
            Some(_) if is_stopping => shop.build.board.settle(id, Settled::Held),
            Some(follow) => shop.follow(follow),
            None => {}
        }
    }
}

/// True where the task may be found finished without anything being started for it.
fn may_stand(shop: &Shop<'_>, id: NodeId) -> bool {
    let (board, ground) = (&shop.build.board, &shop.ground);
    let (slot, task) = (board.slot(id), board.task(id));
    let status = ground.world.record(slot).status;
    let is_known = ground.world.key(slot).is_some_and(|key| {
        let past = ground.past.history.task(task);
        past.map_or(status.is_done(), |past| past.standing(key).is_some())
    });
    (is_known || status == Status::Skipped)
        && board.schedule.need_failure(&board.graph, id).is_none()
        && board.schedule.order_failure(&board.graph, id).is_none()
}

/// Under [`Stopping::Now`] every attempt that lives is told once, also one that began later: a
/// validator of what was just ending.
fn end_what_runs(shop: &mut Shop<'_>) {
    if shop.build.admission.stopping != Stopping::Now {
        return;
    }
    for attempt in shop.build.jobs.take_unstopped(shop.build.smokes.running()) {
        shop.ground.push(Effect::Stop { attempt });
    }
}

/// Nothing is left to be done, and that is not known yet.
fn is_idle(shop: &Shop<'_>) -> bool {
    let build = &*shop.build;
    build.board.schedule.n_open() == 0 && build.jobs.n_attempts() == 0 && !build.is_finished
}

fn finish_if_settled(shop: &mut Shop<'_>) {
    if !is_idle(shop) || shop.smoke() {
        return;
    }
    shop.build.is_finished = true;
    shop.ground.push(Effect::Finish);
    shop.build.admission.note_apart(&shop.build.board, &mut shop.ground);
}
