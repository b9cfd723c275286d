//! An item is archived only when its plans are closed: they are, as soon as only that is left to be done.

use crate::engine::decide::Mode;
use crate::engine::effect::Notice;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::jobs::Shop;
use crate::spec::item::kind::ARCHIVE;
use crate::spec::item::stages::item_of;

/// Where the closing of an item's plans stands.
enum Closing {
    Done,
    /// A validator is asked.
    AtWork,
    /// Nobody has looked yet.
    Due(Vec<NodeId>),
    /// This task is not accepted any more.
    Failed(NodeId),
}

impl Shop<'_> {
    /// True for the end of an item whose plans are not closed: it is put aside until they are.
    pub fn puts_aside(&mut self, id: NodeId) -> bool {
        let board = &self.build.board;
        let task = board.task(id);
        let is_end = item_of(&task.plan).is_some() && task.task.as_str() == ARCHIVE;
        if !is_end || board.mode != Mode::Build || self.build.board.request.offline {
            return false;
        }
        // What failed before it decides it like any other.
        let has_failed = board.schedule.need_failure(&board.graph, id).is_some();
        let is_open = !has_failed && !matches!(self.closing_of_item(id), Closing::Done);
        if is_open {
            self.build.board.put_aside(id);
        }
        is_open
    }

    /// Looks after the ends of items that were put aside.
    pub fn close_for_items(&mut self) {
        for id in self.build.board.aside() {
            if self.build.admission.is_stopping() {
                self.build.board.take_up(id);
                self.build.board.settle(id, Settled::Held);
                continue;
            }
            if let Closing::Due(nodes) = self.closing_of_item(id) {
                self.close_plan(&nodes);
            }
            match self.closing_of_item(id) {
                Closing::AtWork | Closing::Due(_) => {}
                Closing::Done => {
                    self.build.board.take_up(id);
                    self.build.board.reopen(id);
                }
                Closing::Failed(by) => {
                    self.build.board.take_up(id);
                    let (task, by_task) =
                        (self.build.board.task(id).clone(), self.build.board.task(by).clone());
                    self.ground.publish(Notice::TaskBlocked { task, by: by_task });
                    self.build.board.settle(id, Settled::Blocked(by));
                }
            }
        }
    }

    fn closing_of_item(&self, id: NodeId) -> Closing {
        let Some(item) = item_of(&self.build.board.task(id).plan) else { return Closing::Done };
        let history = &self.ground.past.history;
        let plans = self.ground.world.plans_of_item(item).filter(|it| item_of(it).is_none());
        let mut open = plans.filter(|it| history.is_to_close(it));
        let Some(plan) = open.next() else { return Closing::Done };
        let graph = &self.build.board.graph;
        let nodes: Vec<NodeId> =
            graph.nodes().filter(|(_, it)| it.task.plan == *plan).map(|(id, _)| id).collect();
        let is_accepted = |id: &NodeId| {
            let state = self.build.board.schedule.state(*id);
            matches!(state, State::Settled(it) if it.is_accepted())
        };
        if let Some(by) = nodes.iter().find(|it| !is_accepted(it)) {
            return Closing::Failed(*by);
        }
        let mut attempts = self.build.jobs.attempts();
        match attempts.any(|(_, it)| it.review.is_closing && it.task.plan == *plan) {
            true => Closing::AtWork,
            false => Closing::Due(nodes),
        }
    }
}
