//! Which of the queued starts now: the longest chain first, never two on one file, never the same
//! work twice, siblings behind the one that warms the cache, within cores and memory.

mod amount;
mod apart;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{ActionKey, AgentName, ModelName, PoolName, RelPath, RuleName, TaskRef};
use crate::engine::admission::overlap::Claims;
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::priority::{Durations, Pace, chains};
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::picture::Phase;
use crate::engine::record::Lookup;
use crate::engine::world::{Recipe, Slot};
use crate::spec::plan::CacheUse;
use crate::spec::rule::ActionKind;

use super::attempt::{Attempt, Origin};
use super::{Build, Engine};

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

/// What a build knows of what should start when.
#[derive(Default)]
pub(super) struct Pacing {
    order: Option<Order>,
    claims: BTreeMap<NodeId, Arc<Claims>>,
    /// Which words of descriptions are files; asked for once.
    files: BTreeMap<RelPath, bool>,
    waits: BTreeMap<NodeId, Wait>,
    /// When a session with this beginning of its prompt last spoke.
    warm: BTreeMap<Prefix, Moment>,
    /// Nodes that wait for the result of the same work.
    twins: BTreeSet<NodeId>,
    /// What was picked, where not everything is to run.
    chosen: BTreeSet<NodeId>,
    apart: BTreeMap<NodeId, Vec<String>>,
}

/// The order of starts.
struct Order {
    durations: Durations,
    chains: Vec<Millis>,
    /// Every path that some task declares as its output.
    outputs: BTreeSet<RelPath>,
}

/// Sessions with the same one share the beginning of their prompts.
type Prefix = (RuleName, Option<AgentName>, Option<ModelName>);

/// Why a queued node does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Pool(PoolName),
    Resource(Arc<str>),
    /// The same work is under way there.
    Twin(TaskRef),
    /// It would meet a running one on a file: in words.
    File(String),
    /// Which words are files is being asked.
    Asked,
    /// A sibling warms the cache, until then.
    Sibling(TaskRef, Moment),
    /// So many megabytes are free.
    Memory(u64),
    /// Sessions do not start for a while: why.
    Door(String),
    /// Running sessions may leave enough of the budget.
    Budget,
}

impl Wait {
    fn told(&self) -> String {
        match self {
            Self::Pool(pool) => format!("waits: pool `{pool}` is full"),
            Self::Resource(name) => format!("waits: `{name}` is taken"),
            Self::Twin(task) => format!("waits: {task} does the same work"),
            Self::File(how) => format!("waits: {how}"),
            Self::Asked => "waits: its files are looked for".to_owned(),
            Self::Sibling(task, _) => format!("waits: {task} warms the prompt cache"),
            Self::Memory(free) => format!("waits: only {free} MB of memory are free"),
            Self::Door(why) => why.clone(),
            Self::Budget => "waits for what running sessions leave of the budget".to_owned(),
        }
    }
}

impl Pacing {
    /// Plans have changed: nodes are others.
    pub fn forget(&mut self) {
        let files = std::mem::take(&mut self.files);
        let warm = std::mem::take(&mut self.warm);
        *self = Self { files, warm, ..Self::default() };
    }

    pub fn wait_told(&self, id: NodeId) -> Option<String> {
        self.waits.get(&id).map(Wait::told)
    }

    pub fn apart_of(&self, id: NodeId) -> Vec<String> {
        self.apart.get(&id).cloned().unwrap_or_default()
    }
}

impl Engine {
    /// How many actions may run at once: what was asked for, bounded by the cores.
    pub(super) fn slots(&self) -> u32 {
        let jobs = self.build.as_ref().map_or(1, |it| it.request.jobs).max(1);
        let per_core = self.world.config().schedule.per_core;
        let cap = self.world.machine().map(|(it, _)| it.cores.saturating_mul(per_core));
        cap.map_or(jobs, |cap| jobs.min(cap.max(1)))
    }

    /// True while something waits to be started.
    pub fn has_queue(&self) -> bool {
        self.build.as_ref().is_some_and(|it| !it.queue.is_empty())
    }

    /// What is queued, the start of the longest remaining chain first, equals in file order.
    pub(super) fn queue_in_order(&mut self) -> Vec<NodeId> {
        self.put_in_order();
        self.pick_amount();
        let Some(build) = &self.build else { return Vec::new() };
        let chain = |id: &NodeId| {
            let order = build.pacing.order.as_ref();
            order.and_then(|it| it.chains.get(id.index())).copied().unwrap_or_default()
        };
        let mut queue: Vec<NodeId> = build.queue.iter().copied().collect();
        queue.sort_by_key(|id| (std::cmp::Reverse(chain(id)), *id));
        queue
    }

    /// Works the order out, where plans have changed since.
    fn put_in_order(&mut self) {
        if self.build.as_ref().is_some_and(|it| it.pacing.order.is_none()) {
            let order = self.order();
            if let Some(build) = &mut self.build {
                build.pacing.order = order;
            }
        }
    }

    fn order(&self) -> Option<Order> {
        let build = self.build.as_ref()?;
        let pace = |id: NodeId| {
            if build.schedule.state(id) == State::Settled(Settled::Unwanted) {
                return None;
            }
            let slot = build.nodes[id.index()];
            let recipe = self.world.recipe(slot)?;
            let past = self.past.history.task(self.world.task(slot));
            Some(Pace {
                rule: recipe.rule.name.clone(),
                agent: recipe.agent.as_ref().map(|it| it.name.clone()),
                action: recipe.rule.action,
                measured: past.and_then(|it| it.took),
            })
        };
        let paces: Vec<Option<Pace>> = build.graph.ids().map(pace).collect();
        let durations = Durations::of(&paces);
        let recipes = build.nodes.iter().filter_map(|slot| self.world.recipe(*slot));
        let outputs = recipes.flat_map(|it| it.spec.outputs.literal_paths()).collect();
        Some(Order { chains: chains(&build.graph, &durations), durations, outputs })
    }

    pub(super) fn note_wait(&mut self, id: NodeId, wait: Wait) {
        if let Some(build) = &mut self.build {
            build.pacing.waits.insert(id, wait);
        }
    }

    pub(super) fn start_waits_no_more(&mut self, id: NodeId) {
        if let Some(build) = &mut self.build {
            build.pacing.waits.remove(&id);
        }
    }

    /// What keeps a node in the queue is also why it never started.
    pub(super) fn note_what_it_waited_for(&mut self, id: NodeId) {
        let waited = self.build.as_ref().and_then(|it| it.pacing.wait_told(id));
        if let Some(why) = waited {
            self.note_reason(id, why);
        }
    }

    /// Why a node whose pool and resources are free does not start yet.
    pub(super) fn wait_of(&mut self, id: NodeId, recipe: &Recipe) -> Option<Wait> {
        if let Some(task) = self.twin_of(id, recipe) {
            self.build.as_mut()?.pacing.twins.insert(id);
            return Some(Wait::Twin(task));
        }
        if self.look_for_twins_result(id) {
            return Some(Wait::Asked);
        }
        self.meeting_of(id)
            .or_else(|| self.lacking_memory(recipe))
            .or_else(|| self.warming(id, recipe))
    }

    /// Another task that does the very same work at present.
    fn twin_of(&self, id: NodeId, recipe: &Recipe) -> Option<TaskRef> {
        if recipe.spec.cache == CacheUse::Never || recipe.spec.pin.is_some() {
            return None;
        }
        let build = self.build.as_ref()?;
        let key: ActionKey = self.world.key(build.nodes[id.index()])?;
        let is_twin =
            |it: &&Attempt| it.key == key && it.origin != Origin::Standing && it.node != Some(id);
        if let Some(twin) = build.attempts.values().find(is_twin) {
            return Some(twin.task.clone());
        }
        let resting = build.runs.iter().find(|(other, run)| {
            **other != id
                && run.key == Some(key)
                && matches!(build.schedule.state(**other), State::BackingOff(_))
        });
        resting.map(|(other, _)| build.graph.node(*other).task.clone())
    }

    /// The same work is over: its result is asked for, once; true where that is so.
    fn look_for_twins_result(&mut self, id: NodeId) -> bool {
        let Some(build) = &mut self.build else { return false };
        if !build.pacing.twins.remove(&id) {
            return false;
        }
        let Some(key) = self.world.key(build.nodes[id.index()]) else { return false };
        build.queue.remove(&id);
        build.schedule.set(id, State::Looking);
        let task = build.graph.node(id).task.clone();
        self.step.push(Effect::FindCandidates { task, key, manifest: None, lookup: Lookup::All });
        true
    }

    /// Never below one: where no session runs, one may start.
    fn lacking_memory(&self, recipe: &Recipe) -> Option<Wait> {
        let config = self.world.config();
        let need = u64::from(config.schedule.session_memory);
        if recipe.rule.action != ActionKind::Session
            || need == 0
            || config.session.scripted.is_some()
        {
            return None;
        }
        let (machine, at) = self.world.machine()?;
        let free = machine.free_mb?;
        let sessions: Vec<&Attempt> = running_sessions(self.build.as_ref()?).collect();
        let n_young = sessions.iter().filter(|it| it.since + GROWS > at).count() as u64;
        (!sessions.is_empty() && n_young >= free / need).then_some(Wait::Memory(free))
    }

    /// The sibling whose first answer puts the common beginning of their prompts into the cache.
    fn warming(&mut self, id: NodeId, recipe: &Recipe) -> Option<Wait> {
        let limit = self.warm_up_of(id);
        if recipe.rule.action != ActionKind::Session || limit == Millis(0) {
            return None;
        }
        let now = self.step.now;
        let build = self.build.as_ref()?;
        let prefix = self.prefix_of(build.nodes[id.index()], recipe);
        if build.runs.get(&id).is_some_and(|run| run.resume.is_some()) {
            return None;
        }
        let siblings: Vec<&Attempt> = running_sessions(build)
            .filter(|it| self.prefix_of(it.slot, &it.recipe) == prefix)
            .collect();
        // Where nobody knows how long they take, any sign of life will do.
        let is_guess = limit == WARM_UP_UNKNOWN;
        let has_spoken =
            siblings.iter().any(|it| has_spoken(it) || is_guess && it.session.is_some());
        let first = siblings.iter().min_by_key(|it| it.since).map(|it| (it.task.clone(), it.since));
        let pacing = &mut self.build.as_mut()?.pacing;
        if has_spoken {
            pacing.warm.insert(prefix, now);
            return None;
        }
        let (task, since) = first?;
        let is_warm = pacing.warm.get(&prefix).is_some_and(|at| now - *at < STAYS_WARM);
        let until = since + limit;
        (!is_warm && until > now).then_some(Wait::Sibling(task, until))
    }

    fn warm_up_of(&self, id: NodeId) -> Millis {
        if let Some(warm_up) = self.world.config().schedule.warm_up {
            return warm_up;
        }
        let order = self.build.as_ref().and_then(|it| it.pacing.order.as_ref());
        let measured = order.and_then(|it| it.durations.measured(id));
        measured.map_or(WARM_UP_UNKNOWN, |it| WARM_UP.min(Millis(it.0 / WARM_UP_PART)))
    }

    fn prefix_of(&self, slot: Slot, recipe: &Recipe) -> Prefix {
        let agent = recipe.agent.as_ref().map(|it| it.name.clone());
        (recipe.rule.name.clone(), agent, self.world.model(slot, recipe).cloned())
    }

    /// Asks to be woken when the first sibling has had its time.
    pub(super) fn wake_for_siblings(&mut self) {
        let Some(build) = &self.build else { return };
        let until = |id: &NodeId| match build.pacing.waits.get(id) {
            Some(Wait::Sibling(_, until)) => Some(*until),
            _ => None,
        };
        // What is past was noted before something else held the task back.
        let next = build.queue.iter().filter_map(until).filter(|it| *it > self.step.now).min();
        self.step.extend(next.map(Effect::WakeAt));
    }
}

fn running_sessions(build: &Build) -> impl Iterator<Item = &Attempt> {
    build.attempts.values().filter(|it| {
        it.origin == Origin::Ran
            && it.recipe.rule.action == ActionKind::Session
            && it.phase == Phase::Working
    })
}

fn has_spoken(attempt: &Attempt) -> bool {
    !attempt.doing.is_empty() || attempt.cost != Usd::ZERO
}
