//! Keeping tasks apart that would meet on a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::name::RelPath;
use crate::engine::admission::overlap::{Claims, Sources, named_in};
use crate::engine::effect::Effect;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::step::attempt::Origin;
use crate::engine::step::{Engine, Mode};
use crate::spec::agent::Agent;
use crate::spec::glob::GlobSet;

use super::Wait;

/// Of more tasks than this that would run, none is told whom it is kept apart from.
const TOLD: usize = 200;

impl Engine {
    /// The running task that a queued one would meet on a file.
    pub(super) fn meeting_of(&mut self, id: NodeId) -> Option<Wait> {
        let build = self.build.as_ref()?;
        let is_working = |origin: Origin| origin != Origin::Standing;
        let running: Vec<NodeId> = build
            .attempts
            .values()
            .filter(|it| is_working(it.origin))
            .filter_map(|it| it.node)
            .filter(|it| *it != id)
            .collect();
        if running.is_empty() {
            return None;
        }
        let unknown = self.find_claims(running.iter().copied().chain([id]));
        if !unknown.is_empty() {
            let paths = unknown.into_iter().collect();
            self.step.push(Effect::FindFiles { paths });
            return Some(Wait::Asked);
        }
        let build = self.build.as_ref()?;
        let claims = |id: &NodeId| build.pacing.claims.get(id);
        let own = claims(&id)?;
        running.iter().find_map(|other| {
            let meeting = own.meeting(claims(other)?)?;
            Some(Wait::File(meeting.told(&build.graph.node(*other).task)))
        })
    }

    pub(in crate::engine::step) fn take_files_found(&mut self, found: Vec<(RelPath, bool)>) {
        let Some(build) = &mut self.build else { return };
        build.pacing.files.extend(found);
        if build.mode == Mode::Survey {
            self.note_apart();
        }
    }

    /// Works out what nodes claim; answers with the words that may be files.
    fn find_claims(&mut self, ids: impl IntoIterator<Item = NodeId>) -> BTreeSet<RelPath> {
        let mut unknown = BTreeSet::new();
        for id in ids {
            if self.build.as_ref().is_some_and(|it| it.pacing.claims.contains_key(&id)) {
                continue;
            }
            match self.claims_of(id) {
                Ok(claims) => {
                    if let Some(build) = &mut self.build {
                        build.pacing.claims.insert(id, Arc::new(claims));
                    }
                }
                Err(words) => unknown.extend(words),
            }
        }
        unknown
    }

    fn claims_of(&self, id: NodeId) -> Result<Claims, BTreeSet<RelPath>> {
        let Some(build) = &self.build else { return Ok(Claims::default()) };
        let slot = build.nodes[id.index()];
        let Some(recipe) = self.world.recipe(slot) else { return Ok(Claims::default()) };
        let spec = &recipe.spec;
        let mut named = named_in(&spec.name);
        let described = named_in(&spec.description);
        named.files.extend(described.files);
        named.perhaps.extend(described.perhaps);
        let is_output = |path: &RelPath| {
            build.pacing.order.as_ref().is_some_and(|it| it.outputs.contains(path))
        };
        let (mut files, mut unknown) = (named.files, BTreeSet::new());
        for path in named.perhaps {
            match build.pacing.files.get(&path) {
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
        let meta = self.world.meta(slot);
        let doc = meta.plan_doc.as_deref().and_then(RelPath::normalize);
        let documents: Vec<RelPath> =
            doc.into_iter().chain([self.world.plan_path(slot).clone()]).collect();
        Ok(Claims::of(Sources {
            outputs: &spec.outputs,
            inputs: &spec.inputs,
            named: &files,
            allowed: if can_write { allowed } else { Some(&nothing) },
            documents: &documents,
        }))
    }

    /// After a survey: which of the tasks that would run are kept apart from which.
    pub(in crate::engine::step) fn note_apart(&mut self) {
        let Some(build) = self.build.as_ref().filter(|it| it.mode == Mode::Survey) else { return };
        let would_run = |id: &NodeId| {
            let state = build.schedule.state(*id);
            matches!(state, State::Settled(Settled::Stale | Settled::Undecided))
        };
        let ids: Vec<NodeId> = build.graph.ids().filter(would_run).take(TOLD + 1).collect();
        if ids.len() < 2 || ids.len() > TOLD {
            return;
        }
        self.put_in_order();
        let unknown = self.find_claims(ids.iter().copied());
        if !unknown.is_empty() {
            let paths = unknown.into_iter().collect();
            return self.step.push(Effect::FindFiles { paths });
        }
        let apart = self.apart_among(&ids);
        if let Some(build) = &mut self.build {
            build.pacing.apart = apart;
        }
    }

    fn apart_among(&self, ids: &[NodeId]) -> BTreeMap<NodeId, Vec<String>> {
        let mut apart: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
        let Some(build) = &self.build else { return apart };
        let before: Vec<_> = ids.iter().map(|id| build.graph.upstream_of(*id)).collect();
        for (at, one) in ids.iter().enumerate() {
            for (other_at, other) in ids.iter().enumerate() {
                let is_ordered = before[at].contains(*other) || before[other_at].contains(*one);
                if one == other || is_ordered {
                    continue;
                }
                let claims = |id| build.pacing.claims.get(id);
                let meeting = claims(one).zip(claims(other)).and_then(|(a, b)| a.meeting(b));
                let told = meeting.map(|it| it.told(&build.graph.node(*other).task));
                apart.entry(*one).or_default().extend(told);
            }
        }
        apart.retain(|_, told| !told.is_empty());
        apart
    }
}
