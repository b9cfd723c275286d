//! How many backlog items are worked on at once.

use std::collections::BTreeMap;

use crate::engine::decide::Board;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::why::Wait;
use crate::engine::world::World;

/// The items of a build that something was done for and that are not over.
#[derive(Debug, Default)]
pub struct ItemsAtWork {
    /// By stem: whether anything was begun for it, and how much of it is open.
    items: BTreeMap<String, Progress>,
    limit: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    has_begun: bool,
    n_open: u32,
}

impl ItemsAtWork {
    /// As the board stands. Nothing is counted where no stage of an item is asked for.
    pub fn of(board: &Board, world: &World) -> Self {
        let mut found = Self { limit: world.config().pipeline.items, ..Self::default() };
        if !world.has_items() {
            return found;
        }
        for id in board.graph.ids() {
            let state = board.schedule.state(id);
            if state == State::Settled(Settled::Unwanted) {
                continue;
            }
            let Some(item) = world.item_of_plan(&board.task(id).plan) else { continue };
            let progress = found.items.entry(item.to_owned()).or_default();
            let is_settled = matches!(state, State::Settled(_));
            progress.n_open += u32::from(!is_settled);
            progress.has_begun |= matches!(
                state,
                State::Active(_) | State::BackingOff(_) | State::Settled(Settled::Done(_))
            );
        }
        found
    }

    /// What keeps a task of an item from starting: so many others are at work.
    pub fn wait_of(&self, id: NodeId, board: &Board, world: &World) -> Option<Wait> {
        let item = world.item_of_plan(&board.task(id).plan)?;
        if self.items.get(item).is_some_and(|it| it.has_begun) {
            return None;
        }
        let at_work = self.items.values().filter(|it| it.has_begun && it.n_open > 0).count();
        let at_work = u32::try_from(at_work).unwrap_or(u32::MAX);
        (at_work >= self.limit).then_some(Wait::Items(at_work))
    }

    /// Something of an item starts.
    pub fn note(&mut self, id: NodeId, board: &Board, world: &World) {
        let item = world.item_of_plan(&board.task(id).plan);
        if let Some(progress) = item.and_then(|it| self.items.get_mut(it)) {
            progress.has_begun = true;
        }
    }
}
