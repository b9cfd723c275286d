//! Smoke tests: when all of a plan is accepted, a command says whether the whole works. A failure is
//! a failure of the build, and what was not run is never told as passed.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::measure::{Millis, Moment};
use crate::base::name::{AttemptId, EnvName, PlanName, RelPath};
use crate::engine::admission::overlap::named_in;
use crate::engine::effect::{Effect, Notice, SmokeLaunch};
use crate::engine::event::SmokeReport;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::record::{Record, SmokeEnded, SmokeOutcome};
use crate::spec::plan::{CommandLine, Plan};
use crate::spec::rule::Rule;

use crate::engine::decide::{Board, Mode};
use crate::engine::world::World;

use super::Shop;

/// The rule that says what is run where neither settings nor plan do.
const RULE: &str = "smoke";
/// For a command whose rule has no limit.
const TIMEOUT: Millis = Millis::seconds(180);

/// What came of a plan's smoke test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SmokePicture {
    pub outcome: SmokeOutcome,
    pub message: String,
    pub at: Moment,
}

/// The smoke tests of one build.
#[derive(Default)]
pub struct Smokes {
    waiting: VecDeque<SmokeLaunch>,
    running: Option<SmokeLaunch>,
    ended: BTreeMap<PlanName, SmokePicture>,
    /// What each plan had made when its smoke test was last looked at in this build.
    seen: BTreeMap<PlanName, Digest>,
}

impl Smokes {
    /// The smoke tests of this build that were looked at, by plan.
    pub fn ended(&self) -> &BTreeMap<PlanName, SmokePicture> {
        &self.ended
    }

    /// True where none of them failed, or was stopped.
    pub fn hold(&self) -> bool {
        let bad =
            |it: &SmokePicture| matches!(it.outcome, SmokeOutcome::Failed | SmokeOutcome::Stopped);
        !self.ended.values().any(bad)
    }

    pub fn running(&self) -> Option<AttemptId> {
        self.running.as_ref().map(|it| it.attempt)
    }
}

/// What is run for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    run: CommandLine,
    env: Vec<EnvName>,
    timeout: Millis,
    needs_server: bool,
    needs_files: Vec<RelPath>,
}

impl Shop<'_> {
    /// Starts what is due when all else is settled; true while something is open.
    pub fn smoke(&mut self) -> bool {
        let Board { mode, request, .. } = &self.build.board;
        if *mode == Mode::Survey || request.skip_smoke || request.offline {
            return false;
        }
        if self.build.smokes.running.is_some() {
            return true;
        }
        if self.build.admission.is_stopping() {
            self.stop_smokes();
            return false;
        }
        if self.build.smokes.waiting.is_empty() {
            self.gather_smokes();
        }
        let Some(launch) = self.build.smokes.waiting.pop_front() else { return false };
        self.build.smokes.running = Some(launch.clone());
        self.ground.push(Effect::Smoke(Box::new(launch)));
        true
    }

    /// What would have been run is told as not run.
    fn stop_smokes(&mut self) {
        self.gather_smokes();
        let at = self.ground.now();
        for launch in std::mem::take(&mut self.build.smokes.waiting) {
            for plan in launch.plans {
                let message = "not run: the build was stopped".to_owned();
                let picture = SmokePicture { outcome: SmokeOutcome::Stopped, message, at };
                self.build.smokes.ended.insert(plan, picture);
            }
        }
    }

    /// Plans of which everything is accepted, and that were not looked at as they are now. Those that
    /// run the same share one run.
    fn gather_smokes(&mut self) {
        for (plan, test) in tests(self.ground.world) {
            let Some(made) = self.made_of(&plan) else { continue };
            let is_fresh = self.has_made(&plan);
            let passed = self
                .ground
                .past
                .history
                .smoke(&plan)
                .filter(|it| it.outcome == SmokeOutcome::Passed);
            let passed = passed.map(|it| it.key).filter(|_| !is_fresh);
            if self.build.smokes.seen.insert(plan.clone(), made) == Some(made) {
                continue;
            }
            let same = |it: &&mut SmokeLaunch| it.passed == passed && Test::of_launch(it) == test;
            if let Some(launch) = self.build.smokes.waiting.iter_mut().find(same) {
                launch.plans.push(plan);
                continue;
            }
            let launch = test.launch(self.ground.past.new_attempt(), plan, passed);
            self.build.smokes.waiting.push_back(launch);
        }
    }

    fn nodes_of(&self, plan: &PlanName) -> Vec<NodeId> {
        let mut ranges = (0..self.build.board.graph.n_plans() as u32)
            .map(|at| self.build.board.graph.plan_range(at));
        let of_plan = ranges.find(|range| {
            !range.is_empty() && self.build.board.graph.node(NodeId(range.start)).task.plan == *plan
        });
        of_plan.into_iter().flatten().map(NodeId).collect()
    }

    /// Digest of what the plan's tasks gave; `None` where not all of it is accepted.
    fn made_of(&self, plan: &PlanName) -> Option<Digest> {
        let nodes = self.nodes_of(plan);
        let mut made = Fingerprint::new("orch plan made v1");
        for id in &nodes {
            match self.build.board.schedule.state(*id) {
                State::Settled(settled) if settled.is_accepted() => {}
                _ => return None,
            }
            let output = self.ground.world.output(self.build.board.slot(*id))?;
            made.entry(
                self.build.board.graph.node(*id).task.task.as_str(),
                output.to_string().as_bytes(),
            );
        }
        (!nodes.is_empty()).then(|| made.finish())
    }

    /// Something of the plan was run or replayed in this build.
    fn has_made(&self, plan: &PlanName) -> bool {
        self.nodes_of(plan).iter().any(|id| {
            matches!(self.build.board.schedule.state(*id), State::Settled(Settled::Done(_)))
        })
    }

    pub fn take_smoke_started(&mut self, attempt: AttemptId) {
        // One of an earlier build may come late.
        if let Some(launch) = self.build.smokes.running.as_ref().filter(|it| it.attempt == attempt)
        {
            self.ground.publish(Notice::SmokeStarted { plans: launch.plans.clone() });
        }
    }

    pub fn take_smoke_ended(&mut self, attempt: AttemptId, report: SmokeReport) {
        let at = self.ground.now();
        let running = self.build.smokes.running.take_if(|it| it.attempt == attempt);
        let Some(launch) = running else { return }; // One of an earlier build came late.
        let SmokeReport { key, outcome, message, tail, transcript, duration } = report;
        if outcome == SmokeOutcome::Absent {
            return;
        }
        for plan in &launch.plans {
            let picture = SmokePicture { outcome, message: message.clone(), at };
            self.build.smokes.ended.insert(plan.clone(), picture);
        }
        if outcome == SmokeOutcome::Unchanged {
            return;
        }
        for plan in launch.plans.clone() {
            let message = message.clone();
            let ended = SmokeEnded { at, plan, key, outcome, message, transcript, duration };
            self.ground.append(Record::SmokeEnded(Box::new(ended)));
        }
        self.ground.publish(Notice::SmokeEnded { plans: launch.plans, outcome, message, tail });
    }
}

/// The smoke test of every plan that has one; whether its files are there is the host's to know.
fn tests(world: &World) -> Vec<(PlanName, Test)> {
    let config = world.config();
    let rule = world.rule(RULE);
    let test = |plan: &Plan| {
        let smoke = plan.meta.smoke.over(&config.smoke);
        let name = plan.name.clone();
        let is_on = smoke.is_on != Some(false);
        is_on.then(|| Some((name, Test::of(&smoke, rule.map(AsRef::as_ref))?))).flatten()
    };
    world.plans().filter_map(|(_, plan)| test(plan)).collect()
}

/// Files that each plan's smoke test cannot do without; a plan without test is left out.
pub fn files_needed(world: &World) -> Vec<Vec<RelPath>> {
    tests(world).into_iter().map(|(_, test)| test.needs_files).collect()
}

impl Test {
    fn of(smoke: &crate::spec::smoke::Smoke, rule: Option<&Rule>) -> Option<Self> {
        let of_rule = rule.and_then(|it| it.run.as_ref());
        let run = smoke.run.as_ref().or(of_rule)?.clone();
        let is_own = smoke.run.is_some();
        let limit = rule.and_then(|it| it.limits.wall).unwrap_or(TIMEOUT);
        let mut env = smoke.env.clone();
        env.extend(rule.iter().flat_map(|it| it.env.iter().cloned()));
        Some(Self {
            needs_files: if is_own { Vec::new() } else { files_of(&run) },
            needs_server: smoke.needs_server.unwrap_or(!is_own),
            timeout: smoke.timeout.unwrap_or(limit),
            run,
            env,
        })
    }

    fn launch(self, attempt: AttemptId, plan: PlanName, passed: Option<Digest>) -> SmokeLaunch {
        SmokeLaunch {
            attempt,
            plans: vec![plan],
            run: self.run,
            env: self.env,
            timeout: self.timeout,
            needs_server: self.needs_server,
            needs_files: self.needs_files,
            passed,
        }
    }

    fn of_launch(launch: &SmokeLaunch) -> Self {
        Self {
            run: launch.run.clone(),
            env: launch.env.clone(),
            timeout: launch.timeout,
            needs_server: launch.needs_server,
            needs_files: launch.needs_files.clone(),
        }
    }
}

/// The files that a rule's command names: without them it is not meant for this project.
fn files_of(run: &CommandLine) -> Vec<RelPath> {
    let text = match run {
        CommandLine::Argv(words) => words.join(" "),
        CommandLine::Shell(line) => line.clone(),
    };
    named_in(&text).files.into_iter().filter(|path| path.as_str().contains('/')).collect()
}
