//! Which of the queued starts first: the start of the longest remaining chain.

use std::collections::BTreeSet;

use crate::base::measure::Millis;
use crate::base::name::RelPath;
use crate::engine::decide::Board;
use crate::engine::graph::NodeId;
use crate::engine::graph::priority::{Durations, Pace, chains};
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::past::Past;
use crate::engine::world::World;

use super::Admission;

/// The order of starts.
pub(super) struct Order {
    durations: Durations,
    chains: Vec<Millis>,
    /// Every path that some task declares as its output.
    outputs: BTreeSet<RelPath>,
}

impl Order {
    fn of(board: &Board, world: &World, past: &Past) -> Self {
        let pace = |id: NodeId| {
            if board.schedule.state(id) == State::Settled(Settled::Unwanted) {
                return None;
            }
            let slot = board.slot(id);
            let recipe = world.recipe(slot)?;
            let past = past.history.task(world.task(slot));
            Some(Pace {
                rule: recipe.rule.name.clone(),
                agent: recipe.agent.as_ref().map(|it| it.name.clone()),
                action: recipe.rule.action,
                measured: past.and_then(|it| it.took),
            })
        };
        let paces: Vec<Option<Pace>> = board.graph.ids().map(pace).collect();
        let durations = Durations::of(&paces);
        let recipes = board.slots().iter().filter_map(|slot| world.recipe(*slot));
        let outputs = recipes.flat_map(|it| it.spec.outputs.literal_paths()).collect();
        Self { chains: chains(&board.graph, &durations), durations, outputs }
    }

    /// How long the task took before.
    pub(super) fn measured(&self, id: NodeId) -> Option<Millis> {
        self.durations.measured(id)
    }

    pub(super) fn is_output(&self, path: &RelPath) -> bool {
        self.outputs.contains(path)
    }
}

impl Admission {
    /// How many actions may run at once: what was asked for, bounded by the cores.
    pub fn slots(&self, jobs: u32, world: &World) -> u32 {
        let jobs = jobs.max(1);
        let per_core = world.config().schedule.per_core;
        let cap = world.machine().map(|(it, _)| it.cores.saturating_mul(per_core));
        cap.map_or(jobs, |cap| jobs.min(cap.max(1)))
    }

    /// What is queued, the start of the longest remaining chain first, equals in file order; what is of a
    /// backlog item in the order of the items' turn, behind plans of none.
    pub fn queue_in_order(&mut self, board: &Board, world: &World, past: &Past) -> Vec<NodeId> {
        let order = self.put_in_order(board, world, past);
        let chain = |id: &NodeId| order.chains.get(id.index()).copied().unwrap_or_default();
        let mut queue: Vec<NodeId> = board.schedule.queued().collect();
        let turn = |id: &NodeId| world.turn_of(&board.task(*id).plan);
        queue.sort_by_cached_key(|id| (turn(id), std::cmp::Reverse(chain(id)), *id));
        queue
    }

    /// The order, worked out where plans have changed since.
    pub(super) fn put_in_order(&mut self, board: &Board, world: &World, past: &Past) -> &Order {
        self.order.get_or_insert_with(|| Order::of(board, world, past))
    }
}
