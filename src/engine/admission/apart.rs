//! Keeping tasks apart that would meet on a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::name::RelPath;
use crate::engine::decide::{Board, Mode};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::ground::Ground;
use crate::engine::world::World;
use crate::spec::agent::Agent;
use crate::spec::glob::GlobSet;

use super::overlap::{Claims, Sources, named_in};
use super::{Admission, Origin, Yard};
use crate::engine::why::{Clash, Wait};

/// Of more tasks than this that would run, none is told whom it is kept apart from.
const SHOWN_APART: usize = 200;

impl Admission {
    pub fn apart_of(&self, id: NodeId) -> Vec<Clash> {
        self.apart.get(&id).cloned().unwrap_or_default()
    }

    /// The running task that a queued one would meet on a file.
    pub(super) fn meeting_of(
        &mut self,
        id: NodeId,
        yard: &Yard<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Wait> {
        let working = yard.running.iter().filter(|it| it.origin != Origin::Standing);
        let running: Vec<NodeId> =
            working.filter_map(|it| it.node).filter(|it| *it != id).collect();
        if running.is_empty() {
            return None;
        }
        let ids: Vec<NodeId> = running.iter().copied().chain([id]).collect();
        let unknown = self.find_claims(&ids, yard.board, ground.world);
        if !unknown.is_empty() {
            let paths = unknown.into_iter().collect();
            ground.push(Effect::FindFiles { paths });
            return Some(Wait::Asked);
        }
        let own = self.claims.get(&id)?;
        running.iter().find_map(|other| {
            let meeting = own.meeting(self.claims.get(other)?)?;
            Some(Wait::File(meeting.with(yard.board.task(*other))))
        })
    }

    /// Which words of descriptions are files.
    pub fn take_files_found(&mut self, found: Vec<(RelPath, bool)>) {
        self.files.extend(found);
    }

    /// Works out what nodes claim; answers with the words that may be files.
    fn find_claims(&mut self, ids: &[NodeId], board: &Board, world: &World) -> BTreeSet<RelPath> {
        let mut unknown = BTreeSet::new();
        for &id in ids {
            if self.claims.contains_key(&id) {
                continue;
            }
            match self.claims_of(id, board, world) {
                Ok(claims) => drop(self.claims.insert(id, Arc::new(claims))),
                Err(words) => unknown.extend(words),
            }
        }
        unknown
    }

    fn claims_of(
        &self,
        id: NodeId,
        board: &Board,
        world: &World,
    ) -> Result<Claims, BTreeSet<RelPath>> {
        let slot = board.slot(id);
        let Some(recipe) = world.recipe(slot) else { return Ok(Claims::default()) };
        let spec = &recipe.spec;
        let mut named = named_in(&spec.name);
        let described = named_in(&spec.description);
        named.files.extend(described.files);
        named.perhaps.extend(described.perhaps);
        let is_output = |path: &RelPath| self.order.as_ref().is_some_and(|it| it.is_output(path));
        let (mut files, mut unknown) = (named.files, BTreeSet::new());
        files.extend(self.lessons.met_on(board.task(id)).cloned());
        for path in named.perhaps {
            match self.files.get(&path) {
                _ if is_output(&path) => drop(files.insert(path)),
                Some(true) => drop(files.insert(path)),
                Some(false) => {}
                None => drop(unknown.insert(path)),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let nothing = GlobSet::default();
        let can_write = recipe.agent.as_deref().is_none_or(Agent::can_write);
        let allowed = recipe.rule.outputs.allowed.as_ref();
        let doc = world.meta(slot).plan_doc.as_deref().and_then(RelPath::normalize);
        let documents: Vec<RelPath> =
            doc.into_iter().chain([world.plan_path(slot).clone()]).collect();
        Ok(Claims::of(Sources {
            outputs: &spec.outputs,
            inputs: &spec.inputs,
            named: &files,
            allowed: if can_write { allowed } else { Some(&nothing) },
            documents: &documents,
        }))
    }

    /// After a survey: which of the tasks that would run are kept apart from which.
    pub fn note_apart(&mut self, board: &Board, ground: &mut Ground<'_>) {
        if board.mode != Mode::Survey {
            return;
        }
        let would_run = |id: &NodeId| {
            let state = board.schedule.state(*id);
            matches!(state, State::Settled(Settled::Stale | Settled::Undecided))
        };
        let ids: Vec<NodeId> = board.graph.ids().filter(would_run).take(SHOWN_APART + 1).collect();
        if ids.len() < 2 || ids.len() > SHOWN_APART {
            return;
        }
        self.put_in_order(board, ground.world, ground.past);
        let unknown = self.find_claims(&ids, board, ground.world);
        if !unknown.is_empty() {
            let paths = unknown.into_iter().collect();
            return ground.push(Effect::FindFiles { paths });
        }
        self.apart = self.apart_among(&ids, board);
    }

    fn apart_among(&self, ids: &[NodeId], board: &Board) -> BTreeMap<NodeId, Vec<Clash>> {
        let mut apart: BTreeMap<NodeId, Vec<Clash>> = BTreeMap::new();
        let before: Vec<_> = ids.iter().map(|id| board.graph.upstream_of(*id)).collect();
        for (at, one) in ids.iter().enumerate() {
            for (other_at, other) in ids.iter().enumerate() {
                let is_ordered = before[at].contains(*other) || before[other_at].contains(*one);
                if one == other || is_ordered {
                    continue;
                }
                let claims = self.claims.get(one).zip(self.claims.get(other));
                let meeting = claims.and_then(|(a, b)| a.meeting(b));
                let clash = meeting.map(|it| it.with(board.task(*other)));
                apart.entry(*one).or_default().extend(clash);
            }
        }
        apart.retain(|_, clashes| !clashes.is_empty());
        apart
    }
}
