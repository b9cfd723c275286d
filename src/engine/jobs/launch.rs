//! What an attempt is started with: its prompt or command, its base, its bounds.

use crate::base::name::{AttemptId, RelPath, SessionId};
use crate::engine::effect::{Base, Fallback, Launch, LaunchAction, Purpose, SessionLaunch};
use crate::engine::world::Slot;
use crate::engine::world::prompt::{Before, Earlier, Volatile, volatile_part};
use crate::spec::agent::{Agent, Permission};
use crate::spec::rule::{ActionKind, tools_of};

use super::Shop;
use super::attempt::Attempt;
use super::resume::{effort_of, resume_message, reworded, told_before};
use crate::engine::decide::TaskRun;

impl Shop<'_> {
    pub(super) fn launch_of(&self, id: AttemptId, attempt: &Attempt) -> Result<Launch, String> {
        let node = attempt.node.ok_or("the task is gone")?;
        let recipe = &attempt.recipe;
        let run = self.build.board.known_run(node).cloned().unwrap_or_default();
        let (action, base) = match recipe.rule.action {
            ActionKind::Command => {
                let line = recipe.command().cloned().ok_or("neither rule nor task has `run`")?;
                (LaunchAction::Command(line), Base::Tip)
            }
            ActionKind::Session => {
                let (session, base) = self.session_of(id, attempt, &run)?;
                (LaunchAction::Session(session), base)
            }
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
            plan: self.plan_to_edit(attempt.slot),
            bench: None,
            needs: attempt.node.map(|it| self.reports_before(it)).unwrap_or_default(),
            is_report: recipe.rule.is_report,
        }
    }

    /// The plan that its session may change; an item is none.
    fn plan_to_edit(&self, slot: Slot) -> Option<RelPath> {
        let world = &self.ground.world;
        (!world.is_stage(slot)).then(|| world.plan_path(slot).clone())
    }

    /// What a session of the task is given, and what it begins on.
    pub(super) fn session_of(
        &self,
        id: AttemptId,
        attempt: &Attempt,
        run: &TaskRun,
    ) -> Result<(SessionLaunch, Base), String> {
        let agent = attempt.recipe.agent.as_deref();
        let tools = tools_of(&attempt.recipe.rule, agent);
        let mut ways = self.ways_to_begin(attempt, run)?;
        let going_on = match self.session_to_go_on_with(id, attempt) {
            Some(answered) => Some((answered.session, answered.message)),
            None => self.interrupted(attempt, run).map(|(session, end)| {
                let message = resume_message(end, &attempt.task.task, &tools);
                (session, message)
            }),
        };
        let resume = going_on.as_ref().map(|(session, _)| session.clone());
        ways.extend(going_on.map(|(session, message)| {
            let prompt = message + &self.reworded_since(&session, attempt);
            Fallback { base: Base::Parked(session), prompt }
        }));
        let Fallback { base, prompt } = ways.pop().ok_or("there is no way to begin")?;
        let model = match attempt.node {
            Some(node) => self.build.board.model_now(node, &attempt.recipe, self.ground.world)?,
            None => None,
        };
        let session = SessionLaunch {
            prompt,
            model,
            tools,
            denied: agent.map(|it| it.disallowed.clone()).unwrap_or_default(),
            permission: agent.map(|it| it.permission).unwrap_or_default(),
            otherwise: ways,
            effort: effort_of(agent.and_then(|it| it.effort), run.n_efforts),
            max_turns: agent.and_then(|it| it.max_turns),
            servers: agent.map(Agent::servers_wanted).unwrap_or_default(),
            resume,
            max_usd: self.build.money.cap_of(id),
            schema: None,
        };
        Ok((session, base))
    }

    /// What a session that goes on has not been told yet: empty where it has all.
    fn reworded_since(&self, session: &SessionId, attempt: &Attempt) -> String {
        let past = self.ground.past.history.task(&attempt.task);
        let left = past.and_then(|it| it.left_off.as_ref()).filter(|it| it.session == *session);
        // An earlier version of orch did not note what it was told.
        let is_other = left.is_some_and(|it| it.recipe != Some(attempt.made_by));
        let prompt = self.ground.world.prompt(attempt.slot).filter(|_| is_other);
        prompt.map(|it| reworded(&it)).unwrap_or_default()
    }

    /// How a new session of the task may begin, the best way last.
    fn ways_to_begin(&self, attempt: &Attempt, run: &TaskRun) -> Result<Vec<Fallback>, String> {
        let stable =
            self.ground.world.prompt(attempt.slot).ok_or("its prompt cannot be rendered")?;
        let past = self.ground.past.history.task(&attempt.task);
        let commit = past.and_then(|it| it.accepted.as_ref()).and_then(|it| it.commit.as_ref());
        let (previous_error, findings) = told_before(past, run, attempt.key);
        let needs = attempt.node.map(|it| self.reports_before(it)).unwrap_or_default();
        let prompt_with = |before: Before| {
            let volatile = volatile_part(&Volatile {
                number: attempt.number,
                before,
                is_guarded: is_guarded(attempt),
                previous_error,
                findings,
                // Of what was laid into the worktree, the worktree tells.
                conflict: run.conflict.as_ref().filter(|_| before != Before::SetAside),
                answers: past.map_or(Vec::new(), |it| it.dialogue.answered(attempt.key).collect()),
                needs: &needs,
                earlier: commit.map(|it| Earlier { commit: it.as_str(), changed: &run.changed }),
                ..Volatile::default()
            });
            stable.clone() + &volatile
        };
        let mut ways = vec![Fallback { base: Base::Tip, prompt: prompt_with(Before::Nothing) }];
        let left = self.left_before(attempt, run);
        let is_set_aside =
            past.is_some_and(|it| it.is_lost) && (run.last_end.is_none() || run.conflict.is_some());
        let before = if is_set_aside { Before::SetAside } else { Before::Left };
        ways.extend(left.map(|base| Fallback { base, prompt: prompt_with(before) }));
        Ok(ways)
    }
}

/// The task speaks of files that the CLI guards, and its agent is bound by that.
fn is_guarded(attempt: &Attempt) -> bool {
    let is_bound = |it: &Agent| it.permission != Permission::Bypass;
    let spec = &attempt.recipe.spec;
    let outputs = spec.outputs.patterns.iter().map(String::as_str);
    attempt.recipe.agent.as_deref().is_none_or(is_bound)
        && outputs.chain([&*spec.name, &*spec.description]).any(|it| it.contains(".claude/"))
}
