//! Painting the picture: the plain snapshot that every surface reads.

use crate::base::name::ActionKey;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::TaskHistory;
use crate::engine::picture::{
    Counts, Extent, Picture, PlanPicture, QuestionPicture, RunningPicture, TaskPicture, TaskState,
};
use crate::engine::record::Provenance;
use crate::engine::why::Parked;
use crate::spec::plan::Status;

use crate::base::measure::{Billing, Moment};
use crate::base::name::PlanName;
use crate::engine::decide::{Board, is_set_back_in};
use crate::engine::escalate::weaker_than_asked;
use crate::engine::jobs::Build;
use crate::engine::jobs::smoke::SmokePicture;
use crate::engine::money::Likely;
use crate::engine::past::Past;
use crate::engine::why::Why;
use crate::engine::world::World;

/// Who paints.
pub struct Painter<'a> {
    pub world: &'a World,
    pub past: &'a Past,
    pub build: Option<&'a Build>,
    pub now: Moment,
}

impl Painter<'_> {
    /// Where everything stands, with the tasks that a surface asks for. Costs time linear in the number
    /// of tasks.
    pub fn picture(&self, extent: Extent) -> Picture {
        let plans = self.world.plans().map(|(path, plan)| PlanPicture {
            name: plan.name.clone(),
            title: plan.meta.title.clone(),
            path: path.to_string(),
            smoke: self.smoke_shown(&plan.name),
            rests: self.world.rests(&plan.name),
        });
        let mut picture = Picture { plans: plans.collect(), ..Picture::default() };
        picture.billing = self.billing();
        let Some(build) = self.build else { return picture };
        let Build { board, admission, money, .. } = build;
        picture.tasks = board
            .graph
            .ids()
            .filter(|id| extent == Extent::Whole || !is_quiet(board.schedule.state(*id)))
            .map(|id| self.paint(build, id))
            .collect();
        picture.counts = counts_of(build);
        picture.cost = money.cost;
        picture.budget = money.left(self.world, self.past, self.now);
        picture.started = build.started;
        picture.holding = admission.holding().or(admission.throttles.first_refusal()).cloned();
        picture.waiting = admission.throttles.longest(self.now);
        picture.parked = build.parked.clone().map(|obstacle| Parked { obstacle, count: None });
        picture.is_finished = build.is_finished;
        picture
    }

    /// What amounts are: as the last session said.
    pub fn billing(&self) -> Billing {
        let now = self.build.is_some_and(|it| it.money.is_api_equivalent());
        Billing::of(now || self.past.history.totals.is_subscription())
    }

    /// The last smoke test of a plan, in this build or before.
    fn smoke_shown(&self, plan: &PlanName) -> Option<SmokePicture> {
        let now = self.build.and_then(|it| it.smokes.ended().get(plan)).cloned();
        let past = || {
            let it = self.past.history.smoke(plan)?;
            Some(SmokePicture { outcome: it.outcome, message: it.message.clone(), at: it.at })
        };
        now.or_else(past)
    }

    fn paint(&self, build: &Build, id: NodeId) -> TaskPicture {
        let slot = build.board.slot(id);
        let task = self.world.task(slot);
        let state = build.board.schedule.state(id);
        let spec = self.world.spec(slot);
        let recipe = self.world.recipe(slot);
        let past = self.past.history.task(task);
        let is_decided = !matches!(
            state,
            State::Waiting | State::Settled(Settled::Blocked(_) | Settled::Undecided)
        );
        let node = build.board.graph.node(id);
        let key = is_decided.then(|| self.world.key(slot)).flatten();
        let likely = Likely::of(self.world, self.past);
        // What its plan says is done is adopted as soon as its turn comes.
        let is_adopted =
            past.is_none_or(|it| it.accepted.is_none()) && self.world.record(slot).status.is_done();
        let paid = recipe.filter(|_| !is_adopted);
        TaskPicture {
            task: task.clone(),
            name: spec.map(|it| it.name.clone()).unwrap_or_default(),
            section: spec.map(|it| it.section_name.clone()).unwrap_or_default(),
            rule: self.world.rule_name(slot),
            agent: match recipe {
                Some(recipe) => recipe.agent.as_ref().map(|it| it.name.to_string()),
                None => spec.and_then(|it| it.agent.as_ref()).map(ToString::to_string),
            },
            status: self.world.record(slot).status,
            state: match build.admission.known_wait(id).filter(|_| state == State::Queued) {
                Some(_) => TaskState::Waiting,
                None => state_shown(state),
            },
            reason: self.reason(build, id),
            key,
            attempts: past.map_or(0, |it| it.n_attempts),
            cost: past.map(|it| it.cost).unwrap_or_default(),
            likely_cost: paid.and_then(|it| likely.cost(slot, it)),
            guessed_cost: paid.and_then(|it| likely.guessed_cost(slot, it)),
            model: past.and_then(|it| it.model.clone()),
            commit: past.and_then(|it| it.accepted.as_ref()).and_then(|it| it.commit.clone()),
            has_other_recipe: past
                .is_some_and(|it| it.has_other_recipe(self.world.recipe_digest(slot))),
            depends_on: node
                .needs
                .iter()
                .map(|it| build.board.graph.node(*it).task.clone())
                .collect(),
            is_wanted: state != State::Settled(Settled::Unwanted),
            running: running(build, state),
            chosen: recipe.map(|it| it.why.clone()).unwrap_or_default(),
            apart: build.admission.apart_of(id),
            warnings: self.warnings(build, id),
            last_failure: self.last_failure(build, id, key),
            question: past.and_then(|it| question(it, key)),
        }
    }

    /// What its result comes with, as far as that is still known: that a weaker model made it is.
    fn warnings(&self, build: &Build, id: NodeId) -> Vec<String> {
        let run = build.board.known_run(id);
        let mut warnings = run.map(|it| it.warnings.clone()).unwrap_or_default();
        let weaker = self.weaker_model(build, id).filter(|it| !warnings.contains(it));
        warnings.extend(weaker);
        warnings
    }

    fn weaker_model(&self, build: &Build, id: NodeId) -> Option<String> {
        let slot = build.board.slot(id);
        let past = self.past.history.task(build.board.task(id))?;
        // What is asked for now was asked for then only by the same recipe.
        past.accepted.as_ref()?.recipe?;
        if past.has_other_recipe(self.world.recipe_digest(slot)) {
            return None;
        }
        let recipe = self.world.recipe(slot)?;
        let asked = build.board.model_now(id, recipe, self.world).ok()??;
        weaker_than_asked(&asked, past.model.as_ref()?, &self.world.config().models)
    }

    /// How the task failed last, where a survey finds that it would be tried again and nothing else
    /// has changed.
    fn last_failure(
        &self,
        build: &Build,
        id: NodeId,
        key: Option<ActionKey>,
    ) -> Option<(OutcomeClass, String)> {
        let (past, key) = (self.past.history.task(build.board.task(id))?, key?);
        let failure = past.last_failure.as_ref().filter(|it| it.key == key && !it.is_waived)?;
        let is_stale = build.board.schedule.state(id) == State::Settled(Settled::Stale);
        let is_cached =
            build.board.known_run(id).is_some_and(|run| matches!(run.reason, Why::InCache));
        let slot = build.board.slot(id);
        let is_set_back = past.written == Some(Status::Failed)
            && is_set_back_in(self.world, self.past, slot, &self.world.record(slot));
        let is_answered = past.dialogue.answer_at_hand(key).is_some();
        let stands = is_stale && !is_cached && !is_set_back && !is_answered;
        (stands && failure.class.counts_as_attempt())
            .then(|| (failure.class, failure.message.clone()))
    }

    fn reason(&self, build: &Build, id: NodeId) -> Why {
        let Board { graph, schedule, .. } = &build.board;
        let name = |id: NodeId| graph.node(id).task.clone();
        let reason = || build.board.known_run(id).map(|it| it.reason.clone()).unwrap_or_default();
        let or = |otherwise: Why| match reason() {
            Why::Untold => otherwise,
            reason => reason,
        };
        match schedule.state(id) {
            State::Waiting => Why::Behind(first_open(build, id).map(name)),
            State::Queued => match build.admission.known_wait(id) {
                Some(wait) => Why::Waits(wait.clone()),
                None => reason(),
            },
            State::Settled(Settled::Blocked(by)) => Why::BlockedBy(name(by)),
            State::Settled(Settled::Undecided) => match schedule.need_failure(graph, id) {
                Some((by, _)) => Why::DecidedAfter(name(by)),
                None => reason(),
            },
            State::Settled(Settled::UpToDate) => or(Why::UpToDate),
            State::Settled(Settled::Skipped) => Why::Skipped,
            State::Settled(Settled::Suspended) => or(Why::Suspended),
            State::Settled(Settled::Held) => or(Why::NotStarted),
            _ => reason(),
        }
    }
}

/// How many tasks are where; cheap beside a whole picture.
pub fn counts_of(build: &Build) -> Counts {
    let Board { graph, schedule, request, .. } = &build.board;
    let n_resting = request.n_resting;
    let mut counts = Counts {
        wanted: n_resting,
        accepted: n_resting,
        up_to_date: n_resting,
        sessions: build.money.n_sessions,
        ..Counts::default()
    };
    for id in graph.ids() {
        let state = schedule.state(id);
        if state == State::Settled(Settled::Unwanted) {
            continue;
        }
        counts.wanted += 1;
        match state {
            State::Active(_) => counts.running += 1,
            State::Settled(settled) => count(&mut counts, settled),
            _ => {}
        }
    }
    let at_rest = request.n_skipped.saturating_sub(counts.skipped).min(n_resting);
    counts.skipped += at_rest;
    counts.accepted -= at_rest;
    counts.up_to_date -= at_rest;
    counts
}

/// True where a build has found every task up to date or skipped, and nothing to tell of any.
pub fn is_at_rest(build: &Build) -> bool {
    let board = &build.board;
    build.is_finished
        && board.runs().next().is_none()
        && board.graph.ids().all(|id| is_quiet(board.schedule.state(id)))
}

fn is_quiet(state: State) -> bool {
    matches!(state, State::Settled(Settled::UpToDate | Settled::Skipped))
}

fn count(counts: &mut Counts, settled: Settled) {
    match settled {
        Settled::Skipped => counts.skipped += 1,
        Settled::UpToDate => {
            counts.accepted += 1;
            counts.up_to_date += 1;
        }
        Settled::Done(provenance) => {
            counts.accepted += 1;
            if provenance == Provenance::Replayed {
                counts.replayed += 1;
            } else {
                counts.ran += 1;
            }
        }
        Settled::Failed(_) => counts.failed += 1,
        Settled::Blocked(_) | Settled::Suspended => counts.blocked += 1,
        Settled::Held => counts.held += 1,
        Settled::Stale | Settled::Undecided | Settled::Unwanted => {}
    }
}

fn state_shown(state: State) -> TaskState {
    match state {
        State::Waiting | State::Settled(Settled::Undecided | Settled::Unwanted) => {
            TaskState::Waiting
        }
        State::Looking | State::Queued | State::Settled(Settled::Stale) => TaskState::Ready,
        State::Settled(Settled::Held) => TaskState::Held,
        State::BackingOff(_) => TaskState::BackingOff,
        State::Active(_) => TaskState::Running,
        State::Settled(Settled::UpToDate) => TaskState::UpToDate,
        State::Settled(Settled::Done(provenance)) => TaskState::Done(provenance),
        State::Settled(Settled::Skipped) => TaskState::Skipped,
        State::Settled(Settled::Failed(class)) => TaskState::Failed(class),
        State::Settled(Settled::Blocked(_)) => TaskState::Blocked,
        State::Settled(Settled::Suspended) => TaskState::Suspended,
    }
}

/// What a person is asked. About another key than the task's present one nobody waits for an answer.
fn question(past: &TaskHistory, key: Option<ActionKey>) -> Option<QuestionPicture> {
    let open = past.dialogue.open().filter(|it| key.is_none_or(|key| key == it.key))?;
    Some(QuestionPicture { text: open.text.clone(), options: open.options.clone(), asked: open.at })
}

fn running(build: &Build, state: State) -> Option<RunningPicture> {
    let State::Active(id) = state else { return None };
    let attempt = build.jobs.attempt(id).ok()?;
    Some(RunningPicture {
        number: attempt.number,
        since: attempt.at_work.since,
        phase: attempt.at_work.phase,
        doing: attempt.at_work.doing.clone(),
        cost: attempt.made.cost,
        session: attempt.made.session.as_ref().map(ToString::to_string),
    })
}

/// The first unsettled node that this one waits for.
fn first_open(build: &Build, id: NodeId) -> Option<NodeId> {
    let is_open = |it: &NodeId| !matches!(build.board.schedule.state(*it), State::Settled(_));
    let node = build.board.graph.node(id);
    if !node.is_ordered {
        return node.needs.iter().copied().find(is_open);
    }
    (build.board.graph.plan_range(node.plan).start..id.0).map(NodeId).find(is_open)
}
