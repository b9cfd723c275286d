//! Why a queued task does not start: never the same work twice, never two on one file, siblings behind
//! the one that warms the cache, within memory.

use crate::base::measure::Millis;
use crate::base::name::TaskRef;
use crate::engine::decide::Board;
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::State;
use crate::engine::ground::Ground;
use crate::engine::why::{Wait, Why};
use crate::engine::world::{Recipe, Slot, World};
use crate::spec::plan::CacheUse;
use crate::spec::rule::ActionKind;

use super::{Admission, Origin, Prefix, Running, Yard};

/// Siblings wait no longer than this for the first, however long they take.
const WARM_UP: Millis = Millis::seconds(10);
/// Nor longer than this part of what they take.
const WARM_UP_PART: u64 = 20;
/// Of tasks of which nobody knows how long they take.
const WARM_UP_UNKNOWN: Millis = Millis(100);
/// How long providers keep a prompt that nobody asks for.
const STAYS_WARM: Millis = Millis::seconds(300);
/// A session has not taken all of its memory before.
const GROWS: Millis = Millis::seconds(10);

impl Admission {
    /// What was last found to keep a node in the queue.
    pub fn known_wait(&self, id: NodeId) -> Option<&Wait> {
        self.waits.get(&id)
    }

    pub fn note_wait(&mut self, id: NodeId, wait: Wait) {
        self.waits.insert(id, wait);
    }

    pub fn start_waits_no_more(&mut self, id: NodeId) {
        self.waits.remove(&id);
    }

    /// What keeps a node in the queue is also why it never started.
    pub fn note_what_it_waited_for(&self, id: NodeId, board: &mut Board) {
        if let Some(wait) = self.known_wait(id) {
            board.note_reason(id, Why::Waits(wait.clone()));
        }
    }

    /// Why a node whose pool and resources are free does not start yet.
    pub fn wait_of(
        &mut self,
        id: NodeId,
        recipe: &Recipe,
        yard: &Yard<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Wait> {
        if let Some(task) = twin_of(id, recipe, yard, ground.world) {
            self.twins.insert(id);
            return Some(Wait::Twin(task));
        }
        if self.twins.remove(&id) {
            return Some(Wait::Result);
        }
        if let Some(wait) = self.meeting_of(id, yard, ground) {
            return Some(wait);
        }
        self.scout_of(id, recipe, yard, ground)
            .or_else(|| lacking_memory(recipe, yard, ground.world))
            .or_else(|| self.warming(id, recipe, yard, ground))
    }

    /// The sibling whose first answer puts the common beginning of their prompts into the cache.
    fn warming(
        &mut self,
        id: NodeId,
        recipe: &Recipe,
        yard: &Yard<'_>,
        ground: &Ground<'_>,
    ) -> Option<Wait> {
        let limit = self.warm_up_of(id, ground.world);
        if recipe.rule.action != ActionKind::Session || limit == Millis(0) {
            return None;
        }
        let now = ground.now();
        let prefix = prefix_of(yard.board.slot(id), recipe, ground.world);
        if yard.board.known_run(id).is_some_and(|run| run.resume.is_some()) {
            return None;
        }
        let sessions = yard.running.iter().filter(|it| it.is_working_session());
        let siblings: Vec<&Running<'_>> =
            sessions.filter(|it| prefix_of(it.slot, it.recipe, ground.world) == prefix).collect();
        // Where nobody knows how long they take, any sign of life will do.
        let is_guess = limit == WARM_UP_UNKNOWN;
        if siblings.iter().any(|it| it.has_spoken || is_guess && it.has_session) {
            self.warm.insert(prefix, now);
            return None;
        }
        let first = siblings.iter().min_by_key(|it| it.since)?;
        let is_warm = self.warm.get(&prefix).is_some_and(|at| now - *at < STAYS_WARM);
        let until = first.since + limit;
        (!is_warm && until > now).then(|| Wait::Sibling(first.task.clone(), until))
    }

    fn warm_up_of(&self, id: NodeId, world: &World) -> Millis {
        if let Some(warm_up) = world.config().schedule.warm_up {
            return warm_up;
        }
        let measured = self.order.as_ref().and_then(|it| it.measured(id));
        measured.map_or(WARM_UP_UNKNOWN, |it| WARM_UP.min(Millis(it.0 / WARM_UP_PART)))
    }

    /// Asks to be woken when the first sibling has had its time.
    pub fn wake_for_siblings(&self, board: &Board, ground: &mut Ground<'_>) {
        let until = |id: NodeId| match self.waits.get(&id) {
            Some(Wait::Sibling(_, until)) => Some(*until),
            _ => None,
        };
        // What is past was noted before something else held the task back.
        let next = board.schedule.queued().filter_map(until).filter(|it| *it > ground.now()).min();
        ground.step.extend(next.map(Effect::WakeAt));
    }
}

/// Another task that does the very same work at present.
fn twin_of(id: NodeId, recipe: &Recipe, yard: &Yard<'_>, world: &World) -> Option<TaskRef> {
    if recipe.spec.cache == CacheUse::Never || recipe.spec.pin.is_some() {
        return None;
    }
    let board = yard.board;
    let key = world.key(board.slot(id))?;
    let is_twin =
        |it: &&Running<'_>| it.key == key && it.origin != Origin::Standing && it.node != Some(id);
    if let Some(twin) = yard.running.iter().find(is_twin) {
        return Some(twin.task.clone());
    }
    let mut resting = board.runs().filter(|(other, run)| {
        *other != id
            && run.key == Some(key)
            && matches!(board.schedule.state(*other), State::BackingOff(_))
    });
    resting.next().map(|(other, _)| board.task(other).clone())
}

/// Never below one: where no session runs, one may start.
fn lacking_memory(recipe: &Recipe, yard: &Yard<'_>, world: &World) -> Option<Wait> {
    let config = world.config();
    let need = u64::from(config.schedule.session_memory);
    let is_session = recipe.rule.action == ActionKind::Session;
    if !is_session || need == 0 || config.session.scripted.is_some() {
        return None;
    }
    let (machine, at) = world.machine()?;
    let free = machine.free_mb?;
    let mut sessions = yard.running.iter().filter(|it| it.is_working_session()).peekable();
    let is_some_running = sessions.peek().is_some();
    let n_young = sessions.filter(|it| it.since + GROWS > at).count() as u64;
    (is_some_running && n_young >= free / need).then_some(Wait::Memory(free))
}

fn prefix_of(slot: Slot, recipe: &Recipe, world: &World) -> Prefix {
    let agent = recipe.agent.as_ref().map(|it| it.name.clone());
    (recipe.rule.name.clone(), agent, world.model(slot, recipe).cloned())
}
