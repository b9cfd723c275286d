//! Running a validator: its attempt, its prompt or command, and what is laid over its worktree.

use crate::base::name::AttemptId;
use crate::engine::admission::{Activity, Phase};
use crate::engine::broken::Sound;
use crate::engine::effect::{
    Base, Effect, Launch, LaunchAction, NeededReport, Purpose, SessionLaunch,
};
use crate::engine::jobs::attempt::Attempt;
use crate::engine::jobs::review::{Look, baseline_name, former_name};
use crate::engine::jobs::{JobOf, Kind, Shop, Stage};
use crate::engine::outcome::{OutcomeClass, VERDICT_SCHEMA};
use crate::engine::record::Record;
use crate::engine::world::Wording;
use crate::engine::world::prompt::{Volatile, volatile_part};
use crate::spec::glob::GlobSet;
use crate::spec::plan::{Validator, ValidatorKind};
use crate::spec::rule::{Limits, tools_of};

/// The rule that an agent validator's prompt comes from.
const VALIDATE_RULE: &str = "validate";

impl Shop<'_> {
    pub(in crate::engine::jobs) fn launch_review(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
    ) -> Sound {
        let probed = self.build.jobs.attempt(owner)?.review.probed.clone();
        self.launch_review_on(owner, validator, probed.map_or(Look::Present, Look::Landed))
    }

    /// On the candidate, on another tree, or beside other files.
    pub(in crate::engine::jobs) fn launch_review_on(
        &mut self,
        owner: AttemptId,
        validator: &Validator,
        look: Look,
    ) -> Sound {
        if self.has_to_wait(owner, validator)? || !self.can_afford_review(owner, validator)? {
            return Ok(());
        }
        self.keep_candidate(owner)?;
        let review = self.ground.past.new_attempt();
        let at = self.ground.now();
        let of = JobOf { owner, id: review };
        let attempt = self.build.jobs.attempt(owner)?;
        let mut launch = self.review_launch(of, attempt, validator);
        let name = match look {
            Look::Present => validator.name.clone(),
            Look::Below(tree) => {
                if let Ok(launch) = &mut launch {
                    (launch.base, launch.overlay) = (Base::Candidate(tree), Vec::new());
                    launch.bench = None;
                }
                baseline_name(&validator.name)
            }
            Look::Landed(landed) => {
                if let Ok(launch) = &mut launch {
                    (launch.base, launch.overlay) = (Base::Landed(landed), Vec::new());
                    (launch.bench, launch.declared) = (None, Vec::new());
                }
                validator.name.clone()
            }
            Look::Former(paths) => {
                if let Ok(launch) = &mut launch {
                    launch.bench = self.former_bench_of(attempt, validator, &paths);
                }
                former_name(&validator.name)
            }
        };
        let attempt = self.build.jobs.attempt_mut(owner)?;
        attempt.at_work.phase = Phase::Validating;
        attempt.at_work.doing = Activity::Validating(validator.name.clone());
        let started = Record::AttemptStarted {
            at,
            attempt: review,
            task: attempt.task.clone(),
            key: attempt.key,
            recipe: Some(attempt.made_by),
            number: attempt.number,
            validator: Some(name),
            is_command: matches!(validator.kind, ValidatorKind::Command(_)),
        };
        match launch {
            Ok(launch) => {
                self.build.jobs.open(review, Kind::Validate { owner })?;
                self.build.jobs.reach(review, Stage::Running)?;
                if matches!(launch.action, LaunchAction::Session(_)) {
                    self.build.money.n_sessions += 1;
                }
                self.ground.append(started);
                self.build.admission.pass_with(&launch, self.ground.now());
                self.ground.push(Effect::Run(Box::new(launch)));
                Ok(())
            }
            Err(problem) => self.give_up_attempt(owner, OutcomeClass::LaunchFailure, problem),
        }
    }

    fn review_launch(
        &self,
        of: JobOf,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Result<Launch, String> {
        if let Some(problem) = self.lacks_item(attempt, validator) {
            return Err(problem);
        }
        let rule = self.ground.world.rule(VALIDATE_RULE).cloned();
        let mut limits = rule.as_ref().map(|it| it.limits.clone()).unwrap_or_default();
        limits.wall = validator.timeout.or(limits.wall);
        let action = match &validator.kind {
            ValidatorKind::Command(command) => LaunchAction::Command(command.clone()),
            ValidatorKind::Agent(name) => {
                let rule = rule.ok_or("there is no rule `validate`")?;
                let agent = self
                    .ground
                    .world
                    .validating_agent(validator)
                    .ok_or_else(|| format!("its validator `{name}` is no known agent"))?;
                let wording = Wording { rule: &rule, agent: Some(&agent) };
                let stable = self.ground.world.render(attempt.slot, wording)?;
                let found = attempt.review.reached.iter().filter(|it| !it.findings.is_empty());
                let found: Vec<(&str, &[String])> =
                    found.map(|it| (it.validator.as_str(), &it.findings[..])).collect();
                let judged = self.files_judged(attempt);
                let volatile = volatile_part(&Volatile {
                    needs: &self.reports_for(attempt, validator),
                    judged: Some(&judged),
                    result_message: attempt.made.message.as_deref(),
                    found_before: &found,
                    ..Volatile::default()
                });
                LaunchAction::Session(SessionLaunch {
                    prompt: stable + &volatile,
                    model: self.validating_model(attempt, validator),
                    tools: tools_of(&rule, Some(&agent)),
                    denied: agent.disallowed.clone(),
                    permission: agent.permission,
                    effort: agent.effort,
                    max_turns: agent.max_turns,
                    servers: agent.servers_wanted(),
                    resume: None,
                    otherwise: Vec::new(),
                    max_usd: self.review_cap(of.owner, &attempt.task, validator),
                    schema: Some(VERDICT_SCHEMA.to_owned()),
                })
            }
        };
        let base = attempt.made.candidate.clone().map_or(Base::Tip, Base::Candidate);
        Ok(Launch {
            attempt: of.id,
            task: attempt.task.clone(),
            key: attempt.key,
            number: attempt.number,
            purpose: Purpose::Validate(validator.name.clone()),
            action,
            base,
            overlay: self.papers_of(attempt, validator),
            declared: self.judged_inputs(attempt, validator),
            env: attempt.recipe.rule.env.clone(),
            limits: Limits { usd: None, ..limits },
            pool: attempt.recipe.rule.pool.clone(),
            sandbox: attempt.recipe.rule.sandbox_over(&self.ground.world.config().sandbox),
            required_outputs: GlobSet::default(),
            plan: None,
            bench: self.bench_of(attempt, validator),
            needs: self.reports_for(attempt, validator),
            is_report: false,
        })
    }

    /// An agent judges by the reports that the task was to work from.
    fn reports_for(&self, attempt: &Attempt, validator: &Validator) -> Vec<NeededReport> {
        match (&validator.kind, attempt.node) {
            (ValidatorKind::Agent(_), Some(node)) => self.reports_before(node),
            _ => Vec::new(),
        }
    }
}
