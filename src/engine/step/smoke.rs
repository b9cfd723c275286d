//! Smoke tests: when all of a plan is accepted, a command says whether the whole works. A failure is
//! a failure of the build, and what was not run is never told as passed.

use std::collections::{BTreeMap, VecDeque};

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::measure::Millis;
use crate::base::name::{AttemptId, EnvName, PlanName, RelPath};
use crate::engine::admission::overlap::named_in;
use crate::engine::effect::{Effect, Notice, SmokeLaunch};
use crate::engine::event::SmokeReport;
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::{Settled, State};
use crate::engine::picture::SmokePicture;
use crate::engine::record::{Record, SmokeEnded, SmokeOutcome};
use crate::spec::plan::{CommandLine, Plan};
use crate::spec::rule::Rule;

use super::{Engine, Mode, Stopping};

/// The rule that says what is run where neither settings nor plan do.
const RULE: &str = "smoke";
/// For a command whose rule has no limit.
const TIMEOUT: Millis = Millis::seconds(180);

/// The smoke tests of one build.
#[derive(Default)]
pub(super) struct Smokes {
    waiting: VecDeque<SmokeLaunch>,
    running: Option<SmokeLaunch>,
    ended: BTreeMap<PlanName, SmokePicture>,
    /// What each plan had made when its smoke test was last looked at in this build.
    seen: BTreeMap<PlanName, Digest>,
}

impl Smokes {
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

impl Engine {
    /// Starts what is due when all else is settled; true while something is open.
    pub(super) fn smoke(&mut self) -> bool {
        let Some(build) = &self.build else { return false };
        if build.mode == Mode::Survey || build.request.skip_smoke || build.request.offline {
            return false;
        }
        if build.smokes.running.is_some() {
            return true;
        }
        if build.stopping != Stopping::No {
            self.stop_smokes();
            return false;
        }
        if build.smokes.waiting.is_empty() {
            self.gather_smokes();
        }
        let Some(build) = &mut self.build else { return false };
        let Some(launch) = build.smokes.waiting.pop_front() else { return false };
        build.smokes.running = Some(launch.clone());
        self.step.push(Effect::Smoke(Box::new(launch)));
        true
    }

    /// What would have been run is told as not run.
    fn stop_smokes(&mut self) {
        self.gather_smokes();
        let at = self.step.now;
        let Some(build) = &mut self.build else { return };
        for launch in std::mem::take(&mut build.smokes.waiting) {
            for plan in launch.plans {
                let message = "not run: the build was stopped".to_owned();
                let picture = SmokePicture { outcome: SmokeOutcome::Stopped, message, at };
                build.smokes.ended.insert(plan, picture);
            }
        }
    }

    /// Plans of which everything is accepted, and that were not looked at as they are now. Those that
    /// run the same share one run.
    fn gather_smokes(&mut self) {
        for (plan, test) in self.tests() {
            let Some(made) = self.made_of(&plan) else { continue };
            let is_fresh = self.has_made(&plan);
            let passed =
                self.past.history.smoke(&plan).filter(|it| it.outcome == SmokeOutcome::Passed);
            let passed = passed.map(|it| it.key).filter(|_| !is_fresh);
            let Some(build) = &mut self.build else { return };
            if build.smokes.seen.insert(plan.clone(), made) == Some(made) {
                continue;
            }
            let same = |it: &&mut SmokeLaunch| it.passed == passed && Test::of_launch(it) == test;
            if let Some(launch) = build.smokes.waiting.iter_mut().find(same) {
                launch.plans.push(plan);
                continue;
            }
            let launch = test.launch(self.past.new_attempt(), plan, passed);
            if let Some(build) = &mut self.build {
                build.smokes.waiting.push_back(launch);
            }
        }
    }

    /// The smoke test of every plan that has one; whether its files are there is the host's to know.
    fn tests(&self) -> Vec<(PlanName, Test)> {
        let config = self.world.config();
        let rule = self.world.rule(RULE).cloned();
        let test = |plan: &Plan| {
            let smoke = plan.meta.smoke.over(&config.smoke);
            let name = plan.name.clone();
            let is_on = smoke.is_on != Some(false);
            is_on.then(|| Some((name, Test::of(&smoke, rule.as_deref())?))).flatten()
        };
        self.world.plans().filter_map(|(_, plan)| test(plan)).collect()
    }

    /// Files that each plan's smoke test cannot do without; a plan without test is left out.
    pub fn smoke_files(&self) -> Vec<Vec<RelPath>> {
        self.tests().into_iter().map(|(_, test)| test.needs_files).collect()
    }

    fn nodes_of(&self, plan: &PlanName) -> Vec<NodeId> {
        let Some(build) = &self.build else { return Vec::new() };
        let mut ranges = (0..build.graph.n_plans() as u32).map(|at| build.graph.plan_range(at));
        let of_plan = ranges.find(|range| {
            !range.is_empty() && build.graph.node(NodeId(range.start)).task.plan == *plan
        });
        of_plan.into_iter().flatten().map(NodeId).collect()
    }

    /// Digest of what the plan's tasks gave; `None` where not all of it is accepted.
    fn made_of(&self, plan: &PlanName) -> Option<Digest> {
        let build = self.build.as_ref()?;
        let nodes = self.nodes_of(plan);
        let mut made = Fingerprint::new("orch plan made v1");
        for id in &nodes {
            match build.schedule.state(*id) {
                State::Settled(settled) if settled.is_accepted() => {}
                _ => return None,
            }
            let output = self.world.output(build.nodes[id.index()])?;
            made.entry(build.graph.node(*id).task.task.as_str(), output.to_string().as_bytes());
        }
        (!nodes.is_empty()).then(|| made.finish())
    }

    /// Something of the plan was run or replayed in this build.
    fn has_made(&self, plan: &PlanName) -> bool {
        let Some(build) = &self.build else { return false };
        self.nodes_of(plan)
            .iter()
            .any(|id| matches!(build.schedule.state(*id), State::Settled(Settled::Done(_))))
    }

    pub(super) fn take_smoke_started(&mut self, attempt: AttemptId) {
        let Some(build) = &self.build else { return };
        let Some(launch) = build.smokes.running.as_ref().filter(|it| it.attempt == attempt) else {
            return;
        };
        let notice = Notice::SmokeStarted { plans: launch.plans.clone() };
        self.step.publish(notice);
    }

    pub(super) fn take_smoke_ended(&mut self, attempt: AttemptId, report: SmokeReport) {
        let at = self.step.now;
        let Some(build) = &mut self.build else { return };
        let Some(launch) = build.smokes.running.take_if(|it| it.attempt == attempt) else { return };
        let SmokeReport { key, outcome, message, tail, transcript, duration } = report;
        if outcome == SmokeOutcome::Absent {
            return;
        }
        for plan in &launch.plans {
            let picture = SmokePicture { outcome, message: message.clone(), at };
            build.smokes.ended.insert(plan.clone(), picture);
        }
        if outcome == SmokeOutcome::Unchanged {
            return;
        }
        for plan in launch.plans.clone() {
            let message = message.clone();
            let ended = SmokeEnded { at, plan, key, outcome, message, transcript, duration };
            self.past.append(Record::SmokeEnded(Box::new(ended)), &mut self.step);
        }
        self.step.publish(Notice::SmokeEnded { plans: launch.plans, outcome, message, tail });
    }

    /// The smoke tests of this build that were looked at, by plan.
    pub fn smokes(&self) -> BTreeMap<PlanName, SmokePicture> {
        self.build.as_ref().map(|it| it.smokes.ended.clone()).unwrap_or_default()
    }

    /// True where no smoke test of this build failed, or was stopped.
    pub fn smokes_hold(&self) -> bool {
        let bad =
            |it: &SmokePicture| matches!(it.outcome, SmokeOutcome::Failed | SmokeOutcome::Stopped);
        !self.build.as_ref().is_some_and(|it| it.smokes.ended.values().any(bad))
    }

    /// The last smoke test of a plan, in this build or before.
    pub(super) fn smoke_shown(&self, plan: &PlanName) -> Option<SmokePicture> {
        let now = self.build.as_ref().and_then(|it| it.smokes.ended.get(plan)).cloned();
        let past = || {
            let it = self.past.history.smoke(plan)?;
            Some(SmokePicture { outcome: it.outcome, message: it.message.clone(), at: it.at })
        };
        now.or_else(past)
    }
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
