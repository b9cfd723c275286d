//! What runs, as far as others may have to wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::base::measure::Moment;
use crate::base::name::{ActionKey, AttemptId, PoolName, TaskRef, ValidatorName};
use crate::engine::decide::Board;
use crate::engine::graph::NodeId;
use crate::engine::why::Waiting;
use crate::engine::world::{Recipe, Slot, World};
use crate::spec::rule::ActionKind;

use super::{ItemsAtWork, Throttles};

/// Where a result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Ran,
    Replayed,
    /// Nothing ran: only the verdict of a standing result was stale.
    Standing,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Working,
    Merging,
    Validating,
    Landing,
}

/// What an attempt is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    #[default]
    Untold,
    /// The last line that it said.
    Said(String),
    Using {
        tool: String,
        detail: String,
    },
    /// The CLI tries its call of the API again.
    AwaitingApi {
        attempt: u32,
        error: String,
    },
    /// Its validator's session may not start yet.
    Waiting(Waiting),
    Validating(ValidatorName),
    /// So many of its proposals are made at present.
    Proposing {
        running: u32,
        all: usize,
    },
    /// Its proposals are judged.
    Judging,
    /// An orch with this process id runs it.
    InProcess(u32),
}

/// A running attempt.
pub struct Running<'a> {
    pub id: AttemptId,
    pub task: &'a TaskRef,
    /// Its place in the present graph; `None` where the task is gone meanwhile.
    pub node: Option<NodeId>,
    pub slot: Slot,
    pub recipe: &'a Recipe,
    pub key: ActionKey,
    pub origin: Origin,
    pub phase: Phase,
    pub since: Moment,
    /// Processes at work: a competition has several.
    pub n: u32,
    pub has_spoken: bool,
    pub has_session: bool,
}

impl Running<'_> {
    pub(super) fn is_session(&self) -> bool {
        self.recipe.rule.action == ActionKind::Session
    }

    /// A session that works on its task, and not on what it left.
    pub(super) fn is_working_session(&self) -> bool {
        self.origin == Origin::Ran && self.is_session() && self.phase == Phase::Working
    }
}

/// What running attempts hold.
#[derive(Default)]
pub struct Held {
    pub n: u32,
    pub pools: BTreeMap<PoolName, u32>,
    resources: BTreeSet<Arc<str>>,
    pub items: ItemsAtWork,
}

impl Held {
    /// True where so many of a pool's size are taken.
    pub fn is_full(&self, pool: &PoolName, size: Option<u32>) -> bool {
        size.is_some_and(|size| self.pools.get(pool).copied().unwrap_or(0) >= size)
    }

    /// One of these resources that is taken.
    pub fn taken_of<'a>(&self, resources: &'a [Arc<str>]) -> Option<&'a Arc<str>> {
        resources.iter().find(|it| self.resources.contains(*it))
    }

    /// Something starts.
    pub fn take(&mut self, n: u32, pool: &PoolName, resources: impl IntoIterator<Item = Arc<str>>) {
        self.n += n;
        *self.pools.entry(pool.clone()).or_default() += n;
        self.resources.extend(resources);
    }
}

impl Yard<'_> {
    /// What is held by everything that runs and does not only wait for its validator.
    pub fn held(&self, throttles: &Throttles, world: &World) -> Held {
        let mut held = Held { items: ItemsAtWork::of(self.board, world), ..Held::default() };
        for it in self.running.iter().filter(|it| !throttles.is_waiting(it.id)) {
            let resources = it.recipe.spec.exclusive_resources.iter();
            let resources = resources.map(|name| Arc::from(name.as_str()));
            held.take(it.n, &it.recipe.rule.pool, resources);
        }
        held
    }
}

/// All tasks, and what runs of them.
pub struct Yard<'a> {
    pub board: &'a Board,
    pub running: Vec<Running<'a>>,
}
