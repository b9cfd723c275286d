//! What an attempt is started with: its prompt or command, its base, its bounds.

use crate::base::name::AttemptId;
use crate::engine::effect::{Base, Launch, LaunchAction, Purpose, SessionLaunch};
use crate::engine::world::prompt::{Earlier, Volatile, volatile_part};
use crate::spec::rule::{ActionKind, tools_of};

use super::Shop;
use super::attempt::Attempt;
use super::resume::{effort_of, resume_message, told_before};
use crate::engine::decide::TaskRun;

impl Shop<'_> {
    pub(super) fn launch_of(&self, id: AttemptId, attempt: &Attempt) -> Result<Launch, String> {
        let node = attempt.node.ok_or("the task is gone")?;
        let recipe = &attempt.recipe;
        let run = self.build.board.known_run(node).cloned().unwrap_or_default();
        let action = match recipe.rule.action {
            ActionKind::Command => LaunchAction::Command(
                recipe.command().cloned().ok_or("neither rule nor task has `run`")?,
            ),
            ActionKind::Session => LaunchAction::Session(self.session_of(id, attempt, &run)?),
        };
        let base = match self.session_to_go_on_with(id, attempt) {
            Some(answered) => Base::Parked(answered.session),
            None => run.resume.map_or(Base::Tip, Base::Continue),
        };
        Ok(self.launch_with(id, attempt, action, base))
    }

    pub(super) fn launch_with(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        action: LaunchAction,
        base: Base,
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
            overlay: self.ground.world.paths_of(attempt.slot, self.ground.past),
            declared: vec![recipe.spec.inputs.clone(), recipe.rule.inputs.declared.clone()],
            env,
            limits,
            pool: recipe.rule.pool.clone(),
            sandbox: recipe.rule.sandbox_over(&self.ground.world.config().sandbox),
            required_outputs: recipe.spec.outputs.clone(),
            plan: Some(self.ground.world.plan_path(attempt.slot).clone()),
        }
    }

    pub(super) fn session_of(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        run: &TaskRun,
    ) -> Result<SessionLaunch, String> {
        let stable =
            self.ground.world.prompt(attempt.slot).ok_or("its prompt cannot be rendered")?;
        let past = self.ground.past.history.task(&attempt.task);
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
            (Some(answered), _) => (Some(answered.session), answered.message),
            (None, Some(session)) => {
                (Some(session), resume_message(run, &attempt.task.task, &tools))
            }
            (None, None) => (None, fresh.clone()),
        };
        let model = match attempt.node {
            Some(node) => self.build.board.model_now(node, &attempt.recipe, self.ground.world)?,
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
            max_usd: self.build.money.cap_of(id),
            schema: None,
        })
    }
}
