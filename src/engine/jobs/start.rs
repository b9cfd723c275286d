//! Starting what is queued, as far as slots, pools and exclusive resources allow.

use crate::base::name::AttemptId;
use crate::engine::admission::{Activity, Held, Origin, Permit, Phase};
use crate::engine::broken::{Must, Sound};
use crate::engine::decide::Follow;
use crate::engine::effect::{Base, Effect, Notice};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::money::Afford;
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::record::{AcceptedResult, Lookup, Record, VerdictReached};
use crate::engine::why::{Wait, Why};
use crate::engine::world::Recipe;
use crate::spec::rule::ActionKind;

use super::attempt::{AtWork, Attempt, Produced, Review};
use super::{Kind, Shop, Stage, Work, yard_of};

impl Shop<'_> {
    pub fn start_queued(&mut self) {
        if !self.build.board.schedule.has_queued() {
            return;
        }
        if self.build.admission.is_stopping() {
            return self.hold_queued();
        }
        let slots = self.slots();
        let throttles = &self.build.admission.throttles;
        let mut held = self.build.yard().held(throttles, self.ground.world);
        // While the cache is asked, what would go first may not be in the queue yet.
        if self.build.board.schedule.is_looking() || held.n >= slots {
            return;
        }
        let (admission, board) = (&mut self.build.admission, &mut self.build.board);
        admission.hold_what_is_bought_again(board, &mut self.ground);
        board.pick_amount(slots);
        for id in admission.queue_in_order(board, self.ground.world, self.ground.past) {
            if held.n >= slots {
                break;
            }
            let came_out = self.start_if_free(id, &mut held);
            self.heed(came_out, "starting a task", Work::Task(id));
        }
        self.build.admission.wake_for_siblings(&self.build.board, &mut self.ground);
    }

    fn slots(&self) -> u32 {
        let jobs = self.build.board.request.jobs;
        self.build.admission.slots(jobs, self.ground.world)
    }

    fn hold_queued(&mut self) {
        for id in self.build.board.schedule.queued().collect::<Vec<NodeId>>() {
            self.build.admission.note_what_it_waited_for(id, &mut self.build.board);
            self.build.board.settle(id, Settled::Held);
        }
    }

    fn start_if_free(&mut self, id: NodeId, held: &mut Held) -> Sound {
        let slot = self.build.board.slot(id);
        let recipe = self.ground.world.recipe(slot).cloned();
        let Some(recipe) = recipe.filter(|_| self.ground.world.key(slot).is_some()) else {
            // What it is made of went away since it was decided.
            self.build.board.reopen(id);
            return Ok(());
        };
        if self.build.board.hold_if_pinned(id, &mut self.ground) {
            return Ok(());
        }
        if let Some(why) = self.held_from_start(id, &recipe) {
            self.build.board.note_reason(id, why);
            self.build.board.settle(id, Settled::Held);
            return Ok(());
        }
        if let Some(wait) = self.wait_of(id, &recipe, held) {
            if wait == Wait::Result {
                self.ask_for_twins_result(id);
            }
            self.build.admission.note_wait(id, wait);
            return Ok(());
        }
        if !self.is_let_in(id, &recipe)
            || !self.can_afford(id, &recipe)
            || self.build.board.recheck(id, &mut self.ground)
        {
            return Ok(());
        }
        self.build.admission.start_waits_no_more(id);
        let resources = self.build.board.graph.node(id).resources.clone();
        held.take(1, &recipe.rule.pool, resources.iter().cloned());
        held.items.note(id, &self.build.board, self.ground.world);
        self.start(id, recipe)
    }

    /// Why a task does not start in this build.
    fn held_from_start(&self, id: NodeId, recipe: &Recipe) -> Option<Why> {
        let (world, slot) = (&self.ground.world, self.build.board.slot(id));
        let frozen = world.frozen(slot).or_else(|| world.broken_need(slot));
        let is_session = recipe.rule.action == ActionKind::Session;
        let holding = self.build.admission.holding().filter(|_| is_session);
        let stopped = || self.build.board.stopped_plan(id, self.ground.world);
        frozen.or_else(|| holding.map(|it| Why::Held(it.clone()))).or_else(stopped)
    }

    fn wait_of(&mut self, id: NodeId, recipe: &Recipe, held: &Held) -> Option<Wait> {
        let pool = &recipe.rule.pool;
        if held.is_full(pool, self.ground.world.config().pools.get(pool).copied()) {
            return Some(Wait::Pool(pool.clone()));
        }
        let items = held.items.wait_of(id, &self.build.board, self.ground.world);
        if items.is_some() {
            return items;
        }
        if let Some(taken) = held.taken_of(&self.build.board.graph.node(id).resources) {
            return Some(Wait::Resource(taken.clone()));
        }
        let yard = yard_of(&self.build.board, &self.build.jobs);
        self.build.admission.wait_of(id, recipe, &yard, &mut self.ground)
    }

    /// The same work is over: its result is asked for, once.
    fn ask_for_twins_result(&mut self, id: NodeId) {
        if let Some(key) = self.ground.world.key(self.build.board.slot(id)) {
            self.build.board.ask_cache(id, key, Lookup::All, &mut self.ground);
        }
    }

    /// True where a queued session may start now; it says what it waits for.
    fn is_let_in(&mut self, id: NodeId, recipe: &Recipe) -> bool {
        if recipe.rule.action != ActionKind::Session {
            return true;
        }
        let yard = yard_of(&self.build.board, &self.build.jobs);
        let entry = self.build.admission.entry_of(id, recipe, &yard, &self.ground);
        let board = &mut self.build.board;
        match entry {
            Permit::Open => return true,
            Permit::Wait => {}
            Permit::Hold(hold) => board.hold_task(id, Why::Held(hold), &mut self.ground),
            Permit::Refuse(why) => {
                board.give_up(id, OutcomeClass::LaunchRefused, why, &mut self.ground);
            }
        }
        false
    }

    /// True where there is money for the task. Where there will be none it is held.
    fn can_afford(&mut self, id: NodeId, recipe: &Recipe) -> bool {
        let build = &mut *self.build;
        build.money.keep(|attempt| build.jobs.attempt(attempt).is_ok());
        let n_free = build.board.request.jobs.saturating_sub(build.jobs.n_attempts());
        let slot = build.board.slot(id);
        match build.money.may_start(slot, recipe, n_free, &mut self.ground) {
            Afford::Yes => return true,
            Afford::Later => build.admission.note_wait(id, Wait::Budget),
            Afford::No(why) => build.board.hold_task(id, Why::Budget(why), &mut self.ground),
        }
        false
    }

    fn start(&mut self, id: NodeId, recipe: Recipe) -> Sound {
        let name = recipe.spec.name.clone();
        let is_command = recipe.rule.action == ActionKind::Command;
        let reason = self.build.board.known_run(id).map(|run| run.reason.clone());
        let reason = reason.unwrap_or_default();
        let attempt = self.open_attempt(id, recipe, Origin::Ran)?;
        self.build.money.reserve(attempt);
        let it = self.build.jobs.attempt(attempt)?;
        let (task, key, number) = (it.task.clone(), it.key, it.number);
        let (at, recipe) = (self.ground.now(), Some(it.made_by));
        if self.open_contest(attempt)? {
            self.ground.publish(Notice::TaskStarted { task, name, number, reason });
            return Ok(());
        }
        self.ground.append(Record::AttemptStarted {
            at,
            attempt,
            task: task.clone(),
            key,
            recipe,
            number,
            validator: None,
            is_command,
        });
        self.ground.publish(Notice::TaskStarted { task, name, number, reason });
        match self.launch_of(attempt, self.build.jobs.attempt(attempt)?) {
            Ok(launch) => {
                self.build.jobs.reach(attempt, Stage::Running)?;
                if let Base::Parked(session) = &launch.base {
                    self.build.board.run(id).resume = Some(session.clone());
                }
                self.build.admission.pass_with(&launch, self.ground.now());
                self.ground.push(Effect::Run(Box::new(launch)));
                Ok(())
            }
            Err(problem) => self.give_up_attempt(attempt, OutcomeClass::LaunchFailure, problem),
        }
    }

    /// Does what deciding a task left to be done by an attempt.
    pub fn follow(&mut self, follow: Follow) {
        match follow {
            Follow::Review(id, recipe) => {
                let attempt = self.open_attempt(id, recipe, Origin::Standing);
                let came_out = attempt.and_then(|attempt| self.review_candidate(attempt));
                self.heed(came_out, "judging a result that stands", Work::Task(id));
            }
            Follow::Replay(id, result) => {
                let came_out = self.replay(id, *result);
                self.heed(came_out, "replaying a cached result", Work::Task(id));
            }
        }
    }

    /// Registers an attempt for a node and makes the node active.
    fn open_attempt(&mut self, id: NodeId, recipe: Recipe, origin: Origin) -> Sound<AttemptId> {
        let (attempt_id, attempt) = self.new_attempt(id, recipe, origin)?;
        self.build.jobs.open(attempt_id, Kind::Work(Box::new(attempt)))?;
        self.build.board.schedule.set(id, State::Active(attempt_id));
        Ok(attempt_id)
    }

    pub(super) fn new_attempt(
        &mut self,
        id: NodeId,
        recipe: Recipe,
        origin: Origin,
    ) -> Sound<(AttemptId, Attempt)> {
        let slot = self.build.board.slot(id);
        let key = self.ground.world.key(slot).must("a task that was decided has no key")?;
        let made_by = self.ground.world.recipe_digest(slot).must("a key has no recipe")?;
        let manifest = self.ground.world.manifest(slot).must("a key has no manifest")?;
        let mut validators = self.ground.world.validators(slot, &recipe);
        if origin == Origin::Ran {
            validators.extend(self.begin_rework(id));
        }
        let attempt_id = self.ground.past.new_attempt();
        let past = self.ground.past.history.task(self.ground.world.task(slot));
        let n_answered = past.map_or(0, |it| it.dialogue.answered(key).count());
        let now = self.ground.now();
        let run = self.build.board.run(id);
        run.key = Some(key);
        run.recipe = Some(made_by);
        let number = run.n_tries
            + run.n_transient
            + run.n_unheld
            + u32::try_from(n_answered).unwrap_or(0)
            + 1;
        let is_session = recipe.rule.action == ActionKind::Session && recipe.judge.is_none();
        if origin == Origin::Ran && is_session {
            self.build.money.n_sessions += 1;
        }
        let attempt = Attempt {
            task: self.ground.world.task(slot).clone(),
            node: Some(id),
            slot,
            key,
            made_by,
            manifest,
            number,
            origin,
            at_work: AtWork {
                phase: if origin == Origin::Ran { Phase::Working } else { Phase::Merging },
                since: now,
                doing: Activity::Untold,
            },
            made: Produced {
                model: recipe.agent.as_ref().and_then(|it| it.model.clone()),
                ..Produced::default()
            },
            review: Review { validators, ..Review::default() },
            contest: None,
            recipe,
        };
        Ok((attempt_id, attempt))
    }

    /// Puts a cached result through merging, validating and landing, as if it had just run.
    fn replay(&mut self, id: NodeId, result: AcceptedResult) -> Sound {
        let recipe = self.ground.world.recipe(self.build.board.slot(id)).cloned();
        let recipe = recipe.must("a task with a cached result has no recipe")?;
        let attempt_id = self.open_attempt(id, recipe, Origin::Replayed)?;
        let is_pass = |it: &VerdictReached| it.verdict != Verdict::Fail;
        let has_passed = !result.is_refused
            && !result.verdicts.is_empty()
            && result.verdicts.iter().all(is_pass);
        self.build.jobs.attempt_mut(attempt_id)?.made = Produced {
            has_passed,
            session: result.session.clone(),
            model: result.model.clone(),
            plan_change: result.plan_change.clone(),
            patch: result.patch.clone(),
            read_set: result.read_set.clone(),
            transcript: result.transcript,
            duration: result.duration,
            message: result.message.clone(),
            report: result.report.clone(),
            made_at: Some(result.at),
            ..Produced::default()
        };
        for reached in &result.verdicts {
            self.ground.append(Record::VerdictReached(Box::new(reached.clone())));
        }
        if result.patch.is_empty() {
            return self.review_candidate(attempt_id);
        }
        self.ground.push(Effect::Replay { attempt: attempt_id, result: Box::new(result) });
        Ok(())
    }
}
