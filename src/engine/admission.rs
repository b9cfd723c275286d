//! What may start now: pools, overlaps, the account's windows, the service, a stop.

mod alike;
mod apart;
pub mod breaker;
pub mod circuit;
mod hold;
mod items;
mod limits;
mod order;
pub mod overlap;
mod rebuy;
mod running;
mod stop;
mod throttles;
mod waits;
pub mod windows;

pub use hold::with_reset;
pub use items::ItemsAtWork;
pub use limits::lift_all;
pub use running::{Activity, Held, Origin, Phase, Running, Yard};
pub use stop::Stopping;
pub use throttles::{Heard, Permit, Throttles};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::measure::Moment;
use crate::base::name::{AgentName, ModelName, RelPath, RuleName};
use crate::engine::graph::NodeId;
use crate::engine::why::{Clash, Hold, Wait};

use alike::Lessons;
use order::Order;
use overlap::Claims;
use rebuy::Rebuying;

/// Sessions with the same one share the beginning of their prompts.
type Prefix = (RuleName, Option<AgentName>, Option<ModelName>);

/// What one build knows of who may start, and when.
#[derive(Default)]
pub struct Admission {
    pub stopping: Stopping,
    /// Why no new session starts.
    holding: Option<Hold>,
    /// What keeps sessions from starting for a while.
    pub throttles: Throttles,
    order: Option<Order>,
    claims: BTreeMap<NodeId, Arc<Claims>>,
    /// Which words of descriptions are files; asked for once.
    files: BTreeMap<RelPath, bool>,
    waits: BTreeMap<NodeId, Wait>,
    /// When a session with this beginning of its prompt last spoke.
    warm: BTreeMap<Prefix, Moment>,
    /// Nodes that wait for the result of the same work.
    twins: BTreeSet<NodeId>,
    apart: BTreeMap<NodeId, Vec<Clash>>,
    pub rebuying: Rebuying,
    lessons: Lessons,
}

impl Admission {
    /// Plans have changed: nodes are others.
    pub fn forget_nodes(&mut self) {
        self.order = None;
        self.claims.clear();
        self.waits.clear();
        self.twins.clear();
        self.apart.clear();
        self.lessons.forget_nodes();
    }

    pub fn holding(&self) -> Option<&Hold> {
        self.holding.as_ref()
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping != Stopping::No
    }
}
