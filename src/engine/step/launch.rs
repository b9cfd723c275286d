//! Starting what is queued, as far as slots, pools and exclusive resources allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::file::Patch;
use crate::base::measure::Usd;
use crate::base::name::{ActionKey, AttemptId, PoolName};
use crate::engine::effect::{Base, Effect, Launch, LaunchAction, Notice, Purpose, SessionLaunch};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::outcome::OutcomeClass;
use crate::engine::picture::Phase;
use crate::engine::record::{AcceptedResult, Record};
use crate::engine::world::Recipe;
use crate::engine::world::prompt::{Earlier, Volatile, volatile_part};
use crate::spec::rule::{ActionKind, tools_of};

use super::attempt::{Attempt, Facts, Origin};
use super::compete::Contest;
use super::pace::Wait;
use super::resume::{effort_of, resume_message, told_before};
use super::retry::TaskRun;
use super::{Engine, Stopping};

/// What running attempts hold.
#[derive(Default)]
pub(super) struct Held {
    pub n: u32,
    pub pools: BTreeMap<PoolName, u32>,
    resources: BTreeSet<Arc<str>>,
}

impl Engine {
    pub(super) fn start_queued(&mut self) {
        let Some(build) = &self.build else { return };
        if build.queue.is_empty() {
            return;
        }
        if build.stopping != Stopping::No {
            for id in build.queue.clone() {
                self.note_what_it_waited_for(id);
                self.settle(id, Settled::Held);
            }
            return;
        }
        let mut held = self.held();
        // While the cache is asked, what would go first may not be in the queue yet.
        if build.schedule.is_looking() || held.n >= self.slots() {
            return;
        }
        for id in self.queue_in_order() {
            if held.n >= self.slots() {
                break;
            }
            self.start_if_free(id, &mut held);
        }
        self.wake_for_siblings();
    }

    pub(super) fn held(&self) -> Held {
        let mut held = Held::default();
        let is_waiting =
            |id| self.build.as_ref().is_some_and(|it| it.doors.waiting.contains_key(id));
        let attempts = self.build.iter().flat_map(|it| &it.attempts);
        for (_, attempt) in attempts.filter(|(id, _)| !is_waiting(*id)) {
            let n = attempt.contest.as_ref().map_or(1, Contest::n_running);
            held.n += n;
            *held.pools.entry(attempt.recipe.rule.pool.clone()).or_default() += n;
            held.resources.extend(
                attempt.recipe.spec.exclusive_resources.iter().map(|it| Arc::from(it.as_str())),
            );
        }
        held
    }

    fn start_if_free(&mut self, id: NodeId, held: &mut Held) {
        let Some(build) = &self.build else { return };
        let slot = build.nodes[id.index()];
        let Some(recipe) = self.world.recipe(slot).cloned() else { return };
        if let Some(why) = self.world.frozen(slot) {
            self.note_reason(id, why);
            return self.settle(id, Settled::Held);
        }
        if build.holding.is_some() && recipe.rule.action == ActionKind::Session {
            self.note_reason(id, build_holding(self));
            return self.settle(id, Settled::Held);
        }
        let config = self.world.config();
        let size = config.pools.get(&recipe.rule.pool).copied();
        let used = held.pools.get(&recipe.rule.pool).copied().unwrap_or(0);
        let resources = build.graph.node(id).resources.clone();
        if size.is_some_and(|size| used >= size) {
            return self.note_wait(id, Wait::Pool(recipe.rule.pool.clone()));
        }
        if let Some(taken) = resources.iter().find(|it| held.resources.contains(*it)) {
            return self.note_wait(id, Wait::Resource(Arc::clone(taken)));
        }
        if let Some(wait) = self.wait_of(id, &recipe) {
            return self.note_wait(id, wait);
        }
        if recipe.rule.action == ActionKind::Session && self.waits_at_the_door(id, (slot, &recipe))
        {
            return;
        }
        if !self.can_afford(id, &recipe) || self.recheck(id) {
            return;
        }
        self.start_waits_no_more(id);
        held.n += 1;
        *held.pools.entry(recipe.rule.pool.clone()).or_default() += 1;
        held.resources.extend(resources.iter().cloned());
        self.start(id, recipe);
    }

    fn start(&mut self, id: NodeId, recipe: Recipe) {
        let name = recipe.spec.name.clone();
        let is_command = recipe.rule.action == ActionKind::Command;
        let Some(attempt) = self.open_attempt(id, recipe, Origin::Ran) else { return };
        self.reserve(attempt);
        let Some((task, key, number, reason)) = self.announce(id, attempt) else { return };
        let at = self.step.now;
        if self.open_contest(attempt) {
            return self.step.publish(Notice::TaskStarted { task, name, number, reason });
        }
        self.past.append(
            Record::AttemptStarted {
                at,
                attempt,
                task: task.clone(),
                key,
                number,
                validator: None,
                is_command,
            },
            &mut self.step,
        );
        self.step.publish(Notice::TaskStarted { task, name, number, reason });
        match self.launch_of(attempt) {
            Ok(launch) => {
                self.pass_with(&launch);
                self.step.push(Effect::Run(Box::new(launch)));
            }
            Err(problem) => {
                self.give_up_attempt(attempt, OutcomeClass::LaunchFailure, problem);
            }
        }
    }

    fn announce(
        &self,
        id: NodeId,
        attempt: AttemptId,
    ) -> Option<(crate::base::name::TaskRef, ActionKey, u32, String)> {
        let build = self.build.as_ref()?;
        let it = build.attempts.get(&attempt)?;
        let reason = build.runs.get(&id).map(|run| run.reason.clone()).unwrap_or_default();
        Some((it.task.clone(), it.key, it.number, reason))
    }

    /// Registers an attempt for a node and makes the node active.
    pub(super) fn open_attempt(
        &mut self,
        id: NodeId,
        recipe: Recipe,
        origin: Origin,
    ) -> Option<AttemptId> {
        let slot = self.build.as_ref()?.nodes[id.index()];
        let key = self.world.key(slot)?;
        let manifest = self.world.manifest(slot)?;
        let validators = self.world.validators(slot, &recipe);
        let attempt_id = self.past.new_attempt();
        let past = self.past.history.task(self.world.task(slot));
        let n_answered = past.map_or(0, |it| it.dialogue.answered(key).count());
        let now = self.step.now;
        let build = self.build.as_mut()?;
        let run = build.runs.entry(id).or_default();
        run.key = Some(key);
        let number = run.n_tries
            + run.n_transient
            + run.n_unheld
            + u32::try_from(n_answered).unwrap_or(0)
            + 1;
        let is_session = recipe.rule.action == ActionKind::Session && recipe.judge.is_none();
        if origin == Origin::Ran && is_session {
            build.n_sessions += 1;
        }
        let attempt = Attempt {
            task: self.world.task(slot).clone(),
            node: Some(id),
            slot,
            key,
            manifest,
            number,
            origin,
            phase: if origin == Origin::Ran { Phase::Working } else { Phase::Merging },
            since: now,
            doing: String::new(),
            cost: Usd::ZERO,
            session: None,
            has_worked: false,
            was_probe: false,
            n_service_failures: 0,
            model: recipe.agent.as_ref().and_then(|it| it.model.clone()),
            facts: Facts::default(),
            merged: Patch::default(),
            candidate: None,
            beneath: None,
            suspect: None,
            validators,
            validating: 0,
            n_no_verdict: 0,
            reached: Vec::new(),
            is_kept: false,
            plan_change: None,
            contest: None,
            won: None,
            recipe,
        };
        build.attempts.insert(attempt_id, attempt);
        build.queue.remove(&id);
        build.schedule.set(id, State::Active(attempt_id));
        Some(attempt_id)
    }

    fn launch_of(&self, id: AttemptId) -> Result<Launch, String> {
        let gone = || "the task is gone".to_owned();
        let build = self.build.as_ref().ok_or_else(gone)?;
        let attempt = build.attempts.get(&id).ok_or_else(gone)?;
        let node = attempt.node.ok_or_else(gone)?;
        let recipe = &attempt.recipe;
        let run = build.runs.get(&node).cloned().unwrap_or_default();
        let action = match recipe.rule.action {
            ActionKind::Command => LaunchAction::Command(
                recipe.command().cloned().ok_or("neither rule nor task has `run`")?,
            ),
            ActionKind::Session => LaunchAction::Session(self.session_of((id, attempt), &run)?),
        };
        let base = match self.session_to_go_on_with(id, attempt) {
            Some(session) => Base::Parked(session),
            None => run.resume.map_or(Base::Tip, Base::Continue),
        };
        Ok(self.launch_with(id, attempt, (action, base)))
    }

    pub(super) fn launch_with(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        (action, base): (LaunchAction, Base),
    ) -> Launch {
        let recipe = &attempt.recipe;
        let mut limits = recipe.rule.limits.clone();
        limits.wall = recipe.spec.timeout.or(limits.wall);
        let mut env = recipe.rule.env.clone();
        env.extend(recipe.spec.env.iter().cloned());
        Launch {
            attempt: id,
            task: attempt.task.clone(),
            key: attempt.key,
            number: attempt.number,
            purpose: Purpose::Work,
            action,
            base,
            overlay: self.world.paths_of(attempt.slot, &self.past),
            declared: vec![recipe.spec.inputs.clone(), recipe.rule.inputs.declared.clone()],
            env,
            limits,
            pool: recipe.rule.pool.clone(),
            sandbox: recipe.rule.sandbox_over(&self.world.config().sandbox),
            required_outputs: recipe.spec.outputs.clone(),
            plan: Some(self.world.plan_path(attempt.slot).clone()),
        }
    }

    pub(super) fn session_of(
        &self,
        (id, attempt): (AttemptId, &Attempt),
        run: &TaskRun,
    ) -> Result<SessionLaunch, String> {
        let stable = self.world.prompt(attempt.slot).ok_or("its prompt cannot be rendered")?;
        let past = self.past.history.task(&attempt.task);
        let commit = past.and_then(|it| it.accepted.as_ref()).and_then(|it| it.commit.as_ref());
        let earlier = commit.map(|it| Earlier { commit: it.as_str(), changed: &run.changed });
        let (previous_error, findings) = told_before(past, run, attempt.key);
        let volatile = volatile_part(&Volatile {
            number: attempt.number,
            previous_error,
            findings,
            conflict: run.conflict.as_ref(),
            answers: past.map_or(Vec::new(), |it| it.dialogue.answered(attempt.key).collect()),
            earlier,
            ..Volatile::default()
        });
        let answered = self.session_to_go_on_with(id, attempt);
        let fresh = stable + &volatile;
        let agent = attempt.recipe.agent.as_deref();
        let tools = tools_of(&attempt.recipe.rule, agent);
        let (resume, prompt) = match (answered, run.resume.and(run.resume_session.clone())) {
            (Some(session), _) => (Some(session), self.answer_message(id, attempt)),
            (None, Some(session)) => {
                (Some(session), resume_message(run, &attempt.task.task, &tools))
            }
            (None, None) => (None, fresh.clone()),
        };
        let model = match attempt.node {
            Some(node) => self.model_now(node, (attempt.slot, &attempt.recipe))?,
            None => None,
        };
        Ok(SessionLaunch {
            prompt,
            model,
            tools,
            denied: agent.map(|it| it.disallowed.clone()).unwrap_or_default(),
            permission: agent.map(|it| it.permission).unwrap_or_default(),
            otherwise: resume.is_some().then_some(fresh),
            effort: effort_of(run.n_efforts),
            resume,
            max_usd: self.cap_of(id),
            schema: None,
        })
    }

    /// Puts a cached result through merging, validating and landing, as if it had just run.
    pub(super) fn replay(&mut self, id: NodeId, key: ActionKey, result: AcceptedResult) {
        let Some(slot) = self.build.as_ref().map(|it| it.nodes[id.index()]) else { return };
        let Some(recipe) = self.world.recipe(slot).cloned() else { return };
        let Some(attempt_id) = self.open_attempt(id, recipe, Origin::Replayed) else { return };
        debug_assert_eq!(key, result.key, "candidates are found by key");
        if let Some(attempt) = self.build.as_mut().and_then(|it| it.attempts.get_mut(&attempt_id)) {
            attempt.session.clone_from(&result.session);
            attempt.model.clone_from(&result.model);
            attempt.plan_change.clone_from(&result.plan_change);
            attempt.facts = Facts {
                patch: result.patch.clone(),
                read_set: result.read_set.clone(),
                transcript: result.transcript,
                duration: result.duration,
                message: result.message.clone(),
                options: Vec::new(),
                made_at: Some(result.at),
            };
        }
        for reached in &result.verdicts {
            self.past.append(Record::VerdictReached(Box::new(reached.clone())), &mut self.step);
        }
        if result.patch.is_empty() {
            self.review_candidate(attempt_id);
        } else {
            self.step.push(Effect::Replay { attempt: attempt_id, result: Box::new(result) });
        }
    }
}

fn build_holding(engine: &Engine) -> String {
    let holding = engine.build.as_ref().and_then(|it| it.holding.as_ref());
    holding.map(|it| it.why.clone()).unwrap_or_default()
}
